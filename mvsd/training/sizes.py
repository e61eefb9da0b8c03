"""The numbers of each recipe: how large its networks are, how fast and how long they learn.

`paper` is the process of MVSD (arXiv 2407.10373) as far as it is published: 250 steps, two networks, the target mel
itself diffuses, windows of 128 frames without what was said before, the scene as one vector in cross-attention, two
GPUs for 144 hours, unpaired data after 100 epochs. Its channels, rates, batches and schedule are not published and are
ours; and the networks answer with a velocity, as equation 8 divides by almost nothing where the mutual term looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mvsd.denoiser import DenoiserConfig
from mvsd.training.natural import Entering

Widths = tuple[int, int, int]
STARTS = {"match": {"centre": "rung", "seen": 2, "spread": 1.0}, "dereverb": {}}  # what each converter's change is from
AS_PUBLISHED = DenoiserConfig(
    schedule="linear",
    centre="mean",
    spread=1.0,
    past_frames=0,
    blend_frames=0,
    scene_film=False,
    scene_grid=False,
)
EPOCH_100 = 45_000  # steps: SoundSpaces-Speech has 28,853 clips to train on, 64 a batch


@dataclass(frozen=True)
class Batches:
    """Items of a batch, counted over all processes. sound: of rivals that work on sound, whose windows teach less than
    more steps do where minutes are few."""

    converters: int
    scene: int
    vocoder: int
    sound: int = 4
    t60: int = 32


@dataclass(frozen=True)
class Rates:
    """Highest learning rates; stages that are not named here have the converters'. mutual: of what begins from trained
    converters, distillation too."""

    converters: float = 7e-4
    scene: float = 1e-3
    mutual: float = 2e-4
    t60: float = 2e-3

    def of(self, stage: str) -> float:
        rates = {"scene": self.scene, "mutual": self.mutual, "distil": self.mutual, "t60": self.t60}
        return rates.get(stage.partition("-")[0], self.converters)


@dataclass(frozen=True)
class Networks:
    """converters: by task. image_size: side of the pictures. The rest are widths; a critic of 0: none."""

    converters: dict[str, DenoiserConfig]
    image_size: int = 112
    vocoder: int = 384
    vocoder_critic: int = 0
    plain: int = 384
    plain_critic: int = 0
    t60: int = 20


@dataclass(frozen=True)
class Recipe:
    """minutes: the whole clock, shared out to the stages by `shares`."""

    minutes: float
    networks: Networks
    batches: Batches
    rates: Rates = Rates()
    fit_steps: int = 60  # of Polack's model to the training rooms
    workers: int = 0  # processes that draw batches
    entering: Entering = field(default_factory=Entering)  # of unpaired recordings, where some are given
    shares: tuple[float, ...] = (0.25, 0.22, 0.22, 0.15, 0.16)  # of the clock, a stage


def ours(match: Widths, dereverb: Widths) -> dict[str, DenoiserConfig]:
    """Converters of our form. The reverberator begins nearer to its end, and may do with less."""
    widths = {"match": match, "dereverb": dereverb}
    return {task: DenoiserConfig(task=task, widths=widths[task], **start) for task, start in STARTS.items()}


def as_published(widths: Widths) -> dict[str, DenoiserConfig]:
    """Both converters in the paper's form."""
    return {task: replace(AS_PUBLISHED, task=task, widths=widths) for task in STARTS}


GPU = Networks(ours((128, 256, 320), (128, 256, 320)), 224, vocoder=512, vocoder_critic=32, plain=512, plain_critic=32)
RECIPES = {
    "cpu": Recipe(120, Networks(ours((48, 96, 160), (80, 192, 256))), Batches(8, 32, 16)),
    "gpu": Recipe(20, GPU, Batches(128, 128, 64, sound=64), workers=12),
    "paper": Recipe(
        144 * 60,
        replace(GPU, converters=as_published((128, 256, 512))),
        Batches(64, 128, 64, sound=64),
        Rates(1e-4, 1e-4, 1e-4),
        workers=6,
        entering=Entering(begin=EPOCH_100, ramp=EPOCH_100 // 10),
        shares=(0.1, 0.05, 0.05, 0.7, 0.1),
    ),
    "tiny": Recipe(
        1,
        Networks(ours((16, 32, 32), (16, 32, 32)), 64, vocoder=32, vocoder_critic=2, plain=32, plain_critic=2, t60=4),
        Batches(4, 4, 8, t60=4),
        fit_steps=2,
    ),
}
