"""What a folder is as a data set: found, lacking, and what would be skipped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mvsd.data import avspeech, librispeech, plain_folder, soundspaces
from mvsd.data.clips import ClipFiles, Listing
from mvsd.errors import UserError

SETS = (soundspaces, avspeech, librispeech, plain_folder)  # each has is_here, list_clips and read_clip
NAMED = 3  # clips named for each reason
LAYOUTS = (
    "SoundSpaces-Speech (train/SCENE/*.pkl), Acoustic AVSpeech (img/ and audio/), LibriSpeech (LibriSpeech/SUBSET/), "
    "or clean/, reverb/, rir/ and image/ with equal stems"
)


@dataclass(frozen=True)
class Found:
    """listing: by name. skipped: name -> why, after reading too where that was asked for."""

    listing: Listing
    skipped: dict[str, str]
    was_read: bool

    @property
    def usable(self) -> list[ClipFiles]:
        return [clip for clip in self.listing.clips if clip.name not in self.skipped]


def set_of(folder: str | Path) -> ModuleType:
    """The module that reads this folder. Raises UserError where it is no data set."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Give the folder that holds the data set.")
    for kind in SETS:
        if kind.is_here(folder):
            return kind
    raise UserError(f"{folder} is no data set we know. It should hold {LAYOUTS}.")


def check_folder(folder: str | Path, read: bool = True, on_step: Callable[[int, int], None] | None = None) -> Found:
    """List the folder's clips and, unless read is False, open each of them once. on_step(done, clips)."""
    kind = set_of(folder)
    listing = kind.list_clips(Path(folder))
    skipped = dict(listing.skipped)
    clips = list({clip.name: clip for clip in listing.clips}.values()) if read else []  # a clip of two splits once
    for done, clip in enumerate(clips, 1):
        try:
            kind.read_clip(clip)
        except UserError as error:
            skipped[clip.name] = _reason(clip, error)
        if on_step:
            on_step(done, len(clips))
    return Found(listing, skipped, read)


def _reason(clip: ClipFiles, error: UserError) -> str:
    """The message without the names of the clip's files, so that equal reasons can be counted."""
    text = str(error)
    for name in sorted({path.name for path in clip.files.values()} | {clip.name}, key=len, reverse=True):
        text = text.replace(name, "")
    return text.strip(" :")


def describe(found: Found) -> str:
    """The report, several lines. Raises UserError where no clip is left."""
    listing, usable = found.listing, found.usable
    if not usable:
        why = "; ".join(reason for reason, _ in Counter(found.skipped.values()).most_common(NAMED)) or "it is empty"
        raise UserError(f"This {listing.title} folder has no clip that can be used: {why}")
    parts = Counter(part for clip in {clip.name: clip for clip in usable}.values() for part in clip.files)
    lines = [
        f"{listing.title}: {len({clip.name for clip in listing.clips} | found.skipped.keys())} clips, "
        f"{len({clip.name for clip in usable})} usable" + ("" if found.was_read else " by their names (none was read)"),
        "splits: " + ", ".join(_splits(usable)),
        "parts: " + ", ".join(f"{part} {count}" for part, count in sorted(parts.items())),
        *(f"lacks: {what}" for what in listing.lacks),
    ]
    for reason, count in Counter(found.skipped.values()).most_common():
        names = [name for name, why in found.skipped.items() if why == reason]
        more = f" and {count - NAMED} more" if count > NAMED else ""
        lines.append(f"skips {count}: {reason} ({', '.join(names[:NAMED])}{more})")
    return "\n".join(lines)


def _splits(clips: list[ClipFiles]) -> list[str]:
    counts = Counter(clip.split for clip in clips)
    known = {clip.split for clip in clips if clip.is_training and clip.split != "train"}
    return [f"{split} {count}" + (" (training clips)" if split in known else "") for split, count in counts.items()]
