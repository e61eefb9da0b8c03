"""Speech in a room of which only T60 and DRR are known: Polack's decaying noise, on mel spectrograms.

Late reverberation as noise that dies exponentially (Polack 1988) adds to each frame's power what earlier frames left
behind (Lebart, Boucher and Denbigh 2001): wet[n] = dry[n] + a (dry[n] + g dry[n-1] + g^2 dry[n-2] + ...), with g the
decay of one frame and a such that all of it is DRR below the direct sound. It reaches back through the whole clip,
which no window does, so it is what a converter starts from and its network corrects.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mvsd.audio import MEL, SAMPLE_RATE

FRAME_S = MEL.hop / SAMPLE_RATE
DECAY = 6 * math.log(10) * FRAME_S  # nepers of power that one frame loses at a T60 of 1 s


def rung(source: Tensor, log_t60: Tensor, drr: Tensor, floor: float = math.log(MEL.floor)) -> Tensor:
    """Log-mel of the source as heard in the room: source (B, 128, frames) nepers in and out.

    log_t60: (B, 128) or (B, 1), natural log of T60 in s. drr: alike, DRR in dB / 10.
    """
    loss = DECAY * torch.exp(-log_t60)[..., None]  # (B, bands, 1), per frame
    level = math.log(10) * -drr[..., None] + torch.log(-torch.expm1(-loss))
    power = 2 * source
    left = decayed(power, loss)
    return (torch.logaddexp(power, left + level) / 2).clamp(min=floor)


def decayed(power: Tensor, loss: Tensor) -> Tensor:
    """Log of the sum over k of exp(power[n - k] - k loss), by doubling; power: (..., frames) log, loss: (..., 1)."""
    frames, reach = power.shape[-1], 1
    while reach < frames:
        earlier = power[..., :-reach] - reach * loss
        power = torch.cat([power[..., :reach], torch.logaddexp(power[..., reach:], earlier)], -1)
        reach *= 2
    return power
