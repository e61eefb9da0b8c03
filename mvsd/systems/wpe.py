"""Weighted prediction error, the classical dereverberation: late reverberation predicted from earlier frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mvsd.audio import log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import Origin, finished

TAPS = 20  # of prediction, 128 samples each; what one channel needs


def wpe(audio: Tensor, taps: int = TAPS, delay: int = 3, iterations: int = 3) -> Tensor:
    """Nakatani et al. 2010 by package nara_wpe, one channel.

    audio: (samples,) at 16 kHz. STFT 512 / 128. Returns (samples,).
    """
    from nara_wpe.utils import istft, stft
    from nara_wpe.wpe import wpe_v8

    spectrum = stft(audio.numpy()[None], size=512, shift=128).transpose(2, 0, 1)  # (bins, channels, frames)
    dry = wpe_v8(spectrum, taps=taps, delay=delay, iterations=iterations)
    return torch.from_numpy(istft(dry.transpose(1, 2, 0), size=512, shift=128)[0, : len(audio)]).float()


class Wpe:
    """Needs neither a picture nor weights; what was asked of steps, sampler and seed changes nothing."""

    name = "wpe"
    needs: frozenset[str] = frozenset()

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        begin = time.monotonic()
        audio = wpe(clip.audio)
        yield Progress(1, 1, log_mel(audio[None])[0])
        origin = Origin(self.name, "", replace(settings, steps=1), "cpu", is_sampled=False)
        yield finished(clip, audio, origin, time.monotonic() - begin)
