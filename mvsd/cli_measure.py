"""Commands that measure: systems against the truth and each other, in numbers and in seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mvsd.cli_options import Bar, Sampler, Seed, Steps, Weights, loading, say
from mvsd.conversion import Settings

measure_app = typer.Typer()


@measure_app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Data set: a folder that `data check` knows.")],
    out: Annotated[Path, typer.Option(help="Folder for results.csv, tables and figures; a run that is there goes on.")],
    task: Annotated[str | None, typer.Option(help="match or dereverb; both if not given.")] = None,
    systems: Annotated[str, typer.Option(help="NAME,... of systems and controls; all installed if not given.")] = "",
    metrics: Annotated[str, typer.Option(help="quick, or all: the slow judges too.")] = "quick",
    judges: Annotated[str, typer.Option(help="Other judges than those inside packages: MOSE=MOSNet,WER=whisper")] = "",
    transcripts: Annotated[Path | None, typer.Option(help="LibriSpeech, for WER of clips named as utterances.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Seeds a clip.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many clips.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the set; its test splits if not given.")] = None,
    controls: Annotated[bool, typer.Option(help="Also input, target, other pictures, true numbers ...")] = True,
    inverses: Annotated[bool, typer.Option(help="Also ours by every way from mel to sound.")] = False,
    wavs: Annotated[int, typer.Option(min=0, help="Keep the sounds of so many clips.")] = 3,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are cores.")] = None,
    steps: Steps = Settings.steps,
    sampler: Sampler = Settings.sampler,
    seed: Seed = Settings.seed,
    weights: Weights = None,
) -> None:
    """Measure systems and controls against the truth: a row a clip, tables with intervals. Exit code 3: rows failed."""
    loading("measures and systems")
    from mvsd.converters import WEIGHTS
    from mvsd.evaluate.plan import Plan
    from mvsd.evaluate.run import evaluate as measured

    plan = Plan(
        tasks=(task,) if task else (),
        systems=tuple(filter(None, systems.split(","))),
        settings=Settings(steps, sampler, seed),
        metrics=metrics,
        judges=judges,
        transcripts=None if transcripts is None else str(transcripts),
        repeats=repeats,
        limit=limit,
        split=split,
        controls=controls,
        inverses=inverses,
        wavs=wavs,
        workers=workers or os.cpu_count() or 1,
    )
    made = measured(data, out, plan, weights or WEIGHTS, Bar("row"))
    print(made.table)
    if made.failed:
        say(f"mvsd: {made.failed} rows failed; {out / 'results.csv'} says why")
        raise typer.Exit(3)


@measure_app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Folder of `evaluate`.")],
    after: Annotated[Path, typer.Argument(help="Another, over the same clips: with other weights, say.")],
    system: Annotated[str, typer.Option(help="Which system's rows.")] = "mvsd",
    metric: Annotated[list[str] | None, typer.Option(help="Column; may be given again. The usual ones if not.")] = None,
) -> None:
    """What changed between two runs of `evaluate`, paired by clip, with 95 % intervals over rooms."""
    from mvsd.evaluate.comparison import METRICS
    from mvsd.evaluate.comparison import compare as compared

    print(compared(before, after, system, tuple(metric or METRICS)))


@measure_app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of `evaluate` and `steps`; names label tables.")],
    out: Annotated[Path, typer.Option(help="Folder for report.md and the figures.")] = Path("report"),
) -> None:
    """Put results into the form of the paper's tables and figures, its own numbers in a block apart."""
    loading("results")
    from mvsd.evaluate.paper import report as write

    print(write(folders, out))


@measure_app.command()
def bench(
    out: Annotated[Path, typer.Option(help="Folder for bench.json and bench.md.")],
    length: Annotated[list[float] | None, typer.Option(help="Seconds of a clip; may be given again.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads of each system; 0: torch decides.")] = 0,
    weights: Weights = None,
) -> None:
    """Measure how fast the systems are on this machine, side by side."""
    loading("systems, one after the other in a process of its own")
    from mvsd import bench as speeds
    from mvsd.converters import WEIGHTS

    chosen = speeds.systems(length or speeds.LENGTHS_S, weights or WEIGHTS)
    print(speeds.bench(out, weights or WEIGHTS, chosen, Bar("system"), threads))
