"""The test for headphones: what either ear hears, how it is asked and scored, and what a gate does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from listeners import RATE, Clock, Listener, make_study, open_live

from mvsd.errors import UserError
from mvsd.study.columns import HEADPHONES
from mvsd.study.headphones import BURST_S, CENTRE_HZ, GAP_S, LENGTH_S, HugginsPitch, huggins_samples
from mvsd.study.live import LiveStudy
from mvsd.study.results import judgements


def burst(samples: np.ndarray, number: int) -> np.ndarray:
    begin = round((number - 1) * (BURST_S + GAP_S) * RATE)
    return samples[begin : begin + round(BURST_S * RATE)]


def power(sound: np.ndarray, centre_hz: float) -> float:
    """Within 3 % of a frequency."""
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(np.sum(np.abs(np.fft.rfft(sound * np.hanning(len(sound))))[abs(hz / centre_hz - 1) < 0.03] ** 2))


def test_the_tone_is_between_the_ears_and_in_neither():
    left, right = burst(huggins_samples(HugginsPitch(2), RATE, np.random.default_rng(0)), 2).T
    together, apart = power(left + right, CENTRE_HZ), power(left - right, CENTRE_HZ)
    assert together < 1e-3 * apart  # cancels in the air
    assert power(left, CENTRE_HZ) == pytest.approx(power(right, CENTRE_HZ), rel=0.02)
    assert power(left - right, 1500) < 1e-3 * power(left, 1500)


def test_the_other_bursts_are_the_same_in_both_ears():
    samples = huggins_samples(HugginsPitch(2), RATE, np.random.default_rng(0))
    assert len(samples) == round(LENGTH_S * RATE)
    for number in (1, 3):
        np.testing.assert_array_equal(*burst(samples, number).T)


def checked(tmp_path: Path, **check) -> tuple[LiveStudy, Clock]:
    clock = Clock()
    return open_live(make_study(tmp_path / "rooms", headphones=check), clock), clock


def answering(live: LiveStudy, right: bool):
    """Right or wrong in the check, left elsewhere: only possible for who sees behind the tokens."""

    def choose(state: dict) -> str | int:
        if state["form"] != HEADPHONES:
            return "left"
        shown = live.behind(state["trial"])
        return shown.pitch.tone_in if right else 1 + shown.pitch.tone_in % 3

    return choose


def test_the_check_comes_first_and_its_result_is_a_column(tmp_path: Path):
    live, clock = checked(tmp_path, trials=3, right_at_least=3)
    Listener(live, clock, answering(live, right=False)).finish()
    Listener(live, clock, answering(live, right=True)).finish()
    rows = judgements(live.study, live.results)
    assert [row["trial_kind"] for row in rows[:4]] == [HEADPHONES] * 3 + ["practice"]
    tests = [row["headphone_score"] for row in rows if row["trial_kind"] == "test"]
    assert tests == ["0"] * 4 + ["3"] * 4
    assert [row["left_method"] for row in rows[:3]] == [""] * 3


def test_a_gate_turns_away_and_gives_the_seat_to_another(tmp_path: Path):
    live, clock = checked(tmp_path, trials=2, right_at_least=2, gate=True)
    away = Listener(live, clock, answering(live, right=False))
    away.finish()
    assert away.state["stage"] == "away"
    Listener(live, clock, answering(live, right=True)).finish()
    assert [session.seat for session in live.sessions()] == [0, 0]
    assert [session.finished for session in live.sessions()] == [False, True]


def test_a_check_cannot_ask_for_more_than_it_has(tmp_path: Path):
    with pytest.raises(UserError, match="there are only 2 trials"):
        checked(tmp_path, trials=2, right_at_least=3)
