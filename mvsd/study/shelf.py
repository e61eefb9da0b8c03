"""The studies of an installation: those that run, and why the others do not."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mvsd.errors import UserError
from mvsd.study.frozen import open_frozen
from mvsd.study.judgement import Asker
from mvsd.study.label_spec import LABELS
from mvsd.study.label_store import open_project
from mvsd.study.labelling import LiveLabels
from mvsd.study.live import LiveStudy
from mvsd.study.spec import FILE

RESULTS = "results"


class Sync(Protocol):
    """Copies all results to where they outlive this machine. lock: held by who writes a row."""

    lock: threading.Lock

    def told(self) -> str:
        """How things stand, for researchers."""


@dataclass(frozen=True)
class Shelf:
    """running, labels: by id. closed: id -> the reason, for researchers. kept: where results are safe, in words."""

    running: dict[str, LiveStudy] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    labels: dict[str, LiveLabels] = field(default_factory=dict)
    kept: Callable[[], str] = lambda: ""


def open_shelf(
    studies: Path,
    asker: Asker,
    kept: Path | None = None,
    *,
    forgets: bool = False,
    begin_sync: Callable[[], Sync | None] = lambda: None,
) -> Shelf:
    """Open every study and label project in a folder of studies.

    kept: folder for results; beside each study if None. forgets: this machine's own disk is lost at a restart, as on a
    Space: studies run only if kept is a volume that outlives it, or a sync was begun, which tests itself.
    """
    sync, failure = _begun(begin_sync)
    shelf = Shelf(kept=sync.told if sync else lambda: failure)
    for file in sorted([*studies.glob(f"*/{FILE}"), *studies.glob(f"*/{LABELS}")]):
        folder = file.parent
        results = kept / folder.name if kept else folder / RESULTS
        try:
            if forgets and not sync:
                _check_volume(kept, failure)
            _check_writable(results)
            lock = sync.lock if sync else None
            if file.name == FILE:
                shelf.running[folder.name] = LiveStudy(open_frozen(folder), results, asker, lock=lock)
            else:
                shelf.labels[folder.name] = LiveLabels(open_project(folder), results, lock=lock)
        except UserError as error:
            shelf.closed[folder.name] = str(error)
    return shelf


def _begun(begin_sync: Callable[[], Sync | None]) -> tuple[Sync | None, str]:
    """A sync that works, or why there is none."""
    try:
        return begin_sync(), ""
    except UserError as error:
        return None, str(error)


def _check_volume(kept: Path | None, failure: str) -> None:
    if kept is None or not any(os.path.ismount(folder) for folder in (kept, *kept.parents[:-1])):
        raise UserError(
            "The disk here is lost at a restart, so no study opens. Mount a volume and name a folder on it in "
            f"MVSD_RESULTS, or name a private dataset in MVSD_RESULTS_REPO. {failure}".strip()
        )


def _check_writable(results: Path) -> None:
    probe = results / f".probe-{secrets.token_hex(4)}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            file.write(b"probe")
            os.fsync(file.fileno())
        probe.unlink()
    except OSError as error:
        raise UserError(f"{results} cannot be written to ({error.strerror}). Free space or mend its rights.") from error
