"""The folder that a command writes to."""

from __future__ import annotations

from pathlib import Path

from mvsd.errors import UserError


def make_out(out: str | Path) -> Path:
    """The folder, made if it was not there. Raises UserError where it cannot be."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} cannot be made ({error.strerror}). Choose another folder.") from error
    return Path(out)
