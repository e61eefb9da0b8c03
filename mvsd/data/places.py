"""What is commonly known of how kinds of places sound: for photographs that no response belongs to.

Ranges are wide on purpose, and say no more than that a chapel rings longer than a studio, and that in a field the
direct sound leads. Sources: control and studio rooms, EBU Tech. 3276 (1998); furnished dwellings, Díaz and Pedrero,
Applied Acoustics 66 (2005); churches, halls and arenas, Kuttruff, Room Acoustics, 6th ed. (2017) and Barron, Auditorium
Acoustics, 2nd ed. (2010); industrial halls, markets and lobbies, bathrooms, cellars: ISO 12354-6 (2003) with bare walls
of such sizes. T60 of the open air and both ranges of DRR: after rooms as simulated, where half of the open air lies
above 5 dB, and half of each live kind below 0.4 dB or less.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from statistics import median

T60_RANGES_S: dict[str, tuple[float, float]] = {
    "studio_room": (0.15, 0.5),
    "studio_black": (0.15, 0.5),
    "living_room": (0.25, 0.7),
    "bathroom": (0.3, 1.0),
    "kitchen": (0.3, 0.8),
    "workshop_shop": (0.4, 1.2),
    "workshop": (0.5, 1.8),
    "lobby": (0.8, 2.5),
    "cave_cellar": (0.8, 3.0),
    "hall": (0.9, 2.5),
    "glass_corridor": (0.9, 3.0),
    "covered_market": (1.2, 4.0),
    "chapel": (1.2, 4.0),
    "arena": (1.2, 5.0),
    "industrial_hall": (1.2, 5.0),
    **dict.fromkeys(("field", "forest", "garden", "road", "waterfront"), (0.1, 1.0)),
}
LIVE = ("chapel", "hall", "arena", "industrial_hall", "covered_market", "cave_cellar", "lobby")
DRY = ("living_room", "studio_room", "studio_black")
OPEN_AIR = ("field", "forest", "garden")
DRR_RANGES_DB = dict.fromkeys(LIVE, (-20.0, 0.0)) | dict.fromkeys((*OPEN_AIR, "road", "waterfront"), (2.0, 20.0))


def fold_of(places: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Which half each place belongs to, 0 or 1, from (category, place): in turn along the categories, live ones and dry
    ones apart, so that each half has of both."""
    order = sorted(set(places), key=lambda row: (row[0] in LIVE, row[0] in DRY, *row))
    return {place: number % 2 for number, (_, place) in enumerate(order)}


def in_order(live: dict[str, list[float]], dry: dict[str, list[float]]) -> tuple[int, int]:
    """How many pairs of places are in order, by the median over each one's views, and of how many pairs."""
    pairs = list(product(map(median, live.values()), map(median, dry.values())))
    return sum(above > below for above, below in pairs), len(pairs)
