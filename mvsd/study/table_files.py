"""Tables made from the journals for people: merged, whole, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from mvsd.study.columns import DICTIONARY, SCHEMA_VERSION, Column
from mvsd.study.journal import Row

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet may take for one: CWE-1236


def first_of_each(rows: Iterable[Row], key: Sequence[str]) -> list[Row]:
    """The first row of each key: a repeated answer counts once."""
    kept: dict[tuple[str, ...], Row] = {}
    for row in rows:
        kept.setdefault(tuple(row[column] for column in key), row)
    return list(kept.values())


def to_csv(rows: Iterable[Row], columns: Sequence[str]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def guarded(rows: Iterable[Row], columns: dict[str, Column]) -> list[Row]:
    """The rows with an apostrophe before free text that a spreadsheet might run."""
    free = [name for name, column in columns.items() if column.kind == "text"]
    return [row | {name: guard(row[name]) for name in free if name in row} for row in rows]


def guard(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def dictionary_json(columns: dict[str, Column] = DICTIONARY) -> str:
    """The data dictionary that goes with a table; `guarded` names the columns that guard() may have changed."""
    about = {name: asdict(column) for name, column in columns.items()}
    free = [name for name, column in columns.items() if column.kind == "text"]
    return json.dumps({"schema_version": SCHEMA_VERSION, "guarded": free, "columns": about}, indent=1)


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
