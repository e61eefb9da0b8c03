"""The labels of a project on disk, and the one file that carries them to another installation and back."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import soundfile

from mvsd.errors import UserError
from mvsd.study import journal
from mvsd.study.frozen import sha256_of
from mvsd.study.journal import Journal, Row
from mvsd.study.label_spec import LabelProject, read_project
from mvsd.study.label_values import Values, from_cells, to_cells
from mvsd.study.table_files import first_of_each, guard, to_csv

LABEL_TABLE, RATER_TABLE = "labels", "raters"
ABOUT = ("schema_version", "session_id", "rater", "item_id", "clip_sha256", "revision", "seconds", "input", "t_utc")
LABEL_COLUMNS = (*ABOUT, "values")  # values: JSON
KEY = ("session_id", "item_id", "revision")
SCHEMA_VERSION = "1"


@dataclass(frozen=True)
class Clip:
    path: Path
    sha256: str
    length_s: float
    rate: int  # Hz
    picture: Path | None


@dataclass(frozen=True)
class OpenProject:
    """A project whose clips were read. id: the name of its folder. clips: by item."""

    id: str
    folder: Path
    project: LabelProject
    clips: dict[str, Clip]


def open_project(folder: Path) -> OpenProject:
    project, clips = read_project(folder), {}
    for item in project.items:
        path = folder / item.clip
        try:
            sound = soundfile.info(path)
        except soundfile.LibsndfileError as error:
            raise UserError(f"{path} is no sound we can read. Save it as WAV or FLAC.") from error
        picture = folder / item.picture if item.picture else None
        clips[item.id] = Clip(path, sha256_of(path.read_bytes()), sound.duration, sound.samplerate, picture)
    return OpenProject(folder.name, folder, project, clips)


def all_rows(results: Path) -> list[Row]:
    """Every revision of every label, each once, in order of time."""
    rows = sorted(journal.read(results, LABEL_TABLE).rows, key=lambda row: row["t_utc"])
    return first_of_each(rows, KEY)


def latest(rows: list[Row]) -> list[Row]:
    """What counts: the last revision of each rater's label of each item."""
    kept = {}
    for row in rows:
        kept[row["rater"], row["item_id"]] = row
    return list(kept.values())


def values_of(row: Row) -> Values:
    return json.loads(row["values"])


def export_csv(opened: OpenProject, results: Path, *, guards: bool = False) -> str:
    """One row a label, a column for each field of the form. guards: free text cannot act as a formula, for
    a spreadsheet; such a file is not meant to be imported.
    """
    rows = [row | to_cells(opened.project, values_of(row)) for row in latest(all_rows(results))]
    free = ["rater", *(field.id for field in opened.project.form if field.kind == "text")]
    if guards:
        rows = [row | {name: guard(row[name]) for name in free} for row in rows]
    return to_csv(rows, _columns(opened))


def import_csv(opened: OpenProject, results: Path, text: str) -> int:
    """Add the labels of an export; those that are here already stay. All or nothing. Returns how many came."""
    table = csv.DictReader(io.StringIO(text, newline=""))
    if lacking := set(_columns(opened)) - set(table.fieldnames or ()):
        raise UserError(f"The file lacks the columns {', '.join(sorted(lacking))}. Take an export of {opened.id}.")
    here = {tuple(row[column] for column in KEY) for row in all_rows(results)}
    read = [_imported(opened, row, number) for number, row in enumerate(table, start=1)]
    rows = first_of_each((row for row in read if tuple(row[column] for column in KEY) not in here), KEY)
    if rows:
        store = Journal(results, LABEL_TABLE, LABEL_COLUMNS)
        store.append(*rows)
        store.close()
    return len(rows)


def _imported(opened: OpenProject, row: Row, number: int) -> Row:
    clip = opened.clips.get(row["item_id"])
    if clip is None or clip.sha256 != row["clip_sha256"]:
        raise UserError(f"Label {number} is of another clip than {row['item_id']} here. Take the same project.")
    if not (row["revision"] or "").isdecimal() or not row["session_id"] or not row["rater"] or not row["t_utc"]:
        raise UserError(f"Label {number} is cut short. Export anew.")
    try:
        values = from_cells(opened.project, row, clip.length_s)
    except UserError as error:
        raise UserError(f"Label {number}, {row['item_id']}: {error}") from error
    return {column: row[column] for column in ABOUT} | {"values": json.dumps(values)}


def _columns(opened: OpenProject) -> tuple[str, ...]:
    return (*ABOUT, *(field.id for field in opened.project.form))
