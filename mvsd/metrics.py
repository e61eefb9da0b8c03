"""How near a result is to the truth: one function a measure, each with its source. No model is imported here."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mvsd.audio import DB_PER_NEPER


def mel_error_db(estimate: Tensor, target: Tensor) -> float:
    """Mean absolute difference of two log-mels (128, frames) in dB (20 log10 of magnitude, floor 1e-5), all frames."""
    frames = min(estimate.shape[-1], target.shape[-1])
    return float((estimate[..., :frames] - target[..., :frames]).abs().mean()) * DB_PER_NEPER


def detail(mel: Tensor) -> float:
    """Mean change from frame to frame of a log-mel, nepers: a smoothed spectrogram has less than a real one."""
    return float(mel.diff(dim=-1).abs().mean())


def detail_ratio(estimate: Tensor, target: Tensor) -> float:
    """Detail of the estimate over that of the target; 1 is as it should be."""
    frames = min(estimate.shape[-1], target.shape[-1])
    return detail(estimate[..., :frames]) / max(detail(target[..., :frames]), 1e-9)


def pesq_wb(estimate: Tensor, target: Tensor, rate: int = 16_000) -> float:
    """Wide-band PESQ (ITU-T P.862.2, package pesq). (samples,) each, cut to the shorter. NaN without speech."""
    from pesq import NoUtterancesError, pesq

    count = min(len(estimate), len(target))
    try:
        return float(pesq(rate, target[:count].numpy(), estimate[:count].numpy(), "wb"))
    except NoUtterancesError:
        return float("nan")


def bootstrap_interval(values: np.ndarray, groups: np.ndarray, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean of values (n,): whole groups (n,), rooms say, are drawn anew (percentile bootstrap)."""
    names, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    picks = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
