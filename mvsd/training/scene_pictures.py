"""Pictures for the scene encoder: out of the pack, and as other cameras at other hours would have taken them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from mvsd.data.pack import LAYOUT_CELLS, Pack, Photo, RoomView

PANORAMA_ASPECT = 1.9  # width over height


def pictures(pack: Pack, views: Sequence[RoomView | Photo], side: int) -> tuple[Tensor, Tensor]:
    """The views' pictures, (N, 3, side, side) uint8, squeezed whole as SceneEncoder.prepare does; which of them are
    panoramas, (N,) bool."""
    from torchvision.io import ImageReadMode, decode_jpeg

    small, wide = [], []
    for view in views:
        image = decode_jpeg(pack.picture(view), mode=ImageReadMode.RGB)
        squeezed = F.interpolate(image[None].float(), (side, side), mode="bilinear", antialias=True)[0]
        small.append(squeezed.round().clamp(0, 255).byte())
        wide.append(image.shape[2] >= PANORAMA_ASPECT * image.shape[1])
    return torch.stack(small), torch.tensor(wide)


def layouts(pack: Pack, views: list[RoomView]) -> Tensor:
    """What the views' pictures show, (N, 2, LAYOUT_CELLS, LAYOUT_CELLS) in [0, 1]; NaN where it is not told."""
    rows = torch.full((len(views), 2, LAYOUT_CELLS, LAYOUT_CELLS), math.nan)
    for row, view in zip(rows, views):
        if (layout := pack.layout(view)) is not None:
            row.copy_(layout.permute(2, 0, 1).float() / 255)
    return rows


class Draw:
    """Uniform numbers, one a picture of a batch."""

    def __init__(self, count: int, generator: Generator):
        self.count, self.generator = count, generator

    def __call__(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(self.count, *shape, generator=self.generator)


def reframed(parts: list[Tensor], wide: Tensor, draw: Draw) -> list[Tensor]:
    """Pictures and what belongs to their places, (B, channels, side, side) each, cropped and mirrored alike.

    wide: (B,) bool, panoramas, which are turned to look another way first.
    """
    turns = torch.floor(draw(0, LAYOUT_CELLS)).long() * wide
    zoom, theta = draw(0.6, 1.0), torch.zeros(draw.count, 2, 3)
    theta[:, 0, 0] = zoom * (draw(0, 1) < 0.5).float().mul(2).sub(1)
    theta[:, 1, 1] = zoom * draw(0.9, 1.1).clamp(max=1 / zoom)
    theta[:, 0, 2] = draw(-1, 1) * (1 - zoom)
    theta[:, 1, 2] = draw(-1, 1) * (1 - zoom)
    out = []
    for part in parts:
        cell = part.shape[-1] // LAYOUT_CELLS
        turned = torch.stack([image.roll(int(turn) * cell, -1) for image, turn in zip(part, turns)])
        grid = F.affine_grid(theta, list(part.shape), align_corners=False)
        out.append(F.grid_sample(turned, grid, padding_mode="border", align_corners=False))
    return out


def augment(images: Tensor, wide: Tensor, generator: Generator) -> Tensor:
    """Crop, mirror, exposure, contrast, colour cast, noise, a part hidden: each of (B, 3, S, S), [0, 1], its own."""
    draw = Draw(len(images), generator)
    return relit(reframed([images], wide, draw)[0], draw)


def relit(images: Tensor, draw: Draw) -> Tensor:
    """As another camera at another hour would have it."""
    out = images.clamp(min=1e-4) ** draw(0.7, 1.4, 1, 1, 1) * draw(0.7, 1.3, 1, 1, 1) * draw(0.88, 1.12, 3, 1, 1)
    middle = out.mean((1, 2, 3), keepdim=True)
    out = middle + (out - middle) * draw(0.7, 1.3, 1, 1, 1)
    grain = torch.randn(out.shape, generator=draw.generator) * draw(0, 0.03, 1, 1, 1)
    return hide_a_part((out + grain).clamp(0, 1), draw.generator)


def hide_a_part(images: Tensor, generator: Generator) -> Tensor:
    """A grey box, up to half the side, in two pictures of three: no one thing decides (DeVries and Taylor 2017)."""
    side = images.shape[-1]
    place = torch.arange(side) / side
    centre, half, hidden = (torch.rand(len(images), 2, generator=generator) for _ in range(3))
    inside = ((place - centre[..., None]).abs() < 0.25 * half[..., None]) & (hidden[:, :1, None] < 0.67)
    box = inside[:, 0, :, None] & inside[:, 1, None, :]
    return torch.where(box[:, None], 0.5, images)


def mixed(batch: tuple[Tensor, ...], generator: Generator) -> tuple[Tensor, ...]:
    """Half of a batch laid over other pictures of it, and what is true of them alike (mixup, Zhang et al. 2018)."""
    count = len(batch[0])
    order = torch.randperm(count, generator=generator)
    share = torch.rand(count, generator=generator).clamp(min=0.5) * 2 - 1  # 0 for half of them
    weights = (share.view(-1, *[1] * (part.ndim - 1)) / 2 for part in batch)
    return tuple(part.lerp(part[order], weight) for part, weight in zip(batch, weights))
