"""Recordings whose clean source nobody knows: dereverberate them, put them into a random room, match them back.

The recording itself is then the target (Chen et al. 2022, arXiv 2202.06875, section 4.4; Acoustic AVSpeech). Only what
needs no clean speech is measured on it: RTE and MOSE.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from scipy.signal import fftconvolve
from torch import Tensor
from torch.nn.functional import pad

from mvsd.audio import SAMPLE_RATE, load, save
from mvsd.clip import Clip
from mvsd.conversion import Converter, Settings
from mvsd.converters import convert
from mvsd.data.clips import ClipContents
from mvsd.errors import UserError
from mvsd.evaluate.truth import Truth
from mvsd.systems.blind import response

SOURCES = "sources"  # where the made sources are kept, so that every system is given the same
T60_RANGE_S, DRR_RANGE_DB = (0.2, 1.5), (-6.0, 12.0)


def truth_without_clean(contents: ClipContents, name: str, out: Path, dereverberator: Callable[[], Converter]) -> Truth:
    """The recording as target, and its remade source. Raises UserError where there is no recording."""
    if contents.reverb is None:
        raise UserError("there is no reverberant speech")
    path = out / SOURCES / f"{name.replace('/', '_')}.wav"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        save(draft, source_of(contents.reverb, name, dereverberator()))
        draft.replace(path)
    source = load(path)
    source = pad(source, (0, len(contents.reverb) - len(source)))
    return Truth(source, contents.reverb, None, contents.image)


def source_of(recording: Tensor, name: str, dereverberator: Converter) -> Tensor:
    """(samples,) as dry as it gets, in a random room that the clip's name decides: its own room must not be in it."""
    dry = convert(dereverberator, Clip(recording, SAMPLE_RATE), Settings()).audio
    seed = int(sha256(name.encode()).hexdigest()[:8], 16)
    rng = np.random.default_rng(seed)
    rir = response(float(rng.uniform(*T60_RANGE_S)), float(rng.uniform(*DRR_RANGE_DB)), seed)
    return torch.from_numpy(fftconvolve(dry.numpy(), rir)[: len(recording)]).float()
