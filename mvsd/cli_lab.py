"""Commands of the laboratory: what training and sampling are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvsd.cli_options import Bar, Weights, loading

lab_app = typer.Typer()


@lab_app.command()
def ablate(
    data: Annotated[Path, typer.Option(help="Folder of the pack.")],
    out: Annotated[Path, typer.Option(help="Folder to work in; what is there goes on. table.md is written to it.")],
    unpaired: Annotated[Path | None, typer.Option(help="Pack of `data unpaired`.")] = None,
    share: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="Unpaired share, an arm each; may be given again.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Every arm is trained so many times.")] = 3,
    encoder: Annotated[Path | None, typer.Option(help="Folder with a scene encoder; rooms in numbers without.")] = None,
    apart_steps: Annotated[int, typer.Option(min=1, help="Steps of each converter before the arms part.")] = 200,
    steps: Annotated[int, typer.Option(min=5, help="Steps of mutual training, or of each T.")] = 100,
    ratio: Annotated[float, typer.Option(min=1, help="Steps of separate training for one of mutual.")] = 1.5,
    init: Annotated[Path | None, typer.Option(help="Folder of two converters to go on from.")] = None,
    lr: Annotated[float, typer.Option(min=0, help="Highest learning rate; 2e-4 suits --init.")] = 1e-3,
    schedules: Annotated[
        list[int] | None,
        typer.Option(
            min=2, max=1000, help="T as trained, with two schedules each, instead of all this; may be given again."
        ),
    ] = None,
    windows: Annotated[int, typer.Option(min=2, help="Windows of held-out rooms to judge on.")] = 96,
) -> None:
    """Separate, mutual and mutual training with unpaired recordings, at equal compute; or T as trained."""
    loading("the pack and the encoder")
    from mvsd.training.ablation import Ablation, Material, run_ablation
    from mvsd.training.schedules import Schedules, run_schedules

    if schedules:
        ladder = Schedules(tuple(schedules), seeds, steps=steps, lr=lr, windows=windows)
        print(run_schedules(Material.of(data, None, encoder), out, ladder, Bar("training")))
        return
    shares = tuple(share) if share is not None else (0.25,) if unpaired else ()
    plan = Ablation(seeds, shares, apart_steps=apart_steps, steps=steps, ratio=ratio, lr=lr, windows=windows)
    print(run_ablation(Material.of(data, unpaired, encoder), out, plan, init, Bar("training")))


@lab_app.command()
def resound(
    speech: Annotated[Path, typer.Argument(help="Recording: 0.3 to 60 s, any rate, WAV, FLAC, MP3 or OGG.")],
    out: Annotated[Path, typer.Option(help="WAV file to write.")],
    vocoder: Annotated[str, typer.Option(help="plain, griffin-lim, or a BigVGAN checkpoint by name.")] = "plain",
    weights: Annotated[
        str | None, typer.Option(help="Folder or Hub id of the plain vocoder; the shipped ones if not given.")
    ] = None,
) -> None:
    """A recording to its mel and back, by a vocoder that sees nothing else (copy-synthesis)."""
    loading(f"vocoder {vocoder}")
    from mvsd.converters import WEIGHTS
    from mvsd.resound import resound

    print(f"{out}: PESQ-wb {resound(speech, out, vocoder, weights or WEIGHTS):.2f} against {speech.name}")


@lab_app.command()
def steps(
    data: Annotated[Path, typer.Option(help="Folder written by `rooms --speech`.")],
    out: Annotated[Path, typer.Option(help="Folder for steps.csv and steps.md; what is there goes on.")],
    count: Annotated[
        list[int] | None, typer.Option("--steps", min=1, max=250, help="May be given again; the usual ladder if not.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Clips.")] = 8,
    seeds: Annotated[int, typer.Option(min=1, help="Conversions of each clip; ten tell the spread of T60.")] = 1,
    sampler: Annotated[str, typer.Option(help="dpm++, ddim, ddpm or from-source.")] = "dpm++",
    weights: Weights = None,
) -> None:
    """What fewer network evaluations cost: error, detail, quality, T60 and time by number of steps."""
    loading("mvsd for match and dereverb")
    from mvsd.converters import WEIGHTS
    from mvsd.few_steps import STEPS, Plan, few_steps

    plan = Plan(tuple(count or STEPS), limit, seeds, sampler)
    print(few_steps(data, out, weights or WEIGHTS, plan, Bar("conversion")))
