"""The processes of a run, and how they agree."""

from __future__ import annotations

import torch
from accelerate import Accelerator


def accelerator() -> Accelerator:
    """Started by `accelerate launch` or `torchrun`, several; else one alone.

    Where there is no GPU accelerate has to be told, or each of several processes takes itself to be alone.
    """
    return Accelerator(cpu=not torch.accelerator.is_available())
