"""Does learning from each other pay? Separate, mutual and mutual training with unpaired recordings, at equal compute.

All arms go on from the same two converters, trained apart for a while or given. A step of mutual training sends four
batches through a network (two paired, two of the cycle), one of separate training two, and both draw their data, so
separate training gets more steps; the seconds that each took stand in the table. The paper's Table 4a and its first
open question (MVSD, arXiv 2407.10373), at a size that a processor can train.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from mvsd.audio import DB_PER_NEPER
from mvsd.data.pack import Pack, read_pack
from mvsd.data.pairs import PairMaker
from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.errors import UserError
from mvsd.metrics.statistics import bootstrap_interval
from mvsd.training.arms import write_arms
from mvsd.training.converters import FILES, ConverterTask, SceneFeatures, all_known, mels, sample_windows
from mvsd.training.loop import LoopConfig, Run, Task, train
from mvsd.training.natural import Entering, Natural
from mvsd.training.scene import FILE, features_of
from mvsd.training.sizes import STARTS
from mvsd.training.together import MutualTask
from mvsd.vision import SceneEncoder

SEPARATE, MUTUAL = "separate", "mutual"
OnStep = Callable[[int, int], None]  # runs done, runs in all


class Plan(Protocol):
    """A dataclass that says how long and how fast is trained."""

    lr: float


@dataclass(frozen=True)
class Ablation:
    """shares: of unpaired recordings among the cycles, an arm each. windows: of held-out rooms, to judge on."""

    seeds: int = 3
    shares: tuple[float, ...] = (0.25,)
    widths: tuple[int, ...] = (24, 48, 64)
    batch: int = 8
    apart_steps: int = 200  # of each converter before the arms part
    steps: int = 100  # of mutual training
    ratio: float = 1.5  # steps of separate training for one of mutual; 2 where networks are so large that data are free
    lr: float = 1e-3
    windows: int = 96

    @property
    def separate_steps(self) -> int:
        return round(self.ratio * self.steps)

    @property
    def arms(self) -> dict[str, float | None]:
        """Name to share of unpaired recordings."""
        return {SEPARATE: None, MUTUAL: None} | {f"unpaired {share:.0%}": share for share in self.shares}


@dataclass(frozen=True)
class Material:
    """Pairs, recordings without a dry side, and what the scene encoder sees of each."""

    pack: Pack
    unpaired: Pack | None
    features: SceneFeatures | None
    unpaired_features: SceneFeatures | None

    @classmethod
    def of(cls, pack: Path, unpaired: Path | None, encoder: Path | None) -> Material:
        """encoder: folder with a scene encoder; None: rooms are known in numbers alone."""
        pairs, recordings = read_pack(pack), read_pack(unpaired) if unpaired else None
        if encoder is None:
            return cls(pairs, recordings, None, None)
        eye = SceneEncoder.from_pretrained(encoder / FILE)
        seen = [features_of(eye, held, variants=1) if held else None for held in (pairs, recordings)]
        return cls(pairs, recordings, *seen)


def run_ablation(
    material: Material,
    out: Path,
    plan: Ablation = Ablation(),
    init: Path | None = None,
    on_step: OnStep | None = None,
) -> str:
    """Train all arms for all seeds, going on where it was stopped; writes out/table.md and returns it,
    and table.csv and asked.json, from which `report` makes the paper's tables.

    init: folder of two converters to go on from; None: they are trained apart first, anew for each seed.
    """
    if plan.shares and material.unpaired is None:
        raise UserError("An arm with unpaired recordings needs some. Give --unpaired, or no --share.")
    total = plan.seeds * (1 + len(plan.arms))
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in plan.arms}
    for seed in range(plan.seeds):
        begun = init or _begin(material, out / f"seed{seed}", plan, seed)
        tell(on_step, seed * (1 + len(plan.arms)) + 1, total)
        for number, arm in enumerate(plan.arms, 2):
            found[arm].append(_run_arm(arm, material, out / f"seed{seed}", begun, plan, seed))
            tell(on_step, seed * (1 + len(plan.arms)) + number, total)
    values = {arm: {(task, "error_db"): _over_seeds(rows, task) for task in FILES} for arm, rows in found.items()}
    write_arms(out, "ways", values, np.array(found[SEPARATE][0]["rooms"]))
    table = summary(found, plan)
    (out / "table.md").write_text(table + "\n")
    return table


def _over_seeds(rows: list[dict[str, Any]], task: str) -> np.ndarray:
    """A window's mean over seeds, (windows,)."""
    return np.array([row[task] for row in rows]).mean(0)


def tell(on_step: OnStep | None, done: int, total: int) -> None:
    if on_step:
        on_step(done, total)


def _begin(material: Material, folder: Path, plan: Ablation, seed: int) -> Path:
    """Both converters trained apart for a while; returns where they lie."""
    for task in FILES:
        config = replace(DenoiserConfig(task=task), widths=plan.widths, **STARTS[task])
        learner = ConverterTask(config, material.pack, plan.batch, material.features, seed=seed)
        train_once(learner, folder / "apart", plan, plan.apart_steps, seed, task)
    return folder / "apart"


def train_once(task: Task, folder: Path, plan: Plan, steps: int, seed: int, name: str) -> float:
    """Train where that has not been done; the weights gather in folder. Returns seconds of the processor."""
    told = folder / f"{name}.json"
    if told.is_file():
        return json.loads(told.read_text())["seconds"]
    config = LoopConfig(lr=plan.lr, warmup_steps=20, ema=0.98, seed=seed, validate_every=0)
    run, begin = Run(folder / name, task, config, {"plan": asdict(plan), "name": name}), time.process_time()
    train(run, steps=steps)
    seconds = time.process_time() - begin
    for file in (folder / name).glob("*.safetensors"):
        file.replace(folder / file.name)
    told.write_text(json.dumps({"seconds": seconds}))
    return seconds


def _run_arm(arm: str, material: Material, folder: Path, begun: Path, plan: Ablation, seed: int) -> dict[str, Any]:
    """What `measured` says of an arm, and the seconds it took to train."""
    done = folder / arm / "errors.json"
    if done.is_file():
        return json.loads(done.read_text())
    task = _task(arm, material, begun, plan)
    steps = plan.separate_steps if arm == SEPARATE else plan.steps
    seconds = train_once(task, folder / arm, plan, steps, seed, "both")
    row = measured(folder / arm, task.check, material.features, plan.windows) | {"seconds": seconds}
    done.write_text(json.dumps(row))
    return row


def _task(arm: str, material: Material, begun: Path, plan: Ablation) -> MutualTask:
    natural, share = None, plan.arms[arm]
    if share is not None:
        frames = DenoiserConfig.past_frames + DenoiserConfig.window_frames
        entering = Entering(share, begin=plan.steps // 5, ramp=plan.steps // 5)
        natural = Natural(material.unpaired, frames, entering, material.unpaired_features)
    weight = 0.0 if arm == SEPARATE else 1.0
    return MutualTask(begun, material.pack, plan.batch, material.features, share=weight, natural=natural)


def measured(weights: Path, check: PairMaker, features: SceneFeatures | None, windows: int) -> dict[str, Any]:
    """Log-mel error in dB of each held-out window, by task, and the windows' rooms. Every arm meets the same windows.

    With an encoder the rooms are known by their pictures, else by T60 and DRR.
    """
    generator = torch.Generator().manual_seed(1)
    drawn = check.draw(windows, generator, DenoiserConfig.level)
    known = all_known(drawn.views, features, generator)
    count = len(drawn.views)
    every, none = torch.ones(count, dtype=torch.bool), torch.zeros(count, 3, dtype=torch.bool)
    condition = known.keep(every, none) if features else known
    row: dict[str, Any] = {"rooms": [view.room for view in drawn.views]}
    for task, file in FILES.items():
        model, (target, source) = Denoiser.from_pretrained(weights / file), mels(drawn, task)
        generator.manual_seed(2)
        made = sample_windows(model, source, condition, generator, check.before)
        apart = (made - target)[..., model.config.past_frames :].abs().mean((1, 2)) * DB_PER_NEPER
        row[task] = apart.tolist()
    return row


def summary(found: dict[str, list[dict[str, Any]]], plan: Ablation) -> str:
    """Markdown: a row an arm, with differences to separate training, paired by window, their intervals over rooms."""
    rooms = np.array(found[SEPARATE][0]["rooms"])
    lines = [
        "| arm | processor, s a seed | match, dB | less separate | dereverb, dB | less separate |",
        "|---|---|---|---|---|---|",
    ]
    for arm, rows in found.items():
        cells = [arm, f"{np.mean([row['seconds'] for row in rows]):.0f}"]
        for task in FILES:
            errors, base = (np.array([row[task] for row in part]) for part in (rows, found[SEPARATE]))
            cells += [f"{errors.mean():.3f}", "" if arm == SEPARATE else _difference(errors - base, rooms)]
        lines.append("| " + " | ".join(cells) + " |")
    told = (
        f"{plan.seeds} seeds, batches of {plan.batch}, {plan.steps} steps of mutual or {plan.separate_steps} of "
        f"separate training; {len(rooms)} windows of {len(set(rooms))} held-out rooms. Negative: better than separate "
        "training; 95 % intervals over rooms, seeds averaged; in brackets each seed alone."
    )
    return "\n".join([*lines, "", told])


def _difference(apart: np.ndarray, rooms: np.ndarray) -> str:
    """apart: (seeds, windows) dB."""
    low, high = bootstrap_interval(apart.mean(0), rooms)
    seeds = ", ".join(f"{value:+.3f}" for value in apart.mean(1))
    return f"{apart.mean():+.3f} ({low:+.3f} to {high:+.3f}) [{seeds}]"
