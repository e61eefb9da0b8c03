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
from mvsd.systems.av_unet import AvUnet
from mvsd.systems.avitar import Avitar
from mvsd.systems.blind import Blind
from mvsd.systems.image2reverb import Image2Reverb
from mvsd.systems.spectra import SpectrumConverter
from mvsd.systems.unet import GanDereverberator, GanReverberator, UnetDereverberator, UnetReverberator
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


def _unet(task: str, weights: Source, device: Device) -> Converter:
    return {"match": UnetReverberator, "dereverb": UnetDereverberator}[task].from_pretrained(weights, device)


def _unet_gan(task: str, weights: Source, device: Device) -> Converter:
    return {"match": GanReverberator, "dereverb": GanDereverberator}[task].from_pretrained(weights, device)


def _av_unet(task: str, weights: Source, device: Device) -> Converter:
    return SpectrumConverter.from_pretrained("av_unet", AvUnet, weights, f"av_unet-{task}.safetensors", device)


def _avitar(task: str, weights: Source, device: Device) -> Converter:
    return SpectrumConverter.from_pretrained("avitar", Avitar, weights, f"avitar-{task}.safetensors", device)


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
    "unet": SystemInfo(
        BOTH,
        "our network without diffusion: the same change, asked for once",
        _unet,
        {"match": (UnetReverberator.file, EYE, INVERSE), "dereverb": (UnetDereverberator.file, EYE, INVERSE)},
    ),
    "unet_gan": SystemInfo(
        BOTH,
        "the same, with a critic beside it while it learned",
        _unet_gan,
        {"match": (GanReverberator.file, EYE, INVERSE), "dereverb": (GanDereverberator.file, EYE, INVERSE)},
    ),
    "av_unet": SystemInfo(
        BOTH,
        "audio-visual U-Net over the magnitude spectrogram, as in AViTAR and VIDA",
        _av_unet,
        {task: (f"av_unet-{task}.safetensors", EYE) for task in BOTH},
    ),
    "avitar": SystemInfo(
        ("match",),
        "AViTAR (Chen et al. 2022): conformer with cross-attention to the picture, adversarial",
        _avitar,
        {"match": ("avitar-match.safetensors", EYE)},
    ),
    "image2reverb": SystemInfo(
        ("match",),
        "Image2Reverb (Singh et al. 2021): a response generated from the picture",
        lambda task, weights, device: Image2Reverb.from_pretrained(weights),
        {"match": (Image2Reverb.file, EYE)},
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
