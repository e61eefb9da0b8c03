"""T60 of a room by ear: from reverberant speech alone, without its response ("blind").

A small ResNet (He et al. 2016) on log-magnitude spectrograms, as AViTAR's judge has it (Chen et al. 2022, arXiv
2202.06875), trained on T20 of responses over 355-2,840 Hz. It judges and reads out; nothing is trained to please it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.audio import speech_level
from mvsd.checkpoint import Pretrained
from mvsd.errors import UserError

FLOOR = 1e-3  # magnitude; about 70 dB below the loudest of speech at the level below
LEVEL = 0.05  # linear speech level every recording is brought to


@dataclass(frozen=True)
class T60Config:
    width: int = 20  # channels of the first stage; a ResNet-18 has 64
    blocks: int = 2  # a stage
    n_fft: int = 512
    hop: int = 256  # samples, 16 ms
    window: int = 400  # samples, Hamming
    bins: int = 128  # from 0 Hz up to 4 kHz: the band of T60 and an octave around it
    samples: int = 49_152  # of sound it hears at once, 3.072 s


class Block(nn.Module):
    """Two 3x3 convolutions and a way past them (He et al. 2016, figure 2)."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)])
        past = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        self.past = past if stride > 1 or n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(h)) + self.past(x))


class T60Estimator(Pretrained, nn.Module):
    """Windows of reverberant speech to the natural log of T60 in s."""

    Config = T60Config

    def __init__(self, config: T60Config = T60Config()):
        super().__init__()
        self.config = config
        widths = [config.width * 2**stage for stage in range(4)]
        self.entrance = nn.Sequential(
            nn.Conv2d(1, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        stages = []
        for n_in, n_out, stride in zip([widths[0], *widths], widths, (1, 2, 2, 2)):
            stages += [Block(n_in, n_out, stride), *(Block(n_out, n_out, 1) for _ in range(config.blocks - 1))]
        self.stages = nn.Sequential(*stages)
        self.exit = nn.Linear(widths[-1], 1)

    def forward(self, audio: Tensor) -> Tensor:
        """audio: (B, config.samples) at 16 kHz, speech at LEVEL. Returns (B,)."""
        h = self.stages(self.entrance(self.spectrogram(audio)[:, None]))
        return self.exit(h.mean((2, 3)))[:, 0]

    def spectrogram(self, audio: Tensor) -> Tensor:
        """Log magnitude (B, config.bins, frames), about -1.5 to 2.5."""
        c, window = self.config, torch.hamming_window(self.config.window, device=audio.device)
        spectrum = torch.stft(
            audio, c.n_fft, c.hop, c.window, window, center=True, pad_mode="constant", return_complex=True
        )
        return ((spectrum[:, : c.bins].abs() + FLOOR).log() + 3) / 3

    @torch.no_grad()
    def estimate(self, audio: Tensor) -> float:
        """T60 in s of the room a recording was made in. audio: (samples,) at 16 kHz, of any length.

        Windows that overlap by half, those with little speech left out; the mean of their logs. They are counted from
        the end: silence before speech is usual, but a sound cut off by silence would pass for a short decay.
        """
        if not float(audio.abs().max()) > 0:
            raise UserError("A silent recording tells no T60. Choose one with speech in it.")
        size = self.config.samples
        level = speech_level(audio)
        silence = max(0, size - len(audio)) or -(len(audio) - size) % (size // 2)
        windows = F.pad(audio * (LEVEL / level), (silence, 0)).unfold(0, size, size // 2)
        powers = windows.square().mean(1)
        heard = windows[powers > 0.1 * powers.max()]
        logs = torch.cat([self(part) for part in heard.to(self.exit.weight.device).split(16)])
        return float(logs.mean().exp())
