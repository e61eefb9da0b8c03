"""The batches of a run by number, each from a generator of its own: workers, processes and resumes change nothing.

A step's batch comes in parts. Processes share the parts of a step out among them, and what falls to one process it does
in turn (gradient accumulation): two processes with a part each learn what one process with both learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from torch import Generator
from torch.utils.data import DataLoader, Dataset

from mvsd.errors import UserError


def seeded(seed: int, number: int, use: int) -> Generator:
    """The generator of one part of a batch for one use (0: what is drawn, 1: the loss)."""
    return Generator().manual_seed((seed * 1_000_003 + number) * 2 + use)


@dataclass(frozen=True)
class Sharing:
    """Who does what of a step. parts: of a batch, in all; process: ours, of `processes`."""

    parts: int
    process: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.parts % self.processes:
            raise UserError(
                f"Batches in {self.parts} parts cannot be shared by {self.processes} processes. Give --parts "
                f"{self.processes}, or a multiple of it."
            )

    def numbers(self, step: int) -> range:
        """Our parts of a step, counted over the whole run."""
        begin = step * self.parts
        return range(begin + self.process, begin + self.parts, self.processes)


class Batches(Dataset):
    """What `task.draw` draws, by number."""

    def __init__(self, task: Any, seed: int):
        self.task, self.seed = task, seed

    def __getitem__(self, number: int) -> Any:
        return self.task.draw(seeded(self.seed, number, 0))

    def since(self, step: int, sharing: Sharing, workers: int) -> Iterator[Any]:
        """Our parts of batch after batch from `step` on, without end."""
        numbers = (number for at in count(step) for number in sharing.numbers(at))
        return iter(DataLoader(self, batch_size=None, sampler=numbers, num_workers=workers, collate_fn=as_it_is))


def as_it_is(batch: Any) -> Any:
    return batch
