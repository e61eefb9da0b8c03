"""What can make the clips of a study: our converters, their rivals and controls. The command line hands them over."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import fftconvolve
from torch.nn.functional import pad

from mvsd.audio import MEL, SAMPLE_RATE, load, log_mel, speech_level
from mvsd.conversion import Settings
from mvsd.converters import WEIGHTS, Dereverberator, MvsdConverter, Reverberator, convert, open_clip
from mvsd.errors import UserError
from mvsd.study.build import Made, Sources, System

BLIND = {"t60_s": 0.6, "drr_db": 0.0, "seed": 0}  # a usual room, whatever the picture shows


def load_samples(path: Path) -> np.ndarray:
    """(samples,) float32 at 16 kHz."""
    return load(path).numpy()


def source(sources: Sources, settings: dict[str, Any]) -> Made:
    """The speech as it was given."""
    return Made(load_samples(_speech(sources)))


def reverberator(sources: Sources, settings: dict[str, Any]) -> Made:
    return _converted(_loaded(Reverberator), sources.speech, sources.picture, settings)


def dereverberator(sources: Sources, settings: dict[str, Any]) -> Made:
    return _converted(_loaded(Dereverberator), sources.reference, sources.picture, settings)


def vocoder(sources: Sources, settings: dict[str, Any]) -> Made:
    """The reference's own mel made audible by the reverberator's vocoder: what is lost to it alone."""
    if sources.reference is None:
        raise UserError("The vocoder-only truth needs a reference. Add one to each item.")
    converter, dry, wet = _loaded(Reverberator), load(_speech(sources)), load(sources.reference)
    frames = -(-max(len(dry), len(wet)) // MEL.hop) * MEL.hop
    gain = converter.denoiser.config.level / speech_level(dry)
    dry, wet = (pad(audio * gain, (0, frames - len(audio))) for audio in (dry, wet))
    with torch.no_grad():
        sound = converter.sound(log_mel(wet[None])[0], dry, int(settings.get("seed", 0)))
    return Made(sound.numpy() / gain, settings=settings)


def noise_tail(sources: Sources, settings: dict[str, Any]) -> Made:
    """A reverberator that sees nothing: a direct sound and noise that dies away. t60_s; drr_db: direct to tail."""
    given = BLIND | settings
    rng = np.random.default_rng(int(given["seed"]))
    speech = load_samples(_speech(sources))
    time_s = np.arange(round(given["t60_s"] * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / given["t60_s"])
    tail *= 10 ** (-given["drr_db"] / 20) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    wet = fftconvolve(speech, tail)
    return Made((wet * 0.5 / np.abs(wet).max()).astype(np.float32), seed=str(given["seed"]), settings=given)


SYSTEMS: dict[str, System] = {
    "source": source,
    "reverberator": reverberator,
    "dereverberator": dereverberator,
    "vocoder": vocoder,
    "noise-tail": noise_tail,
}


@cache
def _loaded(kind: type[MvsdConverter]) -> MvsdConverter:
    return kind.from_pretrained(WEIGHTS, "cpu")


def _converted(converter: MvsdConverter, speech: Path | None, picture: Path | None, settings: dict[str, Any]) -> Made:
    if speech is None:
        raise UserError(f"The {converter.name} needs a recording. Add speech (or a reference) to each item.")
    try:
        chosen = Settings(**settings)
    except TypeError as error:
        raise UserError(f"{', '.join(settings)}: not all of these are settings of the {converter.name}.") from error
    made = convert(converter, open_clip(speech, picture), chosen)
    return Made(made.audio.numpy(), made.checkpoint_sha256, str(chosen.seed), vars(chosen))


def _speech(sources: Sources) -> Path:
    if sources.speech is None:
        raise UserError("This system needs dry speech. Add speech to each item, or clips of this method.")
    return sources.speech
