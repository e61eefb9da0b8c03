"""A clip of a data set as a task sees it: what is given, what is wanted, and what is known of the room."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from mvsd.acoustics import DIRECT_SAMPLE, drr_db, t60
from mvsd.data.avspeech import BORDER
from mvsd.data.check import set_of
from mvsd.data.clips import ClipContents, ClipFiles
from mvsd.errors import UserError


@dataclass(frozen=True)
class Truth:
    """source, target: (samples,) at 16 kHz, in step. dry: the dry one of them, None where nobody knows it.

    t60_s, drr_db: of the room's response; None where it is not known, or does not decay far enough.
    """

    source: Tensor
    target: Tensor
    dry: Tensor | None
    image: Image | None = None
    rir: np.ndarray | None = None
    t60_s: float | None = None
    drr_db: float | None = None


@lru_cache(maxsize=4)
def kind_of(data: Path) -> ModuleType:
    return set_of(data)


def listed(data: Path, split: str | None, limit: int | None) -> tuple[list[ClipFiles], dict[str, str]]:
    """A set's clips of a split (its test splits if there are any), and what is no clip: name -> why.

    Raises UserError where there is no clip, or no reverberant speech at all.
    """
    listing = kind_of(data).list_clips(data)
    splits = {clip.split for clip in listing.clips}
    wanted = {split} if split else {name for name in splits if name.startswith("test")} or splits
    clips = {clip.name: clip for clip in listing.clips if clip.split in wanted}
    broken = {name: why for name, why in listing.skipped.items() if why != BORDER} if not split else {}
    names = sorted({*clips, *broken})[:limit]
    if not clips:
        raise UserError(f"{data} has no clip of split {split or 'all'}. It has {', '.join(sorted(splits)) or 'none'}.")
    if not any("reverb" in clip.files for clip in clips.values()):
        raise UserError(
            f"{data} holds no reverberant speech. Make pairs: python -m mvsd rooms --speech DIR --out ROOMS"
        )
    found = [clips[name] for name in names if name in clips]
    return found, {name: broken[name] for name in names if name in broken}


def has_dry(clips: list[ClipFiles]) -> bool:
    """Whether anybody knows the clean source."""
    return any("clean" in clip.files for clip in clips)


def read(data: Path, clip: ClipFiles) -> ClipContents:
    return kind_of(data).read_clip(clip)


def truth_of(contents: ClipContents, task: str) -> Truth:
    """Both sounds are filled with silence to one length. Raises UserError where one is missing."""
    for part in ("clean", "reverb"):
        if getattr(contents, part) is None:
            raise UserError(f"there is no {part} speech")
    count = max(len(contents.clean), len(contents.reverb))
    dry, wet = (pad(sound, (0, count - len(sound))) for sound in (contents.clean, contents.reverb))
    source, target = (dry, wet) if task == "match" else (wet, dry)
    if contents.rir is None:
        return Truth(source, target, dry, contents.image)
    rir = aligned(contents.rir.numpy())
    return Truth(source, target, dry, contents.image, rir, t60(rir), drr_db(rir))


def aligned(rir: np.ndarray) -> np.ndarray:
    """(samples,) with the direct sound, taken to be the strongest tap, at sample 40 and at 1."""
    direct = int(np.abs(rir).argmax())
    before = np.zeros(max(0, DIRECT_SAMPLE - direct), rir.dtype)
    return np.concatenate([before, rir[max(0, direct - DIRECT_SAMPLE) :]]) / rir[direct]
