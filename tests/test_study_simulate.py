"""Simulated listeners through the real server."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from listeners import make_study

from mvsd.errors import UserError
from mvsd.study.simulate_answers import World
from mvsd.ui.simulated import simulate

pytestmark = pytest.mark.whole

QUICK = {"listening": {"min_heard_s": 0.0}, "stop": {"listeners": 12}}


def test_a_planted_preference_comes_back_through_the_server(tmp_path: Path):
    folder = make_study(tmp_path / "rooms", **QUICK)
    simulate(folder, tmp_path / "out", World(0.9, 0.0, 0.0), 12, seed=3)
    shares = pd.read_csv(tmp_path / "out" / "analysis" / "shares.csv")
    row = shares[shares.who == "everybody"].iloc[0]
    assert row.answers == 12 * 4
    assert row.low < 0.9 < row.high
    assert row.share == pytest.approx(0.9, abs=0.12)
    assert not (folder / "results").exists()


def test_who_always_takes_the_left_does_not_move_the_share(tmp_path: Path):
    folder = make_study(tmp_path / "rooms", **QUICK)
    simulate(folder, tmp_path / "out", World(always_left=12), 12, seed=0)
    shares = pd.read_csv(tmp_path / "out" / "analysis" / "shares.csv")
    assert shares[shares.who == "everybody"].iloc[0].share == pytest.approx(0.5, abs=1e-6)


def test_simulated_answers_never_mix_with_real_ones(tmp_path: Path):
    folder = make_study(tmp_path / "rooms", **QUICK)
    (folder / "results").mkdir()
    (folder / "results" / "kept.csv").write_text("a")
    with pytest.raises(UserError, match="not empty"):
        simulate(folder, folder / "results", World(), 1, seed=0)
