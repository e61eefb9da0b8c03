"""Furniture as boxes with a place, a size and a material; rows of seats for halls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Item:
    """One thing on the floor. x_m, y_m: its centre. width_m along x, depth_m along y. back: the side it leans on."""

    kind: str
    material: str
    x_m: float
    y_m: float
    width_m: float
    depth_m: float
    height_m: float
    back: str = "south"

    @property
    def top_m2(self) -> float:
        return self.width_m * self.depth_m

    @property
    def side_m2(self) -> float:
        if self.kind == "rug":
            return 0.0
        share = 0.4 if self.kind in ("table", "desk", "chair") else 0.8
        return share * 2 * (self.width_m + self.depth_m) * self.height_m

    def covers(self, place: np.ndarray, gap_m: float) -> bool:
        near_x = abs(place[0] - self.x_m) < self.width_m / 2 + gap_m
        return bool(near_x and abs(place[1] - self.y_m) < self.depth_m / 2 + gap_m)


@dataclass(frozen=True)
class Kind:
    """Ranges in m of width (along the wall), depth and height; at_wall: stands with its back to a wall."""

    width_m: tuple[float, float]
    depth_m: tuple[float, float]
    height_m: tuple[float, float]
    materials: tuple[str, ...]
    at_wall: bool


KINDS: dict[str, Kind] = {
    "table": Kind((0.8, 2.0), (0.7, 1.0), (0.6, 0.78), ("wood", "wood", "marble"), False),
    "desk": Kind((1.0, 1.8), (0.6, 0.8), (0.72, 0.78), ("wood",), True),
    "chair": Kind((0.45, 0.55), (0.45, 0.55), (0.85, 1.0), ("wooden chair", "upholstery", "leather"), False),
    "sofa": Kind((1.3, 2.4), (0.8, 1.0), (0.75, 0.9), ("upholstery", "upholstery", "leather"), True),
    "bed": Kind((1.2, 1.9), (1.9, 2.1), (0.45, 0.65), ("bedding",), True),
    "shelf": Kind((0.7, 2.2), (0.28, 0.4), (1.5, 2.3), ("books",), True),
    "cabinet": Kind((0.6, 1.8), (0.4, 0.6), (0.8, 2.0), ("wood", "wood", "metal"), True),
    "clothes": Kind((0.8, 1.8), (0.5, 0.6), (1.5, 1.9), ("heavy curtain", "curtain"), True),
    "counter": Kind((1.2, 3.0), (0.6, 0.65), (0.88, 0.95), ("wood", "marble"), True),
    "bath": Kind((1.4, 1.8), (0.7, 0.8), (0.5, 0.6), ("tiles",), True),
    "basin": Kind((0.5, 0.9), (0.4, 0.5), (0.8, 0.9), ("tiles", "marble"), True),
    "rug": Kind((1.2, 3.0), (1.0, 2.2), (0.012, 0.02), ("carpet",), False),
    "plant": Kind((0.4, 0.8), (0.4, 0.8), (0.8, 1.8), ("leaves",), True),
    "column": Kind((0.4, 0.7), (0.4, 0.7), (30.0, 30.0), ("concrete", "limestone", "plaster"), False),
}
SEAT_MATERIALS = ("upholstery", "upholstery", "wooden chair", "leather", "audience")
ROW_PITCH_M, ROW_DEPTH_M, SEAT_HEIGHT_M = 0.95, 0.6, 0.85


def furnish(
    rng: np.random.Generator, wanted: tuple[str, ...], size_m: tuple[float, float, float], amount: float, floor: str
) -> tuple[Item, ...]:
    """Things from `wanted` until `amount` (0 to 1) of half the floor is taken; only what stands on rugs overlaps."""
    items: list[Item] = []
    target_m2 = 0.5 * amount * size_m[0] * size_m[1]
    for _ in range(min(30, int(6 + target_m2)) if wanted and amount > 0.05 else 0):
        kind = wanted[int(rng.integers(len(wanted)))]
        if kind == "rug" and floor == "carpet":
            continue
        if sum(item.top_m2 for item in items) > target_m2:
            break
        if kind == "seat rows":
            items += [] if any(item.kind == "seats" for item in items) else _rows(rng, size_m, amount, items)
        elif (item := _item(rng, kind, size_m)) and not _collides(item, items, size_m):
            items.append(item)
    return tuple(items)


def _rows(
    rng: np.random.Generator, size_m: tuple[float, float, float], amount: float, others: list[Item]
) -> list[Item]:
    material = SEAT_MATERIALS[int(rng.integers(len(SEAT_MATERIALS)))]
    width_m = min(size_m[1] - 1.6, size_m[1] * rng.uniform(0.5, 0.85))
    rows = int(min(22, (size_m[0] * (0.25 + 0.6 * amount) - 1.5) // ROW_PITCH_M))
    start_m = 0.9 + rng.uniform(0, 0.15) * size_m[0]
    found = [
        Item("seats", material, start_m + row * ROW_PITCH_M, size_m[1] / 2, ROW_DEPTH_M, width_m, SEAT_HEIGHT_M, "west")
        for row in range(max(1, rows))
    ]
    return [row for row in found if not _collides(row, others, size_m)]


def _item(rng: np.random.Generator, name: str, size_m: tuple[float, float, float]) -> Item | None:
    kind = KINDS[name]
    width, depth, height = (rng.uniform(*span) for span in (kind.width_m, kind.depth_m, kind.height_m))
    back = ("west", "east", "south", "north")[int(rng.integers(4))]
    if back in ("west", "east"):
        width, depth = depth, width
    if width > 0.7 * size_m[0] or depth > 0.7 * size_m[1]:
        return None
    material = kind.materials[int(rng.integers(len(kind.materials)))]
    gap = 0.02 if kind.at_wall else 0.6
    low, high = (width / 2 + 0.02, depth / 2 + 0.02), (size_m[0] - width / 2 - 0.02, size_m[1] - depth / 2 - 0.02)
    x, y = rng.uniform(low[0], high[0]), rng.uniform(low[1], high[1])
    if kind.at_wall:
        x = {"west": width / 2 + gap, "east": size_m[0] - width / 2 - gap}.get(back, x)
        y = {"south": depth / 2 + gap, "north": size_m[1] - depth / 2 - gap}.get(back, y)
    return Item(name, material, x, y, width, depth, min(height, size_m[2] - 0.05), back)


def _collides(item: Item, others: list[Item], size_m: tuple[float, float, float]) -> bool:
    outside = item.x_m + item.width_m / 2 > size_m[0] or item.y_m + item.depth_m / 2 > size_m[1]
    return outside or any(
        abs(item.x_m - other.x_m) < (item.width_m + other.width_m) / 2 + 0.05
        and abs(item.y_m - other.y_m) < (item.depth_m + other.depth_m) / 2 + 0.05
        for other in others
        if (item.kind == "rug") == (other.kind == "rug")
    )
