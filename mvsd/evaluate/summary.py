"""Ours in one table: error over input, detail, what the picture pays, T60, and PESQ beside WPE's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from mvsd.evaluate.plan import INVERSES, OF_OURS, OURS
from mvsd.evaluate.results import OK
from mvsd.metrics.statistics import bootstrap_interval

TOLD = {"shuffled": "another room's picture", "no_picture": "no picture", "oracle_numbers": "the true T60 and DRR"}
Cell = Callable[[pd.DataFrame], str]


def summary(rows: pd.DataFrame) -> str:
    """In Markdown; empty where ours was not measured against clean speech."""
    good = rows[rows["status"] == OK]
    if not len(good) or good.loc[good["system"] == OURS, "error_db"].notna().sum() == 0:
        return ""
    parts = {task: good[good["task"] == task] for task in ("match", "dereverb")}
    lines = ["| measure | match | dereverb |", "|---|---|---|"]
    for title, cell in _lines():
        cells = [cell(part) for part in parts.values()]
        if any(cells):
            lines.append(f"| {title} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _lines() -> Iterator[tuple[str, Cell]]:
    yield "clips", lambda part: str(_of(part, OURS)["clip"].nunique() or "")
    yield "log-mel error of the input, dB", lambda part: _mean(part, "input", "error_db", "{:.2f}")
    yield "log-mel error of the result, dB", lambda part: _mean(part, OURS, "error_db", "{:.2f}")
    yield "result over input", _over_input
    yield "log-mel error of the sound, dB", lambda part: _mean(part, OURS, "sound_db", "{:.2f}")
    yield "detail ratio", lambda part: _mean(part, OURS, "detail", "{:.3f}")
    yield "real-time factor", lambda part: _text(_of(part, OURS)["rtf"].median(), "{:.3f}")
    for name in OF_OURS:
        yield f"log-mel error with {TOLD[name]}, dB", lambda part, name=name: _mean(part, name, "error_db", "{:.2f}")
    yield "share of what the truth would gain that the picture gains", _pays
    yield "T60 of the result against the room's, Spearman", _rank
    yield (
        "T60 off, share of what the input is off, 95 % interval over rooms",
        lambda part: _t60_off(part, part.groupby("clip")["t60_true_s"].mean()),
    )
    yield "the same, the truth read from its tail too", lambda part: _t60_off(part, _by_clip(part, "target", "t60_s"))
    yield "PESQ-wb of the input", lambda part: _mean(part, "input", "pesq_wb", "{:.3f}")
    yield "PESQ-wb of the result", lambda part: _mean(part, OURS, "pesq_wb", "{:.3f}")
    for name in INVERSES:
        title = f"PESQ-wb {name.replace('_', ' ')}"
        yield title, lambda part, name=name: _mean(part, name, "pesq_wb", "{:.3f}")
    yield "PESQ-wb of WPE (20 taps)", lambda part: _mean(part, "wpe", "pesq_wb", "{:.3f}")
    yield "PESQ-wb less WPE's, 95 % interval over rooms", _above_wpe


def _of(part: pd.DataFrame, system: str) -> pd.DataFrame:
    return part[part["system"] == system]


def _by_clip(part: pd.DataFrame, system: str, metric: str) -> pd.Series:
    """Mean of a clip's seeds."""
    return _of(part, system).groupby("clip")[metric].mean().dropna()


def _mean(part: pd.DataFrame, system: str, metric: str, form: str) -> str:
    return _text(_by_clip(part, system, metric).mean(), form)


def _text(value: float, form: str) -> str:
    return "" if pd.isna(value) else form.format(value)


def _over_input(part: pd.DataFrame) -> str:
    result, given = (_by_clip(part, system, "error_db") for system in (OURS, "input"))
    shared = result.index.intersection(given.index)
    return _text(result[shared].mean() / given[shared].mean(), "{:.3f}")


def _pays(part: pd.DataFrame) -> str:
    """(E without - E with) / (E without - E told the truth), over clips measured in every way."""
    errors = {name: _by_clip(part, name, "error_db") for name in (OURS, *OF_OURS)}
    mean = pd.DataFrame(errors).dropna().mean()
    gained = mean["no_picture"] - mean["oracle_numbers"]
    return _text((mean["no_picture"] - mean[OURS]) / gained, "{:.2f}") if gained else ""


def _rank(part: pd.DataFrame) -> str:
    heard = _of(part, OURS).groupby("clip")[["t60_s", "t60_true_s"]].mean().dropna()
    if len(heard) < 3:
        return ""
    rank = heard["t60_s"].corr(heard["t60_true_s"], method="spearman")
    return f"{rank:.2f} ({len(heard)} with a decay)"


def _t60_off(part: pd.DataFrame, true: pd.Series) -> str:
    """Mean distance from the true T60 (of each clip) over the mean of that T60: dry speech stops at once and counts as
    0 s, as does a result without a decay."""
    ours = _of(part, OURS).groupby("clip")["t60_s"].mean().fillna(0.0)
    true = true[true.index.isin(ours.index)].dropna()
    if len(true) < 2:
        return ""
    off = (ours[true.index] - true).abs()
    low, high = bootstrap_interval(off.to_numpy(float), _rooms(part, true.index), over=true.to_numpy(float))
    return f"{off.mean() / true.mean():.3f} ({low:.3f} to {high:.3f})"


def _above_wpe(part: pd.DataFrame) -> str:
    gain = (_by_clip(part, OURS, "pesq_wb") - _by_clip(part, "wpe", "pesq_wb")).dropna()
    if len(gain) < 2:
        return ""
    low, high = bootstrap_interval(gain.to_numpy(float), _rooms(part, gain.index))
    return f"{np.mean(gain):+.3f} ({low:+.3f} to {high:+.3f})"


def _rooms(part: pd.DataFrame, clips: pd.Index) -> np.ndarray:
    return part.groupby("clip")["room"].first()[clips].to_numpy().astype(str)
