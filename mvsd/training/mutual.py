"""What two converters teach each other: the mutual term of MVSD (arXiv 2407.10373), eq. 1-4 and 10.

A sound sent through both converters must come back. Hop one never sees the answer: it is a one-step estimate from pure
noise. Hop two starts from the known sound under noise near T: at low noise the noisy sound itself would hold the
answer, and no gradient would reach the other converter. A little noise between the hops keeps reverberation from
hiding in what is called dry. The paper swaps f and g in its text for natural recordings; here it is f(g(a_r)) = a_r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from mvsd.audio import MEL
from mvsd.denoiser import Denoiser
from mvsd.unet import Condition

BETWEEN = 0.05  # nepers of noise on what hop one hands to hop two
NEAR_T = 0.05  # hop two draws its step from this last part of T
SILENCE = math.log(MEL.floor)


@dataclass(frozen=True)
class Cycled:
    """Sounds to send through both converters and back, log-mel in nepers.

    source: as the first converter takes it, (B, 128, before + frames). known: what should come back, (B, 128, frames),
    as the second one gives it. louder: (B, 1, 1), nepers between the two levels, as each takes speech at one level and
    a room makes it louder. condition: the rooms they are sent through. before: dry speech ahead of a reverberant
    source, at the reverberator's level, where it is known.
    """

    source: Tensor
    known: Tensor
    louder: Tensor
    condition: Condition
    before: Tensor | None = None

    def to(self, device: torch.device | str) -> Cycled:
        parts = (getattr(self, part.name) for part in fields(self))
        return Cycled(*(part if part is None else part.to(device) for part in parts))


def dry_cycle(f: Denoiser, g: Denoiser, sounds: Cycled, generator: Generator) -> Tensor:
    """|g(f(a_c)) - a_c|, paired or with a picture drawn at random (eq. 2, 4): mean L1 distance in nepers."""
    wet = once(f, sounds.source, sounds.condition, sounds.known.shape[-1], generator)
    return back(g, wet - sounds.louder, sounds.known, sounds.condition, generator)


def wet_cycle(f: Denoiser, g: Denoiser, sounds: Cycled, generator: Generator) -> Tensor:
    """|f(g(a_r)) - a_r|, paired or of recordings without a dry side (eq. 1, 3): mean L1 distance in nepers."""
    dry = once(g, sounds.source, sounds.condition, sounds.known.shape[-1], generator) + sounds.louder
    if sounds.before is not None:
        dry = torch.cat([sounds.before, dry], -1)
    return back(f, dry, sounds.known, sounds.condition, generator)


def louder_by(drr: Tensor) -> Tensor:
    """Nepers by which a room of DRR / 10 (B, 1) makes speech louder, (B, 1, 1): its power adds to the direct sound."""
    return torch.log1p(10 ** (-drr))[..., None] / 2


def once(converter: Denoiser, source: Tensor, condition: Condition, frames: int, generator: Generator) -> Tensor:
    """Hop one: the last `frames` as estimated in one step from noise."""
    seen = converter.see(source, condition)[..., -frames:]
    noise = torch.randn(seen[:, 0].shape, generator=generator).to(source.device)
    last = torch.full((len(source),), converter.process.steps, device=source.device)
    return converter.decode(converter(noise, seen, last, condition), seen).clamp(min=SILENCE)


def back(converter: Denoiser, source: Tensor, known: Tensor, condition: Condition, generator: Generator) -> Tensor:
    """Hop two: mean L1 distance, in nepers, of the estimate at a step near T from the known sound."""
    source = source + BETWEEN * torch.randn(source.shape, generator=generator).to(source.device)
    seen = converter.see(source, condition)[..., -known.shape[-1] :]
    steps = converter.process.steps
    t = (steps * (1 - NEAR_T * torch.rand(len(known), generator=generator))).ceil().long().to(known.device)
    noise = torch.randn(known.shape, generator=generator).to(known.device)
    x = converter.process.noised(converter.encode(known, seen), noise, t)
    estimate = converter.decode(converter(x, seen, t, condition), seen)
    past = converter.config.past_frames
    return (estimate - known)[..., past:].abs().mean()


def ramp(step: int, begin: int, length: int) -> float:
    """Weight of unpaired data at a step: 0 before `begin`, 1 after `length` more."""
    return min(1.0, max(0.0, (step - begin) / max(1, length)))
