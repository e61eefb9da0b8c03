"""Random rooms as plain data: size, materials, furniture.

Pure: the same numpy Generator gives the same room. Axes in m: x east, y north, z up, origin in the corner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mvsd.data.room_furniture import Item, furnish
from mvsd.data.room_kinds import ALIKE, CATEGORIES, USUAL, Category
from mvsd.data.room_materials import OPEN, absorption, scattering

WALLS = ("west", "east", "south", "north")
SURFACES = (*WALLS, "floor", "ceiling")
T60_RANGE_S = (0.1, 3.0)
TARGET_T60_S = (0.08, 3.0)
CANDIDATES = 40  # furnished variants of one room, of which the nearest to the wished T60 is taken


@dataclass(frozen=True)
class Patch:
    """A rectangle on a wall: from along_m to along_m + width_m, and from bottom_m to bottom_m + height_m."""

    wall: str
    material: str
    along_m: float
    bottom_m: float
    width_m: float
    height_m: float


@dataclass(frozen=True)
class RoomDesign:
    """A room to be heard and seen. surfaces: material of each of SURFACES. look_seed: colours and textures."""

    category: str
    size_m: tuple[float, float, float]
    surfaces: dict[str, str]
    patches: tuple[Patch, ...]
    items: tuple[Item, ...]
    look_seed: int

    @property
    def volume_m3(self) -> float:
        return float(np.prod(self.size_m))

    @property
    def is_open(self) -> bool:
        return self.surfaces["ceiling"] == OPEN


def pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_room(rng: np.random.Generator, usual: float = USUAL) -> RoomDesign:
    """A random furnished room whose expected T60 lies near a wish drawn uniformly in log T60.

    usual: how likely the room is as people build them, of a kind that mostly rings so long, with patches that mostly
    agree; else of any kind, with patches that agree by chance.
    """
    wish_s = log_uniform(rng, *TARGET_T60_S)
    is_usual = usual > 0 and rng.random() < usual
    names = _usual(wish_s) if is_usual else list(CATEGORIES)
    shares = np.array([CATEGORIES[name].share for name in names])
    category = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    kind, alike = CATEGORIES[category], ALIKE if is_usual else 0.0
    rooms = [_variant(rng, category, draw_size(rng, kind), alike) for _ in range(1 if kind.is_open else CANDIDATES)]
    return min(rooms, key=lambda room: abs(np.log(expected_t60_s(room) / wish_s)))


def _usual(t60_s: float) -> list[str]:
    spans = {name: kind.usual_t60_s for name, kind in CATEGORIES.items()}
    return [name for name, (low, high) in spans.items() if low <= t60_s <= high]


def draw_size(rng: np.random.Generator, kind: Category) -> tuple[float, float, float]:
    length, width, height = (log_uniform(rng, *span) for span in (kind.length_m, kind.width_m, kind.height_m))
    return (round(length, 2), round(width, 2), round(height, 2))


def _variant(rng: np.random.Generator, category: str, size_m: tuple[float, float, float], alike: float) -> RoomDesign:
    kind = CATEGORIES[category]
    surfaces = draw_walls(rng, kind)
    if kind.is_open:
        standing = rng.permutation(WALLS)[: int(rng.integers(0, 4))]
        surfaces = {name: material if name in standing else OPEN for name, material in surfaces.items()}
    surfaces |= {"floor": pick(rng, kind.floors), "ceiling": pick(rng, kind.ceilings)}
    return furnished(rng, category, size_m, surfaces, alike)


def draw_walls(rng: np.random.Generator, kind: Category) -> dict[str, str]:
    """Materials of the four walls, mostly one for all."""
    wall = pick(rng, kind.walls)
    return {name: wall if rng.random() < 0.75 else pick(rng, kind.walls) for name in WALLS}


def furnished(
    rng: np.random.Generator,
    category: str,
    size_m: tuple[float, float, float],
    surfaces: dict[str, str],
    alike: float = 0.0,
) -> RoomDesign:
    """Windows, doors and furniture for bare walls, floor and ceiling. alike: how likely one kind of patches is all."""
    kind = CATEGORIES[category]
    if alike > 0 and rng.random() < alike:
        kind = replace(kind, patches=(pick(rng, kind.patches),))
    solid = [name for name in WALLS if surfaces[name] != OPEN]
    patches = _patches(rng, kind, size_m, solid)
    items = furnish(rng, kind.furniture, size_m, float(rng.beta(1.2, 1.5)), surfaces["floor"])
    return RoomDesign(category, size_m, surfaces, patches, items, int(rng.integers(2**31)))


def _patches(
    rng: np.random.Generator, kind: Category, size_m: tuple[float, float, float], walls: list[str]
) -> tuple[Patch, ...]:
    """Windows, doors, curtains and panels: none to three of one material to a wall, side by side."""
    found: list[Patch] = []
    for wall in walls:
        if rng.random() < 0.3:
            continue
        material, count = pick(rng, kind.patches), int(rng.integers(1, 4))
        room = size_m[1] if wall in ("west", "east") else size_m[0]
        slot = room / count
        width = slot * rng.uniform(0.35, 0.95)
        bottom, height = _patch_heights(rng, material, size_m[2])
        if material == "wood":
            count, width = 1, min(1.0, 0.8 * slot)
        found += [Patch(wall, material, slot * (k + 0.5) - width / 2, bottom, width, height) for k in range(count)]
    return tuple(found)


def _patch_heights(rng: np.random.Generator, material: str, ceiling_m: float) -> tuple[float, float]:
    if material == "wood":
        return 0.0, min(2.1, 0.95 * ceiling_m)
    if material in ("curtain", "heavy curtain"):
        return 0.02, ceiling_m * rng.uniform(0.85, 0.97)
    bottom = rng.uniform(0.25, 0.42) * min(ceiling_m, 3.5)
    return bottom, (ceiling_m - bottom) * rng.uniform(0.5, 0.9)


def surface_areas_m2(size_m: tuple[float, float, float]) -> dict[str, float]:
    length, width, height = size_m
    ends, sides, flat = width * height, length * height, length * width
    return {"west": ends, "east": ends, "south": sides, "north": sides, "floor": flat, "ceiling": flat}


def effective_absorption(room: RoomDesign) -> dict[str, np.ndarray]:
    """Absorption of each surface with its patches and furniture, (7,) at BANDS_HZ.

    A thing's top counts on the floor instead of what it covers; its sides count on the solid walls, by their area.
    """
    areas = surface_areas_m2(room.size_m)
    taken = {name: absorption(material) * areas[name] for name, material in room.surfaces.items()}
    for patch in room.patches:
        area = patch.width_m * patch.height_m
        taken[patch.wall] = taken[patch.wall] + area * (
            absorption(patch.material) - absorption(room.surfaces[patch.wall])
        )
    hosts = [name for name in WALLS if room.surfaces[name] != OPEN] or ["floor"]
    host_area = sum(areas[name] for name in hosts)
    for item in room.items:
        own = absorption(item.material)
        taken["floor"] = taken["floor"] + item.top_m2 * (own - absorption(room.surfaces["floor"]))
        for name in hosts:
            taken[name] = taken[name] + item.side_m2 * own * areas[name] / host_area
    return {name: np.clip(taken[name] / areas[name], 0.01, 0.99) for name in SURFACES}


def effective_scattering(room: RoomDesign) -> dict[str, float]:
    """Scattering of each surface at 1 kHz: the material's, and more where furniture stands before it."""
    areas = surface_areas_m2(room.size_m)
    cover = min(1.0, sum(item.top_m2 + item.side_m2 for item in room.items) / (areas["floor"] + 1.0))
    return {name: min(0.8, scattering(room.surfaces[name]) + 0.35 * cover * (name != "ceiling")) for name in SURFACES}


def mean_absorption(room: RoomDesign) -> float:
    """Mean over surfaces, by area, and over the 500 Hz to 2 kHz octaves."""
    areas = surface_areas_m2(room.size_m)
    taken = sum(areas[name] * alpha[2:5].mean() for name, alpha in effective_absorption(room).items())
    return float(taken / sum(areas.values()))


def expected_t60_s(room: RoomDesign) -> float:
    """Reverberation time of a diffuse field (Eyring 1930), air at 1 kHz included."""
    total = sum(surface_areas_m2(room.size_m).values())
    loss = -total * np.log(1 - mean_absorption(room)) + 4 * 0.0012 * room.volume_m3
    return float(0.161 * room.volume_m3 / loss)
