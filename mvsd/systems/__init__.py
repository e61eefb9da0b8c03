"""Every system that turns one recording into another, by name: ours, classical methods and published rivals.

A table or a study takes them from here; all of them are a `Converter` and report a full `Conversion`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from mvsd.checkpoint import find_weights
from mvsd.conversion import Converter
from mvsd.converters import WEIGHTS, Dereverberator, Reverberator
from mvsd.errors import UserError
from mvsd.systems.blind import Blind
from mvsd.systems.wpe import Wpe

Source = str | Path  # a folder of weights, or a Hub id
Device = torch.device | str | None
EYE, INVERSE = "scene.safetensors", "vocoder.safetensors"  # what trained systems share


@dataclass(frozen=True)
class SystemInfo:
    """tasks: of match and dereverb. make: from a task, weights and a device. files: its weights, by task.
    package: what it needs beyond the app's requirements.
    """

    tasks: tuple[str, ...]
    about: str
    make: Callable[[str, Source, Device], Converter]
    files: dict[str, tuple[str, ...]] | None = None
    package: str | None = None

    @property
    def needs_weights(self) -> bool:
        return self.files is not None


def _mvsd(task: str, weights: Source, device: Device) -> Converter:
    return {"match": Reverberator, "dereverb": Dereverberator}[task].from_pretrained(weights, device)


BOTH = ("match", "dereverb")
SYSTEMS: dict[str, SystemInfo] = {
    "mvsd": SystemInfo(
        BOTH,
        "ours: diffusion of what Polack's model or the recording leaves open, guided by the picture",
        _mvsd,
        {"match": (Reverberator.file, EYE, INVERSE), "dereverb": (Dereverberator.file, EYE, INVERSE)},
    ),
    "wpe": SystemInfo(
        ("dereverb",),
        "weighted prediction error (Nakatani et al. 2010), one channel; no picture",
        lambda task, weights, device: Wpe(),
        package="nara_wpe",
    ),
    "blind": SystemInfo(
        ("match",),
        "direct sound and decaying noise of a usual T60 and DRR, or of told ones; no picture",
        lambda task, weights, device: Blind(),
    ),
}


def load(name: str, task: str, weights: Source = WEIGHTS, device: Device = None) -> Converter:
    """A system ready to convert; device None takes a CUDA GPU if there is one.

    Raises UserError where there is no such system, where it does not do the task, or where its weights or its package
    are missing, and says how to get them.
    """
    if name not in SYSTEMS:
        raise UserError(f"There is no system {name}. Choose {', '.join(SYSTEMS)}.")
    info = SYSTEMS[name]
    if task not in info.tasks:
        able = ", ".join(other for other in SYSTEMS if task in SYSTEMS[other].tasks)
        raise UserError(f"{name} does not {task}; it is for {' and '.join(info.tasks)}. Choose {able}.")
    if info.package and not find_spec(info.package):
        raise UserError(f"{name} needs {info.package}. Install it with: pip install -r mvsd/requirements-lab.txt")
    missing = _missing(info, task, weights)
    if missing:
        recipe = "cpu" if name == "mvsd" else f"cpu:{name}"
        raise UserError(
            f"{weights} holds no {missing} for {name}. Train it: python -m mvsd train {recipe} --data PACK --out RUN"
        )
    return info.make(task, weights, device)


def installed(task: str, weights: Source = WEIGHTS) -> list[str]:
    """Names of the systems that can do a task here and now: their package and their weights are there."""
    able = (name for name, info in SYSTEMS.items() if task in info.tasks)
    return [name for name in able if _is_there(SYSTEMS[name], task, weights)]


def _is_there(info: SystemInfo, task: str, weights: Source) -> bool:
    has_package = info.package is None or find_spec(info.package) is not None
    return has_package and _missing(info, task, weights) is None


def _missing(info: SystemInfo, task: str, weights: Source) -> str | None:
    """The first file of a system that is not to be had."""
    for file in (info.files or {}).get(task, ()):
        try:
            find_weights(weights, file)
        except UserError:
            return file
    return None
