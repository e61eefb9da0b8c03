"""Training of both converters at once: the paired losses of each, and what each learns from the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from mvsd.data.pack import Pack
from mvsd.data.pairs import PairMaker, Taste
from mvsd.denoiser import Denoiser
from mvsd.training.converters import FILES, LONG_PAST, Hints, SceneFeatures, all_known, judged, mels
from mvsd.training.mutual import Cycled, dry_cycle, louder_by, wet_cycle
from mvsd.training.natural import Natural, Recorded
from mvsd.unet import Condition

KINDS = ("paired dry", "paired wet", "anechoic")  # of cycle, one a step, so that a step costs what it must


@dataclass(frozen=True)
class Both:
    """A batch for both converters, in the same rooms. targets, sources: log-mel by task; kind: of KINDS; elsewhere:
    rooms drawn at random for speech that has none; recorded: unpaired recordings, where it is their turn."""

    targets: dict[str, Tensor]
    sources: dict[str, Tensor]
    condition: Condition
    elsewhere: Condition
    kind: str
    recorded: Recorded | None = None


def apart(louder: Tensor, softer: Tensor) -> Tensor:
    """Nepers between two levels of one sound, (B, 1, 1): the median over its loudest tenth, far above the noise."""
    loud = louder >= louder.flatten(1).quantile(0.9, dim=1)[:, None, None]
    return (louder - softer).masked_fill(~loud, float("nan")).flatten(1).nanmedian(1).values[:, None, None]


class Duo(nn.Module):
    """f and g side by side, as one thing to optimise."""

    def __init__(self, f: Denoiser, g: Denoiser):
        super().__init__()
        self.f, self.g = f, g


class MutualTask:
    """Begins from converters trained apart; paired losses are never switched off. share: weight of the cycles."""

    def __init__(
        self,
        weights: Path,
        pack: Pack,
        batch: int,
        features: SceneFeatures | None = None,
        hints: Hints = Hints(),
        share: float = 1.0,
        natural: Natural | None = None,
    ):
        f, g = (Denoiser.from_pretrained(weights / FILES[task]).train() for task in ("match", "dereverb"))
        self.model = Duo(f, g).to(memory_format=torch.channels_last)
        self.batch, self.features, self.hints, self.share, self.natural = batch, features, hints, share, natural
        frames, shown = f.config.past_frames + f.config.window_frames, features.row if features else ()
        self.pairs = PairMaker(pack, frames, before=LONG_PAST, shown=shown)
        quiet = Taste(measured=0.0, spoilt=0.0, shown=1.0)
        self.check = PairMaker(pack, frames, True, quiet, LONG_PAST, shown)

    def draw(self, generator: Generator) -> Both:
        drawn = self.pairs.draw(self.batch, generator, self.model.f.config.level)
        targets, sources = zip(*(mels(drawn, task) for task in FILES))
        full = all_known(drawn.views, self.features, generator)
        order = torch.randperm(self.batch, generator=generator)
        kind = KINDS[int(torch.randint(len(KINDS), (1,), generator=generator))]
        told = self.hints.leave(full, generator)
        elsewhere = told.each(lambda part: part[order])
        recorded = self.natural.draw(self.batch, generator, self.model.g.config.level) if self.natural else None
        return Both(dict(zip(FILES, targets)), dict(zip(FILES, sources)), told, elsewhere, kind, recorded)

    def losses(self, duo: Duo, batch: Both, generator: Generator, step: int) -> dict[str, Tensor]:
        device = next(duo.parameters()).device
        told = batch.condition.to(device)
        terms = {}
        for task, converter in (("match", duo.f), ("dereverb", duo.g)):
            target, source = batch.targets[task].to(device), batch.sources[task].to(device)
            paired = converter.window_loss(target, source, told, generator)
            terms |= {f"{task}_{name}": value for name, value in paired.items()}
        if not self.share:
            return terms
        entered = self.natural.entering.weight(step) if batch.recorded else 0.0
        mutual = torch.zeros((), device=device)
        if entered < 1:
            cycle = wet_cycle if batch.kind == "paired wet" else dry_cycle
            sounds = self._cycled(batch, duo.f.usual).to(device)
            mutual = mutual + (1 - entered) * cycle(duo.f, duo.g, sounds, generator)
        if entered > 0:
            sounds = batch.recorded.cycled(duo.f.usual.cpu()).to(device)
            mutual = mutual + entered * wet_cycle(duo.f, duo.g, sounds, generator)
        return terms | {"mutual": self.share * mutual}

    def _cycled(self, batch: Both, usual: Tensor) -> Cycled:
        """What this step's cycle is of. A batch's dry speech at both levels tells how far they are apart."""
        frames = batch.targets["match"].shape[-1]
        dry, known = batch.sources["match"], batch.targets["dereverb"]
        louder = apart(dry[..., -frames:], known)
        if batch.kind == "paired wet":
            wet, before = batch.sources["dereverb"][..., -frames:], dry[..., :-frames]
            return Cycled(wet, batch.targets["match"], louder, batch.condition, before)
        if batch.kind == "paired dry":
            return Cycled(dry, known, louder, batch.condition)
        elsewhere = louder_by(batch.elsewhere.room(usual.cpu())[1])
        return Cycled(dry, known + louder - elsewhere, elsewhere, batch.elsewhere)

    def validate(self, model: Duo) -> dict[str, float]:
        rows = {task: judged(net, self.check, self.features) for task, net in zip(FILES, (model.f, model.g))}
        row = {f"{task}_{name}": value for task, row in rows.items() for name, value in row.items()}
        return row | (self.natural.judge(model.f, model.g) if self.natural else {})

    def export(self, model: Duo, folder: Path, notes: dict[str, str]) -> None:
        for task, converter in zip(FILES, (model.f, model.g)):
            converter.save(folder / FILES[task], notes)
