"""What a visitor filled in, and what of it can be used."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from mvsd.conversion import Settings
from mvsd.errors import UserError

MATCH, DEREVERB = "match", "dereverb"  # the tasks
MOST_STEPS, LARGEST_SEED = 50, 2**31 - 1


@dataclass(frozen=True)
class Form:
    """What a visitor filled in, unchecked: paths of files of any kind, numbers that may be none."""

    speech: str | None = None
    photo: str | None = None
    steps: Any = Settings.steps
    sampler: Any = Settings.sampler
    seed: Any = Settings.seed
    new_seed: bool = False
    distance_m: Any = None
    t60_s: Any = None


def new_seed() -> int:
    return secrets.randbelow(LARGEST_SEED)


def checked(form: Form, samplers: tuple[str, ...]) -> Settings:
    """Settings from a form, whoever sent it."""
    if form.sampler not in samplers:
        raise UserError(f"There is no such sampler; choose one of {', '.join(samplers)}.")
    return Settings(
        steps=None if form.steps is None else int(_number(form.steps, "Steps", 1, MOST_STEPS)),
        sampler=form.sampler,
        seed=new_seed() if form.new_seed else int(_number(form.seed, "The seed", 0, LARGEST_SEED)),
        distance_m=_optional(form.distance_m, "The talker's distance in metres", 0.2, 50),
        t60_s=_optional(form.t60_s, "T60 in seconds", 0.1, 5),
    )


def _optional(value: Any, name: str, low: float, high: float) -> float | None:
    return None if value is None or not str(value).strip() else _number(value, name, low, high)


def _number(value: Any, name: str, low: float, high: float) -> float:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError as error:
        raise UserError(f"{name} must be a number from {low:g} to {high:g}.") from error
    if not low <= number <= high:  # also refuses NaN
        raise UserError(f"{name} is {number:g}; it must lie between {low:g} and {high:g}.")
    return number
