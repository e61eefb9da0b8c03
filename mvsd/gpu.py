"""A GPU for as long as a conversion takes, on Spaces that lend one to each request (ZeroGPU)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mvsd.clip import Clip
    from mvsd.conversion import Settings

ON_ZERO_GPU = os.getenv("SPACES_ZERO_GPU") == "true"
BASE_S, STEP_S = 20, 0.5  # what a conversion asks for: shorter requests are served sooner


def on_gpu(stream: Callable[..., Iterator]) -> Callable[..., Iterator]:
    """Borrow a GPU for each call where the `spaces` package lends them; elsewhere the function itself."""
    if importlib.util.find_spec("spaces") is None:
        return stream
    import spaces

    return spaces.GPU(duration=seconds_needed)(stream)


def seconds_needed(task: str, clip: Clip, settings: Settings) -> int:
    return int(BASE_S + STEP_S * settings.steps)
