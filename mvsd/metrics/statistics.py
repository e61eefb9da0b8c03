"""Means, their intervals, and how much of a gap is closed."""

from __future__ import annotations

import numpy as np


def bootstrap_interval(
    values: np.ndarray,
    groups: np.ndarray,
    others: np.ndarray | None = None,
    seed: int = 0,
    draws: int = 2000,
    over: np.ndarray | None = None,
) -> tuple[float, float]:
    """95 % interval of the mean of values (n,): whole groups (n,), rooms say, are drawn anew (percentile bootstrap).

    others: a second kind of group, speakers say, drawn anew at the same time (pigeonhole bootstrap, Owen 2007). over:
    (n,), with it the interval is of the mean of values over the mean of these.
    """
    rng = np.random.default_rng(seed)
    weights = _weights(groups, rng, draws)
    if others is not None:
        weights = weights * _weights(others, rng, draws)
    totals = weights @ (np.ones(len(values)) if over is None else over)
    means = (weights @ values)[totals > 0] / totals[totals > 0]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def _weights(groups: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """How often each value is drawn when whole groups are: (draws, n)."""
    names, index = np.unique(groups, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    return counts[:, index].astype(float)


def gap_closed(before: float, after: float, ceiling: float) -> float:
    """(in - out) / (in - ceiling): 0 is the input, 1 the ceiling. It carries over from one judge to another."""
    return (before - after) / (before - ceiling) if before != ceiling else float("nan")
