"""What a run leaves on disk: run.json, metrics.jsonl, state.pt. A kill or a full disk tears none of them."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch

from mvsd import __version__
from mvsd.errors import UserError

PACKAGES = ("torch", "torchvision", "accelerate", "safetensors", "numpy", "pyroomacoustics", "mitsuba")
NAMES = ("run.json", "metrics.jsonl", "state.pt")


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside the old one and put it in its place. Raises UserError where it does not fit."""
    part = path.with_name(path.name + ".tmp")
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch tells of a full disk by a RuntimeError
        part.unlink(missing_ok=True)
        raise UserError(
            f"{path} could not be written ({error}). Free some space; the same command goes on from what is there."
        ) from error


class RunFolder:
    """The files of one run, written by one process."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.head, self.metrics, self.state = (folder / name for name in NAMES)

    def read_state(self, device: torch.device) -> dict[str, Any] | None:
        """What was kept last; None where there is nothing yet."""
        if not self.state.is_file():
            return None
        try:
            return torch.load(self.state, weights_only=True, map_location=device)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise UserError(f"{self.state} is damaged. Take it away, and the run begins anew.") from error

    def keep(self, state: dict[str, Any], head: dict[str, Any]) -> None:
        """The state to go on from, with how much had been noted by then; then what tells of the run."""
        state = state | {"noted": self.metrics.stat().st_size if self.metrics.is_file() else 0}
        write_whole(self.state, lambda file: torch.save(state, file))
        write_whole(self.head, lambda file: file.write(json.dumps(head, indent=1).encode()))

    def forget_after(self, noted: int) -> None:
        """Drop what was noted after the kept state: it will be noted again."""
        if self.metrics.is_file():
            os.truncate(self.metrics, min(noted, self.metrics.stat().st_size))

    def note(self, row: dict[str, float]) -> None:
        line = json.dumps({name: round(value, 6) for name, value in row.items()}) + "\n"
        try:
            with open(self.metrics, "a") as file:
                file.write(line)
        except OSError as error:
            raise UserError(f"{self.metrics} could not be written ({error}). Free some space, and go on.") from error


def circumstances() -> dict[str, Any]:
    """What else it takes to repeat a run: the command, the code and the packages."""
    return {
        "command": shlex.join(sys.orig_argv),
        "mvsd": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the code, marked where it was changed since; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def pack_sha256(folder: Path) -> str:
    """One hash of a pack: its index and all its shards."""
    whole = sha256()
    for path in [folder / "pack.json", *sorted(folder.glob("*.safetensors"))]:
        with open(path, "rb") as file:
            while block := file.read(2**24):
                whole.update(block)
    return whole.hexdigest()
