"""What a measure says where it has no value."""

from __future__ import annotations

from torch import Tensor


class Undefined(Exception):
    """A measure has no value for this clip; the message says why, in a few words."""


def in_step(estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both (samples,) cut to the shorter. Raises Undefined where a sound is silent or holds numbers that are none."""
    count = min(len(estimate), len(target))
    estimate, target = estimate[:count], target[:count]
    for name, sound in (("result", estimate), ("reference", target)):
        if not bool(sound.isfinite().all()):
            raise Undefined(f"the {name} holds samples that are not numbers")
        if not bool(sound.any()):
            raise Undefined(f"the {name} is silent")
    return estimate, target
