"""Training of the plain vocoder: clean and reverberant speech back from its own mel."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import torch
from torch import Generator, Tensor

from mvsd.audio import log_mel
from mvsd.data.pack import Pack
from mvsd.data.pairs import MARGIN, PairMaker, Taste
from mvsd.denoiser import DenoiserConfig
from mvsd.metrics.speech import pesq_wb
from mvsd.metrics.undefined import Undefined
from mvsd.plain_vocoder import PlainVocoder, PlainVocoderConfig
from mvsd.training.converters import EDGE
from mvsd.training.critics import Judged, SoundCritic, judged_sound, network_of
from mvsd.training.vocoder import INNER, spectral_losses
from mvsd.vocoder import TASKS

FILE = "plain_vocoder.safetensors"
FRAMES = 96  # of a window, 1.5 s
CHECKED = 16  # windows of a validation, a kind of speech
Sounds = tuple[Tensor, Tensor]  # log-mel (B, 128, FRAMES) and sound (B, samples)


class PlainVocoderTask:
    """Half a batch dry, half in rooms. critic_width: of what tells made from real; 0: spectral distances alone."""

    def __init__(
        self,
        config: PlainVocoderConfig,
        pack: Pack,
        batch: int,
        critic_width: int = 0,
        init: Path | None = None,
        seed: int = 0,
    ):
        torch.manual_seed(seed)
        network = PlainVocoder.from_pretrained(init).train() if init else PlainVocoder(config)
        self.model = Judged(network, SoundCritic(critic_width)) if critic_width else network
        self.batch = batch
        self.pairs = PairMaker(pack, FRAMES)
        self.check = PairMaker(pack, FRAMES, True, Taste(measured=0.0, spoilt=0.0, tail=0.0))

    def draw(self, generator: Generator) -> Sounds:
        mels, sounds = zip(*self._sounds(self.pairs, self.batch // 2, generator).values())
        return torch.cat(mels), torch.cat(sounds)

    def _sounds(self, pairs: PairMaker, count: int, generator: Generator) -> dict[str, Sounds]:
        """By the task whose wish they are: reverberant of "match", dry of "dereverb"."""
        wanted = pairs.draw(count, generator, DenoiserConfig.level).targets
        return {task: (log_mel(wanted[task])[..., EDGE:-EDGE], wanted[task][:, MARGIN:-MARGIN]) for task in TASKS}

    def losses(self, model: PlainVocoder | Judged, batch: Sounds, generator: Generator, step: int) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        mel, real = (part.to(device) for part in batch)
        made = network_of(model)(mel)[:, INNER]
        real = real[:, INNER]
        with torch.autocast(device.type, enabled=False):
            terms = spectral_losses(made, real)
            del terms["complex"]  # whose phase no mel tells
            terms["mel"] = (log_mel(made) - log_mel(real)).abs().mean()
        return terms | judged_sound(model, made, real)

    def validate(self, model: PlainVocoder | Judged) -> dict[str, float]:
        """PESQ-wb of held-out speech made from its own mel, dry and in rooms."""
        network, row = network_of(model), {}
        device = next(network.parameters()).device
        for task, (mel, real) in self._sounds(self.check, CHECKED, Generator().manual_seed(1)).items():
            scores = _scores(network(mel.to(device)).cpu(), real)
            if scores:
                row[f"{task}_pesq"] = fmean(scores)
        return row

    def export(self, model: PlainVocoder | Judged, folder: Path, notes: dict[str, str]) -> None:
        network_of(model).save(folder / FILE, notes)


def _scores(made: Tensor, real: Tensor) -> list[float]:
    """PESQ of each window that holds speech."""
    found = []
    for ours, theirs in zip(made, real):
        try:
            found.append(pesq_wb(ours, theirs))
        except Undefined:
            continue
    return found
