"""Training of the scene encoder: from pictures of simulated rooms to what is heard in them."""

from __future__ import annotations

import math
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from mvsd.data.pack import LAYOUT_CELLS, Pack, RoomView
from mvsd.errors import UserError
from mvsd.training.converters import SceneFeatures
from mvsd.vision import GRID, READINGS, SceneConfig, SceneEncoder

FILE = "scene.safetensors"
PANORAMA_ASPECT = 1.9  # width over height
TEACHING_SHARE = 0.8  # of the training rooms
SPREAD = torch.tensor([0.7, 0.8, 0.6, 1.7])  # rough standard deviations of READINGS over rooms
WEIGHT = torch.tensor([0.5, 2.0, 1.0, 1.0])  # what is heard counts more than what is not


def pictures(pack: Pack, views: list[RoomView], side: int) -> tuple[Tensor, Tensor]:
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


def teaches(view: RoomView) -> bool:
    """Whether a room's pictures train the encoder. Those of the others train the converters, which thereby meet the
    encoder as users will: on rooms it has not learnt by heart."""
    draw = int.from_bytes(sha256(f"scene {view.room}".encode()).digest()[:8], "big")
    return not view.held_out and draw < TEACHING_SHARE * 2**64


def layouts(pack: Pack, views: list[RoomView]) -> Tensor:
    """What the views' pictures show, (N, 2, LAYOUT_CELLS, LAYOUT_CELLS) in [0, 1]; NaN where it is not told."""
    rows = torch.full((len(views), 2, LAYOUT_CELLS, LAYOUT_CELLS), math.nan)
    for row, view in zip(rows, views):
        if (layout := pack.layout(view)) is not None:
            row.copy_(layout.permute(2, 0, 1).float() / 255)
    return rows


def truths(views: list[RoomView]) -> Tensor:
    """READINGS of these views, (N, 4)."""
    rows = [(math.log(v.distance_m), math.log(v.t60_s), v.drr_db / 10, math.log(v.volume_m3)) for v in views]
    return torch.tensor(rows)


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


def _distance(read: Tensor, wanted: Tensor) -> Tensor:
    """Weighted smooth L1 of READINGS, each in units of its spread over rooms."""
    spread, weight = SPREAD.to(read.device), WEIGHT.to(read.device)
    return (weight * F.smooth_l1_loss(read / spread, wanted / spread, beta=0.5, reduction="none")).mean()


def _where_told(said: Tensor, wanted: Tensor, beta: float) -> Tensor:
    """Mean smooth L1 over what is not NaN; nothing where all is."""
    told = ~wanted.isnan()
    loss = F.smooth_l1_loss(said, wanted.nan_to_num(0.0), beta=beta, reduction="none")
    return (loss * told).sum() / told.sum().clamp(min=1)


class Answers(NamedTuple):
    """read, parts: READINGS by the embedding and by its tokens, (B, 4). surfaces: logits (B, 3, materials). absorption:
    log of the mean one, (B,). layout: distance and absorption of what is seen, (B, 2, GRID, GRID)."""

    read: Tensor
    parts: Tensor
    surfaces: Tensor
    absorption: Tensor
    layout: Tensor


class Lesson(nn.Module):
    """The encoder and what it is asked only while it learns: of what walls, floor and ceiling are, how they absorb, and
    how far away and how absorbent is what each part of the picture shows.

    A T60 alone says little of why; few rooms teach more when each says what it is made of.
    """

    def __init__(self, encoder: SceneEncoder, materials: int):
        super().__init__()
        self.encoder = encoder
        self.forget = nn.Dropout(0.2)
        self.surfaces = nn.Linear(encoder.config.dim, 3 * materials)
        self.absorption = nn.Linear(encoder.config.dim, 1)
        self.layout = nn.Conv2d(256 + encoder.config.dim, 2, 1)

    def forward(self, images: Tensor) -> Answers:
        """images: (B, 3, H, W)."""
        fine = self.encoder.fine(images)
        embedding, tokens = self.encoder.coarse(fine)
        embedding = self.forget(embedding)
        grid = tokens.transpose(1, 2).unflatten(2, (GRID, GRID))
        return Answers(
            self.encoder.probe(embedding),
            self.encoder.probe(tokens).mean(1),
            self.surfaces(embedding).unflatten(1, (3, -1)),
            self.absorption(embedding)[:, 0],
            self.layout(torch.cat([F.adaptive_avg_pool2d(fine, GRID), grid], 1)),
        )


def made_of(views: list[RoomView], materials: list[str]) -> Tensor:
    """Shares of the materials on walls, floor and ceiling, (N, 3, materials); zeros where they are not told."""
    shares = torch.zeros(len(views), 3, len(materials))
    for share, view in zip(shares, views):
        for number, material in enumerate(view.surfaces):
            share[max(0, number - 3), materials.index(material)] += 0.25 if number < 4 else 1.0
    return shares


class SceneTask:
    """Regression of READINGS, and of what rooms are made of; held-out rooms for validation."""

    def __init__(self, config: SceneConfig, pack: Pack, batch: int, init: Path | None = None, seed: int = 0):
        torch.manual_seed(seed)
        encoder = SceneEncoder(config, download=config.pretrained).to(memory_format=torch.channels_last)
        self.batch = batch
        seen = [view for view in pack.views if view.picture_count]
        if not seen:
            raise UserError("This pack holds no pictures. Pack rooms that were simulated with pictures.")
        train, check = [v for v in seen if teaches(v)], [v for v in seen if v.held_out]
        (self.images, self.wide), self.truth = pictures(pack, train, config.image_size), truths(train)
        (self.check_images, _), self.check_truth = pictures(pack, check, config.image_size), truths(check)
        materials = sorted({material for view in train for material in view.surfaces})
        self.surfaces = made_of(train, materials)
        self.absorption = torch.tensor([view.absorption or math.nan for view in train]).log()
        self.layouts = layouts(pack, train)
        self.model = Lesson(encoder, max(1, len(materials)))
        if init:
            encoder.load_state_dict(SceneEncoder.from_pretrained(init).state_dict())
        else:
            nn.init.zeros_(encoder.probe.weight)
            encoder.probe.bias.data.copy_(self.truth.mean(0))

    def draw(self, generator: Generator) -> tuple[Tensor, ...]:
        """Augmented pictures (B, 3, S, S), their READINGS (B, 4), shares of materials (B, 3, materials), log mean
        absorption (B,) and layouts (B, 2, GRID, GRID)."""
        pick, draw = torch.randint(len(self.images), (self.batch,), generator=generator), Draw(self.batch, generator)
        images, layouts = reframed([self.images[pick].float() / 255, self.layouts[pick]], self.wide[pick], draw)
        truths = (part[pick] for part in (self.truth, self.surfaces, self.absorption))
        return mixed((relit(images, draw), *truths, F.adaptive_avg_pool2d(layouts, GRID)), generator)

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...], generator: Generator, step: int) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        wanted, shares, absorption, layout = (part.to(device) for part in batch[1:])
        said: Answers = model(batch[0].to(device, memory_format=torch.channels_last))
        return {
            "embedding": _distance(said.read, wanted),
            "tokens": 0.3 * _distance(said.parts, wanted),
            "surfaces": -0.1 * (shares * said.surfaces.float().log_softmax(-1)).sum(-1).mean(),
            "absorption": _where_told(said.absorption, absorption, 0.3),
            "layout": 4.0 * _where_told(said.layout, layout, 0.1),
        }

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Share of variance explained of each reading on unseen rooms (R squared), and mean error of log T60."""
        device = next(model.parameters()).device
        images = (part.float().div(255).to(device) for part in self.check_images.split(64))
        read = torch.cat([model(part).read.float().cpu() for part in images])
        error = (read - self.check_truth).square().mean(0)
        distance = float(_distance(read, self.check_truth))
        r2 = 1 - error / self.check_truth.var(0)
        row = {f"r2_{name}": float(value) for name, value in zip(READINGS, r2)}
        return row | {
            "distance": distance,
            "log_t60_mae": float((read - self.check_truth)[:, READINGS.index("log_t60_s")].abs().mean()),
        }

    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        model.encoder.save(folder / FILE, notes)


@torch.no_grad()
def features_of(encoder: SceneEncoder, pack: Pack, variants: int = 3, seed: int = 0) -> SceneFeatures:
    """Embeddings of the pictures that did not teach the encoder: as they are, and under `variants - 1` augmentations.

    Half precision.
    """
    views = [view for view in pack.views if view.picture_count and not teaches(view)]
    images, wide = pictures(pack, views, encoder.config.image_size)
    generator = torch.Generator().manual_seed(seed)
    looks = []
    for variant in range(variants):
        batches = zip(images.split(64), wide.split(64))
        parts = (_look(encoder, *batch, generator if variant else None) for batch in batches)
        looks.append([torch.cat(kind) for kind in zip(*parts)])
    rows = {view.begin: row for row, view in enumerate(views)}
    return SceneFeatures(*(torch.stack(kind, 1) for kind in zip(*looks)), rows)


def _look(
    encoder: SceneEncoder, images: Tensor, wide: Tensor, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, tokens and readings of a batch of pictures, in half precision."""
    scaled = images.float() / 255
    scaled = augment(scaled, wide, generator) if generator else scaled
    scene, tokens = encoder(scaled.to(encoder.mean.device))
    return tuple(part.half().cpu() for part in (scene, tokens, encoder.reading(scene)))
