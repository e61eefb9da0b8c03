"""Append-only CSV files: one for each start of a server, all of them together the truth.

A row is on disk before append() returns. A row cut short by a crash is told apart from whole ones by its missing end.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

Row = dict[str, str]


@dataclass
class _Entry:
    """Rows of one caller on their way to the disk."""

    text: str
    is_done: bool = False
    error: OSError | None = None


class Journal:
    """Table `name` of a folder, in which other servers may keep files of the same table.

    lock: shared with whatever copies the folder elsewhere, so that it never copies half a row.
    syncs: wait for the disk; without, rows outlive the process but perhaps not the machine.
    """

    def __init__(
        self, folder: Path, name: str, columns: Sequence[str], lock: threading.Lock | None = None, *, syncs: bool = True
    ):
        self.folder, self.name, self.columns, self.syncs = folder, name, tuple(columns), syncs
        self._lock = lock or threading.Lock()
        self._file: int | None = None
        self._waiting: list[_Entry] = []
        self._queue = threading.Lock()

    def append(self, *rows: Row) -> None:
        """Write rows and wait until they are on disk. Raises OSError if they may not be; append them again then.

        Whoever comes first writes for all who wait meanwhile: rows that come together cost one turn of the disk.
        """
        entry = _Entry("".join(_line(row.get(column, "") for column in self.columns) for row in rows))
        with self._queue:
            self._waiting.append(entry)
        with self._lock:
            if not entry.is_done:
                with self._queue:
                    batch, self._waiting = self._waiting, []
                self._write(batch)
        if entry.error:
            raise OSError(*entry.error.args) from entry.error

    def _write(self, batch: list[_Entry]) -> None:
        text, error = "".join(entry.text for entry in batch), None
        try:
            if self._file is None:
                self._file = self._create()
                text = _line(self.columns) + text
            _write(self._file, text, self.syncs)
        except OSError as failed:
            self.close()  # it may end in half a row: what follows goes to a new file
            error = failed
        for entry in batch:
            entry.error, entry.is_done = error, True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _create(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        # process numbers repeat in containers, random ones do not
        name = f"{self.name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.csv"
        file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)  # the file's name too
        os.close(folder)
        return file


@dataclass(frozen=True)
class Contents:
    """All rows of a table. torn: file name -> what a crash left of its last row."""

    rows: list[Row] = field(default_factory=list)
    torn: dict[str, bytes] = field(default_factory=dict)


def read(folder: Path, name: str) -> Contents:
    """All rows of all files of a table, in the order of files and rows."""
    contents = Contents()
    for file in _files(folder, name):
        data = file.read_bytes()
        spans, end = _records(data)
        contents.rows.extend(row for _, row in _rows(data, spans))
        if data[end:].strip(b"\0 "):  # some file systems leave zeros
            contents.torn[file.name] = data[end:]
    return contents


def set_aside(folder: Path, name: str) -> dict[str, bytes]:
    """Copy torn rows to files of their own, to be looked at; nothing is removed. Returns them."""
    torn = read(folder, name).torn
    for file, rest in torn.items():
        (folder / f"{file}.torn").write_bytes(rest)
    return torn


def erase(folder: Path, name: str, column: str, value: str) -> int:
    """Overwrite with blanks, in place, all rows whose column has this value. Returns how many.

    In place, because another server may be appending to the same file.
    """
    count = 0
    for path in _files(folder, name):
        data = path.read_bytes()
        doomed = [span for span, row in _rows(data, _records(data)[0]) if row.get(column) == value]
        if not doomed:
            continue
        with path.open("r+b") as file:
            for begin, end in doomed:
                file.seek(begin)
                file.write(b" " * (end - begin - 2) + b"\r\n")
            file.flush()
            os.fsync(file.fileno())
        count += len(doomed)
    return count


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}-*.csv"))


def _write(file: int, text: str, syncs: bool) -> None:
    data = text.encode("utf-8", "replace")  # half a surrogate pair is no text
    while data:
        data = data[os.write(file, data) :]
    if syncs:
        os.fsync(file)


def _line(values) -> str:
    """One record as RFC 4180 has it."""
    line = io.StringIO()
    csv.writer(line).writerow([str(value).replace("\0", "") for value in values])
    return line.getvalue()


def _records(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where whole records begin and end, and where they all end: a newline between quotes ends none."""
    spans, begin, at, quotes = [], 0, 0, 0
    for line in data.split(b"\n")[:-1]:
        at += len(line) + 1
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            spans.append((begin, at))
            begin = at
    return spans, begin


def _rows(data: bytes, spans: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], Row]]:
    header = None
    for begin, end in spans:
        text = data[begin:end].decode("utf-8", "replace")
        if not text.strip():
            continue  # erased
        values = next(csv.reader(io.StringIO(text, newline="")))
        if header is None:
            header = values
        else:
            yield (begin, end), dict(zip(header, values))
