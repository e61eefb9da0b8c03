"""How speech has fared: quality, intelligibility, distortion, modulation."""

from __future__ import annotations

import warnings

import numpy as np
from torch import Tensor

from mvsd.metrics.undefined import Undefined, in_step

RATE = 16_000


def pesq_wb(estimate: Tensor, target: Tensor) -> float:
    """Wide-band PESQ (ITU-T P.862.2, package pesq), 1.0 to 4.64. Raises Undefined without speech or below 0.25 s."""
    from pesq import BufferTooShortError, NoUtterancesError, pesq

    estimate, target = in_step(estimate, target)
    try:
        score = float(pesq(RATE, target.numpy(), estimate.numpy(), "wb"))
    except NoUtterancesError as error:
        raise Undefined("no speech was found") from error
    except BufferTooShortError as error:
        raise Undefined("shorter than 0.25 s") from error
    if np.isnan(score):
        raise Undefined("the package gave no number")
    return score


def stoi(estimate: Tensor, target: Tensor, extended: bool = False) -> float:
    """Short-time objective intelligibility (Taal et al. 2011), or ESTOI (Jensen and Taal 2016); package pystoi.

    Raises Undefined where less than 30 frames (0.4 s) of speech are there.
    """
    from pystoi import stoi as packaged

    estimate, target = in_step(estimate, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(packaged(target.numpy(), estimate.numpy(), RATE, extended=extended))
        except (RuntimeWarning, ValueError) as error:
            raise Undefined("less than 0.4 s of speech") from error


def si_sdr_db(estimate: Tensor, target: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, eq. 3), at most 100."""
    estimate, target = (sound.double() - sound.double().mean() for sound in in_step(estimate, target))
    scaled = target * (estimate @ target) / (target @ target)
    distortion = float((estimate - scaled).square().sum())
    ratio = float(scaled.square().sum()) / max(distortion, 1e-300)
    return min(10 * float(np.log10(max(ratio, 1e-10))), 100.0)


def srmr(estimate: Tensor) -> float:
    """Speech-to-reverberation modulation energy ratio (Falk et al. 2010; packages torchmetrics and Gammatone).

    It needs no reference; dry speech is higher. Raises Undefined for silence and below 0.3 s.
    """
    in_step(estimate, estimate)
    if len(estimate) < 0.3 * RATE:
        raise Undefined("shorter than 0.3 s")
    from torchmetrics.functional.audio import speech_reverberation_modulation_energy_ratio as packaged

    return float(packaged(estimate, RATE))
