"""Training of our network without diffusion, alone and with a critic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.systems.unet import Regressor
from mvsd.training.converters import ConverterTask
from mvsd.training.critics import Judged, MapCritic, adversarial, weighed


class UnetTask(ConverterTask):
    """Ours without diffusion, on what ours is trained on. It begins from ours where that is told and of its size: what
    the two know of rooms is then the same, and a few minutes go far."""

    name, network = "unet", Regressor

    def __init__(self, config: DenoiserConfig, *others: Any, ours: Denoiser | None = None, **options: Any):
        begins = ours is not None and ours.config == config and not options.get("init")
        super().__init__(config, *others, **options | ({"fit_steps": 0} if begins else {}))
        if begins:
            self.model.load_state_dict(Regressor.of(ours).state_dict())

    def export(self, model: Regressor, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / f"{self.name}-{self.config.task}.safetensors", notes)


class UnetGanTask(UnetTask):
    """The same with a critic of the change, which sees what the network sees."""

    name = "unet_gan"

    def __init__(self, config: DenoiserConfig, *others: Any, critic_width: int = 16, **options: Any):
        super().__init__(config, *others, **options)
        self.model = Judged(self.model, MapCritic(1 + config.seen, critic_width))

    def losses(self, model: Judged, batch: tuple, generator: Generator, step: int = 0) -> dict[str, Tensor]:
        target, source, condition = (part.to(next(model.parameters()).device) for part in batch)
        network = model.network
        seen = network.see(source, condition)[..., -target.shape[-1] :]
        change, wanted = network.change(seen, condition), network.encode(target, seen)
        made, real = (
            torch.cat([part[:, None], (seen - network.config.mel_mean) / network.config.mel_std], 1)
            for part in (change, wanted)
        )
        return {"absolute": network.distance(change, wanted)} | weighed(adversarial(model.critic, made, real))

    def validate(self, model: Judged) -> dict[str, float]:
        return super().validate(model.network)

    def export(self, model: Judged, folder: Path, notes: dict[str, str]) -> None:
        super().export(model.network, folder, notes)
