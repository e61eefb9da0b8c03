"""The one training loop: fixed steps, EMA, checkpoints that survive a kill at any moment, metrics as JSON lines.

What is trained is a `Task`; the loop knows nothing of sound. Every step draws from a generator seeded by (seed, step),
so a resumed run sees what an unbroken one would have seen.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Generator, Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mvsd.errors import UserError

log = logging.getLogger(__name__)
MEASURE_S = 60  # the first minute tells the speed
OVERHEAD = 0.97  # share of a timed run that is steps; the rest is validation and checkpoints


class Task(Protocol):
    """What is trained, and how it is judged."""

    model: nn.Module

    def draw(self, generator: Generator) -> Any:
        """One batch, on the CPU; may run in a worker process."""
        ...

    def losses(self, model: nn.Module, batch: Any, generator: Generator) -> dict[str, Tensor]:
        """Named loss terms of a batch; their sum is minimised. What is random beyond the batch comes from generator."""
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
    validate_every: int = 1000
    workers: int = 0  # processes that draw batches; they change nothing but the speed
    save_every_s: float = 120.0


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


class Batches(Dataset):
    """The task's batches by step: each from a generator of its own, so that workers and resumes change nothing."""

    def __init__(self, task: Task, seed: int):
        self.task, self.seed = task, seed

    def __getitem__(self, step: int) -> Any:
        return self.task.draw(seeded(self.seed, step, 0))

    def since(self, step: int, workers: int) -> Iterator[Any]:
        """Batch after batch from `step` on, without end."""
        return iter(DataLoader(self, batch_size=None, sampler=count(step), num_workers=workers, collate_fn=as_it_is))


def as_it_is(batch: Any) -> Any:
    return batch


def seeded(seed: int, step: int, use: int) -> Generator:
    """The generator of one step for one use (0: the batch, 1: the loss)."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 2 + use)


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


class Run:
    """A run folder: run.json (what was asked and the number of steps), metrics.jsonl, state.pt, and the weights."""

    def __init__(self, folder: Path, task: Task, config: LoopConfig, about: dict[str, Any]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.task, self.config = folder, task, config
        self.accelerator = Accelerator()
        decayed = [p for p in task.model.parameters() if p.ndim > 1]
        plain = [p for p in task.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=True)
        self.model, self.optimizer = self.accelerator.prepare(task.model, optimizer)
        self.average = Average(self.bare, config.ema)
        self.bf16 = config.bf16 and multiplies_bf16(self.accelerator.device)
        self.step, self.total = 0, None
        self.about = about | {"loop": asdict(config)}
        self._resume()

    @property
    def bare(self) -> nn.Module:
        return self.accelerator.unwrap_model(self.model)

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.is_file():
            return
        kept = torch.load(path, weights_only=True, map_location=self.accelerator.device)
        if kept["about"] != json.dumps(self.about, sort_keys=True):
            raise UserError(
                f"{self.folder} holds a run with other settings. Choose another --out, or go back to those."
            )
        self.bare.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.average.state = kept["average"]
        self.step, self.total = kept["step"], kept["total"]
        log.info("resumed at step %d of %s", self.step, self.total)

    def save(self) -> None:
        """Write the state so that a kill leaves either the old file or the new one."""
        state = {
            "model": self.bare.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "step": self.step,
            "total": self.total,
            "about": json.dumps(self.about, sort_keys=True),
        }
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").replace(self.folder / "state.pt")
        head = self.about | {"steps": self.total, "step": self.step}
        (self.folder / "run.json").write_text(json.dumps(head, indent=1))

    def note(self, row: dict[str, float]) -> None:
        with open(self.folder / "metrics.jsonl", "a") as file:
            file.write(json.dumps({"step": self.step, **{k: round(v, 5) for k, v in row.items()}}) + "\n")

    def one_step(self, batch: Any) -> dict[str, Tensor]:
        """Optimise once; returns the loss terms."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, self.config)
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.bf16):
            losses = self.task.losses(self.model, batch, seeded(self.config.seed, self.step, 1))
        self.accelerator.backward(sum(losses.values()))
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.average.update(self.bare, self.step)
        return losses

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

    def export(self) -> None:
        """Write the averaged weights as they ship."""
        self.bare.load_state_dict(self.average.state)
        notes = {"recipe": str(self.about.get("recipe", "")), "training_steps": str(self.step)}
        self.task.export(self.bare.eval(), self.folder, notes)


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
    run.model.train()
    begin = saved = time.monotonic()
    first, sums = run.step, {}
    batches = Batches(run.task, run.config.seed).since(run.step, run.config.workers)
    while run.total is None or run.step < run.total:
        for name, value in run.one_step(next(batches)).items():
            sums[name] = sums.get(name, 0.0) + value.detach()
        now = time.monotonic()
        if run.total is None and now - begin > MEASURE_S:
            run.total = run.step + int((run.step - first) / (now - begin) * (minutes * 60 - MEASURE_S) * OVERHEAD)
        if run.step % 50 == 0:
            row = {name: float(value) / 50 for name, value in sums.items()}
            run.note(row | {"lr": learning_rate(run.step, run.total, run.config), "seconds": now - begin})
            sums = {}
        if run.step % run.config.validate_every == 0:
            run.note(run.validate())
        if now - saved > run.config.save_every_s:
            run.save()
            saved = now
        if on_step:
            on_step(run.step, run.total)
        if stop_after is not None and now - begin > stop_after * 60:
            run.save()
            return False
    run.note(run.validate())
    run.save()
    run.export()
    return True
