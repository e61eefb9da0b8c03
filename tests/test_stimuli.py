"""What a study can name as the system of a method."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from conftest import talk
from PIL import Image

from mvsd.errors import UserError
from mvsd.stimuli import SYSTEMS
from mvsd.study.build import Sources
from mvsd.systems import SYSTEMS as REGISTRY


@pytest.fixture
def sources(tmp_path):
    """Half a second of quiet ends the speech; the reference is the same, later and again."""
    soundfile.write(tmp_path / "dry.wav", talk(), 16_000)
    soundfile.write(tmp_path / "wet.wav", talk() + 0.5 * np.roll(talk(), 2000), 16_000)
    Image.new("RGB", (64, 48)).save(tmp_path / "room.jpg")
    return Sources(*(tmp_path / name for name in ("dry.wav", "room.jpg", "wet.wav")))


def test_every_system_of_the_registry_can_be_named_and_the_old_names_too():
    assert set(REGISTRY) < set(SYSTEMS)
    assert {"source", "vocoder", "reverberator", "dereverberator", "noise-tail", "unet-dereverb"} < set(SYSTEMS)


def test_matching_begins_from_the_speech_and_dereverberation_from_the_reference(sources):
    told = {"t60_s": 0.3, "seed": 2}
    wet = SYSTEMS["blind"](sources, told)
    np.testing.assert_array_equal(wet.samples, SYSTEMS["noise-tail"](sources, told).samples)
    assert wet.settings["t60_s"] == 0.3
    dry = SYSTEMS["wpe"](sources, {})
    reference = soundfile.read(sources.reference, dtype="float32")[0]
    assert len(dry.samples) == len(reference)
    assert np.linalg.norm(dry.samples - reference) < np.linalg.norm(reference)


def test_a_missing_recording_and_an_unknown_setting_are_told(sources):
    with pytest.raises(UserError, match="Add reference to each item"):
        SYSTEMS["wpe"](Sources(sources.speech, None, None), {})
    with pytest.raises(UserError, match="not all of these are settings of blind"):
        SYSTEMS["blind"](sources, {"colour": "red"})
