"""Figures of a study, for paper and page: intervals of every question, and every listener and item as a dot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mvsd.study.answers import ALL, EVERYBODY, SCREENED
from mvsd.study.paper_table import label
from mvsd.study.spec import Study

DPI = 150
WIDTH_IN, ROW_IN, MARGIN_IN = 6.5, 0.45, 1.1
GROUPS = {EVERYBODY: ("#1f4e5f", "o", -0.1), SCREENED: ("#b5651d", "s", 0.1)}  # colour, marker, shift of the row
FAINT = "#8a8a8a"
SCALES = {  # what is measured, its middle and its limits
    "preference": ("answers for the first-named method", 0.5, (0.0, 1.0)),
    "abx": ("right answers", 0.5, (0.0, 1.0)),
    "ccr": ("comparison score for the first-named method", 0.0, (-3.0, 3.0)),
    "mos": ("opinion score", None, None),
}


def interval_figure(table: pd.DataFrame, mean: str, study: Study, path: Path) -> None:
    """table: rows of share_table or score_table; mean: its column to draw, with low and high."""
    names = list(dict.fromkeys(_name(row, study) for row in table.itertuples()))
    figure, axes = _blank(len(names))
    for who, (colour, marker, shift) in GROUPS.items():
        rows = table[table["who"] == who]
        heights = [names.index(_name(row, study)) + shift for row in rows.itertuples()]
        axes.hlines(heights, rows["low"], rows["high"], color=colour)
        axes.plot(rows[mean], heights, marker, color=colour, label=who)
    _finish(figure, axes, names, study, path)


def spread_figure(table: pd.DataFrame, by: str, study: Study, path: Path) -> None:
    """table: rows of spread_table; a dot each listener or item, moved aside where several lie together."""
    names = list(dict.fromkeys(_name(row, study) for row in table.itertuples()))
    figure, axes = _blank(len(names))
    for height, (_, group) in enumerate(table.groupby(["first", "second", "dataset"], sort=False)):
        means = np.sort(group["mean"].to_numpy())
        twins = np.arange(len(means)) - np.searchsorted(means, means)  # place among those of the same mean
        axes.plot(means, height + 0.35 * twins / max(twins.max(initial=0), 1), ".", color=FAINT)
        axes.plot([group["mean"].mean()], [height], "|", color=GROUPS[EVERYBODY][0], markersize=14)
    axes.plot([], [], ".", color=FAINT, label=f"one {by}")
    _finish(figure, axes, names, study, path)


def _blank(rows: int):
    figure = Figure((WIDTH_IN, MARGIN_IN + ROW_IN * max(rows, 1)), DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes, names: list[str], study: Study, path: Path) -> None:
    words, middle, limits = SCALES[study.form]
    if middle is not None:
        axes.axvline(middle, color=FAINT, linestyle=":")
    if limits:
        axes.set_xlim(*limits)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(words)
    axes.spines[["top", "right"]].set_visible(False)
    if names:
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35 / len(names) - 0.15), ncols=2)
    figure.savefig(path)


def _name(row, study: Study) -> str:
    rival = f" / {label(row.second, study)}" if row.second else ""
    return label(row.first, study) + rival + ("" if row.dataset == ALL else f", {row.dataset}")
