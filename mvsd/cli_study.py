"""`mvsd study`: from a template to frozen stimuli and merged answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvsd.cli_statistics import statistics_app

study_app = typer.Typer(no_args_is_help=True, help="Listening studies.")
study_app.add_typer(statistics_app)
Name = Annotated[str, typer.Argument(help="Folder in studies/.")]
Studies = Annotated[Path, typer.Option(help="Folder of studies.")]
STUDIES = Path("studies")


@study_app.command()
def init(
    name: Name,
    studies: Studies = STUDIES,
    preset: Annotated[
        str | None, typer.Option(help="A whole design: paper (its user study) or recommended (20 listeners, 30 items).")
    ] = None,
) -> None:
    """Begin a study: a study.yaml that explains itself."""
    from mvsd.study.template import write_template

    print(write_template(studies / name, preset))


@study_app.command("check")
def check_study(name: Name, studies: Studies = STUDIES) -> None:
    """Say what is wrong with study.yaml and the sources it names, or how far the study has come."""
    from mvsd.study.checks import told

    print(told(studies / name))


@study_app.command()
def build(
    name: Name,
    studies: Studies = STUDIES,
    anew: Annotated[bool, typer.Option(help="Also if the study is frozen, as long as nobody has answered.")] = False,
) -> None:
    """Make the stimuli: every method's clip of every item, equally long, at one level."""
    from mvsd.audio import SAMPLE_RATE
    from mvsd.cli import Bar
    from mvsd.stimuli import SYSTEMS, load_samples
    from mvsd.study.build import build
    from mvsd.study.frozen import unfreeze

    if anew:
        unfreeze(studies / name)
    made = build(studies / name, SYSTEMS, load_samples, SAMPLE_RATE, Bar("item"))
    print(f"{sum(map(len, made.clips.values()))} clips of {len(made.clips)} items in {studies / name / 'stimuli'}")


@study_app.command()
def freeze(name: Name, studies: Studies = STUDIES) -> None:
    """Seal a built study, and write what to register and to cite."""
    from datetime import UTC, datetime

    from mvsd import __version__
    from mvsd.study.exports import write_exports
    from mvsd.study.frozen import freeze

    print(freeze(studies / name, __version__, datetime.now(UTC)))
    for file in write_exports(studies / name):
        print(file)


@study_app.command()
def results(
    name: Name,
    studies: Studies = STUDIES,
    kept: Annotated[Path | None, typer.Option(help="Folder of results; beside the study if not given.")] = None,
) -> None:
    """Merge all answers into results.csv and participants.csv, with their dictionaries."""
    from mvsd.study.results import write_results
    from mvsd.study.spec import read_study

    print(write_results(read_study(studies / name), kept / name if kept else studies / name / "results"))


@study_app.command()
def password() -> None:
    """Ask for the researchers' password and print the hash for MVSD_RESEARCHER_HASH."""
    from mvsd.study.password import hashed

    print(hashed(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)))
