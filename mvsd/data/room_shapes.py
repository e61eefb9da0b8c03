"""Triangles of a room: surfaces, patches with frames, furniture, lamps, and the talker's figure.

They are collected by paint: a material of room_materials, or "lamp", "window", "frame", "dark", "skin", "shirt",
"trousers". Lengths in m; texture coordinates too.
"""

from __future__ import annotations

import numpy as np

from mvsd.data.room_design import Patch, RoomDesign
from mvsd.data.room_materials import OPEN
from mvsd.data.room_soup import Soup, Vector
from mvsd.data.room_things import furniture
from mvsd.data.room_views import View

GROUND_M = 150.0  # how far the ground goes on in the open air


def room_soup(room: RoomDesign, rng: np.random.Generator) -> Soup:
    """Everything but the talker."""
    soup = Soup()
    _surfaces(soup, room)
    by_day = bool(rng.random() < 0.65)
    for patch in room.patches:
        _patch(soup, room, patch, by_day)
    for item in room.items:
        furniture(soup, item)
    if not room.is_open:
        _lamps(soup, room, rng)
    return soup


def _surfaces(soup: Soup, room: RoomDesign) -> None:
    low, high = (0.0, 0.0, 0.0), room.size_m
    places = {
        "west": (0, 0.0),
        "east": (0, high[0]),
        "south": (1, 0.0),
        "north": (1, high[1]),
        "floor": (2, 0.0),
        "ceiling": (2, high[2]),
    }
    for name, (axis, at) in places.items():
        if room.surfaces[name] == OPEN:
            continue
        far = name == "floor" and room.is_open
        corners = ((-GROUND_M, -GROUND_M, 0.0), (GROUND_M, GROUND_M, 0.0)) if far else (low, high)
        soup.quad(room.surfaces[name], axis, at, *corners)
        if axis < 2 and not room.is_open:
            _on_wall(soup, room, "frame", name, (0.0, high[1 - axis]), (0.0, 0.09), 0.015)


def _on_wall(
    soup: Soup,
    room: RoomDesign,
    paint: str,
    wall: str,
    along: tuple[float, float],
    up: tuple[float, float],
    depth_m: float,
) -> None:
    """A box that stands out from a wall by depth_m; along and up: from, to."""
    axis = 0 if wall in ("west", "east") else 1
    span = (0.0, depth_m) if wall in ("west", "south") else (room.size_m[axis] - depth_m, room.size_m[axis])
    flat = (span, along) if axis == 0 else (along, span)
    soup.box(paint, (flat[0][0], flat[1][0], up[0]), (flat[0][1], flat[1][1], up[1]))


def _patch(soup: Soup, room: RoomDesign, patch: Patch, by_day: bool) -> None:
    left, right = patch.along_m, patch.along_m + patch.width_m
    bottom, top = patch.bottom_m, patch.bottom_m + patch.height_m
    depth = {"curtain": 0.1, "heavy curtain": 0.14, "foam": 0.06, "fabric panel": 0.06}.get(patch.material, 0.02)
    paint = "window" if patch.material == "glass" and by_day and not room.is_open else patch.material
    if paint == "window":
        _window(soup, room, patch)
    else:
        _on_wall(soup, room, paint, patch.wall, (left, right), (bottom, top), depth)
    if patch.material in ("glass", "wood"):
        for at in (left, right, *([(left + right) / 2] if patch.material == "glass" else [])):
            _on_wall(soup, room, "frame", patch.wall, (at - 0.035, at + 0.035), (bottom, top), 0.05)
        for at in (top, *([bottom, (bottom + top) / 2] if patch.material == "glass" else [])):
            _on_wall(soup, room, "frame", patch.wall, (left - 0.03, right + 0.03), (at - 0.035, at + 0.035), 0.05)
    if patch.material == "wood":
        _on_wall(soup, room, "dark", patch.wall, (right - 0.2, right - 0.08), (1.0, 1.04), 0.07)


def _window(soup: Soup, room: RoomDesign, patch: Patch) -> None:
    """Daylight: a rectangle 2 cm before the wall that shines into the room."""
    axis = 0 if patch.wall in ("west", "east") else 1
    inward = 1 if patch.wall in ("west", "south") else -1
    low, high = [patch.along_m] * 2 + [patch.bottom_m], [patch.along_m + patch.width_m] * 2
    high.append(patch.bottom_m + patch.height_m)
    soup.glow("window", axis, 0.02 if inward > 0 else room.size_m[axis] - 0.02, tuple(low), tuple(high), inward)


def _lamps(soup: Soup, room: RoomDesign, rng: np.random.Generator) -> None:
    """Panels under the ceiling, or globes on cords; more of them in a larger room."""
    length, width, height = room.size_m
    columns, rows = (int(np.clip(round(side / rng.uniform(2.6, 4.5)), 1, 4)) for side in (length, width))
    hanging = rng.random() < 0.35 and height > 2.5
    half_x, half_y = ((0.3, 0.3), (0.6, 0.12), (0.15, 0.15))[int(rng.integers(3))]
    half_x, half_y = min(half_x, length / 6), min(half_y, width / 6)
    for x in (np.arange(columns) + 0.5) / columns * length:
        for y in (np.arange(rows) + 0.5) / rows * width:
            if hanging:
                drop = min(0.3 * height, height - 2.2)
                soup.box("dark", (x - 0.01, y - 0.01, height - drop), (x + 0.01, y + 0.01, height))
                _lantern(soup, x, y, height - drop)
            else:
                low, high = (x - half_x, y - half_y, height - 0.05), (x + half_x, y + half_y, height - 0.01)
                soup.box("frame", (low[0], low[1], high[2] - 0.035), high)
                soup.glow("lamp", 2, low[2], low, high, -1)


def _lantern(soup: Soup, x: float, y: float, top_m: float) -> None:
    """A cube of 28 cm that shines down and to its sides."""
    low, high = (x - 0.14, y - 0.14, top_m - 0.2), (x + 0.14, y + 0.14, top_m)
    soup.glow("lamp", 2, low[2], low, high, -1)
    for axis in (0, 1):
        soup.glow("lamp", axis, low[axis], low, high, -1)
        soup.glow("lamp", axis, high[axis], low, high, 1)


def add_figure(soup: Soup, view: View) -> None:
    """A person whose mouth is at the talker's place, turned to the listener; seated where the mouth is low."""
    x, y, mouth = view.talker
    away = np.subtract(view.listener, view.talker)[:2]
    front = away / max(1e-6, float(np.linalg.norm(away)))
    side = np.array([-front[1], front[0]])
    seated = mouth < 1.32

    def at(forward: float, left: float, z: float) -> Vector:
        flat = np.array([x, y]) + (forward - 0.09) * front + left * side
        return (float(flat[0]), float(flat[1]), z)

    soup.ball("skin", at(0, 0, mouth + 0.06), (0.09, 0.09, 0.135))
    soup.ball("hair", at(-0.025, 0, mouth + 0.105), (0.093, 0.093, 0.11))
    soup.ball("skin", at(-0.01, 0, mouth - 0.1), (0.055, 0.055, 0.1))
    soup.ball("shirt", at(-0.02, 0, mouth - 0.4), (0.17, 0.17, 0.3))
    hip = mouth - 0.66
    for left in (-0.2, 0.2):
        soup.ball("shirt", at(-0.02, left, mouth - 0.3), (0.07, 0.07, 0.17))
        soup.ball("skin", at(0.06, 1.1 * left, mouth - 0.56), (0.05, 0.05, 0.16))
    for left in (-0.09, 0.09):
        if seated:
            for forward in (0.05, 0.2, 0.35):
                soup.ball("trousers", at(forward, left, hip), (0.11, 0.11, 0.09))
            soup.ball("trousers", at(0.42, left, hip / 2), (0.07, 0.07, hip / 2))
        else:
            soup.ball("trousers", at(-0.02, left, hip / 2 + 0.04), (0.09, 0.09, hip / 2 + 0.08))
            soup.ball("dark", at(0.05, left, 0.04), (0.11, 0.11, 0.05))
    if seated:
        place = at(0, 0, 0)
        soup.box("dark", (place[0] - 0.2, place[1] - 0.2, 0), (place[0] + 0.2, place[1] + 0.2, max(0.1, hip - 0.08)))
