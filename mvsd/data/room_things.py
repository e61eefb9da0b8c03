"""What furniture looks like: each kind of thing as boxes and balls."""

from __future__ import annotations

import numpy as np

from mvsd.data.room_furniture import Item
from mvsd.data.room_soup import Soup


class Local:
    """Boxes in the frame of a thing: a along its width, b from its back to its front, both 0 to 1; z in m."""

    def __init__(self, soup: Soup, item: Item) -> None:
        self.soup, self.item = soup, item

    def box(self, paint: str, a: tuple[float, float], b: tuple[float, float], z: tuple[float, float]) -> None:
        item = self.item
        if item.back in ("east", "north"):
            b = (1 - b[1], 1 - b[0])
        x, y = (b, a) if item.back in ("west", "east") else (a, b)
        low = (item.x_m + (x[0] - 0.5) * item.width_m, item.y_m + (y[0] - 0.5) * item.depth_m, z[0])
        self.soup.box(paint, low, (low[0] + (x[1] - x[0]) * item.width_m, low[1] + (y[1] - y[0]) * item.depth_m, z[1]))

    def legs(self, top_m: float, paint: str = "dark") -> None:
        for a in (0.03, 0.91):
            for b in (0.04, 0.88):
                self.box(paint, (a, a + 0.06), (b, b + 0.08), (0, top_m))


def furniture(soup: Soup, item: Item) -> None:
    """Draw one thing by its kind; what has no drawing of its own is a box with a top."""
    local, height, paint = Local(soup, item), item.height_m, item.material
    if item.kind in ("table", "desk"):
        local.legs(height - 0.04)
        local.box(paint, (0, 1), (0, 1), (height - 0.05, height))
        if item.kind == "desk":
            local.box("dark", (0.3, 0.7), (0.15, 0.2), (height + 0.1, height + 0.45))
            local.box(paint, (0.68, 0.98), (0.1, 0.9), (0.1, height - 0.05))
    elif item.kind == "chair":
        local.legs(0.43)
        local.box(paint, (0, 1), (0, 1), (0.42, 0.5))
        local.box(paint, (0, 1), (0, 0.12), (0.5, height))
    elif item.kind == "sofa":
        _sofa(local, paint, height)
    elif item.kind == "bed":
        local.box("wood", (0, 1), (0, 1), (0.0, 0.25))
        local.box(paint, (0.01, 0.99), (0.02, 0.99), (0.25, height))
        local.box("frame", (0.1, 0.9), (0.04, 0.2), (height, height + 0.12))
        local.box("wood", (0, 1), (0, 0.03), (0, height + 0.45))
    elif item.kind == "shelf":
        _shelf(local, height)
    elif item.kind == "plant":
        _plant(soup, item)
    elif item.kind == "bath":
        for a, b in (((0, 1), (0, 0.1)), ((0, 1), (0.9, 1)), ((0, 0.06), (0, 1)), ((0.94, 1), (0, 1))):
            local.box("frame", a, b, (0, height))
        local.box("frame", (0, 1), (0, 1), (0, 0.15))
    elif item.kind == "seats":
        _seats(local, item)
    else:
        _cupboard(local, item)


def _sofa(local: Local, paint: str, height: float) -> None:
    local.box(paint, (0, 1), (0, 1), (0.08, 0.32))
    local.box(paint, (0, 1), (0, 0.25), (0.3, height))
    for a in ((0, 0.1), (0.9, 1)):
        local.box(paint, a, (0, 1), (0.08, 0.6))
    for a in ((0.11, 0.495), (0.505, 0.89)):
        local.box(paint, a, (0.22, 0.98), (0.32, 0.46))


def _shelf(local: Local, height: float) -> None:
    boards = max(3, round(height / 0.36))
    for a in ((0, 0.03), (0.97, 1)):
        local.box("wood", a, (0, 1), (0, height))
    for board in range(boards + 1):
        z = board * (height - 0.03) / boards
        local.box("wood", (0, 1), (0, 1), (z, z + 0.03))
        if board < boards:
            local.box("books", (0.03, 0.8 + 0.17 * (board % 2)), (0.05, 0.8), (z + 0.03, z + 0.82 * height / boards))
    local.box("wood", (0, 1), (0, 0.04), (0, height))


def _plant(soup: Soup, item: Item) -> None:
    pot, radius = 0.3 * min(1.0, item.height_m), min(item.width_m, item.depth_m) / 2
    x, y = item.x_m, item.y_m
    soup.box("dark", (x - 0.5 * radius, y - 0.5 * radius, 0), (x + 0.5 * radius, y + 0.5 * radius, pot))
    for turn, high in ((0.0, 0.5), (2.1, 0.62), (4.2, 0.74), (1.0, 0.85)):
        centre = (x + 0.45 * radius * np.cos(turn), y + 0.45 * radius * np.sin(turn), high * item.height_m)
        soup.ball("leaves", centre, (0.6 * radius, 0.6 * radius, 0.17 * item.height_m))


def _seats(local: Local, item: Item) -> None:
    """A row of seats; a room with an audience has people in most of them."""
    count = max(1, round(item.depth_m / 0.56))
    cushion = "upholstery" if item.material == "audience" else item.material
    for seat in range(count):
        a = ((seat + 0.06) / count, (seat + 0.94) / count)
        local.box(cushion, a, (0.3, 0.95), (0.36, 0.47))
        local.box(cushion, a, (0.12, 0.26), (0.4, item.height_m))
        if item.material == "audience" and seat % 5 != 3:
            y = item.y_m + ((seat + 0.5) / count - 0.5) * item.depth_m
            local.soup.ball("audience", (item.x_m, y, 0.78), (0.14, 0.21, 0.34))
            local.soup.ball("skin", (item.x_m, y, 1.2), (0.1, 0.085, 0.13))
    local.box("dark", (0, 1), (0.35, 0.45), (0.3, 0.36))


def _cupboard(local: Local, item: Item) -> None:
    """Cabinets, counters, columns, rugs, clothes: a box; with a top and doors where it has them."""
    local.box(item.material, (0, 1), (0, 0.97), (0, item.height_m))
    if item.kind in ("counter", "basin"):
        local.box("marble", (-0.01, 1.01), (0, 1.02), (item.height_m - 0.04, item.height_m + 0.005))
    if item.kind in ("cabinet", "counter"):
        for a in (0.32, 0.65):
            local.box("dark", (a, a + 0.01), (0.9, 0.98), (0.06, item.height_m - 0.06))
            local.box("dark", (a - 0.05, a - 0.035), (0.9, 1.0), (0.5 * item.height_m, 0.5 * item.height_m + 0.12))
