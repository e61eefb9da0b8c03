"""Studies that were never run: choices of simulated listeners, whose average preference is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import brentq
from scipy.special import expit, logit

from mvsd.study.two_way import Grid

NODES, WEIGHTS = hermegauss(61)


@dataclass(frozen=True)
class Design:
    """per_listener: items that each listener hears; all if None. Sides are halved for every listener and item."""

    listeners: int
    items: int
    per_listener: int | None = None

    @property
    def heard(self) -> np.ndarray:
        """1 where a listener hears an item, (listeners, items): as many listeners an item, to within one."""
        return (self._place < self._count).astype(float)

    @property
    def first_is_left(self) -> np.ndarray:
        """(listeners, items): changes from item to item of a listener, and each time that an item comes round again."""
        rounds = (self._count * np.arange(self.listeners)[:, None] + self._place) // self.items
        return (np.arange(self.items) + rounds) % 2 == 0

    @property
    def _count(self) -> int:
        return self.per_listener or self.items

    @property
    def _place(self) -> np.ndarray:
        """Of each item in the row that a listener begins where the one before left off, (listeners, items)."""
        return (np.arange(self.items) - self._count * np.arange(self.listeners)[:, None]) % self.items


@dataclass(frozen=True)
class World:
    """What is true. share: average preference of all listeners for all items. SDs and left_pull: on the logit.

    always_left: so many listeners take the left whatever they hear.
    """

    share: float = 0.5
    listener_sd: float = 0.5
    item_sd: float = 0.5
    left_pull: float = 0.0
    always_left: int = 0


def simulate(design: Design, world: World, studies: int, rng: np.random.Generator) -> Grid:
    """Choices of the first method, (studies, listeners, items)."""
    odds = centre(world) + world.listener_sd * rng.standard_normal((studies, design.listeners, 1))
    odds = odds + world.item_sd * rng.standard_normal((studies, 1, design.items))
    odds = odds + world.left_pull * np.where(design.first_is_left, 1, -1)
    took = rng.random(odds.shape) < expit(odds)
    took[:, : world.always_left] = design.first_is_left[: world.always_left]
    return Grid(took * design.heard, np.broadcast_to(design.heard, took.shape))


def centre(world: World) -> float:
    """Logit of an average listener and item at which the average over all of them is world.share, sides halved."""
    spread = np.hypot(world.listener_sd, world.item_sd)

    def average(middle: float) -> float:
        sides = expit(middle + spread * NODES[:, None] + world.left_pull * np.array([1, -1])).mean(1)
        return float(WEIGHTS @ sides / WEIGHTS.sum())

    reach = abs(logit(world.share)) * (1 + spread) + 5
    return float(brentq(lambda middle: average(middle) - world.share, -reach, reach))
