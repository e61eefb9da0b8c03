"""Loudness of a mono clip: ITU-R BS.1770-4, K-weighting and gated blocks."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_LUFS, RELATIVE_LU = -70.0, -10.0
OFFSET = -0.691


def loudness_lufs(samples: np.ndarray, rate: int) -> float:
    """samples: (n,) in [-1, 1], at least 0.4 s. Returns LUFS; -inf for silence."""
    weighted = k_weighted(samples.astype(np.float64), rate)
    block, hop = round(BLOCK_S * rate), round(HOP_S * rate)
    starts = range(0, len(weighted) - block + 1, hop)
    power = np.array([np.mean(weighted[start : start + block] ** 2) for start in starts])
    loud = power[_lufs(power) > ABSOLUTE_LUFS]
    if not len(loud):
        return -np.inf
    return float(_lufs(np.mean(loud[_lufs(loud) > _lufs(np.mean(loud)) + RELATIVE_LU])))


def k_weighted(samples: np.ndarray, rate: int) -> np.ndarray:
    """High shelf, then high pass: the analogue prototypes behind the Recommendation's tables, at any rate."""
    for b, a in (_shelf(rate), _high_pass(rate)):
        samples = lfilter(b, a, samples)
    return samples


def _lufs(power: np.ndarray | float) -> np.ndarray:
    return OFFSET + 10 * np.log10(np.maximum(power, 1e-12))


def _shelf(rate: int) -> tuple[np.ndarray, np.ndarray]:
    k, q = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    b = np.array([high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k])
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return b / a[0], a / a[0]


def _high_pass(rate: int) -> tuple[np.ndarray, np.ndarray]:
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return np.array([1.0, -2.0, 1.0]), a / a[0]
