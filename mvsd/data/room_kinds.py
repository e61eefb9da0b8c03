"""Kinds of rooms, from closets to halls and the open air: sizes, materials, furniture."""

from __future__ import annotations

from dataclasses import dataclass

from mvsd.data.room_materials import OPEN

USUAL = 0.95  # share of rooms that are as rooms of their kind mostly are
ALIKE = 0.6  # of those, the share whose walls all have one kind of patches


@dataclass(frozen=True)
class Category:
    """Ranges in m, and what such rooms are made of; share: relative frequency. usual_t60_s: how long such rooms mostly
    ring.

    After measured rooms of such kinds: studios, EBU Tech. 3276 (1998); furnished dwellings, Díaz and Pedrero, Applied
    Acoustics 66 (2005); offices, classrooms and stairs without treatment, ISO 12354-6 (2003); restaurants, gyms, halls
    and churches, Kuttruff, Room Acoustics, 6th ed. (2017). Closets and the open air: as simulated. None beyond 3 s.
    """

    share: float
    usual_t60_s: tuple[float, float]
    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    walls: tuple[str, ...]
    floors: tuple[str, ...]
    ceilings: tuple[str, ...] = ("plaster", "plaster", "plasterboard", "wood", "acoustic tile")
    patches: tuple[str, ...] = ("glass", "glass", "curtain", "wood")
    furniture: tuple[str, ...] = ()
    is_open: bool = False


HOME_WALLS = ("plaster", "plaster", "plasterboard", "brick", "painted brick", "panelling")
HOME_FLOORS = ("parquet", "wood", "carpet", "carpet", "tiles", "linoleum", "thin carpet")
HARD_WALLS = ("concrete", "smooth concrete", "brick", "painted brick", "tiles", "plaster")
HARD_FLOORS = ("smooth concrete", "tiles", "linoleum", "marble", "concrete")
SOFT_PATCHES = ("curtain", "heavy curtain", "fabric panel", "foam", "wood")

CATEGORIES: dict[str, Category] = {
    "closet": Category(
        0.6,
        (0.08, 0.4),
        (1.5, 3),
        (1.2, 2),
        (2.1, 2.6),
        (*HOME_WALLS, "tiles"),
        HOME_FLOORS,
        patches=("wood", "curtain", "heavy curtain"),
        furniture=("shelf", "cabinet", "clothes"),
    ),
    "bathroom": Category(
        0.8,
        (0.3, 1.0),
        (1.8, 4.5),
        (1.5, 3),
        (2.2, 2.9),
        ("tiles", "tiles", "plaster", "marble"),
        ("tiles", "tiles", "marble", "linoleum"),
        ("plaster", "tiles", "plasterboard"),
        ("glass", "wood", "curtain"),
        ("bath", "cabinet", "basin"),
    ),
    "bedroom": Category(
        1,
        (0.2, 0.6),
        (2.8, 6),
        (2.5, 4.5),
        (2.3, 3),
        HOME_WALLS,
        HOME_FLOORS,
        furniture=("bed", "cabinet", "shelf", "rug", "desk", "plant", "clothes"),
    ),
    "living room": Category(
        1.2,
        (0.25, 0.7),
        (4, 9),
        (3.2, 6.5),
        (2.3, 3.4),
        HOME_WALLS,
        HOME_FLOORS,
        furniture=("sofa", "sofa", "table", "shelf", "rug", "chair", "plant", "cabinet"),
    ),
    "kitchen": Category(
        0.8,
        (0.3, 0.8),
        (2.6, 6),
        (2.2, 4.5),
        (2.3, 3),
        (*HOME_WALLS, "tiles", "tiles"),
        HARD_FLOORS,
        patches=("glass", "wood", "tiles"),
        furniture=("counter", "table", "chair", "cabinet"),
    ),
    "office": Category(
        1.2,
        (0.25, 0.8),
        (3, 10),
        (2.8, 7),
        (2.4, 3.3),
        (*HOME_WALLS, "glass", "concrete"),
        ("thin carpet", "carpet", "linoleum", "parquet"),
        ("acoustic tile", "plaster", "concrete"),
        ("glass", "glass", "fabric panel", "wood"),
        ("desk", "desk", "chair", "shelf", "plant"),
    ),
    "corridor": Category(
        0.8,
        (0.5, 1.8),
        (6, 22),
        (1.3, 2.8),
        (2.3, 3.5),
        HARD_WALLS,
        (*HARD_FLOORS, "thin carpet"),
        patches=("wood", "wood", "glass"),
        furniture=("cabinet", "plant", "chair"),
    ),
    "stairwell": Category(
        0.5,
        (1.0, 3.0),
        (2.8, 6),
        (2.5, 4.5),
        (5, 12),
        HARD_WALLS,
        HARD_FLOORS,
        ("concrete", "plaster"),
        ("glass", "wood"),
        ("plant", "column"),
    ),
    "studio": Category(
        1.3,
        (0.08, 0.4),
        (2.4, 8),
        (2, 6),
        (2.2, 3.5),
        ("foam", "fabric panel", "heavy curtain", "panelling"),
        ("carpet", "carpet", "parquet"),
        ("acoustic tile", "foam", "fabric panel"),
        SOFT_PATCHES,
        ("desk", "chair", "sofa", "shelf", "rug"),
    ),
    "classroom": Category(
        1,
        (0.4, 1.2),
        (6.5, 13),
        (5, 9),
        (2.7, 4.2),
        ("plaster", "painted brick", "concrete", "plasterboard"),
        ("linoleum", "parquet", "thin carpet"),
        ("acoustic tile", "plaster", "concrete"),
        ("glass", "glass", "wood", "fabric panel"),
        ("seat rows", "desk", "shelf"),
    ),
    "restaurant": Category(
        0.9,
        (0.4, 1.2),
        (6, 18),
        (5, 12),
        (2.6, 4.5),
        ("brick", "plaster", "panelling", "glass"),
        ("parquet", "tiles", "wood", "carpet"),
        patches=("glass", "curtain", "panelling"),
        furniture=("table", "table", "chair", "chair", "sofa", "plant", "counter"),
    ),
    "cellar": Category(
        1,
        (0.6, 2.5),
        (3, 14),
        (2.6, 9),
        (2.1, 3.6),
        HARD_WALLS,
        HARD_FLOORS,
        ("concrete", "smooth concrete"),
        ("wood", "metal"),
        ("shelf", "cabinet", "column", "table"),
    ),
    "hall": Category(
        1.6,
        (0.7, 2.2),
        (12, 34),
        (8, 22),
        (4.5, 12),
        ("plaster", "panelling", "concrete", "brick"),
        ("parquet", "wood", "carpet", "marble"),
        ("plaster", "wood", "acoustic tile", "concrete"),
        ("curtain", "heavy curtain", "glass", "fabric panel", "wood"),
        ("seat rows", "seat rows", "column", "table"),
    ),
    "church": Category(
        1,
        (1.2, 3.0),
        (12, 32),
        (7, 18),
        (6, 14),
        ("limestone", "plaster", "brick"),
        ("limestone", "marble", "wood"),
        ("wood", "plaster", "limestone"),
        ("glass", "glass", "curtain"),
        ("seat rows", "column", "column"),
    ),
    "gym": Category(
        1,
        (1.0, 3.0),
        (12, 32),
        (8, 20),
        (4.5, 9),
        ("painted brick", "concrete", "wood", "metal"),
        ("parquet", "linoleum", "smooth concrete"),
        ("metal", "acoustic tile", "wood", "concrete"),
        ("glass", "wood", "fabric panel"),
        ("cabinet", "table"),
    ),
    "open air": Category(
        1,
        (0.2, 0.8),
        (12, 40),
        (8, 40),
        (6, 16),
        ("brick", "concrete", "limestone", "glass", "metal", "plaster"),
        ("grass", "asphalt", "paving"),
        (OPEN,),
        ("glass", "wood"),
        ("plant", "table", "chair"),
        True,
    ),
}
