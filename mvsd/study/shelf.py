"""The studies of an installation: those that run, and why the others do not."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from mvsd.errors import UserError
from mvsd.study.frozen import open_frozen
from mvsd.study.judgement import Asker
from mvsd.study.label_spec import LABELS
from mvsd.study.label_store import open_project
from mvsd.study.labelling import LiveLabels
from mvsd.study.live import LiveStudy
from mvsd.study.spec import FILE

RESULTS = "results"


@dataclass(frozen=True)
class Shelf:
    """running, labels: by id. closed: id -> the reason, for researchers."""

    running: dict[str, LiveStudy] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    labels: dict[str, LiveLabels] = field(default_factory=dict)


def open_shelf(studies: Path, asker: Asker, kept: Path | None = None, *, forgets: bool = False) -> Shelf:
    """Open every study and label project in a folder of studies.

    kept: folder for results; beside each study if None. forgets: this machine's own disk is lost at a restart, as on a
    Space: studies run only if kept is a volume that outlives it.
    """
    shelf = Shelf()
    for file in sorted([*studies.glob(f"*/{FILE}"), *studies.glob(f"*/{LABELS}")]):
        folder = file.parent
        results = kept / folder.name if kept else folder / RESULTS
        try:
            if forgets:
                _check_volume(kept)
            _check_writable(results)
            if file.name == FILE:
                shelf.running[folder.name] = LiveStudy(open_frozen(folder), results, asker)
            else:
                shelf.labels[folder.name] = LiveLabels(open_project(folder), results)
        except UserError as error:
            shelf.closed[folder.name] = str(error)
    return shelf


def _check_volume(kept: Path | None) -> None:
    if kept is None or not any(os.path.ismount(folder) for folder in (kept, *kept.parents[:-1])):
        raise UserError(
            "The disk here is lost at a restart. Mount a volume and name a folder on it in MVSD_RESULTS; "
            "until then no study opens."
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
