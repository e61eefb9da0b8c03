"""Training of one converter on pairs made on the fly: the paired part of MVSD (arXiv 2407.10373), eq. 7 and 9."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from mvsd.audio import log_mel
from mvsd.conversion import Settings
from mvsd.data.pack import Pack, RoomView
from mvsd.data.pairs import PairMaker, Pairs, Taste
from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.diffusion import SAMPLERS, Denoise, trailing_steps
from mvsd.metrics.spectral import detail_ratio, mel_error_db
from mvsd.training.room_model import bands_ring
from mvsd.unet import Condition

EDGE = 2  # frames of margin that PairMaker leaves on each side
LONG_PAST = 192  # frames (3.07 s) of source ahead of a window that Polack's model hears
FIT_BATCH = 8
FILES = {"match": "reverberator.safetensors", "dereverb": "dereverberator.safetensors"}


@dataclass(frozen=True)
class Hints:
    """How often what is known of the room while training: the rest of the time it is unknown."""

    scene: float = 0.85  # where there is a picture
    numbers: float = 0.3  # T60 and DRR
    distance: float = 0.3

    def leave(self, condition: Condition, generator: Generator) -> Condition:
        """Forget the rest."""
        keep = torch.rand(len(condition.scene), 3, generator=generator)
        numbers = keep[:, 1:2] < self.numbers
        known = torch.cat([keep[:, 2:3] < self.distance, numbers, numbers], 1)
        return condition.keep(keep[:, 0] < self.scene, known)


@dataclass(frozen=True)
class SceneFeatures:
    """Views' embeddings under k augmentations, with what the probe reads in them.

    scene: (views, k, 256); tokens: (views, k, 49, 256); reading: (views, k, 3), in the order of Condition.numbers.
    """

    scene: Tensor
    tokens: Tensor
    reading: Tensor
    row: dict[int, int]  # a view's begin in the response pool -> row

    def condition(self, views: list[RoomView], generator: Generator) -> Condition:
        """All that is known of these views, a random augmentation for each; views without a row have no picture."""
        rows = torch.tensor([self.row.get(view.begin, -1) for view in views])
        pick = torch.randint(self.scene.shape[1], (len(views),), generator=generator)
        parts = (part[rows, pick].float() for part in (self.scene, self.tokens, self.reading))
        scene, tokens, reading = parts
        whole = Condition(scene, tokens, torch.ones_like(rows, dtype=torch.bool), numbers_of(views), reading)
        return whole.keep(rows >= 0, torch.ones(len(views), 3, dtype=torch.bool))


def numbers_of(views: list[RoomView]) -> Tensor:
    """What Condition.numbers holds for these views, (B, 3)."""
    unknown = float("nan")
    rows = [(view.distance_m or unknown, view.t60_s, view.drr_db) for view in views]
    table = torch.tensor(rows, dtype=torch.float32)
    return torch.stack([table[:, 0].log(), table[:, 1].log(), table[:, 2] / 10], 1)


def all_known(views: list[RoomView], features: SceneFeatures | None, generator: Generator) -> Condition:
    """All that is known of these views: numbers, and pictures where an encoder has seen them."""
    if features is None:
        return replace(Condition.unknown(len(views)), numbers=numbers_of(views))
    return features.condition(views, generator)


class ConverterTask:
    """One of the two converters, its data and its validation."""

    network: type[Denoiser] = Denoiser

    def __init__(
        self,
        config: DenoiserConfig,
        pack: Pack,
        batch: int,
        features: SceneFeatures | None = None,
        hints: Hints = Hints(),
        init: Path | None = None,
        seed: int = 0,
        fit_steps: int = 60,
    ):
        torch.manual_seed(seed)  # initial weights
        self.model = self.network.from_pretrained(init).train() if init else self.network(config)
        self.model.unet.to(memory_format=torch.channels_last)
        self.config, self.batch, self.features, self.hints = self.model.config, batch, features, hints
        frames = self.config.past_frames + self.config.window_frames
        before, shown = LONG_PAST if self.config.centre == "rung" else 0, features.row if features else ()
        self.pairs = PairMaker(pack, frames, before=before, shown=shown)
        quiet = Taste(measured=0.0, spoilt=0.0, shown=1.0)
        self.check = PairMaker(pack, frames, True, quiet, before, shown)
        if self.config.centre == "rung" and fit_steps and not init:
            fit_room(self.model, self.pairs, seed, fit_steps)

    def draw(self, generator: Generator) -> tuple[Tensor, Tensor, Condition]:
        """Target and source mels and what is told of the rooms."""
        drawn = self.pairs.draw(self.batch, generator, self.config.level)
        target, source = mels(drawn, self.config.task)
        return target, source, self.hints.leave(all_known(drawn.views, self.features, generator), generator)

    def losses(
        self, model: Denoiser, batch: tuple[Tensor, Tensor, Condition], generator: Generator, step: int
    ) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        target, source, condition = (part.to(device) for part in batch)
        return model.window_loss(target, source, condition, generator)

    def validate(self, model: Denoiser) -> dict[str, float]:
        return judged(model, self.check, self.features)

    def export(self, model: Denoiser, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / FILES[self.config.task], notes)


def mels(drawn: Pairs, task: str) -> tuple[Tensor, Tensor]:
    """Target (B, 128, frames) and source (B, 128, before + frames), log-mel in nepers."""
    return log_mel(drawn.targets[task])[..., EDGE:-EDGE], log_mel(drawn.sources[task])[..., EDGE:-EDGE]


def judged(
    model: Denoiser,
    check: PairMaker,
    features: SceneFeatures | None,
    windows: int = 48,
    settings: Settings = Settings(),
) -> dict[str, float]:
    """Log-mel error in dB, detail ratio and distance from the input, given the true numbers, the picture, another
    room's, or nothing."""
    generator, config = torch.Generator().manual_seed(1), model.config
    drawn = check.draw(windows, generator, config.level)
    target, source = mels(drawn, config.task)
    full = all_known(drawn.views, features, generator)
    every, none = torch.ones(windows, dtype=torch.bool), torch.zeros(windows, 3, dtype=torch.bool)
    conditions = {"nothing": full.keep(~every, none), "numbers": full.keep(~every, ~none)}
    if features is not None:
        other = torch.arange(windows).roll(windows // 2)
        swapped = full.each(lambda part: part[other])
        conditions |= {"picture": full.keep(every, none), "other_picture": swapped.keep(every, none)}
    recent = source[..., -target.shape[-1] :]
    row = {"input_db": _error_db(recent, target, config.past_frames)}
    for name, condition in conditions.items():
        estimate = sample_windows(model, source, condition, generator.manual_seed(2), check.before, settings)
        row[f"{name}_db"] = _error_db(estimate, target, config.past_frames)
        row[f"{name}_detail"] = detail_ratio(estimate, target)
        row[f"{name}_moved_db"] = _error_db(estimate, recent, config.past_frames)
    return row


def _error_db(estimate: Tensor, target: Tensor, past: int) -> float:
    return mel_error_db(estimate[..., past:], target[..., past:])


@torch.no_grad()
def sample_windows(
    model: Denoiser,
    source: Tensor,
    condition: Condition,
    generator: Generator,
    past: int = 0,
    settings: Settings = Settings(),
) -> Tensor:
    """source: (B, 128, past + frames) nepers, each window by itself. Returns the sampled log-mel of its frames.

    settings: how many steps, and of which deterministic sampler.
    """
    x, seen, denoise = begun(model, source, condition, generator, past)
    ladder = trailing_steps(model.process.steps, settings.for_task(model.config.task).steps)
    *_, x = SAMPLERS[settings.sampler](denoise, x, ladder, model.process, lambda: x)
    return model.decode(x, seen).clamp(min=-11.513).cpu()


def begun(
    model: Denoiser, source: Tensor, condition: Condition, generator: Generator, past: int = 0
) -> tuple[Tensor, Tensor, Denoise]:
    """What samplers of whole windows begin with: unit noise, what is seen of the windows, and how both are denoised."""
    device = next(model.parameters()).device
    condition = condition.to(device)
    seen = model.see(source.to(device), condition)[..., past:]
    x = torch.randn(seen[:, 0].shape, generator=generator).to(device)

    def denoise(x: Tensor, t: int) -> Tensor:
        return model(x, seen, torch.full((len(x),), t, device=device), condition)

    return x, seen, denoise


def fit_room(model: Denoiser, pairs: PairMaker, seed: int, steps: int) -> None:
    """Set what Polack's model takes for granted: usual rooms, and how a band's T60 and DRR differ from the room's.

    T60 is measured in responses, DRR is fitted to speech: a fit to speech alone leaves T60 half way.
    """
    views = [view for views in pairs.simulated for view in views]
    model.usual.copy_(numbers_of(views).nanmean(0))
    ring = bands_ring(pairs.pack, views)
    drr = torch.zeros_like(ring, requires_grad=True)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam([drr], lr=0.05)
    for _ in range(steps):
        model.tilt = torch.stack([ring, drr])
        drawn = pairs.draw(FIT_BATCH, generator, model.config.level)
        target, source = mels(drawn, "match")
        told = replace(Condition.unknown(len(target)), numbers=numbers_of(drawn.views))
        error = (model.see(source, told)[:, 1, :, -target.shape[-1] :] - target).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    model.tilt = torch.stack([ring, drr.detach()])
