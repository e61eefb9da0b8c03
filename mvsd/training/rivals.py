"""The rivals that are trained here: which stages there are, how large each is in which recipe, and what trains it.

Same pack, same rooms, same clock as our converters, and our frozen scene encoder for an eye: what then differs in a
table is the method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mvsd.data.pack import Pack
from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.systems import av_unet, avitar, image2reverb
from mvsd.training.converters import SceneFeatures
from mvsd.training.loop import Task
from mvsd.training.responses import ResponseTask
from mvsd.training.spectra import AvitarTask, AvUnetTask
from mvsd.training.unets import UnetGanTask, UnetTask

RIVALS = {  # system -> stages, a task each
    "unet": ("unet-match", "unet-dereverb"),
    "unet_gan": ("unet_gan-match", "unet_gan-dereverb"),
    "av_unet": ("av_unet-match", "av_unet-dereverb"),
    "avitar": ("avitar-match",),
    "image2reverb": ("image2reverb-match",),
}
STAGES = {stage: [f"{stage}.safetensors"] for stages in RIVALS.values() for stage in stages}


@dataclass(frozen=True)
class Sizes:
    """Of the networks, in one recipe."""

    av_unet: av_unet.AvUnetConfig
    avitar: avitar.AvitarConfig
    image2reverb: image2reverb.Image2ReverbConfig


PUBLISHED = Sizes(av_unet.PUBLISHED, avitar.PUBLISHED, image2reverb.PUBLISHED)
SIZES = {
    "tiny": Sizes(
        av_unet.AvUnetConfig(widths=(8, 8, 8, 8, 8)),
        avitar.AvitarConfig(width=16, blocks=1, heads=2),
        image2reverb.Image2ReverbConfig(widths=(8, 8, 8, 8, 8, 8)),
    ),
    "cpu": Sizes(av_unet.AvUnetConfig(), avitar.AvitarConfig(), image2reverb.Image2ReverbConfig()),
    "gpu": PUBLISHED,
    "paper": PUBLISHED,
}


@dataclass(frozen=True)
class Given:
    """What a stage begins from. unet: our converter's network, at the reverberator's size. batches: of mels, of sounds.
    init: weights, if any. ours: our converter for the task, if there is one; its form is then of its size too."""

    sizes: Sizes
    unet: DenoiserConfig
    pack: Pack
    batches: tuple[int, int]
    features: SceneFeatures | None
    init: Path | None
    ours: Path | None
    seed: int
    fit_steps: int


def rival_task(stage: str, given: Given) -> Task:
    """What the loop trains in a stage."""
    torch.manual_seed(given.seed)  # initial weights
    name, _, task = stage.partition("-")
    if name in ("unet", "unet_gan"):
        kind = {"unet": UnetTask, "unet_gan": UnetGanTask}[name]
        ours = Denoiser.from_pretrained(given.ours) if given.ours else None
        begun = {"init": given.init, "seed": given.seed, "fit_steps": given.fit_steps, "ours": ours}
        return kind(ours.config if ours else given.unet, given.pack, given.batches[0], given.features, **begun)
    kind, network, config = {
        "av_unet": (AvUnetTask, av_unet.AvUnet, replace(given.sizes.av_unet, task=task)),
        "avitar": (AvitarTask, avitar.Avitar, replace(given.sizes.avitar, task=task)),
        "image2reverb": (ResponseTask, image2reverb.ResponseGenerator, given.sizes.image2reverb),
    }[name]
    model = network.from_pretrained(given.init) if given.init else network(config)
    return kind(model, given.pack, given.batches[1], given.features)
