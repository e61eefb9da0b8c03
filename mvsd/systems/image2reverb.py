"""Image2Reverb: a picture's response, generated as a spectrogram; speech is heard through it.

After Singh, Mentch, Ng, Beveridge and Drori 2021 (arXiv 2103.14201): a generator in the manner of progressive GANs from
the picture's embedding and noise to a log-magnitude spectrogram, conditional critic, least squares and absolute error.
Different: a log-mel spectrogram of what follows the direct sound, which itself is placed; the tail is noise of that
spectrogram instead of random phase; the embedding comes from our frozen encoder, without a depth map.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.acoustics import DIRECT_HALF_WIDTH_S
from mvsd.audio import MEL, SAMPLE_RATE, istft, log_mel, mel_of, stft
from mvsd.checkpoint import Pretrained, find_weights
from mvsd.clip import Clip
from mvsd.conversion import Settings
from mvsd.converters import known
from mvsd.systems.convolving import Convolving
from mvsd.unet import Condition
from mvsd.vision import SceneEncoder
from mvsd.vocoder import linear_magnitude

FRAMES = 256  # 4.1 s
SMALLEST_MAP = (4, 8)  # bands, frames; doubled five times
DIRECT_SAMPLES = int(DIRECT_HALF_WIDTH_S * SAMPLE_RATE)
MEAN, SPREAD = -7.0, 3.0  # nepers, of a tail's log-mel


@dataclass(frozen=True)
class Image2ReverbConfig:
    widths: tuple[int, ...] = (128, 128, 96, 64, 48, 24)  # channels from the smallest map to the largest
    scene_dim: int = 256
    noise_dim: int = 32


PUBLISHED = Image2ReverbConfig(widths=(256, 256, 256, 256, 128, 64), noise_dim=256)


class PixelNorm(nn.Module):
    """Each place's channels to unit mean square (Karras et al. 2018)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def _grown(n_in: int, n_out: int) -> nn.Sequential:
    convolutions = nn.Conv2d(n_in, n_out, 3, 1, 1), nn.LeakyReLU(0.2), PixelNorm(), nn.Conv2d(n_out, n_out, 3, 1, 1)
    return nn.Sequential(nn.Upsample(scale_factor=2), *convolutions, nn.LeakyReLU(0.2), PixelNorm())


class ResponseGenerator(Pretrained, nn.Module):
    """Embedding and noise to the log-mel of a room's tail."""

    Config = Image2ReverbConfig

    def __init__(self, config: Image2ReverbConfig = Image2ReverbConfig()):
        super().__init__()
        self.config = config
        bands, frames = SMALLEST_MAP
        self.nothing = nn.Parameter(torch.zeros(config.scene_dim))  # where there is no picture
        self.entrance = nn.Linear(config.scene_dim + config.noise_dim, config.widths[0] * bands * frames)
        self.grow = nn.Sequential(*(_grown(a, b) for a, b in pairwise(config.widths)))
        self.exit = nn.Conv2d(config.widths[-1], 1, 1)

    def forward(self, condition: Condition, noise: Tensor) -> Tensor:
        """noise: (B, noise_dim). Returns (B, 128, 256) nepers."""
        h = self.entrance(torch.cat([self.seen(condition), noise], 1)).unflatten(1, (-1, *SMALLEST_MAP))
        return self.exit(self.grow(F.leaky_relu(h, 0.2)))[:, 0] * SPREAD + MEAN

    def seen(self, condition: Condition) -> Tensor:
        """The picture's embedding, or what stands for none, (B, scene_dim)."""
        return torch.where(condition.has_scene[:, None], condition.scene, self.nothing)


def tail_of(rir: Tensor, direct: int) -> Tensor:
    """Log-mel (128, 256) of what follows the direct sound at sample `direct` of a response (samples,)."""
    tail = rir[direct:].clone()
    tail[:DIRECT_SAMPLES] = 0
    count = FRAMES * MEL.hop
    return log_mel(F.pad(tail, (0, max(0, count - len(tail))))[None, :count])[0]


def sound_of(tail: Tensor, seed: int) -> Tensor:
    """The response of a tail (128, 256): noise whose log-mel is on average that, and the direct sound before it."""
    noise = torch.randn(1, FRAMES * MEL.hop, generator=torch.Generator().manual_seed(seed))
    spectrum = stft(noise)
    usual = mel_of(spectrum).exp().mean(-1, keepdim=True).log()
    rir = istft(spectrum * linear_magnitude(tail[None]) / linear_magnitude(usual))[0]
    rir[: DIRECT_SAMPLES + 1] = 0
    rir[0] = 1
    return rir


class Image2Reverb(Convolving):
    """Needs a picture; the seed decides the noise in generator and tail."""

    name, file = "image2reverb", "image2reverb-match.safetensors"
    needs = frozenset({"image"})

    def __init__(self, generator: ResponseGenerator, scene: SceneEncoder):
        self.generator, self.scene = (part.eval().requires_grad_(False) for part in (generator, scene))
        self.checkpoint_sha256 = generator.checkpoint_sha256

    @classmethod
    def from_pretrained(cls, source: str | Path) -> Self:
        """Load from a local folder or a Hub id; it is small enough for the CPU wherever it runs."""
        eye = SceneEncoder.from_pretrained(find_weights(source, "scene.safetensors"))
        return cls(ResponseGenerator.from_pretrained(find_weights(source, cls.file)), eye)

    def look(self, clip: Clip) -> Condition:
        return known(clip, Settings(), self.scene)

    def response(self, condition: Condition, settings: Settings) -> np.ndarray:
        drawn = torch.randn(1, self.generator.config.noise_dim, generator=torch.Generator().manual_seed(settings.seed))
        return sound_of(self.generator(condition, drawn)[0], settings.seed).numpy()
