"""What every system that turns one recording into another takes, reports and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from mvsd.clip import Clip

USUAL_STEPS = {"match": 2, "dereverb": 1}  # what measures best with the shipped weights
# More than the first, or more than the second with such a DRR, is read in 23 of 24 unseen simulated views of the open
# air, in 6 of 857 of rooms.
OPEN_AIR_M3, OPEN_AIR_FROM_M3, OPEN_AIR_DRR_DB = 3500.0, 200.0, 7.0
OnStep = Callable[[int, int], None]  # (steps done, steps in all)


@dataclass(frozen=True)
class Settings:
    """How to convert. None means unknown: the converter then takes it from the picture, or from what is usual."""

    steps: int | None = None  # network evaluations; None: USUAL_STEPS of the task
    sampler: str = "dpm++"  # a key of mvsd.diffusion.SAMPLERS
    seed: int = 0
    distance_m: float | None = None  # talker to listener
    t60_s: float | None = None  # the room in numbers instead of, or besides, a picture
    drr_db: float | None = None

    def for_task(self, task: str) -> Settings:
        """With the task's usual number of steps where none was asked for."""
        return self if self.steps is not None else replace(self, steps=USUAL_STEPS[task])


@dataclass(frozen=True)
class Reading:
    """What a picture says of a room. t60_range_s: holds the T60 of 80 % of unseen simulated rooms."""

    t60_s: float
    volume_m3: float
    drr_db: float
    distance_m: float
    t60_range_s: tuple[float, float] | None = None

    @property
    def is_open_air(self) -> bool:
        """Whether it is as large as the open air or a very large hall, or little of the sound comes back."""
        answers_little = self.volume_m3 > OPEN_AIR_FROM_M3 and self.drr_db > OPEN_AIR_DRR_DB
        return self.volume_m3 > OPEN_AIR_M3 or answers_little


@dataclass(frozen=True)
class Progress:
    """A conversion under way. mel: (128, frames) log-mel (nepers) as estimated so far, at the clip's level."""

    done: int
    total: int
    mel: Tensor


@dataclass(frozen=True)
class Conversion:
    """A converted clip and where it came from.

    source, audio: (samples,) 16 kHz mono, of equal length (the source is padded with silence while the room rings out).
    source_mel, mel: (128, frames) natural log of the mel magnitude, floor 1e-5.
    speech_end: sample at which the source itself ended. gain_db: how far the result was lowered so as not to clip.
    read: what was read in the picture, if there was one. is_sampled: a sampler ran, with the settings' steps.
    """

    source: Tensor
    audio: Tensor
    sample_rate: int
    source_mel: Tensor
    mel: Tensor
    speech_end: int
    gain_db: float
    system: str
    checkpoint_sha256: str
    settings: Settings
    seconds: float
    device: str
    read: Reading | None = None
    is_sampled: bool = True

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for a second of the source."""
        return self.seconds * self.sample_rate / self.speech_end

    @property
    def sampling(self) -> str:
        """How it was sampled, in words."""
        if not self.is_sampled:
            return "no sampler"
        return f"{self.settings.steps} {'step' if self.settings.steps == 1 else 'steps'} of {self.settings.sampler}"


class Converter(Protocol):
    """A system behind the one interface: ours, a companion, or a baseline."""

    name: str
    needs: frozenset[str]  # fields of Clip it cannot do without

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        """Yield a Progress after each step and the Conversion last; closing the iterator stops the work."""
        ...
