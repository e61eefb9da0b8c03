"""Who hears what, on which side, in which order: a table of seats drawn from the study's seed.

A listener takes the emptiest seat. Sides are exact once every seat is filled, however many left theirs half way:
the next listener takes the same seat, with the same sides.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from mvsd.study.columns import GOLD, IDENTICAL, PRACTICE, REPEAT, TEST
from mvsd.study.halving import halves
from mvsd.study.spec import Study

LATE = 2 / 3  # repeats come in the last third, of trials from the first half
TRIES = 100


@dataclass(frozen=True)
class Trial:
    """id: the same for all listeners. In mos, left and right are the same method."""

    id: str
    kind: str
    item: str
    left: str
    right: str
    block: int = 0


@dataclass(frozen=True)
class Cell:
    """What is asked, before sides: methods in the study's order."""

    kind: str
    item: str
    first: str
    second: str

    def trial(self, first_is_left: bool) -> Trial:
        sides = (self.first, self.second) if first_is_left else (self.second, self.first)
        return Trial(f"{self.kind}:{self.item}:{self.first}~{self.second}", self.kind, self.item, *sides)


def seat_of(holders: Counter[int], study: Study) -> int | None:
    """The seat to give to the next listener, or None if all are held. holders: seat -> valid or present listeners."""
    seat = min(range(study.stop.listeners), key=lambda s: (holders[s], s))
    return None if holders[seat] else seat


def schedule(study: Study, given: tuple[Trial, ...], assign_seed: str) -> tuple[Trial, ...]:
    """The trials of a session in order: the sides are those given with the seat, the order is the session's own."""
    rng = random.Random(assign_seed)
    of_kind = lambda kind: [trial for trial in given if trial.kind == kind]  # noqa: E731
    practice = of_kind(PRACTICE)
    trials = _apart(of_kind(TEST), rng)
    early, late = len(trials) // 2, int(len(trials) * LATE)
    again = rng.sample(trials[:early] or trials, min(study.trials.repeat, early or len(trials)))
    others = [_swapped(trial) for trial in again] + of_kind(GOLD) + of_kind(IDENTICAL)
    for trial in rng.sample(others, len(others)):
        first = late if trial.kind == REPEAT else 0
        _insert_apart(trials, trial, first, rng)
    blocks = [replace(trial, block=1 + i // study.trials.per_block) for i, trial in enumerate(trials)]
    return (*practice, *blocks)


def seats(study: Study) -> tuple[tuple[Trial, ...], ...]:
    """For each seat its trials, without repeats, in no order."""
    rng = random.Random(f"{study.seed}:seats")
    taken = _test_cells(study, rng)
    for seat, cells in enumerate(taken):
        cells += [Cell(GOLD, gold.item, study.truth, gold.wrong) for gold in study.trials.gold]
        cells += _identical(study, seat)
        cells += _practice(study, seat)
    marks = [(seat, cell) for seat, cells in enumerate(taken) for cell in cells]
    edges = [((s, c.kind, c.first, c.second), (c.kind, c.item, c.first, c.second)) for s, c in marks]
    sides = halves(edges, rng)
    given: list[list[Trial]] = [[] for _ in taken]
    for (seat, cell), first_is_left in zip(marks, sides):
        given[seat].append(cell.trial(first_is_left))
    return tuple(tuple(trials) for trials in given)


def _test_cells(study: Study, rng: random.Random) -> list[list[Cell]]:
    """For each seat its test cells. Each cell as often as any other; an item twice only when all were there once."""
    items, pairs = [item.id for item in study.test_items], study.pairs
    rng.shuffle(items)
    ring = [
        Cell(TEST, item, *pairs[(i + turn) % len(pairs)]) for turn in range(len(pairs)) for i, item in enumerate(items)
    ]
    n = study.trials.per_session
    return [[ring[(seat * n + k) % len(ring)] for k in range(n)] for seat in range(study.stop.listeners)]


def _identical(study: Study, seat: int) -> list[Cell]:
    """Both sides the same clip; other items and methods at other seats."""
    items, methods = study.test_items, list(dict.fromkeys(m for pair in study.pairs for m in pair))
    n = study.trials.identical
    turns = range(seat * n, seat * n + n)
    chosen = [(items[t % len(items)].id, methods[(t // len(items) + t) % len(methods)]) for t in turns]
    return [Cell(IDENTICAL, item, method, method) for item, method in dict.fromkeys(chosen)]


def _practice(study: Study, seat: int) -> list[Cell]:
    pairs = study.pairs
    return [Cell(PRACTICE, item, *pairs[(seat + i) % len(pairs)]) for i, item in enumerate(study.trials.practice)]


def _swapped(trial: Trial) -> Trial:
    return replace(trial, id=trial.id.replace(TEST, REPEAT, 1), kind=REPEAT, left=trial.right, right=trial.left)


def _apart(trials: list[Trial], rng: random.Random) -> list[Trial]:
    """Shuffled, no item twice in a row where that can be had."""
    orders = (rng.sample(trials, len(trials)) for _ in range(TRIES))
    return min(_until(orders, lambda order: not _clashes(order)), key=_clashes)


def _until(orders, good: Callable[[list[Trial]], bool]) -> list[list[Trial]]:
    tried = []
    for order in orders:
        tried.append(order)
        if good(order):
            break
    return tried


def _clashes(order: list[Trial]) -> int:
    return sum(a.item == b.item for a, b in pairwise(order))


def _insert_apart(trials: list[Trial], trial: Trial, first: int, rng: random.Random) -> None:
    places = range(min(first, len(trials)), len(trials) + 1)
    free = [p for p in places if trial.item not in {t.item for t in trials[max(p - 1, 0) : p + 1]}]
    trials.insert(rng.choice(free or list(places)), trial)
