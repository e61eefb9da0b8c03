"""The mean of many answers, with an interval that holds for other listeners and other items than those asked.

Listeners and items are both samples: answers of one listener, or to one item, hang together. The variance counts both
ways (Cameron, Gelbach and Miller 2011, eq. 2.9) and is never less than one way alone, nor than that of independent
answers: where sides are halved and listeners lean to one, their sums differ less than chance lets them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Grid:
    """Answers as numbers, summed over (..., listeners, items), and how many there are; leading axes: whole studies."""

    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return _share(self.sums.sum((-2, -1)), self.counts.sum((-2, -1)))


@dataclass(frozen=True)
class TwoWay:
    """mean with its interval and the two-sided p of the null, each of the leading shape of the grid.

    low, high and p are NaN where one listener or one item is all there is, or where all answers are the same.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def grid_of(values: pd.Series, listeners: pd.Series, items: pd.Series) -> Grid:
    """One value an answer."""
    rows, columns = pd.factorize(listeners)[0], pd.factorize(items)[0]
    shape = (rows.max(initial=-1) + 1, columns.max(initial=-1) + 1)
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (rows, columns), values.to_numpy(float))
    np.add.at(counts, (rows, columns), 1.0)
    return Grid(sums, counts)


def two_way(grid: Grid, null: float, confidence: float = 0.95) -> TwoWay:
    """t interval with min(listeners, items) - 1 degrees of freedom."""
    mean, variance, clusters = grid.mean, _variance(grid), _clusters(grid)
    df = np.maximum(clusters - 1, 1)
    error = np.where((clusters > 1) & (variance > 0), np.sqrt(variance), np.nan)
    half = stats.t.ppf((1 + confidence) / 2, df) * error
    return TwoWay(mean, mean - half, mean + half, 2 * stats.t.sf(np.abs(mean - null) / error, df))


def two_way_share(grid: Grid, confidence: float = 0.95) -> TwoWay:
    """The same for answers of 0 and 1, against 50 %: Wilson's interval of as many answers as these are worth.

    Their worth is share * (1 - share) / variance; where all agree and no variance shows, the number of listeners or of
    items, whichever is less. Near 0 and 1 this covers better than the plain t interval (at a true 95 % with SDs of 1:
    94 % of intervals hold it, not 91), and elsewhere alike.
    """
    mean, variance, clusters = grid.mean, _variance(grid), _clusters(grid)
    worth = np.where(variance > 0, _share(mean * (1 - mean), variance), clusters)
    worth = np.where(clusters > 1, worth, np.nan)
    df = np.maximum(clusters - 1, 1)
    low, high = wilson(mean, worth, stats.t.ppf((1 + confidence) / 2, df))
    return TwoWay(mean, low, high, 2 * stats.t.sf(np.abs(mean - 0.5) * 2 * np.sqrt(worth), df))


def wilson(share: np.ndarray, count: np.ndarray, quantile: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a share of count independent answers (Wilson 1927). quantile: 1.96 for 95 %."""
    more = _share(np.square(quantile), count)  # share of the answers that the prior is worth
    centre = (share + more / 2) / (1 + more)
    half = np.sqrt(share * (1 - share) * more + more**2 / 4) / (1 + more)
    return centre - half, centre + half


def _variance(grid: Grid) -> np.ndarray:
    """Of the mean: by listener and by item less by answer, each with its G / (G - 1)."""
    rest = grid.sums - grid.mean[..., None, None] * grid.counts
    total = grid.counts.sum((-2, -1))
    listeners, items, cells = _listeners(grid), _items(grid), (grid.counts > 0).sum((-2, -1))
    by_listener = _correction(listeners) * np.square(rest.sum(-1)).sum(-1)
    by_item = _correction(items) * np.square(rest.sum(-2)).sum(-1)
    by_answer = _correction(cells) * np.square(rest).sum((-2, -1))
    parts = np.stack([by_listener + by_item - by_answer, by_listener, by_item, by_answer])
    return _share(parts.max(0), total**2)


def _correction(groups: np.ndarray) -> np.ndarray:
    return groups / np.maximum(groups - 1, 1)


def _listeners(grid: Grid) -> np.ndarray:
    return (grid.counts.sum(-1) > 0).sum(-1)


def _items(grid: Grid) -> np.ndarray:
    return (grid.counts.sum(-2) > 0).sum(-1)


def _clusters(grid: Grid) -> np.ndarray:
    return np.minimum(_listeners(grid), _items(grid)).astype(float)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    nothing = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.divide(part, whole, out=nothing, where=whole > 0)
