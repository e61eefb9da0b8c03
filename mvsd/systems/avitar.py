"""AViTAR: a conformer over the sound that looks at the picture's regions by cross-attention, trained with critics.

After Chen et al. 2022 (Visual Acoustic Matching, arXiv 2202.06875): conformer blocks (Gulati et al. 2020) with a
cross-attention, queries from the sound, keys and values from the picture's grid, between self-attention and
convolution. Different: tokens are STFT frames, every 8 ms as theirs, instead of a strided encoder of the waveform; the
exit corrects the source's magnitude and turns its phase instead of making a waveform from nothing; positions are a
learned bias on distance; the picture's grid comes from our frozen encoder. That trains on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.checkpoint import Pretrained
from mvsd.systems.spectra import SpectrumConfig, log_magnitude, turned
from mvsd.unet import Condition, written_out


@dataclass(frozen=True)
class AvitarConfig(SpectrumConfig):
    width: int = 160
    blocks: int = 4
    heads: int = 4
    expand: int = 4  # of the feed-forward layers
    kernel: int = 31  # frames, of the convolution
    reach: int = 128  # frames; the bias on distance is the same beyond


PUBLISHED = AvitarConfig(width=512, heads=8, window_frames=320, past_frames=0)


class FeedForward(nn.Sequential):
    def __init__(self, config: AvitarConfig):
        width = config.width
        layers = nn.Linear(width, config.expand * width), nn.SiLU(), nn.Linear(config.expand * width, width)
        super().__init__(nn.LayerNorm(width), *layers)


class SelfAttention(nn.Module):
    """Over frames, with a learned bias on how far apart they are, a head."""

    def __init__(self, config: AvitarConfig):
        super().__init__()
        self.heads, self.reach = config.heads, config.reach
        self.norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.bias = nn.Parameter(torch.zeros(config.heads, 2 * config.reach + 1))
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, frames, width)."""
        parts = self.query_key_value(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, frames, width / heads) each
        at = torch.arange(x.shape[1], device=x.device)
        apart = (at[None] - at[:, None]).clamp(-self.reach, self.reach) + self.reach
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + self.bias[:, apart]
        return self.out((weights.softmax(-1).to(value.dtype) @ value).transpose(1, 2).flatten(2))


class Look(nn.Module):
    """Cross-attention: queries from the sound, keys and values from the picture's tokens."""

    def __init__(self, config: AvitarConfig):
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.scene_dim, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        parts = (self.query(self.norm(x)), *self.key_value(tokens).chunk(2, -1))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return self.out(written_out(query, key, value).transpose(1, 2).flatten(2))


class Convolution(nn.Module):
    """Gated pointwise, depthwise over frames, pointwise (Gulati et al. 2020, section 2.2)."""

    def __init__(self, config: AvitarConfig):
        super().__init__()
        width = config.width
        self.norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.gated, self.out = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.depthwise = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        h = F.glu(self.gated(self.norm(x)), dim=-1)
        h = self.depthwise(h.transpose(1, 2)).transpose(1, 2)
        return self.out(F.silu(self.inner_norm(h)))


class Block(nn.Module):
    """Half a feed-forward step, self-attention, a look at the picture, convolution, the other half step."""

    def __init__(self, config: AvitarConfig):
        super().__init__()
        self.before, self.after = FeedForward(config), FeedForward(config)
        self.self_attention, self.look, self.convolution = SelfAttention(config), Look(config), Convolution(config)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        x = x + self.before(x) / 2
        x = x + self.self_attention(x)
        x = x + self.look(x, tokens)
        x = x + self.convolution(x)
        return self.norm(x + self.after(x) / 2)


class Avitar(Pretrained, nn.Module):
    """A `SpectrumNetwork`."""

    Config = AvitarConfig

    def __init__(self, config: AvitarConfig = AvitarConfig()):
        super().__init__()
        self.config = config
        self.entrance = nn.Linear(3 * config.bins, config.width)
        self.nothing = nn.Parameter(torch.zeros(config.scene_dim))  # where there is no picture
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.exit = nn.Linear(config.width, 3 * config.bins)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, source: Tensor, condition: Condition) -> Tensor:
        """source: complex (B, bins, frames). Returns its like."""
        level = log_magnitude(source)
        squeezed = source * source.abs().clamp(min=1e-5) ** -0.7  # magnitude to the power 0.3
        h = self.entrance(torch.cat([level, squeezed.real, squeezed.imag], 1).transpose(1, 2))
        tokens = self._tokens(condition)
        for block in self.blocks:
            h = block(h, tokens)
        louder, real, imaginary = self.exit(h).float().transpose(1, 2).chunk(3, 1)
        magnitude = (level * 2.5 - 5 + louder).clamp(max=5).exp()
        return turned(source * torch.complex(real + 1, imaginary), magnitude)

    def _tokens(self, condition: Condition) -> Tensor:
        """(B, 1 + tokens, scene_dim): the embedding, then the grid."""
        both = torch.cat([condition.scene[:, None], condition.tokens], 1)
        return torch.where(condition.has_scene[:, None, None], both, self.nothing)
