"""results.csv as analyses take it: one answer a row, turned so that it speaks of the first method of its pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mvsd.errors import UserError
from mvsd.study.columns import COLUMNS, KEY, LEFT, RIGHT, TEST, TIE
from mvsd.study.spec import Study

ALL = "all"  # stands for every dataset together
EVERYBODY, SCREENED = "everybody", "screened"  # all who answered; without the sessions that fail the registered rule


@dataclass(frozen=True)
class Cell:
    """One question of the study: a pair, or a method that was rated (then second is empty), on one dataset or all."""

    first: str
    second: str
    dataset: str
    answers: pd.DataFrame


def read_results(path: Path) -> pd.DataFrame:
    """Every column as text, missing values empty."""
    if not path.is_file():
        raise UserError(f"There is no {path}. Answers come first: run the study, then analyse it.")
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no table we can read ({error}). Make it anew from the journals.") from error


def tidy_answers(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Answers to test trials: listener, item, dataset, first, second, is_left, is_tie, value, screened.

    listener: L1, L2 ... in order of appearance, so that tables made from these carry nobody's id; sittings of one
    participant are one listener. value: preference 1 for the first method, 0 for the second; abx 1 where right; ccr -3
    to 3, above 0 where the first is better; mos 1 to 5; NaN for a tie. is_left: the first method, in abx the X, was on
    the left.
    """
    _check(results)
    rows = results[results["trial_kind"] == TEST].reset_index(drop=True).astype(object)
    rows = rows.where(rows.notna(), "").astype(str)
    person = rows["participant_id"].where(rows["participant_id"] != "", rows["session_id"])
    turned = _turned(rows, study)
    return pd.DataFrame(
        {
            "listener": [f"L{number + 1}" for number in pd.factorize(person)[0]],
            "item": rows["item_id"],
            "dataset": rows["dataset"],
            "first": turned["first"],
            "second": turned["second"],
            "is_left": turned["is_left"],
            "is_tie": rows["response"] == TIE,
            "value": _values(rows, turned, study.form),
            "screened": pd.to_numeric(rows["excluded"], errors="coerce").fillna(0) == 0,
        }
    )


def _check(results: pd.DataFrame) -> None:
    if missing := [column for column in COLUMNS if column not in results]:
        raise UserError(f"These results lack the column {missing[0]}. Make results.csv anew from the journals.")
    if twice := int(results.duplicated(list(KEY)).sum()):
        raise UserError(f"{twice} rows of these results are there twice. Make results.csv anew from the journals.")


def _turned(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """first, second and is_left of each row, by the order in which the study names its pairs."""
    places = {pair: (*pair, True) for pair in study.pairs} | {(b, a): (a, b, False) for a, b in study.pairs if a != b}
    if study.form == "mos":
        places = {(a, ""): (a, "", True) for a, _ in study.pairs}
    shown = list(zip(rows["left_method"], rows["right_method"], strict=True))
    if strangers := set(shown) - set(places):
        left, right = sorted(strangers)[0]
        raise UserError(f"These results compare {left} and {right}, study.yaml does not. Give the study they are of.")
    turned = pd.DataFrame([places[pair] for pair in shown], columns=["first", "second", "is_left"])
    if study.form == "abx":
        turned["is_left"] = rows["reference_sha256"] == rows["left_sha256"]
    return turned


def _values(rows: pd.DataFrame, turned: pd.DataFrame, form: str) -> pd.Series:
    if form in ("ccr", "mos"):
        score = pd.to_numeric(rows["response"], errors="coerce")
        return score if form == "mos" else score.where(~turned["is_left"], -score)
    known = rows["response"].isin([LEFT, RIGHT])
    took_left = rows["response"] == LEFT
    return (took_left == turned["is_left"]).astype(float).where(known, np.nan)


def decided(answers: pd.DataFrame) -> pd.DataFrame:
    """Without ties: splitting them evenly costs power, by share alarms falsely (Ennis and Ennis 2012)."""
    return answers[answers["value"].notna()]


def of_group(answers: pd.DataFrame, who: str) -> pd.DataFrame:
    return answers if who == EVERYBODY else answers[answers["screened"]]


def cells_of(answers: pd.DataFrame, study: Study) -> Iterator[Cell]:
    """The study's questions, as many as Holm's correction counts; those nobody has answered yet are left out."""
    by = ["first", "second"] + (["dataset"] if study.analysis.cells == "pair and dataset" else [])
    for key, group in answers.groupby(by, sort=True):
        yield Cell(key[0], key[1], key[2] if len(key) > 2 else ALL, group)


def valid_sessions(results: pd.DataFrame, study: Study) -> int:
    """Sessions that answered every test trial and pass the registered rule."""
    tests = results[results["trial_kind"] == TEST]
    out = pd.to_numeric(tests["excluded"], errors="coerce").fillna(0) > 0
    return int((tests[~out].groupby("session_id").size() >= study.trials.per_session).sum())
