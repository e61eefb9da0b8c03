"""What every table holds besides systems: the input, the truth, and ours under other conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.signal import fftconvolve
from torch import Tensor
from torch.nn.functional import pad

from mvsd.acoustics import DIRECT_SAMPLE
from mvsd.audio import MEL, frames_of, log_mel, speech_level
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import MvsdConverter
from mvsd.data.clips import ClipFiles, PassedOver
from mvsd.evaluate.truth import Truth
from mvsd.vocoder import griffin_lim, masked, vocode

REGULARISATION = 1e-3  # of the mean power of a response's spectrum
DRAWS = 400  # derangements to choose from
STRATA = 3


@dataclass(frozen=True)
class Made:
    """What a system made of a clip. mel: its last log-mel (128, frames), where it has one apart from the sound's."""

    audio: Tensor
    mel: Tensor | None = None
    conversion: Conversion | None = None


def copy_synthesis(converter: MvsdConverter, source: Tensor, target: Tensor, seed: int = 0) -> Tensor:
    """The target's own mel made audible by our way from mel to sound: what is lost to that alone. (samples,) each."""
    frames = frames_of(max(len(source), len(target))) * MEL.hop
    gain = converter.denoiser.config.level / speech_level(source)
    source, target = (pad(sound * gain, (0, frames - len(sound))) for sound in (source, target))
    with torch.no_grad():
        return converter.sound(log_mel(target[None])[0], source, seed) / gain


def through_truth(truth: Truth, task: str) -> Tensor:
    """The source through the true response, or its regularised inverse. Raises PassedOver where that is unknown."""
    if truth.rir is None:
        raise PassedOver("the response of the room is not known")
    source, rir = truth.source.numpy(), truth.rir
    if task == "match":
        wet = fftconvolve(source, rir)[DIRECT_SAMPLE : DIRECT_SAMPLE + len(source)]
        return torch.from_numpy(wet).float()
    size = 2 * max(len(source), len(rir))
    spectrum = np.fft.rfft(np.roll(np.pad(rir, (0, size - len(rir))), -DIRECT_SAMPLE))
    power = np.abs(spectrum) ** 2
    inverse = spectrum.conj() / (power + REGULARISATION * power.mean())
    return torch.from_numpy(np.fft.irfft(np.fft.rfft(source, size) * inverse, size)[: len(source)]).float()


def told_truth(settings: Settings, truth: Truth) -> Settings:
    """The true T60 and DRR in numbers. Raises PassedOver where they are not known."""
    if truth.t60_s is None or truth.drr_db is None:
        raise PassedOver("T60 and DRR of the room are not known")
    return replace(settings, t60_s=truth.t60_s, drr_db=truth.drr_db)


def blind_allowed(converter: MvsdConverter, clip: Clip, settings: Settings) -> Made:
    """A conversion that runs without a picture too; the picture is what this control takes away."""
    needs, converter.needs = converter.needs, frozenset()
    try:
        return run(converter.stream(clip, settings))
    finally:
        converter.needs = needs


def run(stream) -> Made:
    """A converter's stream to its end."""
    mel = None
    for item in stream:
        if isinstance(item, Progress):
            mel = item.mel
        else:
            return Made(item.audio, mel, item)
    raise AssertionError("a converter's stream ends in its Conversion")


Inverse = Callable[[MvsdConverter, Tensor, Tensor], Tensor]  # (converter, mel, source at the mel's level) -> sound
INVERSES: dict[str, Inverse] = {
    "by_vocoder": lambda converter, mel, source: vocode(converter.vocoder, mel, source, converter.task),
    "by_mask": lambda converter, mel, source: masked(mel, source),
    "by_griffin_lim": lambda converter, mel, source: griffin_lim(mel),
    "by_source_phase": lambda converter, mel, source: griffin_lim(mel, 8, source),
}


def by_inverse(name: str, converter: MvsdConverter, made: Made) -> Made:
    """Our mel made audible in another way."""
    source = made.conversion.source
    frames = frames_of(len(source))
    padded = pad(source, (0, frames * MEL.hop - len(source)))
    return replace(made, audio=INVERSES[name](converter, made.mel[:, :frames], padded))


def deranged(clips: Sequence[ClipFiles], t60s: Sequence[float | None], seed: int = 0) -> dict[str, ClipFiles]:
    """For each clip, one of another room whose picture is shown instead; none where there is no other room.

    Of many random derangements the one is taken in which small, middling and large gaps of T60 are as frequent as among
    all pairs of rooms, so that the mean does not hang on the draw.
    """
    if len(clips) < 2:
        return {}
    rng, count = np.random.default_rng(seed), len(clips)
    logs = np.log([value or np.nan for value in t60s])
    gaps = np.abs(logs[:, None] - logs[None])
    apart = gaps[~np.eye(count, dtype=bool)]
    edges = np.nanquantile(apart, np.arange(1, STRATA) / STRATA) if np.isfinite(apart).any() else []
    best, least = None, np.inf
    for _ in range(DRAWS):
        order = _sattolo(rng, count)
        found = gaps[np.arange(count), order]
        shares = np.bincount(np.searchsorted(edges, found[np.isfinite(found)]), minlength=STRATA)
        unevenness = float(shares.max() - shares.min())
        if unevenness < least:
            best, least = order, unevenness
        if least <= 1:
            break
    return {clip.name: clips[other] for clip, other in zip(clips, best)}


def _sattolo(rng: np.random.Generator, count: int) -> np.ndarray:
    """A random cyclic permutation (Sattolo 1986): nobody stays in place."""
    order = np.arange(count)
    for last in range(count - 1, 0, -1):
        other = int(rng.integers(last))
        order[[last, other]] = order[[other, last]]
    return order
