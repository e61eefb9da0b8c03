"""Two runs of `evaluate` over the same clips, weights before and after say: what changed, clip by clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mvsd.errors import UserError
from mvsd.evaluate.plan import OURS
from mvsd.evaluate.results import CLIPS, OK, RESULTS
from mvsd.metrics.statistics import bootstrap_interval

METRICS = ("error_db", "detail", "pesq_wb", "estoi", "t60_error_s")


def compare(before: Path, after: Path, system: str = OURS, metrics: Sequence[str] = METRICS) -> str:
    """A Markdown table: means over the clips that both folders measured, and their difference with its 95 % interval,
    paired by clip, bootstrap over rooms. Raises UserError where nothing is shared."""
    first, then = (_by_clip(folder, system, metrics) for folder in (before, after))
    shared = first.index.intersection(then.index)
    rooms = _rooms(after)
    head = f"| {system} | clips | {before.name} | {after.name} | difference, 95 % interval |"
    lines = [head, "|---|---|---|---|---|"]
    for task in shared.unique("task"):
        clips = shared[shared.get_level_values("task") == task]
        for metric in metrics:
            pairs = pd.DataFrame({"before": first.loc[clips, metric], "after": then.loc[clips, metric]}).dropna()
            if len(pairs):
                lines.append(_line(f"{task}: {metric}", pairs, rooms))
    if len(lines) == 2:
        raise UserError(f"{before} and {after} share no clip that {system} was measured on. Evaluate the same data.")
    return "\n".join(lines)


def _line(title: str, pairs: pd.DataFrame, rooms: pd.Series) -> str:
    gain = (pairs["after"] - pairs["before"]).to_numpy(float)
    groups = rooms.reindex(pairs.index.get_level_values("clip")).fillna("").to_numpy(str)
    low, high = bootstrap_interval(gain, groups)
    means = " | ".join(f"{mean:.3f}" for mean in pairs.mean())
    return f"| {title} | {len(pairs)} | {means} | {gain.mean():+.3f} ({low:+.3f} to {high:+.3f}) |"


def _by_clip(folder: Path, system: str, metrics: Sequence[str]) -> pd.DataFrame:
    """Means over a clip's seeds, by (task, clip)."""
    rows = pd.read_csv(_file(folder, RESULTS))
    if unknown := [metric for metric in metrics if metric not in rows]:
        raise UserError(f"{folder} has no column {unknown[0]}. Choose of: {', '.join(rows.columns)}.")
    good = rows[(rows["status"] == OK) & (rows["system"] == system)]
    return good.groupby(["task", "clip"])[list(metrics)].mean()


def _rooms(folder: Path) -> pd.Series:
    return pd.read_csv(_file(folder, CLIPS)).set_index("clip")["room"].astype(str)


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise UserError(f"{folder} holds no {name}. Name folders that `evaluate` wrote.")
    return folder / name
