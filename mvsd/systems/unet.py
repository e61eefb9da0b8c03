"""Our converters without diffusion: the same network, asked once for the change from its start to the target.

What a table then shows of diffusion is diffusion's alone (MVSD, arXiv 2407.10373, table 4b). `unet_gan` is the same
with a critic beside it while it learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import Dereverberator, MvsdConverter, Reverberator
from mvsd.denoiser import Denoiser
from mvsd.unet import Condition


class Regressor(Denoiser):
    """A Denoiser that is given no noisy estimate and always stands at the last step."""

    @classmethod
    def of(cls, denoiser: Denoiser) -> Self:
        """With a converter's weights. At the last step its velocity is the target less its sign, all but exactly."""
        assert denoiser.config.target == "velocity"
        begun = cls(denoiser.config)
        begun.load_state_dict(denoiser.state_dict())
        for part in (begun.unet.exit.conv, begun.unet.pass_on):
            for parameter in part.parameters():
                parameter.data.neg_()
        return begun

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
        """Mean absolute error, in which results are told."""
        seen = self.see(source, condition)[..., -target.shape[-1] :]
        return {"absolute": self.distance(self.change(seen, condition), self.encode(target, seen))}

    def distance(self, change: Tensor, wanted: Tensor) -> Tensor:
        """Mean absolute difference; past frames count half."""
        weight = torch.ones(wanted.shape[-1], device=wanted.device)
        weight[: self.config.past_frames] = 0.5
        return ((change - wanted).abs() * weight).mean()


class AtOnce(MvsdConverter):
    """One network evaluation, whatever number of steps is asked for."""

    network = Regressor
    is_sampled = False

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
    stretch = 1.0  # its critic has seen to that
