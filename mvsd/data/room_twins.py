"""Twins: rooms that share all but one thing with the room before them, as hard negatives for whoever learns from
pictures. Neither the look of the materials nor the shape alone tells how a room sounds.

Pure: the same generator gives the same room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mvsd.data.room_design import (
    CANDIDATES,
    TARGET_T60_S,
    RoomDesign,
    draw_size,
    draw_walls,
    expected_t60_s,
    furnished,
    log_uniform,
    pick,
)
from mvsd.data.room_kinds import CATEGORIES
from mvsd.data.room_materials import OPEN

MATERIALS, GEOMETRY = "materials", "geometry"  # what is other than in the room before
KINDS = (MATERIALS, GEOMETRY)
STREAM = 1 << 21  # keeps this draw apart from those of rooms and clips
MOST = 0.5  # of all rooms: no twin has a twin


def twin_kind(seed: int, index: int, share: float) -> str:
    """What is other in room `index` than in the one before; empty where it is a room of its own."""
    rng = np.random.default_rng([seed, STREAM, index])
    if index % 2 == 0 or rng.random() >= share / MOST:
        return ""
    return KINDS[int(rng.integers(len(KINDS)))]


def draw_twin(rng: np.random.Generator, room: RoomDesign, kind: str) -> RoomDesign:
    """The room again, in other materials or another geometry, its expected T60 near a wish of its own."""
    wish_s = log_uniform(rng, *TARGET_T60_S)
    drawn = [VARIED[kind](rng, room) for _ in range(CANDIDATES)]
    return min(drawn, key=lambda twin: abs(np.log(expected_t60_s(twin) / wish_s)))


def _other_materials(rng: np.random.Generator, room: RoomDesign) -> RoomDesign:
    """The same walls, windows and furniture in the same places; what is open stays open."""
    kind = CATEGORIES[room.category]
    fresh = draw_walls(rng, kind) | {"floor": pick(rng, kind.floors), "ceiling": pick(rng, kind.ceilings)}
    surfaces = {name: OPEN if was == OPEN else fresh[name] for name, was in room.surfaces.items()}
    patches = tuple(replace(patch, material=pick(rng, kind.patches)) for patch in room.patches)
    return replace(room, surfaces=surfaces, patches=patches)


def _other_geometry(rng: np.random.Generator, room: RoomDesign) -> RoomDesign:
    """The same materials on walls, floor, ceiling and patches, in a room of another size and with other furniture."""
    twin = furnished(rng, room.category, draw_size(rng, CATEGORIES[room.category]), room.surfaces)
    seen = tuple(sorted({patch.material for patch in room.patches}))
    patches = tuple(replace(patch, material=pick(rng, seen)) for patch in twin.patches) if seen else ()
    return replace(twin, patches=patches, look_seed=room.look_seed)


VARIED: dict[str, Callable[[np.random.Generator, RoomDesign], RoomDesign]] = {
    MATERIALS: _other_materials,
    GEOMETRY: _other_geometry,
}
