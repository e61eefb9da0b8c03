"""Photographs of real places read by the scene encoder: are live ones told from dry ones, and from the open air?"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from mvsd.checkpoint import find_weights
from mvsd.data.pack import read_table
from mvsd.data.places import DRY, LIVE, OPEN_AIR, fold_of, in_order
from mvsd.vision import SceneEncoder, load_image

Readings = dict[str, list[float]]  # of each place, one a view


class Order(NamedTuple):
    """Pairs of places in order, of how many: live above dry by T60, live below the open air by DRR."""

    by_t60: tuple[int, int]
    by_drr: tuple[int, int]


def compare(photos: str | Path, weights: str | Path, fold: int | None = None) -> Order:
    """Read all photographs of a CSV (path, place, category), or those of one half of the places."""
    rows = read_table(photos, "path", "place", "category")
    folds = fold_of((row["category"], row["place"]) for row in rows)
    encoder = SceneEncoder.from_pretrained(find_weights(weights, "scene.safetensors"))
    t60_s, drr_db = (defaultdict[str, Readings](lambda: defaultdict(list)) for _ in range(2))
    for row in rows:
        if fold not in (None, folds[row["place"]]):
            continue
        read = encoder.read(encoder.see(load_image(row["file"]))[0])
        kind = next((name for name, kinds in KINDS.items() if row["category"] in kinds), "other")
        t60_s[kind][row["place"]].append(read.t60_s)
        drr_db[kind][row["place"]].append(read.drr_db)
    return Order(in_order(t60_s["live"], t60_s["dry"]), in_order(drr_db["open"], drr_db["live"]))


KINDS = {"live": LIVE, "dry": DRY, "open": OPEN_AIR}


def table(order: Order) -> str:
    """For the terminal: shares of pairs."""
    named = {"live rooms above dry ones by T60": order.by_t60, "open air above live rooms by DRR": order.by_drr}
    return "\n".join(f"{name}: {right} of {of} pairs of places" for name, (right, of) in named.items())
