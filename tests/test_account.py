"""The numbers beside a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ECHO_S, EchoConverter, talk

from mvsd.account import curves, last_word_end, rows
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


def test_t60_of_the_result_is_that_of_the_echo_and_the_dry_source_has_none(matched: Conversion):
    t60 = rows(matched, dry_is_after=False)[0]
    assert t60.before == "-"
    assert float(t60.after.removesuffix(" s")) == pytest.approx(ECHO_S, rel=0.2)


def test_the_source_counts_only_as_far_as_it_was_recorded(matched: Conversion):
    length = next(row for row in rows(matched, dry_is_after=False) if row.name == "Length")
    assert (length.before, length.after) == ("1.60 s", "2.60 s")


def test_the_decay_curve_of_exponential_noise_is_a_straight_line():
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(1).standard_normal(len(seconds)) * 10 ** (-3 * seconds / 0.8)
    decay_db = free_decay_db(noise + 1e-5, 0, SAMPLE_RATE)
    at = [np.argmax(decay_db <= level) / SAMPLE_RATE for level in (-5, -25)]
    assert (at[1] - at[0]) * 3 == pytest.approx(0.8, rel=0.15)


def test_only_what_decays_is_drawn(matched: Conversion):
    assert list(curves(matched, dry_is_after=False)) == ["after"]


def test_the_seed_and_the_settings_are_told(matched: Conversion):
    told = {row.name: row.after for row in rows(matched, dry_is_after=False)}
    assert (told["Seed"], told["Steps and sampler"]) == ("5", "3, dpm++")


def test_what_was_read_in_the_photo_is_told(matched: Conversion):
    name = "T60 as read in the photo"
    assert name not in {row.name for row in rows(matched, dry_is_after=False)}
    seen = replace(matched, read=Reading(0.62, 80.0, 1.0, 2.0, (0.4, 1.1)))
    told = {row.name: row.after for row in rows(seen, dry_is_after=False)}
    assert told[name] == "0.62 s"
    assert told["its range in four rooms of five"] == "0.40 to 1.10 s"
    assert told["Volume as read in the photo"] == "80 m³"


def test_what_a_judge_hears_is_told_of_both_sounds(matched: Conversion):
    told = rows(matched, dry_is_after=False, hear_t60=lambda sound: len(sound) / SAMPLE_RATE)
    row = next(row for row in told if row.name == "T60 as heard in the speech")
    assert (row.before, row.after) == ("1.60 s", "2.60 s")
    assert row.name not in {row.name for row in rows(matched, dry_is_after=False)}
