"""The one type that every part passes on: a recording and what was seen of its room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(frozen=True)
class Clip:
    """A recording and, if known, a view of the room.

    audio: (samples,) float32 in [-1, 1], mono. sample_rate: Hz.
    image: RGB photograph, or a 360-degree panorama (2:1 or 3:1), or None.
    """

    audio: Tensor
    sample_rate: int
    image: Image | None = None

    @property
    def seconds(self) -> float:
        return len(self.audio) / self.sample_rate
