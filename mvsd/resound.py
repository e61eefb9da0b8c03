"""Copy-synthesis: a recording to its mel and back, by a vocoder that sees nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mvsd.audio import MEL, load, log_mel, save, speech_level
from mvsd.bigvgan import load_bigvgan
from mvsd.checkpoint import find_weights
from mvsd.denoiser import DenoiserConfig
from mvsd.metrics.speech import pesq_wb
from mvsd.plain_vocoder import PlainVocoder
from mvsd.vocoder import griffin_lim

PLAIN, GRIFFIN_LIM = "plain", "griffin-lim"
Invert = Callable[[Tensor], Tensor]  # log-mel (B, 128, frames) to (B, frames * 256) samples


def vocoder_of(name: str, weights: str | Path) -> Invert:
    """ "plain" (ours), "griffin-lim", or else the name of a BigVGAN checkpoint."""
    if name == GRIFFIN_LIM:
        return lambda mel: torch.stack([griffin_lim(one) for one in mel])
    if name == PLAIN:
        return torch.no_grad()(PlainVocoder.from_pretrained(find_weights(weights, "plain_vocoder.safetensors")))
    return load_bigvgan(name)


def resound(speech: str | Path, out: str | Path, vocoder: str, weights: str | Path) -> float:
    """Write the recording as its mel sounds; returns its PESQ-wb against the recording."""
    audio = load(speech)
    gain = DenoiserConfig.level / speech_level(audio)
    mel = log_mel(torch.nn.functional.pad(audio * gain, (0, -len(audio) % MEL.hop))[None])
    made = vocoder_of(vocoder, weights)(mel)[0, : len(audio)] / gain
    save(out, made)
    return pesq_wb(made, audio)
