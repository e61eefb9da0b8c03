"""The numbers beside a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ECHO_S, EchoConverter, talk

from mvsd.account import T60, Row, account, curves, last_word, last_word_end
from mvsd.acoustics import free_decay_db
from mvsd.audio import SAMPLE_RATE
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Reading, Settings


@pytest.fixture
def matched() -> Conversion:
    return list(EchoConverter().stream(Clip(torch.from_numpy(talk()), SAMPLE_RATE), Settings(steps=3, seed=5)))[-1]


def test_the_last_word_ends_where_the_speech_falls_silent():
    speech = np.zeros(SAMPLE_RATE, np.float32)
    speech[1600:8000] = 0.1 * np.sin(np.arange(6400))
    assert last_word_end(speech, 0.07, SAMPLE_RATE) == 8000


def told(conversion: Conversion, **how) -> dict[str, Row]:
    return {row.name: row for rows in account(conversion, **{"dry_is_after": False} | how).values() for row in rows}


def test_t60_of_the_result_is_that_of_the_echo_and_the_dry_source_has_none(matched: Conversion):
    t60 = told(matched)["as measured after the last word"]
    assert t60.before == "-"
    assert float(t60.after.removesuffix(" s")) == pytest.approx(ECHO_S, rel=0.2)


def test_the_source_counts_only_as_far_as_it_was_recorded(matched: Conversion):
    length = told(matched)["Length"]
    assert (length.before, length.after) == ("1.60 s", "2.60 s")


def test_the_decay_curve_of_exponential_noise_is_a_straight_line():
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(1).standard_normal(len(seconds)) * 10 ** (-3 * seconds / 0.8)
    decay_db = free_decay_db(noise + 1e-5, 0, SAMPLE_RATE)
    at = [np.argmax(decay_db <= level) / SAMPLE_RATE for level in (-5, -25)]
    assert (at[1] - at[0]) * 3 == pytest.approx(0.8, rel=0.15)


def test_only_what_decays_is_drawn(matched: Conversion):
    assert list(curves(matched, dry_is_after=False)) == ["after"]


def test_a_curve_starts_with_what_is_left_of_the_speech(matched: Conversion):
    faint_tail = matched.audio.clone()
    faint_tail[last_word(matched, dry_is_after=False) :] *= 0.1
    both = (matched, replace(matched, audio=faint_tail))
    loud, faint = (curves(conversion, dry_is_after=False)["after"] for conversion in both)
    shared = slice(SAMPLE_RATE // 20, min(len(loud), len(faint)))  # the step itself rings in the band's filter
    np.testing.assert_allclose(faint[shared], loud[shared] - 20, atol=0.5)
    assert -40 < loud[0] < 0


def test_the_seed_and_the_settings_are_told(matched: Conversion):
    rows = told(replace(matched, settings=Settings(steps=3, seed=5, t60_s=1.25)))
    names = ("Seed", "Steps and sampler", "T60 given")
    assert [rows[name].after for name in names] == ["5", "3 steps of dpm++", "1.25 s"]
    assert "T60 given" not in told(matched)


def test_t60_read_in_the_photo_stands_beside_the_wet_sound(matched: Conversion):
    seen = replace(matched, read=Reading(0.62, 80.0, 1.0, 2.0, (0.4, 1.1)))
    into, out_of = (account(seen, dry_is_after=dry)[T60][-1] for dry in (False, True))
    assert (into.before, into.after) == (None, "0.62 s (0.40 to 1.10)")
    assert (out_of.before, out_of.after) == ("0.62 s (0.40 to 1.10)", None)
    assert into.name not in told(matched)


@pytest.mark.parametrize(
    ("volume_m3", "drr_db", "place"),
    [
        (80.0, 1.0, "a room of 80 m³"),
        (80.0, 9.0, "a room of 80 m³"),
        (900.0, 1.0, "a room of 900 m³"),
        (900.0, 9.0, "open air or a large hall"),
        (11_000.0, 1.0, "open air or a large hall"),
    ],
)
def test_the_open_air_has_no_volume(matched: Conversion, volume_m3: float, drr_db: float, place: str):
    assert told(replace(matched, read=Reading(0.3, volume_m3, drr_db, 2.0)))["Photo taken for"].after == place


def test_what_a_judge_hears_is_told_of_both_sounds(matched: Conversion):
    row = told(matched, hear_t60=lambda sound: len(sound) / SAMPLE_RATE)["as heard in all of the speech"]
    assert (row.before, row.after) == ("1.60 s", "2.60 s")
    assert row.name not in told(matched)
