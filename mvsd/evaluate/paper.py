"""A report in the form of the MVSD paper, from folders of results; the paper's own numbers in a block apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvsd.errors import UserError
from mvsd.evaluate.paper_figures import spectrogram_grid
from mvsd.evaluate.paper_tables import is_ladder, read_run, tables
from mvsd.evaluate.published import published
from mvsd.out_folder import make_out

FIGURES = {"match": "figure-4.png", "dereverb": "figure-5.png"}
INTRO = """In the form of Ma et al. 2024 (arXiv 2407.10373), measured on our data. In brackets 95 % intervals over rooms
and speakers. Judges are named: their numbers compare with no other judge's. Controls are measured on the first clip of
each room."""


def report(folders: Sequence[str | Path], out: str | Path) -> str:
    """Write out/report.md and the grids of spectrograms. Returns the text. Raises UserError for no results.

    folders: of `evaluate` and of `steps`.
    """
    ladders = [Path(folder) for folder in folders if is_ladder(Path(folder))]
    runs = [read_run(Path(folder)) for folder in folders if Path(folder) not in ladders]
    if len({run.name for run in runs}) < len(runs):
        raise UserError("Two of the folders have one name. Rename one: the tables tell runs apart by it.")
    out = make_out(out)
    blocks = [f"## {title}\n\n{text}" for title, text in tables(runs, ladders)]
    for (task, name), number in zip(FIGURES.items(), (4, 5)):
        if spectrogram_grid([(run.asked["data"], run.folder) for run in runs], task, out / name):
            blocks.append(
                f"## Figure {number}: {task}\n\n![Log-mel spectrograms of the same clips by all systems]({name})"
            )
    text = "\n\n".join([INTRO, *blocks, published()]) + "\n"
    (out / "report.md").write_text(text, encoding="utf-8")
    return text
