"""Whether the side decided: the left share, and the preference with the sides' weight evened out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mvsd.study.bootstrap import interval, resampled_sums
from mvsd.study.two_way import grid_of


@dataclass(frozen=True)
class SideEffect:
    """left_share: of all answers, with its two-way bootstrap interval; 50 % where the side does not matter.

    balanced_share: preference for the first method if each listener's answers with it on the left weigh as much as
    those with it on the right. A listener who always takes one side then counts exactly 50 %, whatever the balance.
    """

    left_share: float
    low: float
    high: float
    balanced_share: float


def side_effect(answers: pd.DataFrame, rng: np.random.Generator, confidence: float = 0.95) -> SideEffect:
    """answers: decided ones of a pair, with listener, item, value (1: the first method) and is_left (it was left)."""
    took_left = (answers["value"] == answers["is_left"]).astype(float)
    grid = grid_of(took_left, answers["listener"], answers["item"])
    sums, counts = resampled_sums([grid.sums, grid.counts], rng)
    with np.errstate(invalid="ignore"):
        low, high = interval(sums / counts, confidence)
    return SideEffect(float(grid.mean), low, high, balanced_share(answers))


def balanced_share(answers: pd.DataFrame) -> float:
    """Listeners who heard the first method on one side alone are left out."""
    sides = answers.groupby(["listener", "is_left"])["value"].agg(["mean", "count"]).unstack("is_left")
    sides = sides.dropna()
    if not len(sides):
        return np.nan
    return float(np.average(sides["mean"].mean(axis=1), weights=sides["count"].sum(axis=1)))
