"""Our converters without diffusion: the same network, asked once for the change from its start to the target.

What a table then shows of diffusion is diffusion's alone (MVSD, arXiv 2407.10373, table 4b). `unet_gan` is the same
with a critic beside it while it learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import Dereverberator, MvsdConverter, Reverberator
from mvsd.denoiser import Denoiser
from mvsd.unet import Condition


class Regressor(Denoiser):
    """A Denoiser that is given no noisy estimate and always stands at the last step."""

    def change(self, seen: Tensor, condition: Condition) -> Tensor:
        """The encoded target (B, 128, frames) as estimated from what `see` gave."""
        nothing, last = torch.zeros_like(seen[:, 0]), torch.full((len(seen),), self.config.steps, device=seen.device)
        return self.output(nothing, seen, last, condition)

    def forward(self, x: Tensor, seen: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The estimate, whatever x and t are: a sampler's only step."""
        return self.change(seen, condition)

    def window_loss(
        self, target: Tensor, source: Tensor, condition: Condition, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The converters' two distances of the estimate, squared and absolute."""
        seen = self.see(source, condition)[..., -target.shape[-1] :]
        return self.distances(self.change(seen, condition), self.encode(target, seen))

    def distances(self, change: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Past frames count half."""
        weight = torch.ones(wanted.shape[-1], device=wanted.device)
        weight[: self.config.past_frames] = 0.5
        error = change - wanted
        return {"squared": (error.square() * weight).mean(), "absolute": (error.abs() * weight).mean()}


class AtOnce(MvsdConverter):
    """One network evaluation, whatever number of steps is asked for."""

    network = Regressor

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        yield from super().stream(clip, replace(settings, steps=1))


class UnetReverberator(AtOnce, Reverberator):
    name, file = "unet", "unet-match.safetensors"


class UnetDereverberator(AtOnce, Dereverberator):
    name, file = "unet", "unet-dereverb.safetensors"


class GanReverberator(AtOnce, Reverberator):
    name, file = "unet_gan", "unet_gan-match.safetensors"


class GanDereverberator(AtOnce, Dereverberator):
    name, file = "unet_gan", "unet_gan-dereverb.safetensors"
