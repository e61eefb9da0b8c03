"""What a picture shows, cell by cell: how far its surfaces are and how much sound they take.

A T60 alone teaches an encoder slowly; a simulator also knows why the room sounds as it does, wherever one looks.
"""

from __future__ import annotations

import numpy as np

from mvsd.data.room_materials import MATERIALS, OPEN, absorption

CELLS = 16  # to a side, of the picture squeezed to a square
DISTANCES_M = (0.1, 100.0)
ABSORPTIONS = (0.01, 1.0)
STAND_INS = {"window": "glass", "frame": "wood", "dark": "wood", "lamp": "plaster"}  # paints that are no material
FIGURE = "audience"


def layout_of(offset_m: np.ndarray, shape: np.ndarray, paints: list[str]) -> np.ndarray:
    """(CELLS, CELLS, 2) uint8: distance and absorption, each as its logarithm between the ends above, 0 to 255.

    offset_m: (height, width, 3), from the camera to what each pixel shows. shape: (height, width), its number from 1
    in `paints`, 0 for the open air.
    """
    distance_m = np.where(shape > 0, np.linalg.norm(offset_m, axis=-1), DISTANCES_M[1])
    taken = np.array([_absorbs(OPEN), *map(_absorbs, paints)])[shape]
    parts = [_squeezed(_between(distance_m, *DISTANCES_M)), _squeezed(_between(taken, *ABSORPTIONS))]
    return np.round(255 * np.stack(parts, -1)).astype(np.uint8)


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Place of the logarithm of values between those of low (0) and high (1)."""
    return (np.log(values.clip(low, high)) - np.log(low)) / (np.log(high) - np.log(low))


def _absorbs(paint: str) -> float:
    """Mean absorption over the 500 Hz to 2 kHz octaves of what a paint stands for."""
    name = paint.replace("_", " ")
    material = name if name in MATERIALS or name == OPEN else STAND_INS.get(name, FIGURE)
    return float(absorption(material)[2:5].mean())


def _squeezed(values: np.ndarray) -> np.ndarray:
    """(height, width) to its means over CELLS x CELLS equal parts."""
    for _ in range(2):
        edges = np.linspace(0, len(values), CELLS + 1)
        whole = np.vstack([np.zeros_like(values[:1]), values.cumsum(0)])
        at = np.stack([np.interp(edges, np.arange(len(whole)), column) for column in whole.T], -1)
        values = (np.diff(at, axis=0) / np.diff(edges)[:, None]).T
    return values
