"""What a design can show, before anyone is asked; and whether the headline interval keeps its promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from mvsd.errors import UserError
from mvsd.study.simulate_answers import Design, World, simulate
from mvsd.study.two_way import two_way_share

SDS = ((0.0, 0.0), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0))  # of listeners and items, on the logit
SHARES = (0.55, 0.60, 0.65, 0.70, 0.75)
PREVIEWS, VALIDATIONS, BATCH = 1000, 4000, 500  # studies
LARGEST = 200_000  # answers of one simulated study
PAPER, RECOMMENDED = Design(15, 30), Design(20, 30)
VALIDATED = (PAPER, RECOMMENDED, Design(24, 40, 20))  # the last: every listener hears half of the items
LEFT_PULL = 0.62  # 65 % left where nothing else decides
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Outcome:
    """Over many simulated studies. found: share whose p is at most 1 - confidence; covered: whose interval holds it."""

    design: Design
    world: World
    studies: int
    mean: float
    half_width: float
    found: float
    covered: float


def outcome(design: Design, world: World, studies: int, rng: np.random.Generator, confidence: float = 0.95) -> Outcome:
    """Simulate and analyse, in batches that fit into memory."""
    totals = np.zeros(4)
    for begin in range(0, studies, BATCH):
        got = two_way_share(simulate(design, world, min(BATCH, studies - begin), rng), confidence)
        covered = (got.low <= world.share) & (world.share <= got.high)
        totals += [x.sum() for x in (got.mean, (got.high - got.low) / 2, got.p <= 1 - confidence, covered)]
    return Outcome(design, world, studies, *(float(total) / studies for total in totals))


def preview(
    design: Design, seed: int = 0, studies: int = PREVIEWS, confidence: float = 0.95, on_step: OnStep | None = None
) -> str:
    """A table: for each spread of listeners and items, half-width at 50 %, false alarms, and power at true shares."""
    _check(design)
    lines = [
        "| SD of listeners, items | half-width | false alarms | " + " | ".join(f"{s:.0%}" for s in SHARES) + " |",
        "|---" * (3 + len(SHARES)) + "|",
    ]
    for done, (listener_sd, item_sd) in enumerate(SDS, 1):
        null, *rest = (
            outcome(
                design, World(share, listener_sd, item_sd), studies, np.random.default_rng([seed, done, i]), confidence
            )
            for i, share in enumerate((0.5, *SHARES))
        )
        power = " | ".join(f"{100 * each.found:.0f} %" for each in rest)
        spread, width, alarms = f"{listener_sd:g}, {item_sd:g}", 100 * null.half_width, 100 * null.found
        lines.append(f"| {spread} | {width:.1f} points | {alarms:.1f} % | {power} |")
        if on_step:
            on_step(done, len(SDS))
    return "\n".join(lines)


def validate(seed: int = 0, studies: int = VALIDATIONS, on_step: OnStep | None = None) -> Iterator[Outcome]:
    """At the null and at a planted 65 %, over designs and spreads; then with a pull to the left, and with listeners
    who always take it."""
    grid = [World(share, *sds) for share in (0.5, 0.65) for sds in product((0.0, 0.5, 1.0), repeat=2)]
    sides = [World(0.5, left_pull=LEFT_PULL), World(0.5, always_left=2), World(0.65, left_pull=LEFT_PULL)]
    cases = [(design, world) for design in VALIDATED for world in (*grid, *sides)]
    for done, (design, world) in enumerate(cases, 1):
        yield outcome(design, world, studies, np.random.default_rng([seed, done]))
        if on_step:
            on_step(done, len(cases))


def _check(design: Design) -> None:
    count = design.per_listener or design.items
    if design.listeners < 2 or design.items < 2:
        raise UserError(
            f"{design.listeners} listeners and {design.items} items: an interval needs two of each. Give more."
        )
    if not 1 <= count <= design.items:
        raise UserError(f"A listener hears 1 to {design.items} items, not {count}. Give fewer, or more items.")
    if design.listeners * design.items > LARGEST:
        raise UserError(f"That is more than {LARGEST:,} answers. Preview a smaller study.")
