"""Whether a voice is still known: trials of a speaker verifier and their equal error rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
from torch import Tensor

from mvsd.metrics.undefined import Undefined

Embedder = Callable[[Tensor], np.ndarray]  # (samples,) at 16 kHz -> vector of a voice
MOST_TRIALS = 40_000  # of each kind, as VIDA takes (Chen et al. 2023, arXiv 2106.07732)


def trials(speakers: Sequence[str], seed: int = 0, most: int = MOST_TRIALS) -> np.ndarray:
    """(trials, 3): a clean clip, a converted clip, 1 where one voice speaks in both; never a clip with itself.

    speakers: of each clip. As many trials of two voices as of one; of which sex they are is not looked at.
    Raises Undefined where no speaker has two clips, or all have one speaker.
    """
    rng = np.random.default_rng(seed)
    pairs = np.array(list(permutations(range(len(speakers)), 2)), dtype=int).reshape(-1, 2)
    names = np.asarray(speakers)
    same = names[pairs[:, 0]] == names[pairs[:, 1]]
    count = min(int(same.sum()), int((~same).sum()), most)
    if not count:
        raise Undefined("EER needs a speaker with two clips, and two speakers")
    drawn = [rng.permutation(np.flatnonzero(kind))[:count] for kind in (same, ~same)]
    chosen = np.concatenate(drawn)
    return np.column_stack([pairs[chosen], same[chosen]])


def cosines(clean: np.ndarray, converted: np.ndarray) -> np.ndarray:
    """Cosine of every clean voice (clips, size) with every converted one: (clips, clips)."""
    first, second = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (clean, converted))
    return first @ second.T


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Share of errors at the threshold where false alarms and misses are as frequent. scores, same: (trials,)."""
    order = np.argsort(scores, kind="stable")
    same = same[order].astype(bool)
    misses = np.concatenate([[0], np.cumsum(same)]) / same.sum()
    alarms = 1 - np.concatenate([[0], np.cumsum(~same)]) / (~same).sum()
    at = int(np.argmin(np.abs(misses - alarms)))
    return float(misses[at] + alarms[at]) / 2
