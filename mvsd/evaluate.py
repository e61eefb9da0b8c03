"""The converters against the truth on simulated rooms: a row a clip, task and condition, then a table.

Conditions: `picture` (as users have it, default settings), `other_picture` (another room's), `no_picture`, and `truth`
(T60 and DRR in numbers). If the first three agree, the picture is ignored.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor
from torch.nn.functional import pad

from mvsd.acoustics import free_decay_t60
from mvsd.audio import MEL, SAMPLE_RATE, frames_of, log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import WEIGHTS, Dereverberator, MvsdConverter, Reverberator
from mvsd.errors import UserError
from mvsd.metrics.spectral import detail_ratio, mel_error_db
from mvsd.metrics.speech import pesq_wb
from mvsd.metrics.statistics import bootstrap_interval
from mvsd.systems.wpe import wpe
from mvsd.vision import load_image
from mvsd.vocoder import griffin_lim, masked, vocode

CONVERTERS = {"match": Reverberator, "dereverb": Dereverberator}
CONTROLS = {"match": ("other_picture", "no_picture", "truth"), "dereverb": ()}
COLUMNS = (
    *("clip", "room", "task", "condition", "status", "reason", "checkpoint_sha256", "steps", "sampler", "seed"),
    *("seconds", "rtf", "input_db", "error_db", "sound_db", "detail", "t60_true_s", "t60_s"),
    *("pesq_input", "pesq", "pesq_wpe", "pesq_vocoder", "pesq_mask", "pesq_griffin_lim", "pesq_source_phase"),
)
Inverse = Callable[[MvsdConverter, Tensor, Tensor], Tensor]  # (converter, mel, source at the mel's level) -> sound
INVERSES: dict[str, Inverse] = {
    "pesq_vocoder": lambda converter, mel, source: vocode(converter.vocoder, mel, source, converter.task),
    "pesq_mask": lambda converter, mel, source: masked(mel, source),
    "pesq_griffin_lim": lambda converter, mel, source: griffin_lim(mel),
    "pesq_source_phase": lambda converter, mel, source: griffin_lim(mel, 8, source),
}
Row = dict[str, object]


@dataclass(frozen=True)
class Plan:
    """What to measure. controls: other conditions than the default. inverses: PESQ by every way from mel to sound."""

    tasks: tuple[str, ...] = ("match", "dereverb")
    settings: Settings = field(default_factory=Settings)
    limit: int | None = None
    controls: bool = True
    inverses: bool = False


def evaluate_rooms(
    data: str | Path,
    out: str | Path,
    plan: Plan = Plan(),
    weights: str | Path = WEIGHTS,
    on_step: Callable[[int, int], None] | None = None,
) -> str:
    """Write out/results.csv and out/table.md from a folder made by `rooms --speech`; goes on where it was stopped.

    Controls are measured on the first view of each room. A clip that fails is a row with its reason. Returns the table.
    """
    data, out = Path(data), Path(out)
    if not (data / "reverb").is_dir():
        raise UserError(f"{data} holds no pairs. Make them with: python -m mvsd rooms --speech DIR --out {data}")
    if unknown := set(plan.tasks) - set(CONVERTERS):
        raise UserError(f"There is no task {unknown.pop()}. Choose match or dereverb.")
    out.mkdir(parents=True, exist_ok=True)
    views = pd.read_csv(data / "rooms.csv").to_dict("records")[: plan.limit]
    jobs, done = _jobs(plan, views), _done(out / "results.csv")
    converters = {task: CONVERTERS[task].from_pretrained(weights) for task in plan.tasks}
    for number, (task, view, condition) in enumerate(jobs, 1):
        if (view["stem"], task, condition) not in done:
            other = views[(views.index(view) + len(views) // 2) % len(views)]["stem"]
            _append(out / "results.csv", _row(Case(converters[task], data, view, condition, other), task, plan))
        if on_step:
            on_step(number, len(jobs))
    table = summary(pd.read_csv(out / "results.csv"))
    (out / "table.md").write_text(table + "\n")
    return table


def _jobs(plan: Plan, views: list[Row]) -> list[tuple[str, Row, str]]:
    jobs = [(task, view, "picture") for task in plan.tasks for view in views]
    if plan.controls:
        first = list({view["room"]: view for view in reversed(views)}.values())[::-1]
        jobs += [(task, view, control) for task in plan.tasks for view in first for control in CONTROLS[task]]
    return jobs


def _done(path: Path) -> set[tuple[str, str, str]]:
    if not path.is_file():
        return set()
    with open(path, newline="") as file:
        return {(row["clip"], row["task"], row["condition"]) for row in csv.DictReader(file)}


def _append(path: Path, row: Row) -> None:
    new = not path.is_file()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


@dataclass(frozen=True)
class Case:
    """One clip under one condition. other: the view whose picture `other_picture` shows."""

    converter: MvsdConverter
    data: Path
    view: Row
    condition: str
    other: str


def _row(case: Case, task: str, plan: Plan) -> Row:
    view, settings = case.view, plan.settings
    row: Row = {"clip": view["stem"], "room": view["room"], "task": task, "condition": case.condition, "status": "ok"}
    row |= {"steps": settings.for_task(task).steps, "sampler": settings.sampler, "seed": settings.seed}
    try:
        return row | measure(case, task, plan)
    except (UserError, OSError) as error:
        return row | {"status": "failed", "reason": str(error)}


def measure(case: Case, task: str, plan: Plan) -> Row:
    """One conversion and what there is to say of it; only `picture` goes on to sound."""
    clean, reverb = (read(case.data / kind / f"{case.view['stem']}.wav") for kind in ("clean", "reverb"))
    source, target = (clean, reverb) if task == "match" else (reverb, clean)
    image = {"picture": case.view["stem"], "other_picture": case.other}.get(case.condition)
    clip = Clip(source, SAMPLE_RATE, load_image(case.data / "image" / f"{image}.jpg") if image else None)
    settings = plan.settings
    if case.condition == "truth":
        settings = replace(settings, t60_s=float(case.view["t60_s"]), drr_db=float(case.view["drr_db"]))
    mel, made = last_mel(case.converter, clip, settings, sound=case.condition == "picture")
    wanted = log_mel(target[None])[0]
    row: Row = {
        "checkpoint_sha256": case.converter.denoiser.checkpoint_sha256,
        "input_db": mel_error_db(log_mel(source[None])[0], wanted),
        "error_db": mel_error_db(mel, wanted),
        "detail": detail_ratio(mel[:, : wanted.shape[1]], wanted),
    }
    if made is None:
        return row
    row |= {"seconds": made.seconds, "rtf": made.real_time_factor, "sound_db": mel_error_db(made.mel, wanted)}
    row |= {"pesq_input": pesq_wb(source, target), "pesq": pesq_wb(made.audio, target)}
    if plan.inverses:
        row |= {name: pesq_wb(sound, target) for name, sound in _rivals(case.converter, mel, made.source)}
    if task == "dereverb":
        return row | {"pesq_wpe": pesq_wb(wpe(reverb), clean)}
    heard = free_decay_t60(made.audio.numpy(), int(clean.nonzero().max()) + 1)
    return row | {"t60_true_s": case.view["t60_s"], "t60_s": "" if heard is None else heard}


def _rivals(converter: MvsdConverter, mel: Tensor, source: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The sound of a mel by each inverse."""
    frames = frames_of(len(source))
    padded = pad(source, (0, frames * MEL.hop - len(source)))
    for name, inverse in INVERSES.items():
        yield name, inverse(converter, mel[:, :frames], padded)


def read(path: Path) -> Tensor:
    """(samples,) of a file at 16 kHz."""
    return torch.from_numpy(soundfile.read(path, dtype="float32")[0])


def last_mel(converter: MvsdConverter, clip: Clip, settings: Settings, sound: bool) -> tuple[Tensor, Conversion | None]:
    """The finished mel, and the conversion if the sound is wanted too."""
    mel, needs = None, converter.needs
    converter.needs = frozenset()  # the control without a picture runs blind
    try:
        for item in converter.stream(clip, settings):
            if isinstance(item, Progress):
                mel = item.mel
                if item.done == item.total and not sound:
                    return mel, None
            else:
                return mel, item
    finally:
        converter.needs = needs
    raise AssertionError("a converter's stream ends in its Conversion")


def summary(results: pd.DataFrame) -> str:
    """The table of the README, in Markdown."""
    good = results[results.status == "ok"]
    lines = ["| measure | match | dereverb |", "|---|---|---|"]
    shown = good[good.condition == "picture"].groupby("task")
    for title, cell in (
        ("clips", lambda part: f"{len(part)}"),
        ("log-mel error of the input, dB", lambda part: f"{part.input_db.mean():.2f}"),
        ("log-mel error of the result, dB", lambda part: f"{part.error_db.mean():.2f}"),
        ("result over input", lambda part: f"{part.error_db.mean() / part.input_db.mean():.3f}"),
        ("log-mel error of the sound, dB", lambda part: f"{part.sound_db.mean():.2f}"),
        ("detail ratio", lambda part: f"{part.detail.mean():.3f}"),
        ("real-time factor", lambda part: f"{part.rtf.median():.3f}"),
    ):
        cells = {task: cell(part) for task, part in shown}
        lines.append(f"| {title} | {cells.get('match', '')} | {cells.get('dereverb', '')} |")
    lines += [f"| {title} | {match} | {dereverb} |" for title, match, dereverb in _more(good)]
    failed = len(results) - len(good)
    return "\n".join(lines + ([f"\n{failed} conversions failed; see results.csv."] if failed else []))


def _more(good: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    match, dereverb = (good[good.task == task] for task in ("match", "dereverb"))
    errors = match.pivot(index="clip", columns="condition", values="error_db")
    if {"picture", *CONTROLS["match"]} <= set(errors.columns):
        errors = errors.dropna().mean()
        for name in CONTROLS["match"]:
            yield f"log-mel error with {name.replace('_', ' ')}, dB", f"{errors[name]:.2f}", ""
        pays = (errors.no_picture - errors.picture) / (errors.no_picture - errors.truth)
        yield "share of what the truth would gain that the picture gains", f"{pays:.2f}", ""
    heard = match[(match.condition == "picture") & match.t60_s.notna()]
    if len(heard) > 2:
        rank = heard.t60_s.corr(heard.t60_true_s, method="spearman")
        yield f"T60 of the result against the room's, Spearman ({len(heard)} with a decay)", f"{rank:.2f}", ""
    yield "PESQ-wb of the input", *(_mean(part, "pesq_input") for part in (match, dereverb))
    yield "PESQ-wb of the result", *(_mean(part, "pesq") for part in (match, dereverb))
    for name in INVERSES:
        if name in good and good[name].notna().any():
            title = f"PESQ-wb by {name.removeprefix('pesq_').replace('_', ' ')}"
            yield title, *(_mean(part, name) for part in (match, dereverb))
    if len(dereverb):
        yield "PESQ-wb of WPE (20 taps)", "", _mean(dereverb, "pesq_wpe")
        gain = (dereverb.pesq - dereverb.pesq_wpe).to_numpy()
        kept = np.isfinite(gain)
        low, high = bootstrap_interval(gain[kept], dereverb.room.to_numpy()[kept])
        yield (
            "PESQ-wb less WPE's, 95 % interval over rooms",
            "",
            f"{gain[kept].mean():+.3f} ({low:+.3f} to {high:+.3f})",
        )


def _mean(part: pd.DataFrame, column: str) -> str:
    return f"{part[column].mean():.3f}" if len(part) else ""
