"""`mvsd label`: label projects on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

label_app = typer.Typer(no_args_is_help=True, help="Label projects.")
Name = Annotated[str, typer.Argument(help="Folder in studies/.")]
Studies = Annotated[Path, typer.Option(help="Folder of studies and label projects.")]
Kept = Annotated[Path | None, typer.Option(help="Folder of results; beside the project if not given.")]
STUDIES = Path("studies")


def _results(name: str, studies: Path, kept: Path | None) -> Path:
    return kept / name if kept else studies / name / "results"


@label_app.command()
def init(name: Name, studies: Studies = STUDIES) -> None:
    """Begin a label project: a label.yaml that explains itself."""
    from mvsd.study.label_template import write_label_template

    print(write_label_template(studies / name))


@label_app.command()
def check(name: Name, studies: Studies = STUDIES, kept: Kept = None) -> None:
    """Say what is wrong with label.yaml and its clips, or how far the labelling has come."""
    from mvsd.study.label_store import all_rows, latest, open_project

    opened = open_project(studies / name)
    labels = len(latest(all_rows(_results(name, studies, kept))))
    wanted = len(opened.clips) * opened.project.raters
    print(f"{name}: {len(opened.clips)} clips, {opened.project.raters} raters each, {labels} of {wanted} labels")


@label_app.command("export")
def export_labels(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="CSV file; export.csv among the results if not given.")] = None,
    studies: Studies = STUDIES,
    kept: Kept = None,
) -> None:
    """Write all labels to one CSV that `import` takes, here or elsewhere."""
    from mvsd.study.label_store import export_csv, open_project
    from mvsd.study.table_files import replace_file

    results = _results(name, studies, kept)
    file = out or results / "export.csv"
    replace_file(file, export_csv(open_project(studies / name), results))
    print(file)


@label_app.command("import")
def import_labels(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV that `export` wrote.", exists=True, dir_okay=False)],
    studies: Studies = STUDIES,
    kept: Kept = None,
) -> None:
    """Add the labels of an export; labels that are here already stay. Start the app anew afterwards."""
    from mvsd.study.label_store import import_csv, open_project

    opened = open_project(studies / name)
    text = file.read_bytes().decode("utf-8-sig", "replace")
    print(f"{import_csv(opened, _results(name, studies, kept), text)} labels added to {name}")


@label_app.command()
def agreement(name: Name, studies: Studies = STUDIES, kept: Kept = None) -> None:
    """Print Krippendorff's alpha of each answer, and how far regions overlap, as CSV."""
    from mvsd.study.label_agreement import agreement as table_of
    from mvsd.study.label_store import all_rows, latest, open_project
    from mvsd.study.table_files import to_csv

    rows = table_of(open_project(studies / name).project, latest(all_rows(_results(name, studies, kept))))
    print(to_csv(rows, ("field", "choice", "alpha", "overlap")), end="")
