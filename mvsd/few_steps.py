"""What fewer network evaluations cost, on fixed weights: error, detail, quality, T60 and time by number of steps.

An error alone rewards smoothing, so it never stands alone here: "no loss" means all columns at once.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor

from mvsd.acoustics import free_decay_t60
from mvsd.audio import SAMPLE_RATE, log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Settings
from mvsd.converters import Dereverberator, MvsdConverter, Reverberator
from mvsd.data import plain_folder
from mvsd.data.clips import ClipContents
from mvsd.errors import UserError
from mvsd.judges import dnsmos
from mvsd.metrics.blind_t60 import blind_t60_s
from mvsd.metrics.spectral import detail_ratio, mel_error_db
from mvsd.metrics.speech import pesq_wb
from mvsd.metrics.undefined import Undefined

STEPS = (1, 2, 4, 6, 10, 25, 50, 250)
CONVERTERS = {"match": Reverberator, "dereverb": Dereverberator}
STEPS_CSV = "steps.csv"
KEYS = ("task", "steps", "clip", "seed")
MEASURES = ("error_db", "detail", "pesq", "dnsmos", "t60_s", "t60_true_s", "seconds")
NEEDED = {"clean", "reverb", "image"}


@dataclass(frozen=True)
class Plan:
    """limit: clips. seeds: conversions of each clip, from which the spread of T60 comes."""

    steps: tuple[int, ...] = STEPS
    limit: int = 8
    seeds: int = 1
    sampler: str = Settings.sampler


def few_steps(
    data: str | Path,
    out: str | Path,
    weights: str | Path,
    plan: Plan = Plan(),
    on_step: Callable[[int, int], None] | None = None,
) -> str:
    """Write out/steps.csv and out/steps.md from a folder of `rooms --speech`, going on where it stopped."""
    listed = plain_folder.list_clips(Path(data)).clips if plain_folder.is_here(Path(data)) else []
    clips = [clip for clip in listed if clip.files.keys() >= NEEDED][: plan.limit]
    if not clips:
        raise UserError(f"{data} holds no clips with pictures. Make them with: python -m mvsd rooms --speech DIR")
    file = Path(out) / STEPS_CSV
    file.parent.mkdir(parents=True, exist_ok=True)
    done = _done(file)
    converters = {task: kind.from_pretrained(weights) for task, kind in CONVERTERS.items()}
    jobs = [(t, n, c, s) for t in converters for n in plan.steps for c in clips for s in range(plan.seeds)]
    for number, (task, steps, clip, seed) in enumerate(jobs, 1):
        if (task, str(steps), clip.name, str(seed)) not in done:
            settings = Settings(steps, plan.sampler, seed)
            row = measure(converters[task], plain_folder.read_clip(clip), settings)
            _append(file, dict(zip(KEYS, (task, steps, clip.name, seed))) | row)
        if on_step:
            on_step(number, len(jobs))
    table = summary(pd.read_csv(file))
    (Path(out) / "steps.md").write_text(table + "\n")
    return table


def _done(file: Path) -> set[tuple[str, ...]]:
    if not file.is_file():
        return set()
    with open(file, newline="") as rows:
        return {tuple(row[key] for key in KEYS) for row in csv.DictReader(rows)}


def _append(file: Path, row: dict[str, object]) -> None:
    new = not file.is_file()
    with open(file, "a", newline="") as rows:
        writer = csv.DictWriter(rows, (*KEYS, *MEASURES))
        if new:
            writer.writeheader()
        writer.writerow(row)


def measure(converter: MvsdConverter, heard: ClipContents, settings: Settings) -> dict[str, float | None]:
    """One conversion against the truth; None where a measure has no value."""
    wet_wanted = converter.task == "match"
    source, target = (heard.clean, heard.reverb) if wet_wanted else (heard.reverb, heard.clean)
    for item in converter.stream(Clip(source, SAMPLE_RATE, heard.image), settings):
        if isinstance(item, Conversion):
            made = item
        else:
            mel = item.mel
    wanted = log_mel(target[None])[0]
    row = {"error_db": mel_error_db(mel, wanted), "detail": detail_ratio(mel[:, : wanted.shape[1]], wanted)}
    row |= {"pesq": _or_none(lambda: pesq_wb(made.audio, target)), "dnsmos": _or_none(lambda: dnsmos(made.audio))}
    end = int(heard.clean.nonzero().max()) + 1
    read = (lambda sound: free_decay_t60(sound.numpy(), end)) if wet_wanted else _blind
    return row | {"t60_s": read(made.audio), "t60_true_s": read(target), "seconds": made.seconds}


def _blind(sound: Tensor) -> float | None:
    return _or_none(lambda: blind_t60_s(sound))


def _or_none(measured: Callable[[], float]) -> float | None:
    try:
        return measured()
    except Undefined:
        return None


def summary(rows: pd.DataFrame) -> str:
    """Markdown, a row a task and number of steps."""
    rows = rows.assign(off=(rows.t60_s - rows.t60_true_s).abs())
    lines = [
        "| task | steps | error, dB | detail | PESQ-wb | DNSMOS | T60 error, s | T60 spread over seeds | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (task, steps), part in rows.groupby(["task", "steps"]):
        means = [part[name].mean() for name in ("error_db", "detail", "pesq", "dnsmos", "off")]
        by_clip = part.groupby("clip").t60_s
        spread = (by_clip.std() / by_clip.mean()).median()
        told = [*(f"{mean:.3f}" for mean in means), "" if pd.isna(spread) else f"{spread:.1%}"]
        lines.append(f"| {task} | {steps} | " + " | ".join(told) + f" | {part.seconds.median():.2f} |")
    told = (
        f"{rows['clip'].nunique()} clips, {rows['seed'].nunique()} seeds. T60: match by the free decay after the "
        "speech ends, dereverb by a blind judge, output and truth read alike."
    )
    return "\n".join([*lines, "", told])
