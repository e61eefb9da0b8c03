"""The files of a run: a row a clip and system, what was asked for, and who the clips are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mvsd.data.clips import ClipFiles
from mvsd.errors import UserError

RESULTS, CLIPS, ASKED, VOICES, WAVS = "results.csv", "clips.csv", "asked.json", "voices.jsonl", "wavs"
HEAD = (
    *("clip", "system", "task", "status", "reason", "checkpoint_sha256", "steps", "sampler", "seed"),
    *("seconds", "rtf"),
)
ABOUT = ("clip", "room", "speaker", "split", "is_training")  # columns of clips.csv
OK, FAILED, SKIPPED = "ok", "failed", "skipped"  # skipped: nothing is wrong, and nothing to be measured
Row = dict[str, Any]
Key = tuple[str, str, str, int]


class Results:
    """results.csv as it grows. columns: of the metrics. Rows that failed earlier are dropped, to be tried again."""

    def __init__(self, out: Path, columns: Sequence[str]):
        self.out, self.columns = out, (*HEAD, *columns)
        self.rows = [row for row in _read(out / RESULTS) if row["status"] != FAILED]
        if self.rows and tuple(self.rows[0]) != self.columns:
            raise UserError(f"{out} holds results with other columns. Choose another --out.")
        self.write(self.rows)

    @property
    def done(self) -> set[Key]:
        return {key_of(row) for row in self.rows}

    def append(self, row: Row) -> None:
        self.rows.append(row)
        with (self.out / RESULTS).open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def write(self, rows: Iterable[Row]) -> None:
        """The whole file at once, so that a kill leaves the old one or the new one."""
        part = self.out / f".{RESULTS}.part"
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)
        part.replace(self.out / RESULTS)

    def sort(self, order: Sequence[Key]) -> None:
        """Rows in the order of the jobs, whichever process was the faster."""
        places = {key: place for place, key in enumerate(order)}
        self.write(sorted(self.rows, key=lambda row: places.get(key_of(row), len(places))))


def key_of(row: Row) -> Key:
    return row["clip"], row["task"], row["system"], int(row["seed"])


def _read(path: Path) -> list[Row]:
    """Whole rows of an earlier run; one that was cut off by a kill is left out."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and None not in row]


def remember(out: Path, asked: Row) -> None:
    """Write what was asked for. Raises UserError where the folder holds results of something else."""
    path = out / ASKED
    if path.is_file():
        held = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name, value in asked.items() if held.get(name) != value]:
            name = other[0]
            raise UserError(f"{out} was made with {name} {held.get(name)}, not {asked[name]}. Choose another --out.")
    path.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")


def write_clips(out: Path, clips: Sequence[ClipFiles]) -> None:
    """clips.csv: what tables group by. Clips of an earlier run stay, whose rows stay too."""
    told = {row["clip"]: row for row in _read(out / CLIPS)}
    told |= {clip.name: dict(zip(ABOUT, _about(clip))) for clip in clips}
    with (out / CLIPS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ABOUT)
        writer.writeheader()
        writer.writerows(told.values())


def _about(clip: ClipFiles) -> tuple[str | int, ...]:
    return clip.name, clip.room, clip.speaker, clip.split, int(clip.is_training)


def append_voice(out: Path, key: Key, voice: np.ndarray) -> None:
    """voices.jsonl: the embedding of a row's voice, for the trials of EER."""
    with (out / VOICES).open("a", encoding="utf-8") as file:
        file.write(json.dumps([*key, [round(float(x), 5) for x in voice]]) + "\n")


def read_voices(out: Path) -> dict[Key, np.ndarray]:
    path = out / VOICES
    if not path.is_file():
        return {}
    voices = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.endswith("]]"):  # the last may be cut off
            *key, voice = json.loads(line)
            voices[tuple(key)] = np.array(voice)
    return voices


def wav_path(out: Path, task: str, system: str, clip: str) -> Path:
    return out / WAVS / task / system / f"{clip.replace('/', '_')}.wav"
