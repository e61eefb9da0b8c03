"""What materials look like: procedural textures by pattern name, one tile of 256 x 256 each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

SIZE = 256  # pixels
Colour = tuple[float, float, float]
Grid = np.ndarray  # (256, 256), factors on the colour around 1


def noise(rng: np.random.Generator, blur: tuple[float, float], amount: float) -> Grid:
    """Seamless noise of standard deviation `amount` around 0; blur: rows and columns, in pixels."""
    field = gaussian_filter(rng.standard_normal((SIZE, SIZE)), blur, mode="wrap")
    return amount * field / field.std()


def cells(rng: np.random.Generator, rows: int, columns: int, shift: float, joint_px: int) -> tuple[Grid, Grid]:
    """A wall of cells: a random number per cell in [0, 1), and a mask of the joints. shift: of every other row."""
    v, u = np.mgrid[:SIZE, :SIZE]
    row, high = np.divmod(v, SIZE / rows)
    column, wide = np.divmod((u + shift * (row % 2) * SIZE / columns) % SIZE, SIZE / columns)
    joints = (high < joint_px) | (wide < joint_px)
    return rng.random((rows, columns))[row.astype(int) % rows, column.astype(int) % columns], joints


def masonry(rows: int, columns: int, joint_px: int, joint: float, spread: float, shift: float = 0.5) -> Callable:
    """Bricks, tiles, blocks, boards: cells of varied brightness between joints of brightness `joint`."""

    def pattern(rng: np.random.Generator) -> Grid:
        cell, joints = cells(rng, rows, columns, shift, joint_px)
        return np.where(joints, joint, 1 + spread * (cell - 0.5)) + noise(rng, (1, 1), 0.025)

    return pattern


def planks(rows: int, columns: int, line_px: int) -> Callable:
    """Boards along the rows, with grain, and dark lines between them."""

    def pattern(rng: np.random.Generator) -> Grid:
        cell, joints = cells(rng, rows, columns, 0.37, line_px)
        return np.where(joints, 0.45, 0.85 + 0.35 * cell + noise(rng, (0.8, 16), 0.09))

    return pattern


def folds(count: int, depth: float) -> Callable:
    """Cloth that hangs in `count` folds a tile."""

    def pattern(rng: np.random.Generator) -> Grid:
        u = np.arange(SIZE)[None, :] / SIZE * 2 * np.pi
        wave = 0.6 * np.sin(count * u + 0.8 * np.sin(2 * u)) + 0.4 * np.sin((count + 5) * u)
        return 1 - depth / 2 + depth / 2 * wave + noise(rng, (12, 0.7), 0.04)

    return pattern


def speckled(blur: float, amount: float, slow: float = 0.0) -> Callable:
    """Grain of one size over clouds: carpet, concrete, asphalt."""
    return lambda rng: 1 + noise(rng, (blur, blur), amount) + noise(rng, (24, 24), slow)


def fissured(rng: np.random.Generator) -> Grid:
    """Acoustic ceiling tiles: a 2 x 2 grid of boards full of dark holes."""
    _, joints = cells(rng, 2, 2, 0, 5)
    return np.where(joints, 0.6, np.where(noise(rng, (1.2, 2.0), 1.0) > 1.3, 0.5, 1.0))


def wedges(rng: np.random.Generator) -> Grid:
    """Foam wedges that turn from block to block."""
    v, u = np.mgrid[:SIZE, :SIZE]
    turned = (v // 64 + u // 64) % 2 == 0
    return 0.35 + 1.3 * (np.where(turned, u, v) % 16) / 16


def marble(rng: np.random.Generator) -> Grid:
    _, joints = cells(rng, 2, 2, 0, 2)
    veins = np.abs(noise(rng, (14, 9), 1.0) + noise(rng, (3, 3), 0.25))
    return np.where(joints, 0.7, 0.7 + 0.35 * np.clip(veins * 2.5, 0, 1))


def corrugated(rng: np.random.Generator) -> Grid:
    return np.broadcast_to(0.85 + 0.3 * np.sin(np.arange(SIZE) / SIZE * 2 * np.pi * 12), (SIZE, SIZE)).copy()


def books(rng: np.random.Generator) -> Grid:
    """Book backs; their hues are drawn in `texture`."""
    cell, joints = cells(rng, 1, 22, 0, 1)
    return np.where(joints, 0.15, 0.7 + 0.6 * cell)


PATTERNS: dict[str, tuple[float, Callable]] = {  # side of the tile in m, pattern
    "plain": (2.0, speckled(2, 0.015, 0.02)),
    "board": (2.4, masonry(1, 2, 1, 0.88, 0.02)),
    "concrete": (2.5, speckled(1.5, 0.06, 0.05)),
    "slab": (3.0, masonry(2, 2, 2, 0.6, 0.08, 0.0)),
    "brick": (1.0, masonry(12, 4, 3, 1.45, 0.5)),
    "painted brick": (1.0, masonry(12, 4, 2, 0.8, 0.06)),
    "tiles": (1.0, masonry(5, 5, 3, 0.68, 0.08, 0.0)),
    "marble": (2.0, marble),
    "blocks": (2.4, masonry(6, 3, 2, 0.72, 0.22)),
    "glass": (2.0, speckled(30, 0.06)),
    "planks": (1.6, planks(8, 1, 3)),
    "parquet": (1.6, planks(16, 3, 2)),
    "panelling": (2.4, masonry(1, 6, 4, 0.55, 0.15, 0.0)),
    "grain": (1.0, lambda rng: 1 + noise(rng, (1, 18), 0.10)),
    "speckle": (1.5, speckled(0.7, 0.10, 0.02)),
    "carpet": (1.2, speckled(1.0, 0.22, 0.06)),
    "cord": (1.0, masonry(2, 2, 1, 0.8, 0.18, 0.0)),
    "folds": (1.2, folds(9, 0.75)),
    "deep folds": (1.2, folds(6, 0.95)),
    "fissured": (1.2, fissured),
    "fabric": (0.6, lambda rng: 1 + noise(rng, (0.5, 3), 0.06) + noise(rng, (3, 0.5), 0.06)),
    "wedges": (1.2, wedges),
    "corrugated": (2.0, corrugated),
    "books": (1.0, books),
    "leather": (1.0, speckled(3, 0.10, 0.05)),
    "leaves": (0.6, speckled(3, 0.40)),
    "grass": (2.0, speckled(1.2, 0.30, 0.12)),
    "asphalt": (1.5, speckled(0.8, 0.22, 0.06)),
    "paving": (2.0, masonry(4, 4, 2, 0.65, 0.16)),
}


def texture(pattern: str, colour: Colour, rng: np.random.Generator) -> np.ndarray:
    """One seamless tile, (256, 256, 3) uint8 sRGB; see PATTERNS for its side in m."""
    shade = PATTERNS[pattern][1](rng)[:, :, None]
    hue = np.array(colour)[None, None]
    if pattern == "books":
        hue = rng.uniform(0.12, 0.75, (1, 22, 3)).repeat(12, axis=1)[:, np.arange(SIZE) % (22 * 12)]
    if pattern == "grass":
        hue = hue + noise(rng, (6, 6), 0.03)[:, :, None]
    return (np.clip(hue * shade, 0.02, 0.97) * 255).astype(np.uint8)


def vary(colour: Colour, rng: np.random.Generator) -> Colour:
    """A neighbour of a colour: another brightness, and a little of another hue."""
    changed = np.clip(np.array(colour) * rng.uniform(0.85, 1.12) + rng.normal(0, 0.018, 3), 0.03, 0.97)
    return tuple(changed.tolist())
