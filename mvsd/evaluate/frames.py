"""Results as data frames, and the means of a table with their intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mvsd.errors import UserError
from mvsd.evaluate.results import CLIPS, HEAD, OK, RESULTS
from mvsd.metrics.statistics import bootstrap_interval

DRAWS = 1000
MEANS = ("split", "task", "system", "metric", "mean", "low", "high", "clips", "seeds", "seed_sd")


def read_results(out: Path) -> pd.DataFrame:
    """Rows of results.csv with room, speaker, split and is_training of each clip. Raises UserError for none."""
    if not (out / RESULTS).is_file():
        raise UserError(f"{out} holds no {RESULTS}. Make one with: python -m mvsd evaluate --out {out}")
    rows = pd.read_csv(out / RESULTS, dtype={"clip": str, "reason": str, "checkpoint_sha256": str})
    clips = pd.read_csv(out / CLIPS, dtype=str).fillna("")
    joined = rows.merge(clips, on="clip", how="left")
    joined["room"] = joined["room"].where(joined["room"].fillna("") != "", joined["clip"])
    joined["split"] = joined["split"].fillna("")
    joined["is_training"] = joined["is_training"] == "1"
    return joined


def metric_columns(rows: pd.DataFrame) -> list[str]:
    """The metrics that some row has a value of, real-time factor first."""
    about = {*HEAD, "room", "speaker", "split", "is_training"}
    return ["rtf", *(name for name in rows.columns if name not in about and rows[name].notna().any())]


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """split, task, system, metric, mean, low, high, clips, seeds, seed_sd: mean of a clip's seeds, then of clips.

    low, high: 95 % interval over rooms, and over speakers too where they are known. seed_sd: standard deviation, over
    the seeds, of the mean of clips; missing where there is one seed.
    """
    good, lines = rows[rows["status"] == OK], []
    names = metric_columns(good)
    for (split, task, system), part in good.groupby(["split", "task", "system"], sort=False):
        about = part.groupby("clip")[["room", "speaker"]].first()
        values = _pooled(part.groupby("clip")[names].mean())
        spread = part.groupby("seed")[names].mean().std()  # NaN for one seed
        for name in names:
            kept = values[name].dropna()
            if len(kept):
                low, high = interval(kept, about)
                told = [kept.mean(), low, high, len(kept), part["seed"].nunique(), spread[name]]
                lines.append([split, task, system, name, *told])
    return pd.DataFrame(lines, columns=MEANS)


def _pooled(values: pd.DataFrame) -> pd.DataFrame:
    """Word error rates by clip so weighted that their mean is all errors over all words."""
    if "words" not in values:
        return values
    weights = values["words"] / values["words"].mean()
    return values.assign(**{name: values[name] * weights for name in values if name.startswith("WER(")})


def interval(values: pd.Series, about: pd.DataFrame) -> tuple[float, float]:
    """values, about: by clip."""
    about = about.loc[values.index]
    speakers = about["speaker"].to_numpy().astype(str)
    known = speakers if len(set(speakers)) > 1 else None
    return bootstrap_interval(values.to_numpy(float), about["room"].to_numpy().astype(str), known, draws=DRAWS)


def mean_of(rows: pd.DataFrame, task: str, system: str, metric: str) -> float:
    part = rows[(rows["status"] == OK) & (rows["task"] == task) & (rows["system"] == system)]
    return float(part[metric].mean()) if metric in part and len(part) else float(np.nan)
