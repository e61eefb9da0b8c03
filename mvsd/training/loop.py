"""The one training loop: fixed steps, EMA, checkpoints that survive a kill at any moment, metrics as JSON lines.

What is trained is a `Task`; the loop knows nothing of sound. It runs in one process or in several that see one folder
(`accelerate launch -m mvsd train`). Every part of every batch draws from a generator of its own, so a resumed run sees
what an unbroken one would have seen, and several processes see what one would.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate.utils import broadcast
from safetensors import SafetensorError
from torch import Generator, Tensor, nn

from mvsd.errors import UserError
from mvsd.training.batches import Batches, Sharing, seeded
from mvsd.training.processes import accelerator
from mvsd.training.run_folder import RunFolder, circumstances

log = logging.getLogger(__name__)
MEASURE_S = 60  # the first minute tells the speed
OVERHEAD = 0.97  # share of a timed run that is steps; the rest is validation and checkpoints
NOTE_EVERY = 50  # steps


class Task(Protocol):
    """What is trained, and how it is judged."""

    model: nn.Module

    def draw(self, generator: Generator) -> Any:
        """One part of a batch, on the CPU; may run in a worker process."""
        ...

    def losses(self, model: nn.Module, batch: Any, generator: Generator, step: int) -> dict[str, Tensor]:
        """Named loss terms of what was drawn; their sum is minimised. What is random beyond it comes from generator."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]: ...

    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        """Write the (averaged) weights as they ship."""
        ...


@dataclass(frozen=True)
class LoopConfig:
    """Optimisation of a run. minutes and steps: whichever is given decides the length."""

    lr: float = 4e-4
    warmup_steps: int = 200
    weight_decay: float = 0.01
    ema: float = 0.999
    clip_norm: float = 1.0
    bf16: bool = True  # where the device has arithmetic for it
    seed: int = 0
    validate_every: int = 1000  # steps, and at the end; 0: never
    workers: int = 0  # processes that draw batches; they change nothing but the speed
    save_every_s: float = 120.0
    parts: int = 1  # of a batch: what processes share out, and one process does in turn


def learning_rate(step: int, total: int | None, config: LoopConfig) -> float:
    """Linear warm-up, then a cosine to 2 % of lr at `total`; flat while total is still being measured."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    if total is None:
        return config.lr * warm
    return config.lr * warm * (0.51 + 0.49 * math.cos(math.pi * min(1.0, step / max(1, total))))


def multiplies_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than float32 there; a processor without it emulates it, fifteen times slower."""
    if device.type != "cpu":
        return True
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


class Average:
    """Exponential moving average of a model's weights, quick to follow at first (Polyak averaging)."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.state[name].lerp_(tensor, 1 - decay)
            else:  # counters of batch normalisation
                self.state[name].copy_(tensor)


class Objective(nn.Module):
    """A task's losses as a forward pass: processes average the gradients of what goes through one, and of no more."""

    def __init__(self, task: Task):
        super().__init__()
        self.task, self.model = task, task.model

    def forward(self, batch: Any, generator: Generator, step: int) -> dict[str, Tensor]:
        return self.task.losses(self.model, batch, generator, step)


class Run:
    """A run and its folder. about: what makes it this run and no other; a folder of another is refused."""

    def __init__(self, folder: Path, task: Task, config: LoopConfig, about: dict[str, Any]):
        self.path, self.folder, self.task, self.config = folder, RunFolder(folder), task, config
        self.accelerator = accelerator()
        self.sharing = Sharing(config.parts, self.accelerator.process_index, self.accelerator.num_processes)
        decayed = [p for p in task.model.parameters() if p.ndim > 1]
        plain = [p for p in task.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=True)
        self.objective, self.optimizer = self.accelerator.prepare(Objective(task), optimizer)
        self.average = Average(self.bare, config.ema)
        self.bf16 = config.bf16 and multiplies_bf16(self.accelerator.device)
        self.step, self.total = 0, None
        self.sums: dict[str, Tensor | float] = {}  # of the loss terms since they were last noted
        self.about = about | {"loop": asdict(config)}
        self.circumstances = circumstances() | {"processes": self.sharing.processes}
        self._resume()

    @property
    def bare(self) -> nn.Module:
        return self.task.model

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.accelerator.is_main_process

    def _resume(self) -> None:
        kept = self.folder.read_state(self.accelerator.device)
        if kept is None:
            if self.leads:
                self.folder.forget_after(0)
            return
        if kept["about"] != json.dumps(self.about, sort_keys=True):
            raise UserError(f"{self.path} holds a run with other settings. Choose another --out, or go back to those.")
        self.bare.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.average.state = kept["average"]
        self.step, self.total, self.sums = kept["step"], kept["total"], kept["sums"]
        if self.leads:
            self.folder.forget_after(kept["noted"])
        log.info("resumed at step %d of %s", self.step, self.total)

    def save(self) -> None:
        """Write the state so that a kill leaves either the old file or the new one."""
        if not self.leads:
            return
        state = {
            "model": self.bare.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "step": self.step,
            "total": self.total,
            "sums": {name: float(value) for name, value in self.sums.items()},
            "about": json.dumps(self.about, sort_keys=True),
        }
        self.folder.keep(state, self.about | self.circumstances | {"steps": self.total, "step": self.step})

    def note(self, row: dict[str, float]) -> None:
        if self.leads:
            self.folder.note({"step": self.step} | row)

    def note_losses(self, seconds: float) -> None:
        """The mean of each loss term since they were last noted, over all processes."""
        sums = torch.tensor([float(value) for value in self.sums.values()], device=self.accelerator.device) / NOTE_EVERY
        means = self.accelerator.reduce(sums, "mean").tolist()
        rate = learning_rate(self.step, self.total, self.config)
        self.note(dict(zip(self.sums, means)) | {"lr": rate, "seconds": seconds})
        self.sums = {}

    def agreed(self, number: float) -> float:
        """What the leading process says; the others' clocks differ."""
        if self.sharing.processes == 1:
            return number
        return broadcast(torch.tensor(number, device=self.accelerator.device), 0).item()

    def one_step(self, batches: Iterator[Any]) -> None:
        """Optimise once, over our parts of the next batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, self.config)
        numbers = self.sharing.numbers(self.step)
        for number in numbers:
            is_last = number == numbers[-1]
            with nullcontext() if is_last else self.accelerator.no_sync(self.objective):
                self._learn(next(batches), number, len(numbers))
        norm = self.accelerator.clip_grad_norm_(self.bare.parameters(), self.config.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.average.update(self.bare, self.step)

    def _learn(self, batch: Any, number: int, shares: int) -> None:
        """Gradients of one part, which is one of `shares` of ours."""
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.bf16):
            losses = self.objective(batch, seeded(self.config.seed, number, 1), self.step)
        self.accelerator.backward(sum(losses.values()) / shares)
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().float() / shares

    def validate(self) -> dict[str, float]:
        """The task's own measure, on the averaged weights."""
        current = {name: tensor.clone() for name, tensor in self.bare.state_dict().items()}
        self.bare.load_state_dict(self.average.state)
        self.bare.eval()
        with torch.no_grad():
            row = self.task.validate(self.bare)
        self.bare.load_state_dict(current)
        self.bare.train()
        return row

    def note_validation(self) -> None:
        if self.leads:
            self.note(self.validate())
        self.accelerator.wait_for_everyone()

    def export(self) -> None:
        """Write the averaged weights as they ship; none is there before all of them are whole."""
        if self.leads:
            self.bare.load_state_dict(self.average.state)
            notes = {"recipe": str(self.about.get("recipe", "")), "training_steps": str(self.step)}
            part = self.path / "export.tmp"
            part.mkdir(exist_ok=True)
            try:
                self.task.export(self.bare.eval(), part, notes)
            except (OSError, SafetensorError) as error:
                raise UserError(f"The weights could not be written to {part} ({error}). Free some space.") from error
            for file in part.iterdir():
                file.replace(self.path / file.name)
            part.rmdir()
        self.accelerator.wait_for_everyone()


def train(
    run: Run,
    minutes: float | None = None,
    steps: int | None = None,
    stop_after: float | None = None,
    on_step: Callable[[int, int | None], None] | None = None,
) -> bool:
    """Run to the end (True), or to a checkpoint after `stop_after` minutes of this call (False).

    minutes: the run's whole clock; the speed of the first minute fixes the number of steps, once.
    """
    run.total = run.total or steps
    minutes = minutes and run.agreed(minutes)  # each process has its own account of what is left
    run.bare.train()
    begin, first, saved = time.monotonic(), run.step, 0.0
    batches = Batches(run.task, run.config.seed).since(run.step, run.sharing, run.config.workers)
    while run.total is None or run.step < run.total:
        run.one_step(batches)
        now = run.agreed(time.monotonic() - begin)
        if measured := run.total is None and now > MEASURE_S:
            left = max(0.0, minutes * 60 - MEASURE_S)
            run.total = run.step + int((run.step - first) / now * left * OVERHEAD)
        if run.step % NOTE_EVERY == 0:
            run.note_losses(now)
        if run.config.validate_every and run.step % run.config.validate_every == 0:
            run.note_validation()
        if on_step and run.leads:
            on_step(run.step, run.total)
        stops = stop_after is not None and now > stop_after * 60
        if stops or measured or now - saved > run.config.save_every_s:
            run.save()
            saved = now
        if stops:
            return False
    run.save()
    if run.config.validate_every:
        run.note_validation()
    run.export()
    return True
