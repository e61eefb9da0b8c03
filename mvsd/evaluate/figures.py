"""Figures of a run: means with their intervals, and T60 as heard against that of the room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mvsd.evaluate.plan import CONTROLS, OURS
from mvsd.evaluate.results import OK
from mvsd.figures import DPI, LINES, styled

DRAWN = {
    "sound_db": "log-mel error of the sound, dB",
    "pesq_wb": "PESQ-wb",
    "estoi": "ESTOI",
    "RTE(slopes)": "RTE(slopes), s",
}
SYSTEM, CONTROL = LINES["after"][0], LINES["before"][0]


def write_figures(out: Path, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    """means-TASK.png for each task, t60.png where there are free decays."""
    for (split, task), part in table.groupby(["split", "task"], sort=False):
        ending = "" if split in ("", "all") else f"-{split}"
        draw_means(part, out / f"means-{task}{ending}.png")
    heard = rows[(rows["status"] == OK) & (rows["system"] == OURS)]
    if "t60_s" in heard and heard["t60_s"].notna().any():
        draw_t60(heard.dropna(subset=["t60_s"]), out / "t60.png")


def draw_means(part: pd.DataFrame, path: Path) -> None:
    """A panel a measure, a line a system: its mean and 95 % interval; controls in another colour."""
    names = [name for name in DRAWN if name in set(part["metric"])]
    if not names:
        return
    systems = list(dict.fromkeys(part["system"]))[::-1]
    with styled():
        figure = Figure((2.6 * len(names) + 1.4, 0.28 * len(systems) + 1), dpi=DPI)
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, names):
            lines = part[part["metric"] == name].set_index("system").reindex(systems)
            at, values = np.arange(len(systems)), lines["mean"].to_numpy(float)
            colours = [CONTROL if system in CONTROLS else SYSTEM for system in systems]
            axes.hlines(at, lines["low"].to_numpy(float), lines["high"].to_numpy(float), colours, linewidth=2)
            axes.scatter(values, at, c=colours, s=18)
            axes.set_yticks(at, systems)
            axes.set_title(DRAWN[name], loc="left", fontsize=10)
            axes.grid(axis="x", alpha=0.7)
        figure.tight_layout()
        _save(figure, path)


def draw_t60(heard: pd.DataFrame, path: Path) -> None:
    """T60 of the result's free decay against that of the room, both in s on logarithmic axes."""
    with styled():
        figure = Figure((4, 4), dpi=DPI)
        axes = figure.subplots()
        axes.loglog(heard["t60_true_s"], heard["t60_s"], ".", color=SYSTEM)
        ends = [
            min(heard["t60_true_s"].min(), heard["t60_s"].min()),
            max(heard["t60_true_s"].max(), heard["t60_s"].max()),
        ]
        axes.loglog(ends, ends, "--", color=CONTROL, linewidth=1)
        axes.set(xlabel="T60 of the room, s", ylabel="T60 of the result, s")
        axes.grid(alpha=0.7)
        figure.tight_layout()
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path)
