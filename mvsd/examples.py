"""Clips whose results were computed beforehand: the first sound needs no model."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A clip whose result was computed beforehand. image: None where the room was not seen."""

    task: str
    title: str
    image: Path | None
    speech: Path
    result: Path
    numbers: dict[str, Any]


def read_examples(folder: Path) -> list[Example]:
    """The examples listed in examples.json whose files are all there; none where there is no list."""
    try:
        listed = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    examples = []
    for entry in listed:
        image, speech, result = (folder / entry[k] if entry.get(k) else None for k in ("image", "speech", "result"))
        if all(file is None or file.is_file() for file in (image, speech, result)):
            examples.append(Example(entry["task"], entry["title"], image, speech, result, entry.get("numbers", {})))
        else:
            log.warning("Example %s lacks a file and is left out.", entry["title"])
    return examples
