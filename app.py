"""MVSD Studio: run `python app.py` and open the address it prints."""

from pathlib import Path

from mvsd.conversion import Converter
from mvsd.session import Studio
from mvsd.ui.server import serve

EXAMPLES = Path(__file__).parent / "assets" / "examples"
SAMPLERS = ("dpm++", "ddim", "ddpm")


def load_converter(task: str) -> Converter:
    from mvsd.converters import WEIGHTS, Dereverberator, Reverberator  # here: torch comes after the page

    return {"match": Reverberator, "dereverb": Dereverberator}[task].from_pretrained(WEIGHTS)


if __name__ == "__main__":
    serve(Studio(load_converter, EXAMPLES, SAMPLERS))
