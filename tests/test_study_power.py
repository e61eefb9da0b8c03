"""The headline interval keeps its promise: a short form of `study power --validate`."""

import sys

import numpy as np
import pytest

from mvsd.cli import main
from mvsd.errors import UserError
from mvsd.study.power import LEFT_PULL, PAPER, outcome, preview
from mvsd.study.simulate_answers import Design, World, simulate

STUDIES = 800


@pytest.mark.parametrize("sds", [(0, 0), (0.5, 0), (0, 1), (0.5, 0.5), (1, 1)])
def test_at_the_null_it_errs_at_most_6_percent(sds):
    assert outcome(PAPER, World(0.5, *sds), STUDIES, np.random.default_rng(0)).found <= 0.06


@pytest.mark.parametrize("world", [World(left_pull=LEFT_PULL), World(always_left=2)])
def test_neither_a_pull_to_the_left_nor_listeners_who_always_take_it_move_the_null(world):
    got = outcome(PAPER, world, 2 * STUDIES, np.random.default_rng(0))
    assert got.mean == pytest.approx(0.5, abs=0.005)
    assert got.found <= 0.06


@pytest.mark.parametrize("sds", [(0, 0), (1, 1)])
def test_a_planted_65_percent_is_recovered_and_covered(sds):
    got = outcome(PAPER, World(0.65, *sds), STUDIES, np.random.default_rng(2))
    assert got.mean == pytest.approx(0.65, abs=0.01)
    assert got.covered >= 0.94


def test_shares_near_the_end_are_covered_too():
    assert outcome(PAPER, World(0.95, 0.5, 0.5), STUDIES, np.random.default_rng(3)).covered >= 0.94


def test_every_listener_hears_as_many_items_and_the_sides_are_halved():
    design = Design(24, 40, 20)
    assert set(design.heard.sum(1)) == {20}
    assert set(design.heard.sum(0)) == {12}
    assert set((design.heard * design.first_is_left).sum(1)) == {10}
    assert set((design.heard * design.first_is_left).sum(0)) == {6}


def test_the_seed_decides_the_choices():
    draw = lambda seed: simulate(PAPER, World(), 2, np.random.default_rng(seed)).sums  # noqa: E731
    assert (draw(1) == draw(1)).all()
    assert (draw(1) != draw(2)).any()


def test_the_preview_has_a_row_a_spread_and_more_power_at_larger_shares():
    lines = preview(Design(10, 12), studies=200).splitlines()
    assert len(lines) == 6
    power = [float(cell.strip(" %")) for cell in lines[2].split("|")[4:-1]]
    assert power == sorted(power)


@pytest.mark.parametrize(
    ("design", "said"),
    [(Design(1, 30), "two of each"), (Design(5, 10, 11), "1 to 10 items"), (Design(5000, 5000), "smaller study")],
)
def test_a_design_that_cannot_be_is_a_user_error(design, said):
    with pytest.raises(UserError, match=said):
        preview(design)


def test_the_command_ends_in_code_2_and_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mvsd", "study", "power", "--listeners", "1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
