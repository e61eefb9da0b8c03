"""MVSD Studio: run `python app.py` and open the address it prints."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mvsd import __version__
from mvsd.conversion import Converter
from mvsd.session import Studio
from mvsd.study.judgement import Asker
from mvsd.study.shelf import Shelf, open_shelf
from mvsd.ui.server import serve

if TYPE_CHECKING:
    from torch import Tensor

HERE = Path(__file__).parent
EXAMPLES, STUDIES = HERE / "assets" / "examples", HERE / "studies"
SAMPLERS = ("dpm++", "ddim", "ddpm", "from-source")
T60_FILE = "t60.safetensors"


def load_converter(task: str) -> Converter:
    from mvsd.converters import WEIGHTS, Dereverberator, Reverberator  # here: torch comes after the page

    return {"match": Reverberator, "dereverb": Dereverberator}[task].from_pretrained(WEIGHTS)


def load_judge() -> Callable[[Tensor], float]:
    from mvsd.converters import WEIGHTS
    from mvsd.t60_estimator import T60Estimator

    return T60Estimator.from_pretrained(WEIGHTS / T60_FILE).estimate


def load_studies() -> Shelf:
    asker, kept, forgets = Asker(__version__), os.getenv("MVSD_RESULTS"), bool(os.getenv("SPACE_ID"))
    if not os.getenv("MVSD_RESULTS_REPO"):
        return open_shelf(STUDIES, asker, Path(kept).resolve() if kept else None, forgets=forgets)
    from mvsd.results_sync import sync_from_environment  # here: it brings the hub client

    folder = Path(kept or Path(tempfile.gettempdir()) / "mvsd-results").resolve()  # what the dataset has is fetched
    return open_shelf(STUDIES, asker, folder, forgets=forgets, begin_sync=partial(sync_from_environment, folder))


if __name__ == "__main__":
    has_judge = (HERE / "assets" / "weights" / T60_FILE).is_file()
    serve(Studio(load_converter, EXAMPLES, SAMPLERS, load_judge if has_judge else None), load_studies())
