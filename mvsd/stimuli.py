"""What can make the clips of a study: every system of the registry, and controls. The command line hands them over."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mvsd.audio import load
from mvsd.conversion import Converter, Settings
from mvsd.converters import WEIGHTS, convert, open_clip
from mvsd.errors import UserError
from mvsd.evaluate.controls import copy_synthesis
from mvsd.study.build import Made, Sources, System
from mvsd.systems import SYSTEMS as REGISTRY
from mvsd.systems import load as load_system

HEARS = {"match": "speech", "dereverb": "reference"}  # which recording of an item a task begins from


def load_samples(path: Path) -> np.ndarray:
    """(samples,) float32 at 16 kHz."""
    return load(path).numpy()


def source(sources: Sources, settings: dict[str, Any]) -> Made:
    """The speech as it was given."""
    return Made(load_samples(_given(sources, "speech")))


def vocoder(sources: Sources, settings: dict[str, Any]) -> Made:
    """The reference's own mel made audible by the reverberator's vocoder: what is lost to it alone."""
    converter = _loaded("mvsd", "match")
    dry, wet = (load(_given(sources, name)) for name in ("speech", "reference"))
    sound = copy_synthesis(converter, dry, wet, int(settings.get("seed", 0)))
    return Made(sound.numpy(), settings=settings)


def converted(name: str, task: str, sources: Sources, settings: dict[str, Any]) -> Made:
    """An item's recording through a system of the registry; settings are those of a conversion."""
    recording = _given(sources, HEARS[task])
    try:
        chosen = Settings(**settings)
    except TypeError as error:
        raise UserError(f"{', '.join(settings)}: not all of these are settings of {name}.") from error
    made = convert(_loaded(name, task), open_clip(recording, sources.picture), chosen)
    return Made(made.audio.numpy(), made.checkpoint_sha256, str(chosen.seed), vars(chosen))


@cache
def _loaded(name: str, task: str) -> Converter:
    return load_system(name, task, WEIGHTS, "cpu")


def _given(sources: Sources, name: str) -> Path:
    path = getattr(sources, name)
    if path is None:
        raise UserError(f"This system needs {name}. Add {name} to each item, or clips of this method.")
    return path


def _methods() -> dict[str, System]:
    """By the name of the system; its second task has the task's name behind it (unet, unet-dereverb)."""
    methods = {}
    for name, info in REGISTRY.items():
        for number, task in enumerate(info.tasks):
            methods[f"{name}-{task}" if number else name] = partial(converted, name, task)
    return methods


SYSTEMS: dict[str, System] = _methods() | {
    "source": source,
    "vocoder": vocoder,
    "reverberator": partial(converted, "mvsd", "match"),
    "dereverberator": partial(converted, "mvsd", "dereverb"),
    "noise-tail": partial(converted, "blind", "match"),
}
