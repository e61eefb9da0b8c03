"""Training of rivals that map one STFT to another, on our pairs; they are judged on the sound they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from mvsd.audio import MEL, istft, log_mel, stft
from mvsd.data.pack import Pack
from mvsd.data.pairs import MARGIN, PairMaker, Taste
from mvsd.metrics.spectral import detail_ratio, mel_error_db
from mvsd.systems.av_unet import AvUnet
from mvsd.systems.avitar import Avitar
from mvsd.systems.spectra import SpectrumConfig, SpectrumNetwork, log_magnitude
from mvsd.training.converters import Hints, SceneFeatures, all_known
from mvsd.training.critics import Judged, SoundCritic, adversarial, weighed
from mvsd.training.vocoder import spectral_losses
from mvsd.unet import Condition
from mvsd.vocoder import DITHER, consistent

CHECKED = 32  # windows of a validation
EDGE_SAMPLES = 4 * MEL.hop  # a window's edge has no neighbour to overlap with
LOUDER = 10.0  # sounds are brought to so much for the critic


@dataclass(frozen=True)
class Heard:
    """Windows of sound with margins, (B, samples + 2 MARGIN), source dithered; and the rooms."""

    source: Tensor
    target: Tensor
    condition: Condition


class SpectrumTask:
    """A network from STFT to STFT, for one task."""

    name: str

    def __init__(
        self,
        model: SpectrumNetwork,
        pack: Pack,
        batch: int,
        features: SceneFeatures | None = None,
        hints: Hints = Hints(numbers=0.0, distance=0.0),
    ):
        self.model, self.config, self.batch = model.train(), model.config, batch
        self.features, self.hints = features, hints
        frames, shown = mel_frames(self.config), features.row if features else ()
        self.pairs = PairMaker(pack, frames, shown=shown)
        self.check = PairMaker(pack, frames, True, Taste(measured=0.0, spoilt=0.0, shown=1.0), shown=shown)

    def draw(self, generator: Generator) -> Heard:
        heard = self._heard(self.pairs, self.batch, generator)
        return Heard(heard.source, heard.target, self.hints.leave(heard.condition, generator))

    def _heard(self, pairs: PairMaker, count: int, generator: Generator) -> Heard:
        """Everything is told that can be seen."""
        drawn = pairs.draw(count, generator, self.config.level)
        source, target = drawn.sources[self.config.task], drawn.targets[self.config.task]
        source = source + DITHER * torch.randn(source.shape, generator=generator)
        return Heard(source, target, all_known(drawn.views, self.features, generator))

    def validate(self, model: SpectrumNetwork) -> dict[str, float]:
        """Log-mel error in dB of the sound, given the picture, another room's, or none; of the input too."""
        heard = self._heard(self.check, CHECKED, Generator().manual_seed(1))
        every, none = torch.ones(CHECKED, dtype=torch.bool), torch.zeros(CHECKED, 3, dtype=torch.bool)
        other = heard.condition.each(lambda part: part.roll(CHECKED // 2, 0))
        told = {"nothing": heard.condition.keep(~every, none)}
        if self.features is not None:
            told |= {"picture": heard.condition.keep(every, none), "other_picture": other.keep(every, none)}
        target = self._judged_part(heard.target)
        row = {"input_db": mel_error_db(self._judged_part(heard.source), target)}
        for name, condition in told.items():
            estimate = self._judged_part(self._sound(model, heard.source, condition))
            row |= {f"{name}_db": mel_error_db(estimate, target), f"{name}_detail": detail_ratio(estimate, target)}
        return row

    def _sound(self, model: SpectrumNetwork, source: Tensor, condition: Condition) -> Tensor:
        """With margins again, which are silent."""
        device = next(model.parameters()).device
        made = model(inner(source, self.config).to(device), condition.to(device))
        sound = istft(consistent(made, self.config.phase_iterations, self.config.spec), self.config.spec)
        return nn.functional.pad(sound, (MARGIN, MARGIN)).cpu()

    def _judged_part(self, sound: Tensor) -> Tensor:
        """Log-mel of a window without its margins and its past."""
        past = self.config.past_frames * self.config.hop
        return log_mel(sound)[..., (MARGIN + past) // MEL.hop : -MARGIN // MEL.hop]

    def export(self, model: SpectrumNetwork, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / f"{self.name}-{self.config.task}.safetensors", notes)


def mel_frames(config: SpectrumConfig) -> int:
    """How long a window with its past is, in frames of the mel front end."""
    return (config.past_frames + config.window_frames) * config.hop // MEL.hop


def inner(sound: Tensor, config: SpectrumConfig) -> Tensor:
    """STFT of windows with margins (B, samples + 2 MARGIN), without the margins."""
    edge = MARGIN // config.hop
    return stft(sound, config.spec)[..., edge:-edge]


class AvUnetTask(SpectrumTask):
    """Squared error on the log magnitude, as published."""

    name = "av_unet"

    def losses(self, model: AvUnet, batch: Heard, generator: Generator, step: int = 0) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        source, target = (inner(sound.to(device), self.config) for sound in (batch.source, batch.target))
        error = model.level(source, batch.condition.to(device)) - log_magnitude(target)
        return {"log_magnitude": error.square().mean()}


class AvitarTask(SpectrumTask):
    """Distances of the sound's spectra, and a critic's opinion of it."""

    name = "avitar"

    def __init__(self, model: Avitar, *others: Any, critic_width: int = 8, **options: Any):
        super().__init__(model, *others, **options)
        self.model = Judged(self.model, SoundCritic(critic_width))

    def losses(self, model: Judged, batch: Heard, generator: Generator, step: int = 0) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        source, real = inner(batch.source.to(device), self.config), batch.target[:, MARGIN:-MARGIN].to(device)
        spectrum = model.network(source, batch.condition.to(device))
        with torch.autocast(device.type, enabled=False):
            made = istft(spectrum, self.config.spec)
            made, real = (sound[:, EDGE_SAMPLES:-EDGE_SAMPLES] for sound in (made, real))
            terms = spectral_losses(made, real)
        return terms | weighed(adversarial(model.critic, made * LOUDER, real * LOUDER))

    def validate(self, model: Judged) -> dict[str, float]:
        return super().validate(model.network)

    def export(self, model: Judged, folder: Path, notes: dict[str, str]) -> None:
        super().export(model.network, folder, notes)
