"""Listeners and items drawn anew together, for whatever has no formula (pigeonhole bootstrap, Owen 2007)."""

from __future__ import annotations

import numpy as np

DRAWS = 2000


def draw_weights(rng: np.random.Generator, count: int, draws: int = DRAWS) -> np.ndarray:
    """How often each of `count` is drawn, (draws, count)."""
    return rng.multinomial(count, np.full(count, 1 / count), draws).astype(float)


def resampled_sums(grids: list[np.ndarray], rng: np.random.Generator, draws: int = DRAWS) -> list[np.ndarray]:
    """Sums of each grid, (listeners, items), over the same draws: (draws,) each. Errs on the wide side."""
    listeners, items = grids[0].shape
    by_listener, by_item = draw_weights(rng, listeners, draws), draw_weights(rng, items, draws)
    return [((by_listener @ grid) * by_item).sum(1) for grid in grids]


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentiles of the draws, without those in which nothing was there to measure."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
