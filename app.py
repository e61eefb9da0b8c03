"""MVSD Studio: run `python app.py` and open the address it prints."""

import os
from pathlib import Path

from mvsd import __version__
from mvsd.conversion import Converter
from mvsd.session import Studio
from mvsd.study.judgement import Asker
from mvsd.study.shelf import Shelf, open_shelf
from mvsd.ui.server import serve

HERE = Path(__file__).parent
EXAMPLES, STUDIES = HERE / "assets" / "examples", HERE / "studies"
SAMPLERS = ("dpm++", "ddim", "ddpm")


def load_converter(task: str) -> Converter:
    from mvsd.converters import WEIGHTS, Dereverberator, Reverberator  # here: torch comes after the page

    return {"match": Reverberator, "dereverb": Dereverberator}[task].from_pretrained(WEIGHTS)


def load_studies() -> Shelf:
    kept = os.getenv("MVSD_RESULTS")
    return open_shelf(
        STUDIES, Asker(__version__), Path(kept).resolve() if kept else None, forgets=bool(os.getenv("SPACE_ID"))
    )


if __name__ == "__main__":
    serve(Studio(load_converter, EXAMPLES, SAMPLERS), load_studies())
