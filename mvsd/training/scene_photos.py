"""Photographs of real places in the training of the scene encoder: no response belongs to them, their kind is known.

Two kinds whose ranges do not meet are ranked, and what is read far outside its range is drawn back: a weak hint.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from mvsd.data.pack import Pack, Photo
from mvsd.data.places import DRR_RANGES_DB, T60_RANGES_S, fold_of
from mvsd.training.scene_pictures import Draw, pictures, reframed, relit
from mvsd.vision import READINGS

HEARD = [READINGS.index(name) for name in ("log_t60_s", "drr_tenth_db")]  # what ranges are told of
UNKNOWN = (-1e3, 1e3)  # a range that holds whatever is read


class PhotoLesson:
    """Draws photographs, each place as often as another. fold: only places of this half teach; None: all."""

    def __init__(self, pack: Pack, side: int, batch: int, fold: int | None = None):
        folds = fold_of((photo.category, photo.place) for photo in pack.photos)
        photos = [p for p in pack.photos if p.category in T60_RANGES_S and fold in (None, folds[p.place])]
        self.batch = batch if photos else 0
        self.images, self.wide = pictures(pack, photos, side) if photos else (torch.zeros(0, 3, side, side), None)
        t60_s = torch.tensor([T60_RANGES_S[photo.category] for photo in photos]).reshape(-1, 2)
        drr_db = torch.tensor([DRR_RANGES_DB.get(photo.category, UNKNOWN) for photo in photos]).reshape(-1, 2)
        self.ranges = torch.stack([t60_s.log(), drr_db / 10], 1)
        self.places = _rows_of_places(photos)

    def draw(self, generator: Generator) -> tuple[Tensor, Tensor]:
        """Augmented photographs (batch, 3, S, S) and the ranges of their HEARD, (batch, 2, 2)."""
        if not self.batch:
            return self.images.float(), self.ranges
        rows = [self.places[int(i)] for i in torch.randint(len(self.places), (self.batch,), generator=generator)]
        pick = torch.tensor([row[int(torch.randint(len(row), (1,), generator=generator))] for row in rows])
        draw = Draw(self.batch, generator)
        return relit(reframed([self.images[pick].float() / 255], self.wide[pick], draw)[0], draw), self.ranges[pick]


def _rows_of_places(photos: list[Photo]) -> list[list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for number, photo in enumerate(photos):
        rows[photo.place].append(number)
    return list(rows.values())


def out_of_order(read: Tensor, ranges: Tensor) -> Tensor:
    """How far readings (B,) contradict ranges (B, 2) in the same unit: mean over pairs whose ranges do not meet of what
    the difference lacks to the gap of the middles, halved, and over all of what lies outside the own range."""
    if not len(read):
        return read.sum()
    low, high = ranges.unbind(1)
    middle = ranges.mean(1)
    apart = high[:, None] < low[None]  # row: the drier
    lacks = F.relu((middle[None] - middle[:, None]) / 2 - (read[None] - read[:, None]))
    ranked = (lacks * apart).sum() / apart.sum().clamp(min=1)
    return ranked + (F.relu(low - read) + F.relu(read - high)).mean()
