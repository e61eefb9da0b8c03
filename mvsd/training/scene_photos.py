"""Photographs of real places in the training of the scene encoder: no response belongs to them, their kind is known.

Two kinds whose T60 ranges do not meet are ranked, and what is read far outside its range is drawn back: a weak hint.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from mvsd.data.pack import Pack, Photo
from mvsd.data.places import T60_RANGES_S, fold_of
from mvsd.training.scene_pictures import Draw, pictures, reframed, relit


class PhotoLesson:
    """Draws photographs, each place as often as another. fold: only places of this half teach; None: all."""

    def __init__(self, pack: Pack, side: int, batch: int, fold: int | None = None):
        folds = fold_of((photo.category, photo.place) for photo in pack.photos)
        photos = [p for p in pack.photos if p.category in T60_RANGES_S and fold in (None, folds[p.place])]
        self.batch = batch if photos else 0
        self.images, self.wide = pictures(pack, photos, side) if photos else (torch.zeros(0, 3, side, side), None)
        self.ranges = torch.tensor([T60_RANGES_S[photo.category] for photo in photos]).reshape(-1, 2).log()
        self.places = _rows_of_places(photos)

    def draw(self, generator: Generator) -> tuple[Tensor, Tensor]:
        """Augmented photographs (batch, 3, S, S) and the log of their T60 ranges in s, (batch, 2)."""
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


def out_of_order(log_t60: Tensor, ranges: Tensor) -> Tensor:
    """How far readings (B,) contradict ranges (B, 2), both log s: mean over pairs whose ranges do not meet of what the
    difference lacks to the gap of the middles, halved, and over all of what lies outside the own range."""
    if not len(log_t60):
        return log_t60.sum()
    low, high = ranges.unbind(1)
    middle = ranges.mean(1)
    apart = high[:, None] < low[None]  # row: the drier
    lacks = F.relu((middle[None] - middle[:, None]) / 2 - (log_t60[None] - log_t60[:, None]))
    ranked = (lacks * apart).sum() / apart.sum().clamp(min=1)
    return ranked + (F.relu(low - log_t60) + F.relu(log_t60 - high)).mean()
