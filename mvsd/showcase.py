"""The examples of the app, computed beforehand by the converters that ship: run again when the weights change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from mvsd.conversion import Conversion, Converter, OnStep, Settings
from mvsd.converters import convert_file


def refresh_examples(folder: Path, load_converter: Callable[[str], Converter], on_step: OnStep | None = None) -> int:
    """Convert every entry of folder/examples.json anew, with its own seed, and write results and numbers back.

    load_converter: task -> Converter. Returns how many there are.
    """
    path = folder / "examples.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    for done, entry in enumerate(listed, 1):
        image = folder / entry["image"] if entry.get("image") else None
        settings = Settings(seed=entry.get("numbers", {}).get("seed", 0))
        converter = load_converter(entry["task"])
        made = convert_file(converter, folder / entry["speech"], image, folder / entry["result"], settings)
        entry["numbers"] = numbers_of(made)
        if on_step:
            on_step(done, len(listed))
    path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    return len(listed)


def numbers_of(made: Conversion) -> dict[str, object]:
    """What an example tells of its conversion."""
    told = {key: value for key, value in asdict(made.settings).items() if value is not None}
    about = {"system": made.system, "checkpoint_sha256": made.checkpoint_sha256, "device": made.device}
    if made.read:
        about["read"] = asdict(made.read)
    return told | about | {"seconds": round(made.seconds, 2), "gain_db": round(made.gain_db, 2)}
