"""Sound from a mel alone, where there is no source to take a phase from: 16 kHz, 128 bands.

Vocos' form (Siuzdak 2023, arXiv 2306.00814): ConvNeXt blocks over frames, magnitude and phase of every STFT bin, one
inverse STFT. The magnitude is the mel spread over the bins, corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvsd.audio import MEL, istft
from mvsd.checkpoint import Pretrained
from mvsd.vocoder import BINS, FrameBlock, VocoderConfig, linear_magnitude


@dataclass(frozen=True)
class PlainVocoderConfig(VocoderConfig):
    width: int = 384
    blocks: int = 8


class PlainVocoder(Pretrained, nn.Module):
    """Log-mel to sound."""

    Config = PlainVocoderConfig

    def __init__(self, config: PlainVocoderConfig = PlainVocoderConfig()):
        super().__init__()
        self.config = config
        self.entrance = nn.Conv1d(MEL.n_mels, config.width, config.kernel, padding=config.kernel // 2)
        self.norm = nn.LayerNorm(config.width)
        self.blocks = nn.Sequential(*(FrameBlock(config) for _ in range(config.blocks)))
        self.exit = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, 2 * BINS))

    def forward(self, mel: Tensor) -> Tensor:
        """mel: (B, 128, frames) nepers. Returns (B, frames * 256) samples at the level of the mel."""
        h = self.norm(self.entrance((mel + 6) / 3).transpose(1, 2))
        correction, phase = self.exit(self.blocks(h)).float().transpose(1, 2).chunk(2, 1)
        with torch.autocast(mel.device.type, enabled=False):
            magnitude = linear_magnitude(mel.float()) * correction.clamp(-6, 3).exp()
            return istft(torch.polar(magnitude, phase))
