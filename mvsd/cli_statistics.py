"""`study power` and `study analyse`: what a design can show, and what a study has shown."""

from __future__ import annotations

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
def analyse(
    study: Annotated[Path, typer.Argument(help="Folder of the study, or its name in studies/.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; STUDY/results/analysis if not given.")] = None,
) -> None:
    """Remake every table and figure from results.csv."""
    from mvsd.study.analysis import remake_tables

    folder = study if study.is_dir() else Path("studies") / study
    print("\n".join(str(path) for path in remake_tables(folder, out)))
