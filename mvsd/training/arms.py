"""Arms of an experiment in the form of `evaluate`, an arm a system, from which `report` makes the paper's tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mvsd.metrics.statistics import bootstrap_interval

Values = dict[tuple[str, str], np.ndarray]  # (task, metric) -> (windows,), NaN where a window has no value


def write_arms(out: Path, kind: str, found: dict[str, Values], rooms: np.ndarray) -> None:
    """Write out/table.csv and out/asked.json. kind: what tells arms apart, "schedules" or "ways". rooms: (windows,)."""
    lines = [_line(arm, *key, values, rooms) for arm, told in found.items() for key, values in told.items()]
    pd.DataFrame(lines).to_csv(out / "table.csv", index=False, float_format="%.6g")
    asked = {"data": "windows of held-out rooms", "weights": None, "steps": None, kind: list(found)}
    (out / "asked.json").write_text(json.dumps(asked, indent=1) + "\n")


def _line(arm: str, task: str, metric: str, values: np.ndarray, rooms: np.ndarray) -> dict[str, object]:
    known = np.isfinite(values)
    low, high = bootstrap_interval(values[known], rooms[known]) if known.any() else (np.nan, np.nan)
    mean = values[known].mean() if known.any() else np.nan
    line = {"split": "", "task": task, "system": arm, "metric": metric, "mean": mean}
    return line | {"low": low, "high": high, "clips": int(known.sum())}
