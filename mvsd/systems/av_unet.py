"""The audio-visual U-Net: a U-Net over the magnitude spectrogram with the picture's feature tiled at its bottleneck.

After 2.5D Visual Sound (Gao and Grauman 2019) as the baseline of AViTAR (Chen et al. 2022, arXiv 2202.06875) and in
VIDA (arXiv 2106.07732) have it: five 4x4 convolutions of stride 2, an 8-channel map of the picture flattened and tiled
over the bottleneck, squared error on the log magnitude. Different: the picture's map comes from our frozen encoder, the
network adds to the source's log magnitude instead of making it, and the source's phase is kept: on magnitudes that are
estimated it measures better than Griffin-Lim, which the published sizes still have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.checkpoint import Pretrained
from mvsd.systems.spectra import SpectrumConfig, log_magnitude, turned
from mvsd.unet import Condition

SEEN_CHANNELS = 8  # of the picture's map


@dataclass(frozen=True)
class AvUnetConfig(SpectrumConfig):
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)


PUBLISHED = AvUnetConfig(widths=(64, 128, 256, 512, 512), window_frames=320, past_frames=0, phase_iterations=32)


def _down(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2))


def _up(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


class AvUnet(Pretrained, nn.Module):
    """A `SpectrumNetwork`."""

    Config = AvUnetConfig

    def __init__(self, config: AvUnetConfig = AvUnetConfig()):
        super().__init__()
        self.config = config
        widths, picture = config.widths, SEEN_CHANNELS * config.tokens
        self.downs = nn.ModuleList(_down(a, b) for a, b in pairwise((1, *widths)))
        self.look = nn.Linear(config.scene_dim, SEEN_CHANNELS)
        self.nothing = nn.Parameter(torch.zeros(picture))  # where there is no picture
        begins = (widths[-1] + picture, *(2 * width for width in widths[-2:0:-1]))
        self.ups = nn.ModuleList(_up(a, b) for a, b in zip(begins, widths[-2::-1]))
        self.exit = nn.ConvTranspose2d(2 * widths[0], 1, 4, 2, 1)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def level(self, source: Tensor, condition: Condition) -> Tensor:
        """Complex source (B, bins, frames) to `log_magnitude` of what is wanted; frames a multiple of 32. The lowest
        bin is the source's."""
        heard = log_magnitude(source)
        h, skips = heard[:, None, 1:], []
        for down in self.downs:
            h = down(h)
            skips.append(h)
        h = torch.cat([skips.pop(), self._seen(condition)[..., None, None].expand(-1, -1, *h.shape[2:])], 1)
        for up in self.ups:
            h = torch.cat([up(h), skips.pop()], 1)
        return heard + F.pad(self.exit(h)[:, 0], (0, 0, 1, 0))

    def _seen(self, condition: Condition) -> Tensor:
        """The picture's map, flattened: (B, 8 * tokens)."""
        return torch.where(condition.has_scene[:, None], self.look(condition.tokens).flatten(1), self.nothing)

    def forward(self, source: Tensor, condition: Condition) -> Tensor:
        return turned(source, (self.level(source, condition) * 2.5 - 5).clamp(max=5).exp())
