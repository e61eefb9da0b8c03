"""`study power`, `simulate` and `analyse`: what a design can show, would show and has shown."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

statistics_app = typer.Typer()
COLUMNS = (
    *("listeners", "items", "per_listener", "share", "listener_sd", "item_sd", "left_pull", "always_left"),
    *("studies", "mean", "half_width", "found", "covered"),
)


@statistics_app.command()
def power(
    listeners: Annotated[int, typer.Option(help="Listeners.")] = 20,
    items: Annotated[int, typer.Option(help="Items of the study.")] = 30,
    per_listener: Annotated[int | None, typer.Option(help="Items that each listener hears; all if not given.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    validate: Annotated[bool, typer.Option(help="Instead check the interval on simulated studies: minutes.")] = False,
) -> None:
    """What a design can show: half-width, false alarms and power by simulation."""
    from mvsd.cli import Bar
    from mvsd.study import power as simulated

    if not validate:
        print(simulated.preview(simulated.Design(listeners, items, per_listener), seed, on_step=Bar("spread")))
        return
    print(",".join(COLUMNS))
    for case in simulated.validate(seed, on_step=Bar("case")):
        design, world = case.design, case.world
        print(
            f"{design.listeners},{design.items},{design.per_listener or design.items},{world.share:g},"
            f"{world.listener_sd:g},{world.item_sd:g},{world.left_pull:g},{world.always_left},{case.studies},"
            f"{case.mean:.4f},{case.half_width:.4f},{case.found:.4f},{case.covered:.4f}",
            flush=True,
        )


@statistics_app.command()
def simulate(
    study: Annotated[Path, typer.Argument(help="Folder of a frozen study.")],
    out: Annotated[Path, typer.Option(help="New folder for the simulated answers and their analysis.")],
    listeners: Annotated[int, typer.Option(min=1, help="Listeners, all at once.")] = 20,
    share: Annotated[float, typer.Option(min=0.01, max=0.99, help="True preference for a pair's first method.")] = 0.65,
    listener_sd: Annotated[float, typer.Option(min=0, help="How much listeners differ, on the logit.")] = 0.5,
    item_sd: Annotated[float, typer.Option(min=0, help="How much items differ, on the logit.")] = 0.5,
    always_left: Annotated[int, typer.Option(min=0, help="Listeners who take the left whatever they hear.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same listeners.")] = 0,
) -> None:
    """Let synthetic listeners take part over real HTTP, and analyse what they answered."""
    from mvsd.cli import Bar
    from mvsd.study.simulate_answers import World
    from mvsd.ui import simulated

    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would tell every request
    world = World(share, listener_sd, item_sd, always_left=always_left)
    files = simulated.simulate(study, out, world, listeners, seed, Bar("listener"))
    print((out / "analysis" / "summary.md").read_text(encoding="utf-8"))
    print("\n".join(str(path) for path in files))


@statistics_app.command()
def analyse(
    study: Annotated[Path, typer.Argument(help="Folder of the study, or its name in studies/.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; STUDY/results/analysis if not given.")] = None,
) -> None:
    """Merge the answers there are into results.csv, and remake every table and figure from it."""
    from mvsd.study.analysis import remake_tables
    from mvsd.study.results import JUDGEMENTS, write_results
    from mvsd.study.spec import read_study

    folder = study if study.is_dir() else Path("studies") / study
    if any((folder / "results").glob(f"{JUDGEMENTS}-*.csv")):
        write_results(read_study(folder), folder / "results")
    print("\n".join(str(path) for path in remake_tables(folder, out)))
