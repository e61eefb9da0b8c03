"""The journals: what is acknowledged is there, what is torn is told, what is erased is gone."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mvsd.study import journal
from mvsd.study.columns import Column
from mvsd.study.journal import Journal, erase, read, set_aside
from mvsd.study.table_files import dictionary_json, first_of_each, guarded, replace_file, to_csv

COLUMNS = ("session_id", "trial_id", "comment")
NASTY = ['say "so"', "two\r\nlines\nand more", "=1+1", "\u202eright to left", "a,b;c\td", "x" * 100_000, ""]


def row(session: str, trial: int, comment: str = "") -> journal.Row:
    return {"session_id": session, "trial_id": str(trial), "comment": comment}


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_as_it_was(tmp_path: Path, text: str):
    table = Journal(tmp_path, "judgements", COLUMNS)
    table.append(row("a", 1, text))
    table.append(row("a", 2, "after"))
    assert read(tmp_path, "judgements").rows == [row("a", 1, text), row("a", 2, "after")]


def test_half_a_surrogate_pair_and_a_zero_byte_do_no_harm(tmp_path: Path):
    Journal(tmp_path, "judgements", COLUMNS).append(row("a", 1, "\ud800\0ok"))
    assert read(tmp_path, "judgements").rows == [row("a", 1, "?ok")]


def test_two_servers_write_two_files_of_one_table(tmp_path: Path):
    for session in "ab":
        Journal(tmp_path, "judgements", COLUMNS).append(row(session, 1))
    assert len(list(tmp_path.iterdir())) == 2
    assert {r["session_id"] for r in read(tmp_path, "judgements").rows} == {"a", "b"}


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_torn_last_row_is_set_aside_wherever_it_tore(tmp_path: Path, cut: int):
    table = Journal(tmp_path, "judgements", COLUMNS)
    table.append(row("a", 1, "kept"))
    table.append(row("a", 2, 'torn\r\n"here"\r\n'))
    file = next(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:-cut])
    assert read(tmp_path, "judgements").rows == [row("a", 1, "kept")]
    torn = set_aside(tmp_path, "judgements")
    assert list(torn) == [file.name]
    assert (tmp_path / f"{file.name}.torn").read_bytes() == torn[file.name]


def test_a_failed_write_is_told_and_may_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = Journal(tmp_path, "judgements", COLUMNS)
    table.append(row("a", 1))
    write, fsync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]) and _full())
    with pytest.raises(OSError, match="full"):
        table.append(row("a", 2))
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", lambda file: _full())
    with pytest.raises(OSError, match="full"):
        table.append(row("a", 2))
    monkeypatch.setattr(os, "fsync", fsync)
    table.append(row("a", 2))
    rows = first_of_each(read(tmp_path, "judgements").rows, ("session_id", "trial_id"))
    assert rows == [row("a", 1), row("a", 2)]


def _full():
    raise OSError("disk full")


def test_erased_rows_are_blank_in_the_file_and_others_stay(tmp_path: Path):
    table = Journal(tmp_path, "judgements", COLUMNS)
    table.append(row("a", 1, "secret\nword"), row("b", 1), row("a", 2))
    assert erase(tmp_path, "judgements", "session_id", "a") == 2
    table.append(row("b", 2))  # the file that was written in goes on
    assert read(tmp_path, "judgements").rows == [row("b", 1), row("b", 2)]
    assert b"secret" not in next(tmp_path.iterdir()).read_bytes()


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path):
    writer = f"""
from pathlib import Path
from mvsd.study.journal import Journal
table = Journal(Path({str(tmp_path)!r}), "judgements", {COLUMNS!r})
for trial in range(10**6):
    table.append({{"session_id": "a", "trial_id": str(trial), "comment": "x" * 3000}})
    print(trial, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(process.stdout.readline()) for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.communicate()[0].splitlines()]
    there = [int(r["trial_id"]) for r in read(tmp_path, "judgements").rows]
    assert set(acknowledged) <= set(there)
    assert len(there) == len(set(there)) <= len(acknowledged) + 1


def test_formulas_are_disarmed_in_free_text_only():
    columns = {"comment": Column("text", "Free."), "response": Column("enum", "Score.")}
    rows = guarded([{"comment": "=HYPERLINK(1)", "response": "-3"}], columns)
    assert rows == [{"comment": "'=HYPERLINK(1)", "response": "-3"}]
    assert json.loads(dictionary_json(columns))["guarded"] == ["comment"]


def test_a_table_is_written_whole_and_read_back(tmp_path: Path):
    rows = [row("a", i, text) for i, text in enumerate(NASTY)]
    replace_file(tmp_path / "results.csv", to_csv(rows, COLUMNS))
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(io.StringIO(file.read(), newline=""))) == rows
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_rows_that_come_together_are_all_there_and_share_turns_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (time.sleep(0.01), synced.append(file), fsync(file)))
    table = Journal(tmp_path, "rows", ("n",))
    writers = [threading.Thread(target=table.append, args=({"n": str(n)},)) for n in range(40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(int(row["n"]) for row in read(tmp_path, "rows").rows) == list(range(40))
    assert len(synced) < 20
