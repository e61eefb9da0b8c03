"""A converter without weights, clips, photos and examples: what the tests of the page need."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from mvsd.audio import SAMPLE_RATE, log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings

torch.set_num_threads(1)  # the models here are so small that a second thread only waits
ECHO_S = 0.5  # T60 of what the fake converter adds


class EchoConverter:
    """Adds noise that decays by 60 dB in half a second, in three steps that each take `delay_s`."""

    name = "echo"
    needs = frozenset()

    def __init__(self, delay_s: float = 0.0):
        self.delay_s = delay_s
        self.steps_begun = 0
        self.closed = threading.Event()

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        begun = time.perf_counter()
        source = torch.nn.functional.pad(clip.audio, (0, SAMPLE_RATE))
        audio = self._echo(source, settings)
        mel = log_mel(audio[None])[0]
        noise = torch.randn(mel.shape, generator=torch.Generator().manual_seed(settings.seed))
        try:
            for done in range(1, 4):
                self.steps_begun += 1
                time.sleep(self.delay_s)
                yield Progress(done, 3, mel + noise * (3 - done) * 2)
        finally:
            self.closed.set()
        yield Conversion(
            source, audio, SAMPLE_RATE, log_mel(source[None])[0], mel, len(clip.audio), 0.0, self.name, "0" * 64,
            settings, time.perf_counter() - begun, "cpu",
        )  # fmt: skip

    def _echo(self, source: torch.Tensor, settings: Settings) -> torch.Tensor:
        seconds = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
        echo = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(settings.seed)) * 10 ** (
            -3 * seconds / ECHO_S
        )
        echo[0] = 10.0
        spectrum = torch.fft.rfft(source, 4 * len(source)) * torch.fft.rfft(echo, 4 * len(source))
        wet = torch.fft.irfft(spectrum)[: len(source)]
        return wet / wet.abs().max() * 0.5


def talk(seconds: float = 1.6, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Something with the level pattern of speech: (samples,) float32, voiced syllables, then 0.2 s of quiet."""
    time_s = np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * time_s + k) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time_s), 0, None) ** 0.5 * (time_s < seconds - 0.2)
    rng = np.random.default_rng(0)
    return (0.1 * voice * syllables + 1e-4 * rng.standard_normal(len(time_s))).astype(np.float32)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "speech.wav", talk(), SAMPLE_RATE)
    return tmp_path / "speech.wav"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    across, down = np.meshgrid(np.linspace(60, 200, 320), np.linspace(0, 55, 240))
    pixels = np.stack([across, across * 0.9 + down * 0.2, 120 + down], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "room.jpg")
    return tmp_path / "room.jpg"


@pytest.fixture
def examples(tmp_path: Path, speech: Path, photo: Path) -> Path:
    """A folder as assets/examples: one example a task, and one whose result is missing."""
    folder = tmp_path / "examples"
    folder.mkdir()
    photo.rename(folder / "room.jpg")
    (folder / "speech.wav").write_bytes(speech.read_bytes())
    wet = EchoConverter()._echo(torch.from_numpy(np.pad(talk(), (0, SAMPLE_RATE))), Settings())
    soundfile.write(folder / "wet.wav", wet.numpy(), SAMPLE_RATE)
    numbers = {
        "seed": 3,
        "steps": 6,
        "sampler": "dpm++",
        "seconds": 1.5,
        "system": "echo",
        "checkpoint_sha256": "ab" * 32,
    }
    office = {"task": "match", "title": "Office", "image": "room.jpg", "speech": "speech.wav", "result": "wet.wav"}
    stairs = {"task": "dereverb", "title": "Stairwell", "image": None, "speech": "wet.wav", "result": "speech.wav"}
    listed = [office | {"numbers": numbers}, stairs, office | {"title": "Lost", "result": "no.wav"}]
    (folder / "examples.json").write_text(json.dumps(listed), encoding="utf-8")
    Image.open(folder / "room.jpg").save(photo)
    return folder
