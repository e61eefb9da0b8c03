"""The plain layout, as `rooms --speech` writes it and as anyone can: image/ rir/ clean/ reverb/ with equal stems."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor

from mvsd.audio import load, resample
from mvsd.data.clips import ClipContents, ClipFiles, Listing, read_picture
from mvsd.errors import UserError

TITLE = "Plain folder"
SUFFIXES = {
    "image": (".jpg", ".jpeg", ".png", ".webp"),
    "rir": (".wav", ".flac"),
    "clean": (".wav", ".flac"),
    "reverb": (".wav", ".flac"),
}


def is_here(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in ("clean", "reverb", "rir"))


def list_clips(folder: Path) -> Listing:
    """One clip a stem; a stem must be in every folder that is there.

    Columns room, speaker, split and transcript of rooms.csv are taken over; without a split a clip is in "all".
    """
    parts = {part: _files(folder / part, suffixes) for part, suffixes in SUFFIXES.items() if (folder / part).is_dir()}
    columns = _columns(folder / "rooms.csv")
    clips, skipped = [], {}
    for stem in sorted({stem for files in parts.values() for stem in files}):
        if lost := [part for part, files in parts.items() if stem not in files]:
            skipped[stem] = f"is not in {'/ and '.join(lost)}/"
            continue
        row = columns.get(stem, {})
        files = {part: files[stem] for part, files in parts.items()}
        split, room = row.get("split") or "all", row.get("room") or stem
        speaker, words = row.get("speaker", ""), row.get("transcript", "")
        clips.append(ClipFiles(stem, split, files, room, speaker, words, is_training=split == "train"))
    return Listing(TITLE, clips, skipped, [f"{part}/" for part in SUFFIXES if part not in parts])


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes}


def _columns(table: Path) -> dict[str, dict[str, str]]:
    """Rows of rooms.csv by stem; none where there is no such file."""
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if "stem" not in (rows.fieldnames or ()):
            raise UserError(f"{table} has no column stem. Take it away or write the stems of the clips into it.")
        return {row["stem"]: row for row in rows}


def read_clip(clip: ClipFiles) -> ClipContents:
    """Clean and reverberant speech must be in step, so of one length."""
    sounds = {part: load(clip.files[part]) for part in ("clean", "reverb") if part in clip.files}
    if len({len(sound) for sound in sounds.values()}) > 1:
        lengths = " and ".join(f"{part} {len(sound) / 16_000:.2f} s" for part, sound in sounds.items())
        raise UserError(f"{clip.name} has sounds of unequal length ({lengths}). Cut them to one.")
    rir = _response(clip.files["rir"]) if "rir" in clip.files else None
    image = read_picture(clip.files["image"]) if "image" in clip.files else None
    return ClipContents(**sounds, rir=rir, image=image)


def _response(path: Path) -> Tensor:
    """First channel at 16 kHz; unlike speech it may be shorter than 0.3 s."""
    import soundfile

    try:
        rir, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:
        raise UserError(f"{path.name} is not a sound file we can read. Copy or make it again.") from error
    if not rir.any():
        raise UserError(f"{path.name} is silent. Copy or make it again.")
    return torch.from_numpy(resample(rir[:, 0], rate))
