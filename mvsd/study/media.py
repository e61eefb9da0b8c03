"""Clips and pictures as they go to a browser: a bare WAV header, no name, no tag, never the same bytes twice.

A frozen clip gets noise of one step of 16 bits, new for each token: whoever compares the bytes of two clips cannot tell
whether one sound was sent twice, as in gold and identical trials. Who subtracts the samples still can, since two sounds
that are the same to the ear are the same to a program; that no scheme can hide.
"""

from __future__ import annotations

import io
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from mvsd.study.frozen import FrozenStudy, Stimulus
from mvsd.study.headphones import HugginsPitch, huggins_wav

WAV, JPEG = "audio/wav", "image/jpeg"
Medium = Stimulus | HugginsPitch


def media_of(frozen: FrozenStudy, medium: Medium, token: str) -> tuple[bytes, str]:
    """The bytes and their type. The same for a token each time; clips of equal length are equally many bytes."""
    rng = np.random.default_rng(int.from_bytes(sha256(token.encode()).digest()))
    if isinstance(medium, HugginsPitch):
        return huggins_wav(medium, frozen.manifest.rate, rng), WAV
    path = frozen.path(medium)
    if path.suffix == ".jpg":
        return path.read_bytes(), JPEG
    samples, rate = read_samples(path)
    return wav(dithered(samples, rng), rate), WAV


def dithered(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int16 samples with -1, 0 or 1 added to each, by chance."""
    noise = rng.integers(-1, 2, samples.shape, dtype=np.int16)
    return np.clip(samples.astype(np.int32) + noise, -32768, 32767).astype(np.int16)


@lru_cache(maxsize=64)
def read_samples(path: Path) -> tuple[np.ndarray, int]:
    """A clip as int16, and its rate in Hz."""
    samples, rate = soundfile.read(path, dtype="int16")
    samples.flags.writeable = False
    return samples, rate


def wav(samples: np.ndarray, rate: int) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype="PCM_16", format="WAV")
    return out.getvalue()
