"""Sound from a mel spectrogram and the recording it was made from.

The source's phase is worth more than any phase invented from a mel alone: a small network sees the wanted mel and the
source's STFT, corrects the magnitude and rotates the source's phase. Where the source is silent (the tail of a room) a
little seeded noise under it lends the phase of noise, which is what a late tail has. Two rivals stand beside it: the
ratio of mels as a mask on the source, and Griffin-Lim.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.audio import MEL, MelSpec, istft, mel_basis, mel_of, stft
from mvsd.checkpoint import Pretrained

BINS = MEL.n_fft // 2 + 1
TASKS = ("match", "dereverb")
DITHER = 3e-5  # RMS of the noise under the source, at the level converters work at (0.05)
SMALLEST = 1e-7  # magnitude


@dataclass(frozen=True)
class VocoderConfig:
    width: int = 384
    blocks: int = 6
    kernel: int = 7  # frames
    expand: int = 3


class FrameBlock(nn.Module):
    """ConvNeXt block over frames (Liu et al. 2022; used so by Vocos, arXiv 2306.00814)."""

    def __init__(self, config: VocoderConfig):
        super().__init__()
        width = config.width
        self.depthwise = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, config.expand * width), nn.Linear(config.expand * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, frames, width)."""
        h = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        return x + self.scale * self.narrow(F.gelu(self.wide(h)))


class Vocoder(Pretrained, nn.Module):
    """Wanted mel and source STFT to the wanted STFT."""

    Config = VocoderConfig

    def __init__(self, config: VocoderConfig = VocoderConfig()):
        super().__init__()
        self.config = config
        self.entrance = nn.Linear(MEL.n_mels + 3 * BINS, config.width)
        self.task = nn.Embedding(len(TASKS), config.width)
        self.blocks = nn.ModuleList(FrameBlock(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.exit = nn.Linear(config.width, 3 * BINS)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, mel: Tensor, source: Tensor, task: Tensor) -> Tensor:
        """mel: (B, 128, frames) nepers. source: complex (B, 513, frames). task: (B,) index into TASKS.

        Returns the complex STFT (B, 513, frames). Magnitude: the mel spread over the bins, times a learned correction.
        """
        h = self.entrance(self._features(mel, source)) + self.task(task)[:, None]
        for block in self.blocks:
            h = block(h)
        correction, turn_re, turn_im = self.exit(self.norm(h)).float().transpose(1, 2).chunk(3, 1)
        magnitude = linear_magnitude(mel) * correction.clamp(-6, 3).exp()
        turn = torch.complex(turn_re + 1, turn_im)
        phase = source * turn
        return magnitude * phase / phase.abs().clamp(min=1e-12)

    def _features(self, mel: Tensor, source: Tensor) -> Tensor:
        """(B, frames, 128 + 3 * 513): the mel, the source's level, and its phase advance less a steady tone's."""
        before = F.pad(source, (1, 0))[..., :-1]
        steady = torch.polar(torch.ones(BINS), torch.arange(BINS) * 2 * math.pi * MEL.hop / MEL.n_fft)
        advance = source * before.conj() * steady.conj().to(source.device)[:, None]
        advance = advance / advance.abs().clamp(min=1e-14)
        level = (source.abs().clamp(min=SMALLEST).log() + 5) / 3
        parts = [(mel + 6) / 3, level, advance.real, advance.imag]
        return torch.cat(parts, 1).transpose(1, 2)


def linear_magnitude(mel: Tensor) -> Tensor:
    """Log-mel (B, 128, frames) spread over the STFT bins: each bin the weighted mean of the filters that see it."""
    basis = mel_basis(MEL).to(mel.device)
    spread = basis / basis.sum(1, keepdim=True)  # filter m: how a magnitude of 1 a bin would read
    share = basis / basis.sum(0, keepdim=True).clamp(min=1e-9)
    per_filter = mel.exp() / basis.sum(1)[:, None]
    covered = (spread.sum(0) > 0).float()[:, None]
    return (share.T @ per_filter * covered).clamp(min=SMALLEST)


def dithered(source: Tensor, seed: int) -> Tensor:
    """source: (samples,) at working level, over a little noise (counted from the end), so that silence has a phase."""
    noise = torch.randn(len(source), generator=torch.Generator().manual_seed(seed)).flip(0)
    return source + DITHER * noise.to(source.device)


@torch.no_grad()
def vocode(vocoder: Vocoder, mel: Tensor, source: Tensor, task: str, seed: int = 0) -> Tensor:
    """mel: (128, frames) nepers. source: (frames * 256,) samples, at the level of the mel. Returns (frames * 256,)."""
    spectrum = stft(dithered(source, seed)[None])
    index = torch.tensor([TASKS.index(task)], device=mel.device)
    return istft(vocoder(mel[None], spectrum, index))[0]


def masked(mel: Tensor, source: Tensor, seed: int = 0) -> Tensor:
    """The plain rival: the ratio of wanted mel to source mel as a mask on the source's STFT, at most 30 dB up.

    Shapes as in `vocode`.
    """
    spectrum = stft(dithered(source, seed)[None])
    gain = linear_magnitude(mel[None]) / linear_magnitude(mel_of(spectrum))
    return istft(spectrum * gain.clamp(max=32.0))[0]


def griffin_lim(mel: Tensor, iterations: int = 32, source: Tensor | None = None, seed: int = 0) -> Tensor:
    """Griffin-Lim from random phase, or from the source's.

    Shapes as in `vocode`.
    """
    magnitude = linear_magnitude(mel[None])
    if source is None:
        generator = torch.Generator().manual_seed(seed)
        angle = torch.rand(magnitude.shape, generator=generator).to(mel.device) * 2 * math.pi
    else:
        angle = stft(dithered(source, seed)[None]).angle()
    return istft(consistent(torch.polar(magnitude, angle), iterations))[0]


def consistent(spectrum: Tensor, iterations: int, spec: MelSpec = MEL) -> Tensor:
    """Complex (B, bins, frames) with its magnitude kept and its phase as nearly that of a sound as iterations bring it
    (Griffin and Lim 1984, momentum after Perraudin et al. 2013)."""
    magnitude, before = spectrum.abs(), spectrum
    for _ in range(iterations):
        nearer = stft(istft(spectrum, spec), spec)
        ahead = nearer + 0.99 * (nearer - before)
        spectrum, before = magnitude * ahead / ahead.abs().clamp(min=1e-12), nearer
    return spectrum
