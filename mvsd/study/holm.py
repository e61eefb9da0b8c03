"""Holm's correction for as many questions as were asked."""

from __future__ import annotations

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p (Holm 1979), (questions,); NaN is no question and stays."""
    adjusted = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    steps = np.array([p[i] * (len(order) - rank) for rank, i in enumerate(order)])
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
