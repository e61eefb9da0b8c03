"""From results.csv to every table and figure of a study: one call, always the same from the same answers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from mvsd.study.answers import EVERYBODY, SCREENED, decided, of_group, read_results, tidy_answers, valid_sessions
from mvsd.study.bradley_terry import bradley_terry
from mvsd.study.figures import interval_figure, spread_figure
from mvsd.study.mixed_model import mixed_model, r_line
from mvsd.study.paper_table import paper_table, span
from mvsd.study.scores import score_table
from mvsd.study.shares import share_table, spread_table
from mvsd.study.spec import Study, read_study
from mvsd.study.table_files import replace_file

DIGITS = 5
CHOICES = ("preference", "abx")  # forms whose answers are one side or the other


def remake_tables(folder: Path, out: Path | None = None) -> list[Path]:
    """Analyse folder/results/results.csv into out (folder/results/analysis). Returns what was written."""
    study = read_study(folder)
    return write_analysis(
        read_results(folder / "results" / "results.csv"), study, out or folder / "results" / "analysis"
    )


def write_analysis(results: pd.DataFrame, study: Study, out: Path) -> list[Path]:
    """results: the columns of columns.py. Returns the files: tables as CSV, paper and summary as Markdown, PNGs."""
    tables = analyse_results(results, study)
    texts = {f"{name}.csv": table.round(DIGITS).to_csv(index=False) for name, table in tables.items()}
    texts["summary.md"] = summary(tables, study, valid_sessions(results, study))
    if study.form in CHOICES:
        texts["paper_table.md"] = paper_table(tables["shares"], study)
        texts["model.R"] = "\n".join(r_line(*pair) for pair in study.pairs) + "\n"
    for name, text in texts.items():
        replace_file(out / name, text)
    return [out / name for name in texts] + (_draw(tables, study, out) if len(tables["answers"]) else [])


def _draw(tables: dict[str, pd.DataFrame], study: Study, out: Path) -> list[Path]:
    main, mean = ("shares", "share") if study.form in CHOICES else ("scores", "mean")
    interval_figure(tables[main], mean, study, out / "intervals.png")
    for by in ("listener", "item"):
        spread_figure(tables[f"{by}s"], by, study, out / f"{by}s.png")
    return [out / name for name in ("intervals.png", "listeners.png", "items.png")]


def analyse_results(results: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """Every table by name; p-values only once the planned number of valid listeners is reached."""
    is_final = valid_sessions(results, study) >= study.stop.listeners
    return analyse(tidy_answers(results, study), study, is_final)


def analyse(answers: pd.DataFrame, study: Study, is_final: bool) -> dict[str, pd.DataFrame]:
    """Every table by name. answers: as tidy_answers gives them. is_final: p-values may be shown."""
    flags = ["is_left", "is_tie", "screened"]
    tables = {"answers": answers.astype(dict.fromkeys(flags, int))}  # numbers, for R
    if study.form in CHOICES:
        tables["shares"] = share_table(answers, study, is_final)
        tables["models"] = model_table(answers)
    else:
        tables["scores"] = score_table(answers, study, is_final)
    if study.form == "preference" and len({method for pair in study.pairs for method in pair}) > 2:
        tables["strengths"] = strength_table(answers, study)
    return tables | {f"{by}s": spread_table(answers, study, by) for by in ("listener", "item")}


def model_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Mixed model of each pair and group: points and spreads on the logit, empty where it finds no solution."""
    rows = []
    for who in (EVERYBODY, SCREENED):
        for (first, second), group in decided(of_group(answers, who)).groupby(["first", "second"]):
            fit = mixed_model(group)
            rows.append({"first": first, "second": second, "who": who, "answers": len(group)})
            rows[-1] |= asdict(fit) if fit else {}
    return pd.DataFrame(rows)


def strength_table(answers: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Bradley-Terry scale of all methods, for each group."""
    tables = []
    for who in (EVERYBODY, SCREENED):
        kept = decided(of_group(answers, who))
        won = kept["value"] == 1
        turned = kept.assign(
            winner=kept["first"].where(won, kept["second"]), loser=kept["second"].where(won, kept["first"])
        )
        rng = np.random.default_rng(study.seed)
        tables.append(bradley_terry(turned, rng, study.analysis.confidence).assign(who=who))
    return pd.concat(tables, ignore_index=True)


def summary(tables: dict[str, pd.DataFrame], study: Study, valid: int) -> str:
    """What a reader needs first, in Markdown."""
    lines = [f"# {next(iter(study.title.values()))}", "", _standing(valid, study), ""]
    rows = tables["shares"] if study.form in CHOICES else tables["scores"]
    lines += [_told(row, study) for row in rows.itertuples() if row.answers]
    lines += [
        "",
        "Intervals count listeners and items as samples (two-way). `these_answers_only_*` hold for no others.",
        "Models: points and spreads alone; `model.R` gives their intervals." if study.form in CHOICES else "",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _standing(valid: int, study: Study) -> str:
    planned = study.stop.listeners
    if valid >= planned:
        return f"{valid} valid listeners of {planned} planned."
    return (
        f"PRELIMINARY: {valid} valid listeners of {planned} planned. No p-value until then: who looks early and stops "
        "when it suits finds effects that are not there."
    )


def _told(row, study: Study) -> str:
    what = f"{row.first} / {row.second}" if row.second else row.first
    begin = f"- {what}, {row.dataset}, {row.who} ({row.listeners} listeners, {row.items} items): "
    holm = f", p {row.p:.3g}, Holm {row.p_holm:.3g}" if row.p == row.p else ""
    if study.form not in CHOICES:
        return begin + f"{row.mean:.2f} ({row.low:.2f} to {row.high:.2f}){holm}"
    ties = f", {row.ties} ties left out" if row.ties else ""
    left = f"; left taken {100 * row.left_share:.1f} % ({span(row.left_low, row.left_high)})"
    return begin + f"{100 * row.share:.1f} % ({span(row.low, row.high)}){holm}{ties}{left}"
