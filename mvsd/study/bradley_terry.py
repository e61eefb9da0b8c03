"""One scale for more than two methods: the Bradley-Terry model (Bradley and Terry 1952)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mvsd.study.bootstrap import DRAWS, interval, resampled_sums

PRIOR_WINS = 0.5  # on each side of every pair that was compared: keeps a method that never won on the scale
ROUNDS, TOLERANCE = 500, 1e-6


def strengths(wins: np.ndarray) -> np.ndarray:
    """Log strengths, mean 0, by the iteration of Hunter (2004), eq. 3.

    wins: (..., methods, methods), how often the row won over the column. The difference of two is the log odds that
    the one is preferred to the other.
    """
    wins = wins + PRIOR_WINS * ((wins + np.swapaxes(wins, -1, -2)) > 0)
    total, played = wins.sum(-1), wins + np.swapaxes(wins, -1, -2)
    strength = np.ones(total.shape)
    for _ in range(ROUNDS):
        shared = (played / (strength[..., :, None] + strength[..., None, :])).sum(-1)
        new = np.divide(total, shared, out=np.ones_like(total), where=shared > 0)
        new /= np.exp(np.log(new).mean(-1, keepdims=True))
        done = np.abs(np.log(new / strength)).max(initial=0) < TOLERANCE
        strength = new
        if done:
            break
    return np.log(strength)


def bradley_terry(
    answers: pd.DataFrame, rng: np.random.Generator, confidence: float = 0.95, draws: int = DRAWS
) -> pd.DataFrame:
    """A row a method, strongest first: log strength with its two-way bootstrap interval.

    answers: decided ones, with listener, item, winner, loser. Methods that no chain of comparisons joins to the
    largest group are left out: they have no place on its scale.
    """
    methods = _joined(answers)
    if not methods:
        return pd.DataFrame(columns=["method", "log_strength", "low", "high", "wins", "answers"])
    answers, size = answers[answers["winner"].isin(methods)], len(methods)
    winner, loser = (pd.Index(methods).get_indexer(answers[side]) for side in ("winner", "loser"))
    listeners, items = pd.factorize(answers["listener"])[0], pd.factorize(answers["item"])[0]
    grids = np.zeros((size * size, listeners.max() + 1, items.max() + 1))
    np.add.at(grids, (winner * size + loser, listeners, items), 1)
    wins = grids.sum((1, 2)).reshape(size, size)
    drawn = np.stack(resampled_sums(list(grids), rng, draws), axis=1)
    log_strength, spread = strengths(wins), strengths(drawn.reshape(draws, size, size))
    limits = np.array([interval(spread[:, i], confidence) for i in range(size)]).reshape(size, 2)
    table = pd.DataFrame({"method": methods, "log_strength": log_strength, "low": limits[:, 0], "high": limits[:, 1]})
    table["wins"], table["answers"] = wins.sum(1).astype(int), (wins + wins.T).sum(1).astype(int)
    return table.sort_values("log_strength", ascending=False, ignore_index=True)


def _joined(answers: pd.DataFrame) -> list[str]:
    """The largest group of methods that comparisons join, sorted."""
    groups: list[set[str]] = []
    for pair in {frozenset(pair) for pair in zip(answers["winner"], answers["loser"])}:
        touched = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair] + [set(pair).union(*touched)]
    return sorted(max(groups, key=len, default=set()))
