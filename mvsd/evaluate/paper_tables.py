"""The tables of the MVSD paper (arXiv 2407.10373) in their own form, from the results of runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mvsd.errors import UserError
from mvsd.evaluate.plan import OURS
from mvsd.evaluate.published import markdown
from mvsd.evaluate.results import ASKED, CLIPS
from mvsd.evaluate.tables import cell
from mvsd.few_steps import STEPS_CSV, summary

SAME_SIZE = (OURS, "unet", "unet_gan")  # one network, trained alike
STFT = {"stft": "STFT as is", "stft_level": "STFT level-matched"}
SCHEDULES, WAYS = "schedules", "ways"  # arms of `ablate --schedules` and of `ablate`, which stand where systems do
ERROR = {"error_db": "log-mel error, dB"}
SHARE = re.compile(r"unpaired\D*(\d+)")


@dataclass(frozen=True)
class Run:
    """A folder of `evaluate`: its name, what was asked for, its table.csv, and splits that were trained on."""

    name: str
    folder: Path
    asked: dict
    table: pd.DataFrame
    taught: frozenset[str] = frozenset()

    def told(self, split: str) -> str:
        """Name of the run and a split of it."""
        return f"{self.name} {split}" + (" (training clips)" if split in self.taught else "")

    @property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(self.table["split"]))

    def has(self, task: str, split: str, metric: str) -> bool:
        """Whether any system was so measured."""
        table = self.table
        return bool(((table["task"] == task) & (table["split"] == split) & (table["metric"] == metric)).any())

    def pick(self, task: str, system: str, split: str | None = None) -> pd.DataFrame:
        """Lines of one task, system and split, by metric; the first split where none is named."""
        part = self.table[(self.table["task"] == task) & (self.table["system"] == system)]
        wanted = split if split is not None else next(iter(part["split"]), "")
        return part[part["split"] == wanted].set_index("metric")


def read_run(folder: Path) -> Run:
    """Raises UserError where there are no results."""
    if not (folder / "table.csv").is_file():
        raise UserError(
            f"{folder} holds no table.csv. Make one with: python -m mvsd evaluate --data DIR --out {folder}"
        )
    asked = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    table = pd.read_csv(folder / "table.csv", dtype={"split": str}).fillna({"split": ""})
    return Run(folder.resolve().name, folder, asked, table, _taught(folder / CLIPS))


def _taught(file: Path) -> frozenset[str]:
    """Splits with clips of training."""
    if not file.is_file():
        return frozenset()
    clips = pd.read_csv(file, dtype=str)
    return frozenset(clips.loc[clips["is_training"] == "1", "split"])


def is_ladder(folder: Path) -> bool:
    """Whether it is a folder of `steps`."""
    return (folder / STEPS_CSV).is_file()


def tables(runs: Sequence[Run], ladders: Sequence[Path] = ()) -> Iterator[tuple[str, str]]:
    """(title, Markdown) of each table; in place of one that cannot be made, what it needs. ladders: of `steps`."""
    converted = [run for run in runs if not {SCHEDULES, WAYS} & run.asked.keys()]
    for title, make, needs in TABLES:
        made = make(runs if make in OF_TRAINING else converted)
        parts = [made, *(ladder(folder) for folder in (ladders if make is table_4c else ()))]
        yield title, "\n\n".join(filter(None, parts)) or f"Not measured: {needs}."


def ladder(folder: Path) -> str:
    """What fewer steps cost on fixed weights, as `steps` tells it."""
    return f"{folder.resolve().name}, fixed weights:\n\n{summary(pd.read_csv(folder / STEPS_CSV))}"


def table_1(runs: Sequence[Run]) -> str:
    """Acoustic matching: systems down, splits of each run across."""
    return _side_by_side(runs, "match", _columns(runs, "match", {**STFT, "RTE(": "", "MOSE(": ""}))


def table_2(runs: Sequence[Run]) -> str:
    """Dereverberation: quality, words and voices."""
    return _side_by_side(runs, "dereverb", _columns(runs, "dereverb", {"pesq_wb": "PESQ", "WER(": "", "EER(": ""}))


def table_4a(runs: Sequence[Run]) -> str:
    """Ways of training: runs on the same data with other weights."""
    return _of_ours(
        [run for run in _variants(runs, "weights") if not SHARE.search(run.name)], lambda run: run.name, "run"
    )


def table_4a_trained(runs: Sequence[Run]) -> str:
    """Separate and mutual training at equal compute."""
    return _both_tasks(_arms(runs, WAYS), "training", ERROR)


def table_4b(runs: Sequence[Run]) -> str:
    """The same network with diffusion, without, and without but with a critic."""
    rows = []
    for run in runs:
        there = [name for name in SAME_SIZE if len(run.pick("match", name)) or len(run.pick("dereverb", name))]
        rows += [(run, name, name) for name in there if len(there) > 1]
    return _both_tasks(rows, "system")


def table_4c(runs: Sequence[Run]) -> str:
    """Numbers of steps: runs on the same data and weights."""
    found = _variants(runs, "steps")
    return _of_ours(found, lambda run: str(run.asked["steps"] or "usual"), "steps", {"rtf": "real-time factor"})


def table_4c_trained(runs: Sequence[Run]) -> str:
    """T as trained, each with a schedule that leaves signal at its end and with one that does not."""
    return _both_tasks(_arms(runs, SCHEDULES), "T, schedule", ERROR | {"rtf": "real-time factor"})


def table_4d(runs: Sequence[Run]) -> str:
    """Shares of unpaired recordings in training: runs named so."""
    shares = {int(found[1]): run for run in runs if (found := SHARE.search(run.name))}
    ordered = [shares[share] for share in sorted(shares)]
    return _of_ours(ordered, lambda run: f"{SHARE.search(run.name)[1]} %", "unpaired")


def table_4d_trained(runs: Sequence[Run]) -> str:
    """Mutual training with shares of unpaired recordings, at equal compute."""
    return _both_tasks([row for row in _arms(runs, WAYS) if SHARE.search(row[1])], "unpaired", ERROR)


TABLES: tuple[tuple[str, Callable[[Sequence[Run]], str], str], ...] = (
    ("Table 1: visual acoustic matching", table_1, "a run of --task match"),
    ("Table 2: dereverberation", table_2, "a run of --task dereverb; WER and EER with --metrics all"),
    ("Table 4a: ways of training", table_4a, "runs on one data set with the --weights of each way"),
    ("Table 4a, at equal compute", table_4a_trained, "a folder of `ablate`"),
    ("Table 4b: diffusion, same parameters and compute", table_4b, f"a run with two of {', '.join(SAME_SIZE)}"),
    ("Table 4c: steps", table_4c, "runs on one data set and weights with several --steps, or a folder of `steps`"),
    ("Table 4c, T as trained", table_4c_trained, "a folder of `ablate --schedules T`"),
    ("Table 4d: unpaired recordings", table_4d, "runs whose folders are named unpaired-5, unpaired-25 ..."),
    ("Table 4d, at equal compute", table_4d_trained, "a folder of `ablate --share S`"),
)
OF_TRAINING = (table_4a_trained, table_4c_trained, table_4d_trained)


def _arms(runs: Sequence[Run], kind: str) -> list[tuple[Run, str, str]]:
    """(run, arm, label) of what was trained side by side."""
    return [(run, arm, f"{run.name}: {arm}") for run in runs for arm in run.asked.get(kind, ())]


def _variants(runs: Sequence[Run], what: str) -> list[Run]:
    """Runs that differ in one thing asked for and agree in data and the other."""
    other = {"weights": "steps", "steps": "weights"}[what]
    groups: dict[tuple, dict[object, Run]] = {}
    for run in runs:
        groups.setdefault((run.asked["data"], run.asked[other]), {})[run.asked[what]] = run
    return [run for group in groups.values() if len(group) > 1 for run in group.values()]


def _columns(runs: Sequence[Run], task: str, wanted: dict[str, str]) -> dict[str, str]:
    """Metric to title; one that ends in a bracket stands for every judge of it."""
    there = dict.fromkeys(name for run in runs for name in run.table.loc[run.table["task"] == task, "metric"])
    found = {}
    for start, title in wanted.items():
        names = [name for name in there if name == start or (start.endswith("(") and name.startswith(start))]
        found |= {name: title or name for name in names if not name.endswith("closed")}
    return found


def _side_by_side(runs: Sequence[Run], task: str, columns: dict[str, str]) -> str:
    """Systems down; for each run and split the columns across."""
    parts = [(run, run.table[run.table["task"] == task]) for run in runs]
    places = [(run, split) for run, _ in parts for split in run.splits]
    systems = dict.fromkeys(name for _, part in parts for name in part["system"])
    if not systems:
        return ""
    cells = [(run, split, metric) for run, split in places for metric in columns if run.has(task, split, metric)]
    head = ("system", *(f"{run.told(split)}: {columns[metric]}" for run, split, metric in cells))
    body = []
    for name in sorted(systems, key=lambda name: name != "input"):
        body.append((name, *(_cell(run.pick(task, name, split), metric) for run, split, metric in cells)))
    return markdown((head, *body))


def _of_ours(runs: Sequence[Run], label: Callable[[Run], str], head: str, more: dict[str, str] | None = None) -> str:
    return _both_tasks([(run, OURS, label(run)) for run in runs], head, more)


def _both_tasks(rows: Sequence[tuple[Run, str, str]], head: str, more: dict[str, str] | None = None) -> str:
    """A row each (run, system, label) and split: STFT and RTE of matching, PESQ and WER of dereverberation."""
    runs = list({id(run): run for run, _, _ in rows}.values())
    columns = {
        "match": _columns(runs, "match", {**STFT, "RTE(": "", **(more or {})}),
        "dereverb": _columns(runs, "dereverb", {"pesq_wb": "PESQ", "WER(": "", **(more or {})}),
    }
    wanted = [(task, metric, title) for task, names in columns.items() for metric, title in names.items()]
    if not rows or not wanted:
        return ""
    head_row = (head, *(f"{task}: {title}" for task, _, title in wanted))
    places = [(run, system, label, split) for run, system, label in rows for split in run.splits]
    body = []
    for run, system, label, split in places:
        named = f"{label}, {run.told(split)}" if len(run.splits) > 1 else label
        body.append((named, *(_cell(run.pick(task, system, split), metric) for task, metric, _ in wanted)))
    return markdown((head_row, *body))


def _cell(lines: pd.DataFrame, metric: str) -> str:
    return cell(lines.loc[metric]) if metric in lines.index else ""
