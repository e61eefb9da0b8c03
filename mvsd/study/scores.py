"""Graded answers: comparison ratings (CCR, ITU-T P.800 annex E) and opinion scores (MOS), with two-way intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mvsd.study.agreement import krippendorff_alpha
from mvsd.study.answers import EVERYBODY, SCREENED, Cell, cells_of, decided, of_group
from mvsd.study.holm import holm
from mvsd.study.spec import Study
from mvsd.study.two_way import grid_of, two_way


def score_table(answers: pd.DataFrame, study: Study, is_final: bool) -> pd.DataFrame:
    """A row a question and group: mean score; of ratings also, for every compared pair, the mean difference.

    Differences are within a listener and item who rated both. p is of mean 0 and empty for a plain rating, and for
    all before the planned number of listeners is reached.
    """
    tables = [_group_table(of_group(decided(answers), who), study).assign(who=who) for who in (EVERYBODY, SCREENED)]
    table = pd.concat(tables, ignore_index=True)
    if not is_final and len(table):
        table[["p", "p_holm"]] = np.nan
    return table


def _group_table(answers: pd.DataFrame, study: Study) -> pd.DataFrame:
    cells = list(cells_of(answers, study))
    if study.form == "mos":
        cells += [cell for pair in study.compare for cell in cells_of(_differences(answers, *pair), study)]
    table = pd.DataFrame([_row(cell, study) for cell in cells])
    if len(table):
        table["p_holm"] = holm(table["p"].to_numpy())
    return table


def _differences(answers: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Rating of first less that of second, a row a listener and item who rated both."""
    keys = ["listener", "item", "dataset"]
    rated = answers.pivot_table(index=keys, columns="first", values="value")
    if not {first, second} <= set(rated.columns):
        return answers.iloc[:0]
    difference = (rated[first] - rated[second]).dropna().rename("value").reset_index()
    return difference.assign(first=first, second=second)


def _row(cell: Cell, study: Study) -> dict[str, object]:
    kept, is_plain = cell.answers, study.form == "mos" and not cell.second
    estimate = two_way(grid_of(kept["value"], kept["listener"], kept["item"]), 0.0, study.analysis.confidence)
    ratings = kept.pivot_table(index="item", columns="listener", values="value")
    return {
        "first": cell.first,
        "second": cell.second,
        "dataset": cell.dataset,
        "listeners": kept["listener"].nunique(),
        "items": kept["item"].nunique(),
        "answers": len(kept),
        "mean": float(estimate.mean),
        "low": float(estimate.low),
        "high": float(estimate.high),
        "p": np.nan if is_plain else float(estimate.p),
        "alpha": krippendorff_alpha(ratings, "interval"),
    }
