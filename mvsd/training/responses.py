"""Training of Image2Reverb: pictures to the responses heard where they were taken."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from mvsd.acoustics import DIRECT_SAMPLE, t60
from mvsd.audio import DB_PER_NEPER
from mvsd.data.pack import Pack, RoomView
from mvsd.errors import UserError
from mvsd.systems.image2reverb import MEAN, SPREAD, Image2Reverb, ResponseGenerator, sound_of, tail_of
from mvsd.training.converters import Hints, SceneFeatures
from mvsd.training.critics import Judged, MapCritic, adversarial
from mvsd.unet import Condition

FOOLED = 0.01  # as published: 100 of absolute error to 1 of the critic
SEEN_CHANNELS = 4
Batch = tuple[Tensor, Condition, Tensor]  # tails (B, 128, 256), rooms, noise


class PairCritic(MapCritic):
    """Judges a tail together with the picture's embedding, spread over it as further channels."""

    def __init__(self, width: int, scene_dim: int):
        super().__init__(1 + SEEN_CHANNELS, width)
        self.look = nn.Linear(scene_dim, SEEN_CHANNELS)

    def forward(self, pair: tuple[Tensor, Tensor]) -> list[Tensor]:
        tail, scene = pair
        seen = self.look(scene)[..., None, None].expand(-1, -1, *tail.shape[1:])
        return super().forward(torch.cat([((tail - MEAN) / SPREAD)[:, None], seen], 1))


class ResponseTask:
    """Rooms whose pictures did not teach the encoder."""

    def __init__(self, model: ResponseGenerator, pack: Pack, batch: int, features: SceneFeatures | None):
        if features is None:
            raise UserError("image2reverb needs a scene encoder and pictures. Give --init with a scene encoder.")
        self.pack, self.batch, self.features = pack, batch, features
        self.hints = Hints(numbers=0.0, distance=0.0)
        shown = [view for view in pack.views if view.begin in features.row]
        self.views, self.check = ([v for v in shown if v.held_out == side] for side in (False, True))
        self.model = Judged(model.train(), PairCritic(16, model.config.scene_dim))

    def draw(self, generator: Generator) -> Batch:
        pick = torch.randint(len(self.views), (self.batch,), generator=generator)
        tails, condition, noise = self._batch([self.views[i] for i in pick], generator)
        return tails, self.hints.leave(condition, generator), noise

    def _batch(self, views: list[RoomView], generator: Generator) -> Batch:
        tails = torch.stack([tail_of(self.pack.rir(view), DIRECT_SAMPLE) for view in views])
        noise = torch.randn(len(views), self.model.network.config.noise_dim, generator=generator)
        return tails, self.features.condition(views, generator), noise

    def losses(self, model: Judged, batch: Batch, generator: Generator, step: int = 0) -> dict[str, Tensor]:
        real, condition, noise = (part.to(next(model.parameters()).device) for part in batch)
        made, scene = model.network(condition, noise), model.network.seen(condition).detach()
        judged = adversarial(model.critic, (made, scene), (real, scene))
        terms = {"critic": judged["critic"], "fooled": FOOLED * judged["fooled"]}
        return terms | {"absolute": (made - real).abs().mean() / SPREAD}

    def validate(self, model: Judged) -> dict[str, float]:
        """Of unseen rooms: error of the tail's log-mel in dB, of T60 in s, and both of another room's response."""
        tails, condition, noise = self._batch(self.check[:64], Generator().manual_seed(1))
        device = next(model.parameters()).device
        made = model.network(condition.to(device), noise.to(device)).float().cpu()
        row = {"tail_db": _error_db(made, tails), "other_tail_db": _error_db(made.roll(1, 0), tails)}
        read = torch.tensor([t60(sound_of(tail, 0).numpy()) or math.nan for tail in made])
        true = torch.tensor([view.t60_s for view in self.check[:64]])
        errors = {"t60_s": (read - true).abs(), "other_t60_s": (read.roll(1) - true).abs()}
        return row | {name: float(error.nanmean()) for name, error in errors.items()}

    def export(self, model: Judged, folder: Path, notes: dict[str, str]) -> None:
        model.network.save(folder / Image2Reverb.file, notes)


def _error_db(made: Tensor, real: Tensor) -> float:
    return float((made - real).abs().mean()) * DB_PER_NEPER
