"""The usual model of such answers: listeners and items as random effects. Points and spreads; no interval.

Its variational interval in statsmodels is far too narrow (30 % false alarms at a nominal 5 %, measured), so intervals
come from two_way.py, and whoever wants them from the model runs R_LINE.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

R_LINE = (
    'answers <- read.csv("answers.csv"); summary(lme4::glmer(value ~ 1 + I(is_left - 0.5) + (1 | listener) + '
    "(1 | item), family = binomial, data = subset(answers, first == {first!r} & second == {second!r})))"
)


@dataclass(frozen=True)
class MixedModel:
    """On the logit: preference at an average listener and item, effect of the side (first method left less right)."""

    preference_logit: float
    side_logit: float
    listener_sd: float
    item_sd: float


def mixed_model(answers: pd.DataFrame) -> MixedModel | None:
    """value ~ 1 + side + (1 | listener) + (1 | item), by variational Bayes; None where it finds no solution.

    answers: decided ones of a pair, with listener, item, value (1: the first method) and is_left.
    """
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    groups = [pd.factorize(answers[name])[0] for name in ("listener", "item")]
    sizes = [group.max(initial=0) + 1 for group in groups]
    rows = np.arange(len(answers))
    members = [sparse.csr_matrix((np.ones(len(rows)), (rows, g)), (len(rows), n)) for g, n in zip(groups, sizes)]
    fixed = np.column_stack([np.ones(len(rows)), answers["is_left"].astype(float) - 0.5])
    ident = np.repeat([0, 1], sizes)
    model = BinomialBayesMixedGLM(answers["value"].to_numpy(float), fixed, sparse.hstack(members).tocsr(), ident)
    count = 2 + 2 + sum(sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = model.fit_vb(mean=np.zeros(count), sd=np.full(count, 0.5))
    if not fit.optim_retvals.success:
        return None
    preference, side = fit.fe_mean
    listener_sd, item_sd = np.exp(fit.vcp_mean)
    return MixedModel(float(preference), float(side), float(listener_sd), float(item_sd))


def r_line(first: str, second: str) -> str:
    return R_LINE.format(first=first, second=second)
