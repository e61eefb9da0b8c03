"""Twins in a batch: a room beside the one that shares its shape or its materials and sounds otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

from mvsd.data.pack import RoomView


def twins_among(views: list[RoomView]) -> Tensor:
    """For each view the number of one of its room's twin, the same camera where there is one; -1: none. (N,) int64."""
    rooms: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        rooms.setdefault(view.room, []).append(number)
    repeated = {view.twin_of: view.room for view in views if view.twin_of}
    found = torch.full((len(views),), -1)
    for room, numbers in rooms.items():
        others = rooms.get(views[numbers[0]].twin_of or repeated.get(room, ""), [])
        for place, number in enumerate(numbers) if others else ():
            found[number] = others[place % len(others)]
    return found


def beside_twins(pick: Tensor, twins: Tensor) -> Tensor:
    """pick: (B,) views of a batch. Every second is replaced by the twin of the one before it, where that has one."""
    first, second = pick[:-1:2], pick[1::2]
    other = twins[first]
    paired = pick.clone()
    paired[1::2] = torch.where(other < 0, second, other)
    return paired
