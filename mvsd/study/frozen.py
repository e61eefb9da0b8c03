"""A frozen study: nothing in it may change while listeners answer, or it refuses to open and says what changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from mvsd.errors import UserError
from mvsd.study.spec import FILE, Study, read_study
from mvsd.study.table_files import replace_file

SEAL, STIMULI, MANIFEST = "frozen.json", "stimuli", "stimuli/manifest.json"


@dataclass(frozen=True)
class Stimulus:
    """A clip or picture in stimuli/. A picture has no more than a file and its hash."""

    file: str
    sha256: str
    gain_db: float = 0.0
    checkpoint_sha256: str = ""
    seed: str = ""
    system: str = ""
    settings: str = ""  # as JSON
    seconds: float = 0.0


@dataclass(frozen=True)
class Manifest:
    """What was built. clips, references, pictures: by item, clips then by method. rate: of every clip, in Hz."""

    rate: int
    clips: dict[str, dict[str, Stimulus]]
    references: dict[str, Stimulus]
    pictures: dict[str, Stimulus]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        try:
            values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UserError(f"{folder.name} has no stimuli. Run `python -m mvsd study build {folder.name}`.") from error
        of = lambda kind: {item: Stimulus(**value) for item, value in values[kind].items()}  # noqa: E731
        clips = {item: {m: Stimulus(**v) for m, v in methods.items()} for item, methods in values["clips"].items()}
        return cls(values["rate"], clips, of("references"), of("pictures"))

    def lacks(self, study: Study) -> list[str]:
        """What study.yaml names and was not built."""
        wanted = [(item.id, method) for item in study.items for method in study.methods]
        return [f"{method} of {item}" for item, method in wanted if method not in self.clips.get(item, {})]

    def write(self, folder: Path) -> None:
        replace_file(folder / MANIFEST, json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")


@dataclass(frozen=True)
class FrozenStudy:
    """id: the name of its folder."""

    id: str
    folder: Path
    study: Study
    manifest: Manifest
    sha256: str

    @cached_property
    def length_s(self) -> dict[str, float]:
        """Length of the clips of each item: all of one item are equally long."""
        return {item: next(iter(clips.values())).seconds for item, clips in self.manifest.clips.items()}

    def path(self, stimulus: Stimulus) -> Path:
        return self.folder / STIMULI / stimulus.file


def freeze(folder: Path, version: str, now: datetime) -> str:
    """Write the seal of a built study. Returns the study's hash."""
    if lacking := Manifest.read(folder).lacks(read_study(folder)):
        raise UserError(f"Not built yet: {', '.join(lacking)}. Run `python -m mvsd study build {folder.name}`.")
    if (folder / SEAL).exists():
        opened = open_frozen(folder)
        raise UserError(f"{folder.name} is frozen already ({opened.sha256[:12]}). Copy it to a new name to change it.")
    files = hashes(folder)
    seal = {"study_sha256": total(files), "files": files, "mvsd": version, "frozen_utc": now.isoformat()}
    replace_file(folder / SEAL, json.dumps(seal, indent=1) + "\n")
    return seal["study_sha256"]


def unfreeze(folder: Path) -> None:
    """Take the seal off a study that nobody has answered, to build it anew with other weights."""
    if any((folder / "results").glob("*.csv")):
        raise UserError(f"{folder.name} has answers: its stimuli stay as they are. Copy it to a new name to change it.")
    (folder / SEAL).unlink(missing_ok=True)


def open_frozen(folder: Path) -> FrozenStudy:
    """A study that is as it was frozen, or a UserError that names each file that is not."""
    seal = read_seal(folder)
    now, then = hashes(folder), seal["files"]
    changed = [f"{name} is gone" for name in then if name not in now]
    changed += [f"{name} is new" for name in now if name not in then]
    changed += [f"{name} has changed" for name in now if name in then and now[name] != then[name]]
    if changed or total(then) != seal["study_sha256"]:
        told = "; ".join(changed) or f"{SEAL} itself has changed"
        raise UserError(
            f"{folder.name} is not as it was frozen: {told}. Restore it, or freeze a copy under a new name."
        )
    return FrozenStudy(folder.name, folder, read_study(folder), Manifest.read(folder), seal["study_sha256"])


def read_seal(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{folder.name} is not frozen. Run `python -m mvsd study freeze {folder.name}`.") from error
    except ValueError as error:
        raise UserError(f"{folder.name}/{SEAL} is not JSON: {error}. Restore it.") from error


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of study.yaml and of every file in stimuli/."""
    files = [folder / FILE, *sorted(file for file in (folder / STIMULI).rglob("*") if file.is_file())]
    return {file.relative_to(folder).as_posix(): sha256_of(file.read_bytes()) for file in files}


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def total(files: dict[str, str]) -> str:
    return sha256_of(json.dumps(files, sort_keys=True).encode())
