"""Training of the blind T60 estimator: speech as recorded in a room, against the T20 of the room's response."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from mvsd.audio import MEL, speech_level
from mvsd.data.pack import Pack, RoomView
from mvsd.data.pairs import DIRECT_SAMPLE, LONGEST_RIR, MARGIN, PairMaker, Taste, convolve
from mvsd.t60_estimator import LEVEL, T60Config, T60Estimator

FILE = "t60.safetensors"
DRY_SHARE = 0.06  # of training windows that are dry speech
DRY_T60_S = 0.1  # what dry speech counts as: it has no decay that could be measured
BETA = 0.2  # of log T60: errors beyond 22 % count linearly
TASTE = Taste(measured=0.2, spoilt=0.5)
BIN = 0.25  # of log T60; rooms are drawn so that every bin counts alike, rare ones up to RAREST times
RAREST = 4
CLIP_S, CLIPS = 6.0, 3  # of validation, a response
AT_MOST = 60  # responses of validation, about
USUAL_S = 1.5  # rooms above it are judged apart


@dataclass(frozen=True)
class Heard:
    """A part of a batch. audio: (B, samples), speech at LEVEL; log_t60: (B,)."""

    audio: Tensor
    log_t60: Tensor


class T60Task:
    """Half the windows come spoilt (noise, colour, codec), some are dry speech."""

    def __init__(self, config: T60Config, pack: Pack, batch: int, init: Path | None = None, seed: int = 0):
        torch.manual_seed(seed)
        self.model = T60Estimator.from_pretrained(init).train() if init else T60Estimator(config)
        self.model.to(memory_format=torch.channels_last)
        self.pack, self.batch = pack, batch
        self.pairs = PairMaker(pack, self.model.config.samples // MEL.hop, taste=TASTE)
        self.pairs.simulated = evened(self.pairs.simulated)

    def draw(self, generator: Generator) -> Heard:
        drawn = self.pairs.draw(self.batch, generator, LEVEL)
        logs = torch.tensor([view.t60_s for view in drawn.views]).log()
        dry = torch.rand(len(logs), generator=generator) < DRY_SHARE
        audio = torch.where(dry[:, None], drawn.sources["match"], drawn.sources["dereverb"])[:, MARGIN:-MARGIN]
        levels = torch.tensor([max(speech_level(row), 1e-5) for row in audio])
        return Heard(audio * (LEVEL / levels)[:, None], torch.where(dry, torch.tensor(DRY_T60_S).log(), logs))

    def losses(self, model: T60Estimator, batch: Heard, generator: Generator, step: int) -> dict[str, Tensor]:
        device = model.exit.weight.device
        read = model(batch.audio.to(device)).float()
        return {"log_t60": F.smooth_l1_loss(read, batch.log_t60.to(device), beta=BETA)}

    def validate(self, model: T60Estimator) -> dict[str, float]:
        """Root mean square error in s over held-out rooms and speakers, simulated and measured."""
        row = {}
        for kind, is_measured in (("simulated", False), ("measured", True)):
            views = one_a_room([v for v in self.pack.views if v.held_out and v.measured == is_measured])
            found = judged(model, self.pack, views[:: max(1, len(views) // AT_MOST)]) if views else {}
            row |= {f"{kind}_{name}": value for name, value in found.items()}
        return row

    def export(self, model: T60Estimator, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / FILE, notes)


def evened(rooms: list[list[RoomView]]) -> list[list[RoomView]]:
    """Rooms repeated so that rare T60s are met more often."""
    bins = torch.tensor([round(float(torch.tensor(views[0].t60_s).log()) / BIN) for views in rooms])
    counts = {int(name): int((bins == name).sum()) for name in bins.unique()}
    most = max(counts.values())
    return [views for views, name in zip(rooms, bins.tolist()) for _ in range(min(RAREST, round(most / counts[name])))]


def one_a_room(views: list[RoomView], most: int = 4) -> list[RoomView]:
    """At most so many views of a room, spread over them: a room with many files counts no more for it."""
    rooms: dict[str, list[RoomView]] = {}
    for view in views:
        rooms.setdefault(view.room, []).append(view)
    return [view for group in rooms.values() for view in group[:: max(1, -(-len(group) // most))]]


def heard(pack: Pack, view: RoomView, generator: Generator) -> Tensor:
    """CLIP_S of held-out speech in a room, (samples,)."""
    spoken = [row for row in pack.utterances if row.held_out]
    row = spoken[int(torch.randint(len(spoken), (1,), generator=generator))]
    speech, rir = pack.speech(row), pack.rir(view)[:LONGEST_RIR]
    wet = convolve(F.pad(speech, (len(rir), DIRECT_SAMPLE)), rir)[len(rir) :]
    return wet[: round(CLIP_S * 16_000)]


def judged(model: T60Estimator, pack: Pack, views: list[RoomView], seed: int = 1) -> dict[str, float]:
    """RMSE in s over all and below USUAL_S, and the median error, a clip at a time."""
    generator = torch.Generator().manual_seed(seed)
    pairs = [(model.estimate(heard(pack, view, generator)), view.t60_s) for view in views for _ in range(CLIPS)]
    read, true = torch.tensor(pairs, dtype=torch.float32).reshape(-1, 2).T
    usual = true < USUAL_S
    row = {"rmse_s": _rmse(read, true), "usual_rmse_s": _rmse(read[usual], true[usual])}
    return row | {"bias_s": float((read - true).median()), "rooms": len({view.room for view in views})}


def _rmse(read: Tensor, true: Tensor) -> float:
    return float((read - true).square().mean().sqrt()) if len(read) else float("nan")
