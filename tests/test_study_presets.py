"""The presets: what each design asks of how many, and that sides are halved in it."""

from __future__ import annotations

from collections import Counter

import pytest

from mvsd.errors import UserError
from mvsd.study.assignment import seats
from mvsd.study.checks import BREAK_AFTER_MIN, TRIAL_S
from mvsd.study.columns import TEST
from mvsd.study.spec import study_from
from mvsd.study.template import preset_text


@pytest.mark.parametrize(("name", "cells", "judged"), [("paper", 240, 15), ("recommended", 30, 20)])
def test_every_item_of_every_cell_is_judged_as_often_as_planned_with_sides_halved(name: str, cells: int, judged: int):
    study = study_from(preset_text(name))
    given = seats(study)
    assert len(given[0]) * TRIAL_S / 60 <= BREAK_AFTER_MIN
    tests = [trial for seat in given for trial in seat if trial.kind == TEST]
    counts = Counter(trial.id for trial in tests)
    assert len(counts) == cells
    assert set(counts.values()) == {judged}
    left = Counter(trial.id for trial in tests if trial.left == "ours")
    assert set(left.values()) <= {judged // 2, judged - judged // 2}


def test_the_papers_design_is_rivals_by_datasets_by_items_by_listeners():
    study = study_from(preset_text("paper"))
    assert {item.dataset for item in study.test_items} == {"soundspaces", "avspeech"}
    assert Counter(item.dataset for item in study.test_items)["avspeech"] == 30
    assert study.stop.listeners * study.trials.per_session == len(study.pairs) * 2 * 30 * 15
    assert "they cannot settle 55 to 60 %" in preset_text("paper")


def test_an_unknown_preset_is_told():
    with pytest.raises(UserError, match="Choose paper or recommended"):
        preset_text("best")
