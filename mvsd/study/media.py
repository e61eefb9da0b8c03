"""Clips and pictures as they go to a browser: a bare WAV header, no name, no tag."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import soundfile

from mvsd.study.frozen import FrozenStudy, Stimulus

WAV, JPEG = "audio/wav", "image/jpeg"


def media_of(frozen: FrozenStudy, stimulus: Stimulus) -> tuple[bytes, str]:
    """The bytes and their type. Clips of equal length are equally many bytes, whatever they hold."""
    path = frozen.path(stimulus)
    return (path.read_bytes(), JPEG) if path.suffix == ".jpg" else (wav(path), WAV)


@lru_cache(maxsize=64)
def wav(path: Path) -> bytes:
    """A frozen clip as 16-bit WAV."""
    samples, rate = soundfile.read(path, dtype="int16")
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype="PCM_16", format="WAV")
    return out.getvalue()
