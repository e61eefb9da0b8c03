"""T as trained: Table 4c of MVSD (arXiv 2407.10373), at a size that a processor can train.

The paper finds that 150 steps collapse and 250 do not. A linear schedule to 0.02 leaves 47 % of the signal at T = 150
and 28 % at 250, while sampling begins from noise alone: the collapse may be the schedule's. So each T is trained twice
from the same weights on the same batches, with that schedule and with the same one brought to zero terminal SNR, and
sampled as in the paper: all T steps, ancestral.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from mvsd.audio import DB_PER_NEPER, SAMPLE_RATE
from mvsd.data.pairs import MARGIN
from mvsd.denoiser import Denoiser
from mvsd.diffusion import SCHEDULES, sample_ddpm, trailing_steps
from mvsd.metrics.spectral import detail, detail_ratio, stft_distances
from mvsd.metrics.statistics import bootstrap_interval
from mvsd.metrics.undefined import Undefined
from mvsd.training.ablation import Material, OnStep, tell, train_once
from mvsd.training.arms import write_arms
from mvsd.training.converters import FILES, ConverterTask, all_known, begun, mels
from mvsd.training.sizes import AS_PUBLISHED
from mvsd.unet import Condition
from mvsd.vocoder import masked

TASK = "match"  # which the paper's table is of
ENDS = ("linear-0.02", "zero-snr")  # of SCHEDULES
STILL = 1e-3  # detail of a window, in nepers, below which it has none to compare with: silence
MEASURES = ("error_db", "detail", "stft", "stft_level", "rtf")
Rows = dict[str, list[Any]]


@dataclass(frozen=True)
class Schedules:
    """ladder: T, each trained with both of ENDS. steps: of training. windows: of held-out rooms, to judge on."""

    ladder: tuple[int, ...] = (150, 250)
    seeds: int = 1
    widths: tuple[int, ...] = (24, 48, 64)
    batch: int = 8
    steps: int = 300
    lr: float = 1e-3
    windows: int = 24

    @property
    def arms(self) -> dict[str, tuple[int, str]]:
        return {f"{total} {end}": (total, end) for total in self.ladder for end in ENDS}


def run_schedules(material: Material, out: Path, plan: Schedules = Schedules(), on_step: OnStep | None = None) -> str:
    """Train and sample all arms, going on where it was stopped. Writes out/table.md, and table.csv and asked.json, from
    which `report` makes the paper's table. Returns what table.md holds."""
    found: dict[str, list[Rows]] = {arm: [] for arm in plan.arms}
    for seed in range(plan.seeds):
        for number, arm in enumerate(plan.arms, 1):
            found[arm].append(_run_arm(arm, material, out / f"seed{seed}" / arm.replace(" ", "-"), plan, seed))
            tell(on_step, seed * len(plan.arms) + number, plan.seeds * len(plan.arms))
    values = {arm: {(TASK, name): _means(rows, name) for name in MEASURES} for arm, rows in found.items()}
    write_arms(out, "schedules", values, np.array(next(iter(found.values()))[0]["rooms"]))
    table = summary(found, plan)
    (out / "table.md").write_text(table + "\n")
    return table


def _run_arm(arm: str, material: Material, folder: Path, plan: Schedules, seed: int) -> Rows:
    done = folder / "errors.json"
    if done.is_file():
        return json.loads(done.read_text())
    total, end = plan.arms[arm]
    config = replace(AS_PUBLISHED, task=TASK, widths=plan.widths, steps=total, schedule=end)
    task = ConverterTask(config, material.pack, plan.batch, material.features, seed=seed)
    train_once(task, folder, plan, plan.steps, seed, TASK)
    row = measured(Denoiser.from_pretrained(folder / FILES[TASK]), task, plan.windows)
    done.write_text(json.dumps(row))
    return row


def measured(model: Denoiser, task: ConverterTask, windows: int) -> Rows:
    """MEASURES of each held-out window and its room. Every arm meets the same windows and the same first noise."""
    generator = torch.Generator().manual_seed(1)
    drawn = task.check.draw(windows, generator, model.config.level)
    known, count = all_known(drawn.views, task.features, generator), len(drawn.views)
    if task.features:
        known = known.keep(torch.ones(count, dtype=torch.bool), torch.zeros(count, 3, dtype=torch.bool))
    target, source = mels(drawn, TASK)
    begin = time.process_time()
    made = ancestral(model, source, known, generator.manual_seed(2))
    heard = drawn.sources[TASK][:, MARGIN:-MARGIN], drawn.targets[TASK][:, MARGIN:-MARGIN]
    rtf = (time.process_time() - begin) * SAMPLE_RATE / heard[1].numel()
    row: Rows = {"rooms": [view.room for view in drawn.views], **{name: [] for name in MEASURES}}
    for mel, wanted, given, sound in zip(made, target, *heard):
        told = {"error_db": float((mel - wanted).abs().mean()) * DB_PER_NEPER, "rtf": rtf}
        told |= _distances(masked(mel, given), sound)
        if detail(wanted) > STILL:
            told["detail"] = detail_ratio(mel, wanted)
        for name in MEASURES:
            row[name].append(told.get(name))
    return row


def _distances(made: Tensor, wanted: Tensor) -> dict[str, float]:
    """Of spectrograms; none where a window is silent."""
    try:
        return stft_distances(made, wanted)
    except Undefined:
        return {}


@torch.no_grad()
def ancestral(model: Denoiser, source: Tensor, condition: Condition, generator: Generator) -> Tensor:
    """Log-mels (B, 128, frames) by all T steps of Ho et al. 2020, from noise alone."""
    x, seen, denoise = begun(model, source, condition, generator)
    total = model.process.steps

    def noise() -> Tensor:
        return torch.randn(x.shape, generator=generator).to(x.device)

    *_, clean = sample_ddpm(denoise, x, trailing_steps(total, total), model.process, noise)
    return model.decode(clean, seen).clamp(min=-11.513).cpu()


def _means(rows: list[Rows], measure: str) -> np.ndarray:
    """A window's mean over seeds, (windows,); NaN where it has no value."""
    return np.array([row[measure] for row in rows], dtype=float).mean(0)


def summary(found: dict[str, list[Rows]], plan: Schedules) -> str:
    """Markdown: a row an arm, and how much more error the schedule that leaves signal makes, paired by window."""
    lines = [
        "| T | schedule | signal at T | error, dB | less zero-snr | detail | STFT level-matched | real-time factor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, (total, end) in plan.arms.items():
        error, ratio, distance, rtf = (_means(found[arm], name) for name in ("error_db", "detail", "stft_level", "rtf"))
        signal = float(SCHEDULES[end](total)[-1].sqrt())
        apart = "" if end == ENDS[-1] else _apart(error - _means(found[f"{total} {ENDS[-1]}"], "error_db"), found[arm])
        told = (
            f"{error.mean():.2f}",
            apart,
            f"{np.nanmean(ratio):.2f}",
            f"{np.nanmean(distance):.3g}",
            f"{rtf.mean():.3f}",
        )
        lines.append(f"| {total} | {end} | {signal:.3f} | " + " | ".join(told) + " |")
    rooms = found[next(iter(plan.arms))][0]["rooms"]
    told = (
        f"Acoustic matching in the paper's form, widths {', '.join(map(str, plan.widths))}, {plan.steps} steps of "
        f"training in batches of {plan.batch}, {plan.seeds} seeds; all T steps sampled, ancestral; "
        f"{len(rooms)} windows of {len(set(rooms))} held-out rooms. In brackets 95 % intervals over rooms."
    )
    return "\n".join([*lines, "", told])


def _apart(differences: np.ndarray, rows: list[Rows]) -> str:
    low, high = bootstrap_interval(differences, np.array(rows[0]["rooms"]))
    return f"{differences.mean():+.2f} ({low:+.2f} to {high:+.2f})"
