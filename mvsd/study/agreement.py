"""How far listeners agree: Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

Scale = Literal["nominal", "ordinal", "interval"]
Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (values, how often each is used) -> (values, values)


def nominal(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    return (values[:, None] != values).astype(float)


def ordinal(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Answers that lie between two values, half of their own included."""
    middle = np.cumsum(used) - used / 2
    return np.square(middle[:, None] - middle)


def interval(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    return np.square(values[:, None] - values)


DISTANCES: dict[Scale, Distance] = {"nominal": nominal, "ordinal": ordinal, "interval": interval}


def krippendorff_alpha(ratings: pd.DataFrame, scale: Scale = "nominal") -> float:
    """1: all agree; 0: as by chance (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability).

    ratings: rows are units, columns raters; NaN where there is no rating. NaN where nothing can be compared, or
    where one value is all there is.
    """
    values, coded = np.unique(ratings.to_numpy(float), return_inverse=True)
    coded = coded.reshape(ratings.shape)
    values = values[~np.isnan(values)]
    counts = np.stack([(coded == code).sum(axis=1) for code in range(len(values))], axis=1).astype(float) \
        if len(values) else np.zeros((len(ratings), 0))  # fmt: skip
    counts = counts[counts.sum(axis=1) > 1]  # a single rating has no partner
    if not len(counts):
        return np.nan
    partners = counts.sum(axis=1) - 1
    coincidences = (counts / partners[:, None]).T @ counts - np.diag((counts / partners[:, None]).sum(axis=0))
    used = coincidences.sum(axis=0)
    distance = DISTANCES[scale](values, used)
    expected = (np.outer(used, used) - np.diag(used)) / (used.sum() - 1)
    chance = (expected * distance).sum()
    return float(1 - (coincidences * distance).sum() / chance) if chance > 0 else np.nan
