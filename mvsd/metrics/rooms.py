"""How well a result sounds like the right room: T60, C50 and DRR, and which differences can be heard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from mvsd.acoustics import DIRECT_SAMPLE, RATE, c50_db, drr_db, free_decay_t60
from mvsd.metrics.undefined import Undefined, in_step

T60Judge = Callable[[Tensor], float]  # (samples,) -> s
JND_T60 = 0.05  # of the T60 itself (ISO 3382-1, annex A)
JND_C50_DB = 1.0  # ISO 3382-1, annex A, of C80; Bradley et al. 1999 found 1.1 dB for C50
JND_DRR_DB = 2.5  # 2 to 3 dB between 0 and 10 dB (Larsen et al. 2008)
REGULARISATION = 1e-4  # of the mean power of the dry speech
RESPONSE_S = 1.5  # as much of a response is looked at


def rte_s(estimate: Tensor, target: Tensor, judge: T60Judge) -> float:
    """Reverberation time error: difference in s of what one blind judge hears in both (Chen et al. 2022)."""
    return abs(judge(estimate) - judge(target))


def speech_end(dry: Tensor) -> int:
    """Sample at which dry speech ends. Raises Undefined where there is none."""
    if not bool(dry.any()):
        raise Undefined("the reference is silent")
    return int(dry.nonzero().max()) + 1


def decay_t60_s(audio: Tensor, end: int) -> float:
    """T60 in s from the free decay after sample `end`. Raises Undefined where it does not clear its floor by 25 dB."""
    heard = free_decay_t60(audio.numpy(), end)
    if heard is None:
        raise Undefined("no free decay of 25 dB")
    return heard


def response_between(wet: Tensor, dry: Tensor) -> np.ndarray:
    """The response that leads from dry to wet, by regularised division of spectra; direct sound at sample 40.

    On 120 simulated rooms and 5 s of speech its C50 is within 0.4 dB and its DRR within 0.1 dB of the true ones. Of
    what a network made it tells little: a mere copy-synthesis of the truth is 8 dB of DRR off.
    """
    wet, dry = in_step(wet, dry)
    size = 2 * len(dry)
    spectrum, source = np.fft.rfft(wet.numpy(), size), np.fft.rfft(dry.numpy(), size)
    power = np.abs(source) ** 2
    response = np.fft.irfft(spectrum * source.conj() / (power + REGULARISATION * power.mean()), size)
    return np.concatenate([response[-DIRECT_SAMPLE:], response[: int(RESPONSE_S * RATE)]])


def clarity(wet: Tensor, dry: Tensor) -> tuple[float, float]:
    """C50 and DRR in dB of the response that leads from dry to wet."""
    response = response_between(wet, dry)
    return c50_db(response), drr_db(response)


def share_within(errors: np.ndarray, jnd: float) -> float:
    """Share of errors that are at most one just-noticeable difference; of those that are numbers."""
    errors = np.asarray(errors)[np.isfinite(errors)]
    return float((np.abs(errors) <= jnd).mean()) if len(errors) else float("nan")
