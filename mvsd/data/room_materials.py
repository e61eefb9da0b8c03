"""What surfaces are made of: one table for the ear (octave-band absorption) and for the eye (pattern and colour).

Absorption and its sources are pyroomacoustics' materials database (Vorländer, Auralization, 2008, appendix).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from pyroomacoustics.parameters import materials_absorption_table

BANDS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
OPEN = "open"  # a surface that is not there: sound leaves through it
OPEN_ABSORPTION = 0.99


@dataclass(frozen=True)
class Material:
    """absorber: name in pyroomacoustics' database. pattern: a texture of room_textures. colours: sRGB in [0, 1]."""

    absorber: str
    pattern: str
    colours: tuple[tuple[float, float, float], ...]
    scattering: float = 0.1  # at 1 kHz, bare


WHITES = ((0.93, 0.92, 0.89), (0.90, 0.86, 0.76), (0.83, 0.87, 0.90), (0.88, 0.80, 0.74), (0.72, 0.80, 0.72))
WOODS = ((0.55, 0.36, 0.20), (0.70, 0.50, 0.30), (0.38, 0.23, 0.13), (0.78, 0.62, 0.42))
CLOTHS = ((0.55, 0.10, 0.12), (0.12, 0.20, 0.42), (0.16, 0.36, 0.24), (0.45, 0.40, 0.34), (0.30, 0.16, 0.36))
GREYS = ((0.55, 0.55, 0.54), (0.45, 0.44, 0.42), (0.63, 0.61, 0.58))
TILES = ((0.90, 0.92, 0.93), (0.60, 0.76, 0.82), (0.85, 0.80, 0.66), (0.45, 0.58, 0.52))
BRICKS = ((0.58, 0.25, 0.17), (0.66, 0.36, 0.24), (0.45, 0.24, 0.20))

MATERIALS: dict[str, Material] = {
    "plaster": Material("hard_surface", "plain", WHITES),
    "plasterboard": Material("plasterboard", "board", WHITES),
    "concrete": Material("rough_concrete", "concrete", GREYS, 0.12),
    "smooth concrete": Material("unpainted_concrete", "slab", GREYS, 0.06),
    "brick": Material("smooth_brickwork_10mm_pointing", "brick", BRICKS, 0.2),
    "painted brick": Material("smooth_brickwork_flush_pointing", "painted brick", WHITES, 0.12),
    "tiles": Material("ceramic_tiles", "tiles", TILES, 0.06),
    "marble": Material("marble_floor", "marble", ((0.85, 0.83, 0.80), (0.30, 0.31, 0.33), (0.74, 0.62, 0.50)), 0.05),
    "limestone": Material("limestone_wall", "blocks", ((0.78, 0.72, 0.60), (0.70, 0.67, 0.60)), 0.15),
    "glass": Material("glass_window", "glass", ((0.55, 0.70, 0.80),), 0.05),
    "wood": Material("wood_16mm", "planks", WOODS, 0.12),
    "parquet": Material("stage_floor", "parquet", WOODS, 0.08),
    "panelling": Material("plywood_thin", "panelling", WOODS, 0.2),
    "linoleum": Material(
        "linoleum_on_concrete", "speckle", ((0.42, 0.47, 0.44), (0.62, 0.57, 0.48), (0.35, 0.40, 0.50))
    ),
    "carpet": Material("carpet_6mm_open_cell_foam", "carpet", CLOTHS, 0.25),
    "thin carpet": Material("carpet_thin", "cord", ((0.33, 0.36, 0.42), (0.42, 0.37, 0.32), (0.25, 0.30, 0.28)), 0.15),
    "curtain": Material("curtains_cotton_0.5", "folds", CLOTHS + ((0.80, 0.75, 0.64),), 0.4),
    "heavy curtain": Material("curtains_fabric_folded", "deep folds", CLOTHS[:3], 0.5),
    "acoustic tile": Material("ceiling_fissured_tile", "fissured", ((0.92, 0.92, 0.90), (0.86, 0.85, 0.80)), 0.2),
    "fabric panel": Material("panel_fabric_covered_6pcf", "fabric", CLOTHS, 0.2),
    "foam": Material("ceiling_melamine_foam", "wedges", ((0.20, 0.20, 0.22), (0.34, 0.34, 0.36)), 0.5),
    "metal": Material("hard_surface", "corrugated", ((0.60, 0.64, 0.67), (0.40, 0.50, 0.58)), 0.2),
    "books": Material("curtains_cotton_0.33", "books", WOODS, 0.6),
    "upholstery": Material("chairs_medium_upholstered", "fabric", CLOTHS, 0.5),
    "leather": Material("chairs_upholstered_leather", "leather", ((0.24, 0.13, 0.08), (0.10, 0.10, 0.11)), 0.4),
    "bedding": Material("chairs_heavy_upholstered", "fabric", ((0.86, 0.84, 0.80), (0.55, 0.62, 0.72)), 0.4),
    "wooden chair": Material("chairs_wooden", "grain", WOODS, 0.4),
    "audience": Material("audience_1_m2", "fabric", CLOTHS, 0.6),
    "leaves": Material("audience_0.72_m2", "leaves", ((0.16, 0.34, 0.12), (0.26, 0.42, 0.16)), 0.7),
    "grass": Material("carpet_hairy", "grass", ((0.24, 0.40, 0.14), (0.36, 0.44, 0.18)), 0.4),
    "asphalt": Material("rough_concrete", "asphalt", ((0.22, 0.22, 0.23), (0.32, 0.31, 0.30)), 0.15),
    "paving": Material("concrete_floor", "paving", GREYS, 0.12),
}


@cache
def absorption(name: str) -> np.ndarray:
    """Absorption of a material, (7,) at BANDS_HZ; a band the database lacks repeats the highest it has."""
    if name == OPEN:
        return np.full(len(BANDS_HZ), OPEN_ABSORPTION)
    coeffs = materials_absorption_table[MATERIALS[name].absorber]["coeffs"]
    return np.array([*coeffs, *[coeffs[-1]] * (len(BANDS_HZ) - len(coeffs))])


def scattering(name: str) -> float:
    return 0.0 if name == OPEN else MATERIALS[name].scattering
