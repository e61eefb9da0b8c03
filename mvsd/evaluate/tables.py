"""table.csv, table.md and the figures of a run, from its results alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mvsd.evaluate.figures import write_figures
from mvsd.evaluate.frames import mean_of, means, metric_columns, read_results
from mvsd.evaluate.results import FAILED, OK, SKIPPED, read_voices
from mvsd.evaluate.summary import summary
from mvsd.metrics.rooms import JND_C50_DB, JND_DRR_DB, share_within
from mvsd.metrics.speakers import cosines, equal_error_rate, trials
from mvsd.metrics.statistics import gap_closed
from mvsd.metrics.undefined import Undefined

GROUPS = {  # title -> columns, or their beginnings where a judge's name follows
    "Spectra": ("sound_db", "error_db", "detail", "stft", "stft_level", "log_stft", "log_stft_level"),
    "Speech": ("pesq_wb", "stoi", "estoi", "si_sdr_db", "SRMR", "DNSMOS", "MOSNet", "WER(", "EER(", "voice("),
    "Room": ("RTE(", "MOSE(", "t60_error_s", "c50_error_db", "drr_error_db", "c50_db", "drr_db", "within"),
    "Cost": ("rtf", "peak_mib"),
}
JNDS = {"t60_error_jnd": ("T60", 1.0), "c50_error_db": ("C50", JND_C50_DB), "drr_error_db": ("DRR", JND_DRR_DB)}
CLOSED = ("pesq_wb", "WER(", "EER(")
CLARITY = ("c50_", "drr_", "within 1 JND C50", "within 2 JND C50", "within 1 JND DRR", "within 2 JND DRR")
FOOT = """`stft` is the mean squared difference of linear magnitudes (512/160/400 Hamming) as is, `stft_level` with the
target at a peak of 1 and the result at its power; `log` forms of ln(magnitude + 1e-5). `error_db` is the log-mel error
of a system's own mel, `sound_db` of its sound. Judges are named in brackets: their numbers compare with no other
judge's. `closed` is (in - out) / (in - ceiling). `input` is what was given, `target` what was wanted, `vocoder` the
target's mel made audible by our inverse, `oracle` the true response (dereverb: its regularised inverse); `shuffled`,
`no_picture` and `oracle_numbers` are mvsd with another room's picture, none, and the true T60 and DRR. All controls but
`input` and `target` are measured on the first clip of each room. In brackets 95 % intervals, bootstrap over rooms, and
speakers where known. Where there are several seeds a clip, a clip counts by the mean of its seeds, and ± is how far the
means of single seeds spread (standard deviation)."""
UNSURE = """\\* C50 and DRR are read from the response that leads from dry speech to the result. That holds for what a
room or a response made (`target`, `oracle`, `blind`), not for what a network made: its phases are not a room's."""


REMADE = """Nobody knows the clean speech of these clips: `input` is the clip, dereverberated by mvsd and put into a
random room, and `target` the clip itself (Chen et al. 2022). A system that was trained from dry speech adds its room to
that random one."""


def write_tables(out: Path) -> str:
    """Returns what table.md holds. Raises UserError where out holds no results."""
    rows = read_results(out)
    table = pd.concat([means(rows), shares(rows), error_rates(rows, out)], ignore_index=True)
    table = pd.concat([table, closed(table)], ignore_index=True)
    table.to_csv(out / "table.csv", index=False, float_format="%.6g")
    floors = [*judge_floor(rows), clarity_floor(rows), *_remade(rows)]
    parts = [*_summaries(rows), *_blocks(rows, table), *floors, FOOT, _failures(rows)]
    text = "\n\n".join(part for part in parts if part)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    write_figures(out, rows, table)
    return text


def _summaries(rows: pd.DataFrame) -> list[str]:
    """Ours in one table, a split each: rooms that were seen in training are not averaged with others."""
    parts = {split: summary(part) for split, part in rows.groupby("split", sort=False)}
    told = {split: text for split, text in parts.items() if text}
    return [f"## Ours, {split}\n\n{text}" if len(told) > 1 else text for split, text in told.items()]


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares of clips whose error of T60, C50 and DRR is within one and two just-noticeable differences.

    A clip of several seeds counts by the share of its seeds.
    """
    lines = []
    for (split, task, system), part in rows[rows["status"] == OK].groupby(["split", "task", "system"], sort=False):
        for column, (name, jnd) in JNDS.items():
            if column in part and part[column].notna().any():
                clips = part.loc[part[column].notna(), "clip"].nunique()
                for many in (1, 2):
                    by_clip = part.groupby("clip")[column].agg(lambda errors, of=many * jnd: share_within(errors, of))
                    lines.append([split, task, system, f"within {many} JND {name}", by_clip.mean(), clips])
    return pd.DataFrame(lines, columns=["split", "task", "system", "metric", "mean", "clips"])


def error_rates(rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """EER of each system: clean clips against converted ones, at the first seed."""
    voices = read_voices(out)
    judge = next((name.removeprefix("voice(") for name in rows.columns if name.startswith("voice(")), None)
    lines = []
    if judge and voices:
        for (split, task, system), part in rows[rows["status"] == OK].groupby(["split", "task", "system"], sort=False):
            rate, count = _error_rate(part, voices, task, "target" if task == "dereverb" else "input")
            if rate is not None:
                lines.append([split, task, system, f"EER({judge}", rate, count])
    return pd.DataFrame(lines, columns=["split", "task", "system", "metric", "mean", "clips"])


def _error_rate(part: pd.DataFrame, voices: dict, task: str, dry: str) -> tuple[float | None, int]:
    first = part[part["seed"] == part["seed"].min()]
    keys = [(row.clip, task, row.system, int(row.seed)) for row in first.itertuples()]
    clean = {clip: voice for (clip, of, system, _), voice in voices.items() if of == task and system == dry}
    there = [(key, row) for key, row in zip(keys, first.itertuples()) if key in voices and row.clip in clean]
    try:
        drawn = trials([row.speaker for _, row in there])
    except Undefined:
        return None, 0
    alike = cosines(np.array([clean[row.clip] for _, row in there]), np.array([voices[key] for key, _ in there]))
    return equal_error_rate(alike[drawn[:, 0], drawn[:, 1]], drawn[:, 2]), len(there)


def closed(table: pd.DataFrame) -> pd.DataFrame:
    """Share of the gap between input and target that each system closes."""
    lines = []
    picked = table[table["metric"].str.startswith(CLOSED)]
    for (split, task, metric), part in picked.groupby(["split", "task", "metric"], sort=False):
        at = part.set_index("system")["mean"]
        if {"input", "target"} <= set(at.index):
            for system, value in at.drop(["input", "target"]).items():
                share = gap_closed(at["input"], value, at["target"])
                lines.append([split, task, system, f"{metric} closed", share])
    return pd.DataFrame(lines, columns=["split", "task", "system", "metric", "mean"])


def _blocks(rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """A heading a task and split, a table a group of metrics: rows are systems."""
    blocks = []
    for (split, task), part in table.groupby(["split", "task"], sort=False):
        seen = bool(rows.loc[rows["split"] == split, "is_training"].any())
        note = " (training clips)" if seen else ""
        blocks.append(f"## {task}" + (f", {split}{note}" if split not in ("", "all") else ""))
        for title, beginnings in GROUPS.items():
            names = [name for start in beginnings for name in _named(part, start)]
            if names:
                blocks.append(f"**{title}**\n\n{grid(part, names)}")
    return blocks


def _named(part: pd.DataFrame, start: str) -> list[str]:
    """Metrics of that name, or that begin with it where it ends in a bracket, is a share, or is told as closed."""
    names = dict.fromkeys(part["metric"])
    return [
        name
        for name in names
        if name in (start, f"{start} closed") or ((start[-1] == "(" or start == "within") and name.startswith(start))
    ]


def grid(part: pd.DataFrame, names: list[str]) -> str:
    """Systems down, metrics across, in Markdown."""
    heads = [f"{name} \\*" if name.startswith(CLARITY) else name for name in names]
    lines = ["| system | clips | " + " | ".join(heads) + " |", "|---" * (len(names) + 2) + "|"]
    for system, group in part.groupby("system", sort=False):
        at = group.set_index("metric")
        cells = [cell(at.loc[name]) if name in at.index else "" for name in names]
        count = int(np.nanmax(group["clips"].to_numpy(float)))
        lines.append(f"| {system} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(line: pd.Series) -> str:
    low, high, spread = line.get("low"), line.get("high"), line.get("seed_sd")
    between = f" ({number(low)} to {number(high)})" if pd.notna(low) and line["clips"] > 1 else ""
    return number(line["mean"]) + (f" ±{number(spread)}" if pd.notna(spread) else "") + between


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.3f}"


def judge_floor(rows: pd.DataFrame) -> list[str]:
    """How far to trust the blind judge of T60: what it says of the true sounds, and of their copies."""
    known = rows[rows["task"] == "match"].groupby("clip")["t60_true_s"].first()
    ears = [name[4:-1] for name in metric_columns(rows) if name.startswith("RTE(")]
    return [floor for ear in ears if (floor := _floor(rows, known, ear))]


def _floor(rows: pd.DataFrame, known: pd.Series, ear: str) -> str:
    truth = rows[(rows["system"] == "target") & (rows["task"] == "match")].groupby("clip")[f"T60({ear})"].first()
    errors, copied = (truth - known).abs().dropna(), mean_of(rows, "match", "vocoder", f"RTE({ear})")
    parts = [f"{copied:.3f} s between the truth and its copy-synthesis"] if np.isfinite(copied) else []
    if len(errors):
        parts.append(f"{errors.mean():.2f} s between judge and room on the truth itself ({len(errors)} clips)")
    return f"Floor of RTE({ear}): {'; '.join(parts)}." if parts else ""


def clarity_floor(rows: pd.DataFrame) -> str:
    """What the marked columns are worth: how far a mere copy of the truth already is from it."""
    if not rows.columns.isin(["c50_db"]).any() or not rows["c50_db"].notna().any():
        return ""
    far = {name: mean_of(rows, "match", "vocoder", f"{name.lower()}_error_db") for name in ("DRR", "C50")}
    if not np.isfinite(list(far.values())).all():
        return UNSURE
    told = " and ".join(f"{error:.1f} dB in {name}" for name, error in far.items())
    floor = f"Here the row `vocoder`, a copy of the truth, is already {told} off: differences of that size say nothing."
    return f"{UNSURE} {floor}"


def _remade(rows: pd.DataFrame) -> list[str]:
    return [REMADE] if (rows["status"] == OK).any() and rows["sound_db"].isna().all() else []


def _failures(rows: pd.DataFrame) -> str:
    failed, skipped = (rows[rows["status"] == status] for status in (FAILED, SKIPPED))
    lines = [f"{len(failed)} rows failed; see results.csv."] if len(failed) else []
    if len(skipped):
        lines.append(f"{len(skipped)} rows were passed over, as their set leaves them out or does not tell enough.")
    return "\n\n".join(lines)
