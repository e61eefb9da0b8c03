"""What both converters learn from recordings without a dry side (eq. 3 of MVSD, 2407.10373), and how that fares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Generator, Tensor

from mvsd.audio import DB_PER_NEPER, log_mel
from mvsd.data.pack import Pack
from mvsd.data.pairs import MARGIN
from mvsd.data.unpaired import RecordingMaker
from mvsd.denoiser import Denoiser
from mvsd.metrics.blind_t60 import blind_t60_s
from mvsd.metrics.undefined import Undefined
from mvsd.training.converters import EDGE, SceneFeatures, all_known
from mvsd.training.mutual import Cycled, louder_by, once, ramp, wet_cycle
from mvsd.unet import Condition
from mvsd.vocoder import masked

WINDOWS = 16  # of validation


@dataclass(frozen=True)
class Recorded:
    """A part of a batch. wet: (B, 128, frames) nepers at the dereverberator's level; sound: the same, (B, samples)."""

    wet: Tensor
    sound: Tensor
    condition: Condition

    def cycled(self, usual: Tensor) -> Cycled:
        """As dry speech at the reverberator's level the room made it so much louder, by the DRR read in the picture."""
        louder = louder_by(self.condition.room(usual)[1])
        return Cycled(self.wet, self.wet + louder, louder, self.condition)


@dataclass(frozen=True)
class Entering:
    """share: of the cycles that are of recordings, once they have come in: from step `begin` on, over `ramp` more."""

    share: float = 0.25
    begin: int = 300
    ramp: int = 300

    def weight(self, step: int) -> float:
        return ramp(step, self.begin, self.ramp)


class Natural:
    """Unpaired recordings to train with and to validate on."""

    def __init__(self, pack: Pack, frames: int, entering: Entering, features: SceneFeatures | None = None):
        self.train, self.check = RecordingMaker(pack, frames), RecordingMaker(pack, frames, kept=True)
        self.entering, self.features = entering, features

    def draw(self, count: int, generator: Generator, level: float) -> Recorded | None:
        """None where this batch's turn is another cycle's."""
        if float(torch.rand(1, generator=generator)) >= self.entering.share:
            return None
        return self._recorded(self.train, count, generator, level)

    def _recorded(self, maker: RecordingMaker, count: int, generator: Generator, level: float) -> Recorded:
        sound, views = maker.draw(count, generator, level)
        wet = log_mel(sound)[..., EDGE:-EDGE]
        return Recorded(wet, sound[:, MARGIN:-MARGIN], all_known(views, self.features, generator))

    def judge(self, f: Denoiser, g: Denoiser) -> dict[str, float]:
        """On recordings kept for it: the cycle's error with the picture, another's and none; how far g moves them; and
        what is still heard of the room in what g calls dry, which is where reverberation would hide."""
        generator, device = torch.Generator().manual_seed(1), next(g.parameters()).device
        drawn = self._recorded(self.check, WINDOWS, generator, g.config.level)
        known = drawn.condition
        every, numbers = torch.ones(WINDOWS, dtype=torch.bool), torch.ones(WINDOWS, 3, dtype=torch.bool)
        told = {
            "picture": known,
            "other_picture": known.each(lambda part: part.roll(WINDOWS // 2, 0)),
            "nothing": known.keep(~every, numbers),
        }
        row = {}
        for name, condition in told.items():
            sounds = Recorded(drawn.wet, drawn.sound, condition).cycled(f.usual.cpu()).to(device)
            row[f"{name}_cycle_db"] = float(wet_cycle(f, g, sounds, generator.manual_seed(2))) * DB_PER_NEPER
        wet = drawn.wet.to(device)
        dry = once(g, wet, known.to(device), wet.shape[-1], generator.manual_seed(3)).cpu()
        row["moved_db"] = float((dry - drawn.wet).abs().mean()) * DB_PER_NEPER
        pseudo = [masked(mel, sound) for mel, sound in zip(dry, drawn.sound)]
        for name, heard in (("recorded", drawn.sound), ("pseudo_dry", pseudo)):
            row[f"{name}_t60_s"] = _heard_t60_s(heard)
        return {f"natural_{name}": value for name, value in row.items() if value is not None}


def _heard_t60_s(sounds: Iterable[Tensor]) -> float | None:
    """Mean over the sounds in which a decay is heard."""
    told = []
    for sound in sounds:
        try:
            told.append(blind_t60_s(sound))
        except Undefined:
            continue
    return fmean(told) if told else None
