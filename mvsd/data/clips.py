"""One clip of a data set, whatever the set: where its files lie, what is there, and what they hold once read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mvsd.errors import UserError


class PassedOver(UserError):
    """What a set's own rules leave out, or does not tell: nothing is wrong with the clip."""


@dataclass(frozen=True)
class ClipFiles:
    """A clip that has not been read yet.

    name: the same in two splits only where it is the same clip. split: as the set calls it. room, speaker: who must
    not be in two splits. files: image, depth, rir, clean, reverb, each with the file that holds it (a pickle holds
    several). is_training: among the training clips too, so a score on it says nothing of new ones.
    """

    name: str
    split: str
    files: dict[str, Path]
    room: str = ""
    speaker: str = ""
    transcript: str = ""
    is_training: bool = False


@dataclass(frozen=True)
class ClipContents:
    """What a clip holds; None where it has no such part.

    clean, reverb, rir: (samples,) float32 at 16 kHz, level as stored. image: RGB. depth_m: (height, width) float32.
    """

    clean: Tensor | None = None
    reverb: Tensor | None = None
    rir: Tensor | None = None
    image: Image.Image | None = None
    depth_m: np.ndarray | None = None


@dataclass(frozen=True)
class Listing:
    """The clips of a folder by their names alone; skipped: name -> why; lacks: what a whole set would have besides."""

    title: str
    clips: list[ClipFiles]
    skipped: dict[str, str] = field(default_factory=dict)
    lacks: list[str] = field(default_factory=list)


def read_picture(path: Path) -> Image.Image:
    """RGB. Raises UserError where the file is missing or damaged."""
    try:
        return Image.open(path).convert("RGB")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path.name}. Copy the set again.") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path.name} is not a picture we can read. Copy or make it again.") from error
