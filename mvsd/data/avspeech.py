"""Acoustic AVSpeech: reverberant speech from web videos with a frame of each; nobody knows the clean source.

`img/NAME.png` and `audio/NAME.wav` (Chen et al. 2022; splits as in facebookresearch/visual-acoustic-matching).
"""

from __future__ import annotations

from pathlib import Path

from mvsd.audio import load
from mvsd.data.clips import ClipContents, ClipFiles, Listing, read_picture

TITLE = "Acoustic AVSpeech"
NO_CLEAN = "clean sources: this set has none, it serves as unpaired recordings"
BORDER = "lies on the border of two splits: the published lists leave it out"


def is_here(folder: Path) -> bool:
    return (folder / "img").is_dir() and (folder / "audio").is_dir()


def list_clips(folder: Path) -> Listing:
    """Pairs by name. A clip of test-seen is listed under train too, and says so.

    The splits are places in the sorted list of pictures, so a copy that lacks some has other splits.
    """
    names = sorted(path.stem for path in (folder / "img").glob("*.png"))
    sounds = {path.stem for path in (folder / "audio").glob("*.wav")}
    parts = split_places(len(names))
    clips = [
        _clip(folder, names[place], split) for split, places in parts.items() for place in places
        if names[place] in sounds
    ]  # fmt: skip
    inside = {place for places in parts.values() for place in places}
    skipped = {names[place]: BORDER for place in range(len(names)) if place not in inside}
    skipped |= dict.fromkeys((name for name in names if name not in sounds), "has a picture but no sound")
    skipped |= dict.fromkeys(sorted(sounds - set(names)), "has a sound but no picture")
    empty = [f"split {split}: too few pictures" for split, places in parts.items() if not places]
    return Listing(TITLE, clips, skipped, [NO_CLEAN, *empty])


def split_places(count: int) -> dict[str, range]:
    """Places in the sorted list: 95 % train, of which the first 2.5 % are test-seen, 2.5 % val, 2.5 % test-unseen."""
    train, val = int(count * 0.95), int(count * 0.975)
    return {
        "train": range(train),
        "val": range(min(train + 1, val), val),
        "test-seen": range(int(count * 0.025)),
        "test-unseen": range(min(val + 1, count), count),
    }


def _clip(folder: Path, name: str, split: str) -> ClipFiles:
    files = {"image": folder / "img" / f"{name}.png", "reverb": folder / "audio" / f"{name}.wav"}
    return ClipFiles(name, split, files, is_training=split in ("train", "test-seen"))


def read_clip(clip: ClipFiles) -> ClipContents:
    return ClipContents(reverb=load(clip.files["reverb"]), image=read_picture(clip.files["image"]))
