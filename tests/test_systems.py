"""The registry: what is there, what is missing and how to get it; every conversion is complete."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import response, speechlike, write_rival_weights, write_weights

from mvsd.acoustics import drr_db, t60
from mvsd.audio import SAMPLE_RATE
from mvsd.clip import Clip
from mvsd.conversion import Settings
from mvsd.converters import convert
from mvsd.data.pairs import convolve
from mvsd.errors import UserError
from mvsd.systems import SYSTEMS, installed, load
from mvsd.systems.blind import response as blind_response
from mvsd.systems.wpe import wpe

PHOTO = Image.new("RGB", (80, 60), (180, 120, 60))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_rival_weights(write_weights(tmp_path_factory.mktemp("weights")))


def clip(seconds=1.5):
    return Clip(torch.from_numpy(speechlike(seconds)), SAMPLE_RATE, PHOTO)


def test_with_all_weights_all_systems_are_installed(weights):
    for task in ("match", "dereverb"):
        assert installed(task, weights) == [name for name, info in SYSTEMS.items() if task in info.tasks]


@pytest.mark.whole
@pytest.mark.parametrize("task", ["match", "dereverb"])
def test_each_installed_system_gives_a_whole_conversion(weights, task):
    for name in installed(task, weights):
        made = convert(load(name, task, weights, "cpu"), clip(), Settings(seed=3))
        assert len(made.audio) == len(made.source) >= made.speech_end
        assert made.mel.shape == made.source_mel.shape
        assert made.audio.isfinite().all()
        assert made.seconds > 0
        assert bool(made.checkpoint_sha256) == SYSTEMS[name].needs_weights
        assert made.is_sampled == (name == "mvsd")


def test_what_has_no_weights_is_installed_without_any(tmp_path):
    assert installed("match", tmp_path) == ["blind"]
    assert installed("dereverb", tmp_path) == ["wpe"]


def test_missing_weights_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(UserError, match=r"python -m mvsd train cpu:av_unet --data PACK --out RUN"):
        load("av_unet", "dereverb", tmp_path)
    with pytest.raises(UserError, match=r"python -m mvsd train cpu --data PACK --out RUN"):
        load("mvsd", "match", tmp_path)


def test_an_unknown_system_or_a_task_it_cannot_do_is_told(weights):
    with pytest.raises(UserError, match="Choose mvsd, wpe"):
        load("magic", "match", weights)
    with pytest.raises(UserError, match="wpe does not match"):
        load("wpe", "match", weights)


def test_wpe_takes_late_reverberation_away():
    dry, rir = torch.from_numpy(speechlike(4.0)), torch.from_numpy(response(0.8))
    wet = convolve(dry, rir)
    pauses = dry.abs() < 1e-6
    assert wpe(wet)[pauses].norm() < 0.9 * wet[pauses].norm()
    assert wpe(wet).shape == wet.shape


@pytest.mark.parametrize(("t60_s", "ratio_db"), [(0.3, 6.0), (1.2, -4.0)])
def test_the_blind_response_has_the_t60_and_drr_it_is_told(t60_s, ratio_db):
    rir = np.pad(blind_response(t60_s, ratio_db, 1), (40, 0))
    assert t60(rir) == pytest.approx(t60_s, rel=0.12)
    assert drr_db(rir) == pytest.approx(ratio_db, abs=0.01)


def test_the_blind_reverberator_hears_its_settings():
    blind = load("blind", "match")
    short, long = (convert(blind, clip(), Settings(t60_s=t60_s)) for t60_s in (0.2, 1.5))
    assert len(long.audio) > len(short.audio) + SAMPLE_RATE // 2
    with pytest.raises(UserError, match="choose 0.05 to 5 s"):
        convert(blind, clip(), Settings(t60_s=9.0))
