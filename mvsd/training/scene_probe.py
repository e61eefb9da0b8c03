"""The linear probe of the scene encoder, fitted to its frozen embeddings, and the interval around what it reads."""

from __future__ import annotations

import torch
from torch import Tensor

COVERED = 0.8  # of unseen rooms, by the interval that is told
ENOUGH = 5  # rooms to tell an interval from
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 10.0)


def fitted(embeddings: Tensor, wanted: Tensor, ridges: tuple[float, ...] = RIDGES) -> tuple[Tensor, Tensor]:
    """Weight (K, D) and bias (K,) of the ridge regression of wanted (N, K) on embeddings (N, D).

    The ridge is the one with the least error on rooms left out one at a time, in closed form (Allen's PRESS, 1974).
    """
    x, y = embeddings.double(), wanted.double()
    middle, usual = x.mean(0), y.mean(0)
    u, s, v = torch.linalg.svd(x - middle, full_matrices=False)
    parts = u.T @ (y - usual)

    def left_out(ridge: float) -> float:
        kept = s.square() / (s.square() + ridge)
        leverage = (u.square() * kept).sum(1) + 1 / len(x)
        missed = (y - usual - u @ (kept[:, None] * parts)) / (1 - leverage).clamp(min=1e-3)[:, None]
        return float((missed.square().mean(0) / y.var(0).clamp(min=1e-9)).mean())

    ridge = min(ridges, key=left_out)
    weight = (v.T @ ((s / (s.square() + ridge))[:, None] * parts)).T
    return weight.float(), (usual - weight @ middle).float()


def fitted_under_dropout(embeddings: Tensor, wanted: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The same for a probe before which a share of the embedding is forgotten, another at every look.

    In the mean over what is forgotten that is a ridge as well, on features of unit power (Wager et al. 2013). The probe
    that `fitted` gives rests on small differences of features that go together, which forgetting tears apart.
    """
    power = embeddings.square().mean(0).sqrt().clamp(min=1e-6)
    weight, bias = fitted(embeddings / power, wanted, (len(embeddings) * share / (1 - share),))
    return weight / power, bias


def interval(missed: Tensor) -> tuple[float, float]:
    """Ends that hold COVERED of what was missed, (N,); zeros, which stand for unknown, where N is below ENOUGH."""
    if len(missed) < ENOUGH:
        return 0.0, 0.0
    low, high = (float(missed.quantile(share)) for share in ((1 - COVERED) / 2, (1 + COVERED) / 2))
    return round(low, 4), round(high, 4)


def share_covered(missed: Tensor) -> float:
    """Share of each half of what was missed, (N,), within the interval that the other half gives."""
    halves = (missed[::2], missed[1::2])
    inside = [(mine >= low) & (mine <= high) for mine, (low, high) in zip(halves, map(interval, halves[::-1]))]
    return float(torch.cat(inside).float().mean())
