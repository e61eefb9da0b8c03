"""The controllable U-Net of MVSD (arXiv 2407.10373, section 3.2): what estimates the clean mel under the noise.

Encoder and decoder of three attention blocks each; downsampling by space-to-depth (Sunkara and Luo 2022, SPD-Conv),
by 4 at the entrance so that attention works on a coarse grid; cross-attention to the scene only in the third encoder
block and the first decoder block. Different from the paper: the scene's 256-d embedding also joins the step embedding
(`scene_film`), and two further conditions may be given, the talker's distance and the room's acoustics in numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.checkpoint import Pretrained


@dataclass(frozen=True)
class UnetConfig:
    """The default trains on two CPU cores; the paper's sizes are not published, (192, 384, 512) is a GPU's."""

    n_mels: int = 128
    seen: int = 1  # spectrograms beside the noisy one: the source, and what else is known of the target
    stem: int = 4  # space-to-depth factor at the entrance
    widths: tuple[int, ...] = (96, 192, 256)  # channels of the three levels
    blocks: int = 2  # residual blocks a level
    heads: int = 4
    condition_dim: int = 384
    scene_dim: int = 256
    scene_film: bool = True  # the embedding joins the step embedding besides being a token
    scene_grid: bool = True  # the encoder's 7x7 grid is attended to besides the embedding


@dataclass(frozen=True)
class Condition:
    """What is known of the room, a row an item; NaN or has_scene False means unknown.

    scene: (B, 256). tokens: (B, 49, 256), the encoder's 7x7 grid. has_scene: (B,) bool.
    numbers: (B, 3): natural log of distance in m, natural log of T60 in s, DRR in dB / 10, as told.
    reading: (B, 3): the same as the scene encoder's probe reads it in the picture.
    """

    scene: Tensor
    tokens: Tensor
    has_scene: Tensor
    numbers: Tensor
    reading: Tensor

    @classmethod
    def unknown(cls, items: int, scene_dim: int = 256, tokens: int = 49) -> Condition:
        return cls(
            torch.zeros(items, scene_dim),
            torch.zeros(items, tokens, scene_dim),
            torch.zeros(items, dtype=torch.bool),
            torch.full((items, 3), math.nan),
            torch.full((items, 3), math.nan),
        )

    def each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        """Every part changed alike."""
        return Condition(*(change(getattr(self, field.name)) for field in fields(self)))

    def to(self, device: torch.device | str) -> Condition:
        return self.each(lambda part: part.to(device))

    def repeat(self, times: int) -> Condition:
        """Every row `times` times in a row: one room, many windows."""
        return self.each(lambda part: part.repeat_interleave(times, 0))

    def keep(self, scene: Tensor, numbers: Tensor) -> Condition:
        """Forget what a mask says: scene (B,) bool, numbers (B, 3) bool."""
        seen = self.has_scene & scene
        reading = self.reading.masked_fill(~seen[:, None], math.nan)
        return replace(self, has_scene=seen, numbers=self.numbers.masked_fill(~numbers, math.nan), reading=reading)

    def room(self, usual: Tensor) -> tuple[Tensor, Tensor]:
        """Log T60 (B, 1) and DRR / 10 (B, 1): as told, else as read, else as `usual` (3,), in the order of numbers.

        A distance that is told moves a DRR that is not: 6 dB for each doubling, as the direct sound falls.
        """
        expected = torch.where(self.reading.isnan(), usual, self.reading)
        nearer = (expected[:, :1] - self.numbers[:, :1]).nan_to_num(0.0) * (2 / math.log(10))
        log_t60, drr = expected[:, 1:2], expected[:, 2:3] + nearer
        told = self.numbers[:, 1:2], self.numbers[:, 2:3]
        return tuple(torch.where(known.isnan(), guess, known) for known, guess in zip(told, (log_t60, drr)))


def step_embedding(t: Tensor, dim: int) -> Tensor:
    """Sinusoids of the step, t: (B,) in [0, 1] (Vaswani et al. 2017). Returns (B, dim)."""
    rates = torch.exp(torch.linspace(0, math.log(1000), dim // 2, device=t.device))
    angles = t[:, None] * rates * 2 * math.pi / 4
    return torch.cat([angles.sin(), angles.cos()], 1)


class Norm(nn.LayerNorm):
    """Layer normalisation over the channels of a map (B, C, H, W): each place by itself, so windows do not differ."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the condition scales and shifts between them."""

    def __init__(self, n_in: int, n_out: int, condition_dim: int):
        super().__init__()
        self.norm_in, self.norm_out = Norm(n_in), Norm(n_out)
        self.conv_in = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv_out = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.film = nn.Linear(condition_dim, 2 * n_out)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        h = self.conv_in(F.silu(self.norm_in(x)))
        h = self.conv_out(F.silu(self.norm_out(h) * (1 + scale) + shift))
        return self.skip(x) + h


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention for training: the fused CPU kernel's backward pass is five times slower here."""
    weights = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(-1)
    return weights.to(value.dtype) @ value


class Attention(nn.Module):
    """Queries from a feature map; keys and values from itself or from the scene's tokens."""

    def __init__(self, width: int, heads: int, source_dim: int | None = None, along_time: bool = False):
        super().__init__()
        self.heads, self.along_time = heads, along_time
        self.norm = Norm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(source_dim or width, 2 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        b, c, h, w = x.shape
        rows = self.norm(x).permute(0, 2, 3, 1)  # (B, H, W, C)
        rows = rows.reshape(b * h, w, c) if self.along_time else rows.reshape(b, h * w, c)
        key, value = self.key_value(rows if source is None else source).chunk(2, -1)
        query, key, value = (self._split(part) for part in (self.query(rows), key, value))
        out = (written_out if self.training else F.scaled_dot_product_attention)(query, key, value)
        out = self.out(out.transpose(1, 2).reshape(rows.shape))
        return x + out.reshape(b, h, w, c).permute(0, 3, 1, 2)

    def _split(self, part: Tensor) -> Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, tokens, C / heads)


class AttentionBlock(nn.Module):
    """Residual blocks, self-attention (along time only on the finest grid), cross-attention where the scene is seen."""

    def __init__(self, config: UnetConfig, n_in: int, level: int, sees_scene: bool):
        super().__init__()
        width = config.widths[level]
        widths = [n_in] + [width] * config.blocks
        self.residuals = nn.ModuleList(ResidualBlock(a, b, config.condition_dim) for a, b in pairwise(widths))
        self.self_attention = Attention(width, config.heads, along_time=level == 0)
        self.cross_attention = Attention(width, config.heads, config.scene_dim) if sees_scene else None

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor) -> Tensor:
        for residual in self.residuals:
            x = residual(x, condition)
        x = self.self_attention(x)
        return self.cross_attention(x, tokens) if self.cross_attention else x


class Down(nn.Module):
    """SPD-Conv: the pixel phases onto the channels, then a stride-1 convolution; nothing is thrown away."""

    def __init__(self, n_in: int, n_out: int, factor: int):
        super().__init__()
        self.factor, self.conv = factor, nn.Conv2d(n_in * factor**2, n_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pixel_unshuffle(x, self.factor))


class Up(nn.Module):
    """The way back: a convolution, then depth to space."""

    def __init__(self, n_in: int, n_out: int, factor: int):
        super().__init__()
        self.factor, self.conv = factor, nn.Conv2d(n_in, n_out * factor**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), self.factor)


class Conditioner(nn.Module):
    """Step, scene and numbers to one vector; the scene's tokens, or a learned stand-in where there is no picture."""

    def __init__(self, config: UnetConfig):
        super().__init__()
        dim = config.condition_dim
        self.film_scene, self.shows_grid = config.scene_film, config.scene_grid
        self.step = nn.Sequential(nn.Linear(128, dim), nn.SiLU(), nn.Linear(dim, dim))
        if self.film_scene:  # several processes refuse parameters that nothing uses
            self.scene = nn.Linear(config.scene_dim, dim)
        self.numbers = nn.Sequential(nn.Linear(6, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.nothing = nn.Parameter(torch.randn(config.scene_dim) * 0.02)

    def forward(self, t: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Returns the vector (B, condition_dim) and tokens (B, 1 + 49, scene_dim); (B, 1, scene_dim) without grid."""
        has = condition.has_scene[:, None]
        scene = torch.where(has, condition.scene, self.nothing)
        tokens = torch.where(has[..., None], condition.tokens, self.nothing)
        known = ~condition.numbers.isnan()
        vector = self.step(step_embedding(t, 128))
        vector = vector + self.numbers(torch.cat([condition.numbers.nan_to_num(0.0), known.float()], 1))
        if self.film_scene:
            vector = vector + self.scene(scene)
        return F.silu(vector), torch.cat([scene[:, None], tokens], 1) if self.shows_grid else scene[:, None]


class ControllableUnet(Pretrained, nn.Module):
    """f or g of the paper: (noisy, seen, step, room) to the network's target."""

    Config = UnetConfig

    def __init__(self, config: UnetConfig = UnetConfig()):
        super().__init__()
        self.config = config
        w = config.widths
        self.conditioner = Conditioner(config)
        self.entrance = Down(1 + config.seen, w[0], config.stem)
        self.pitch = nn.Parameter(torch.zeros(w[0], config.n_mels // config.stem, 1))  # where on the mel axis we are
        last = len(w) - 1
        self.encoder = nn.ModuleList(AttentionBlock(config, w[i], i, i == last) for i in range(len(w)))
        self.downs = nn.ModuleList(Down(w[i], w[i + 1], 2) for i in range(last))
        self.decoder = nn.ModuleList(AttentionBlock(config, 2 * w[i], i, i == last) for i in reversed(range(len(w))))
        self.ups = nn.ModuleList(Up(w[i + 1], w[i], 2) for i in reversed(range(last)))
        self.norm = Norm(w[0])
        self.pass_on = nn.Linear(config.condition_dim, 1)  # how much of x the answer is, a step: a learned c_skip
        nn.init.zeros_(self.pass_on.weight)
        nn.init.zeros_(self.pass_on.bias)
        self.exit = Up(w[0], 1, config.stem)
        nn.init.zeros_(self.exit.conv.weight)
        nn.init.zeros_(self.exit.conv.bias)

    def forward(self, x: Tensor, seen: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x: (B, 128, frames) and seen: (B, seen, 128, frames), normalised; frames a multiple of 16. t: (B,) in [0, 1].

        Returns x's shape.
        """
        vector, tokens = self.conditioner(t, condition)
        h = torch.cat([x[:, None], seen], 1).contiguous(memory_format=torch.channels_last)
        h = self.entrance(h) + self.pitch
        skips = []
        for i, block in enumerate(self.encoder):
            h = self.downs[i - 1](h) if i else h
            h = block(h, vector, tokens)
            skips.append(h)
        for i, block in enumerate(self.decoder):
            h = self.ups[i - 1](h) if i else h
            h = block(torch.cat([h, skips.pop()], 1), vector, tokens)
        return self.exit(F.silu(self.norm(h)))[:, 0] + self.pass_on(vector)[:, :, None] * x
