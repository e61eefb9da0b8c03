"""How often the first method was taken, question by question; in ABX how often listeners were right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from mvsd.study.agreement import krippendorff_alpha
from mvsd.study.answers import EVERYBODY, SCREENED, Cell, cells_of, decided, of_group
from mvsd.study.holm import holm
from mvsd.study.side import side_effect
from mvsd.study.spec import Study
from mvsd.study.two_way import grid_of, two_way_share, wilson

P_VALUES = ("p", "p_holm", "these_answers_only_p")


def share_table(answers: pd.DataFrame, study: Study, is_final: bool) -> pd.DataFrame:
    """A row a question and group. low, high, p: two-way, the headline. these_answers_only_*: Wilson and binomial.

    is_final: the planned number of listeners is reached; before, the p columns stay empty.
    """
    tables = [_group_table(answers, study, who) for who in (EVERYBODY, SCREENED)]
    table = pd.concat(tables, ignore_index=True)
    if not is_final and len(table):
        table[list(P_VALUES)] = np.nan
    return table


def _group_table(answers: pd.DataFrame, study: Study, who: str) -> pd.DataFrame:
    rng = np.random.default_rng(study.seed)
    cells = cells_of(of_group(answers, who), study)
    table = pd.DataFrame([_row(cell, rng, study.analysis.confidence) | {"who": who} for cell in cells])
    if len(table):
        table["p_holm"] = holm(table["p"].to_numpy())
    return table


def _row(cell: Cell, rng: np.random.Generator, confidence: float) -> dict[str, object]:
    kept = decided(cell.answers)
    row: dict[str, object] = {"first": cell.first, "second": cell.second, "dataset": cell.dataset}
    row |= {"listeners": kept["listener"].nunique(), "items": kept["item"].nunique(), "answers": len(kept)}
    row |= {"ties": int(cell.answers["is_tie"].sum())}
    if not len(kept):
        return row | {"p": np.nan}
    headline = two_way_share(grid_of(kept["value"], kept["listener"], kept["item"]), confidence)
    side, hits = side_effect(kept, rng, confidence), int(kept["value"].sum())
    only_low, only_high = wilson(headline.mean, len(kept), stats.norm.ppf((1 + confidence) / 2))
    return row | {
        "share": float(headline.mean),
        "low": float(headline.low),
        "high": float(headline.high),
        "p": float(headline.p),
        "these_answers_only_low": float(only_low),
        "these_answers_only_high": float(only_high),
        "these_answers_only_p": float(stats.binomtest(hits, len(kept)).pvalue),
        "left_share": side.left_share,
        "left_low": side.low,
        "left_high": side.high,
        "balanced_share": side.balanced_share,
        "alpha": krippendorff_alpha(kept.pivot_table(index="item", columns="listener", values="value")),
    }


def spread_table(answers: pd.DataFrame, study: Study, by: str) -> pd.DataFrame:
    """Mean answer of each listener or item in each question. by: "listener" or "item"."""
    rows = list(_spread_rows(answers, study, by))
    return pd.DataFrame(rows, columns=["first", "second", "dataset", by, "answers", "mean", "left_share"])


def _spread_rows(answers: pd.DataFrame, study: Study, by: str) -> Iterator[tuple]:
    for cell in cells_of(decided(answers), study):
        for name, group in cell.answers.groupby(by):
            left = (group["value"] == group["is_left"]).mean() if study.form in ("preference", "abx") else np.nan
            yield (cell.first, cell.second, cell.dataset, name, len(group), group["value"].mean(), left)
