"""Training of the scene encoder: from pictures of simulated rooms to what is heard in them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from mvsd.data.pack import Pack, RoomView
from mvsd.errors import UserError
from mvsd.training.converters import SceneFeatures
from mvsd.vision import READINGS, SceneConfig, SceneEncoder

FILE = "scene.safetensors"
SPREAD = torch.tensor([0.8, 1.7, 0.6, 0.7])  # rough standard deviations of READINGS over rooms
WEIGHT = torch.tensor([2.0, 1.0, 1.0, 0.5])  # what is heard counts more than what is not


def pictures(pack: Pack, views: list[RoomView], side: int) -> Tensor:
    """The views' pictures, (N, 3, side, side) uint8, squeezed whole as SceneEncoder.prepare does."""
    from torchvision.io import ImageReadMode, decode_jpeg

    decoded = (decode_jpeg(pack.picture(view), mode=ImageReadMode.RGB) for view in views)
    small = [F.interpolate(image[None].float(), (side, side), mode="bilinear", antialias=True)[0] for image in decoded]
    return torch.stack([image.round().clamp(0, 255).byte() for image in small])


def truths(views: list[RoomView]) -> Tensor:
    """READINGS of these views, (N, 4)."""
    rows = [(math.log(v.t60_s), math.log(v.volume_m3), v.drr_db / 10, math.log(v.distance_m)) for v in views]
    return torch.tensor(rows)


def augment(images: Tensor, generator: Generator) -> Tensor:
    """Crop, mirror, exposure, contrast, colour cast, noise: each picture its own. (B, 3, S, S) in [0, 1]."""
    count = len(images)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    theta = torch.zeros(count, 2, 3)
    zoom = draw(0.72, 1.0)
    theta[:, 0, 0] = zoom * (draw(0, 1) < 0.5).float().mul(2).sub(1)
    theta[:, 1, 1] = zoom * draw(0.9, 1.1).clamp(max=1 / zoom)
    theta[:, 0, 2] = draw(-1, 1) * (1 - zoom)
    theta[:, 1, 2] = draw(-1, 1) * (1 - zoom)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    out = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    out = out.clamp(min=1e-4) ** draw(0.7, 1.4, 1, 1, 1) * draw(0.7, 1.3, 1, 1, 1) * draw(0.88, 1.12, 3, 1, 1)
    middle = out.mean((1, 2, 3), keepdim=True)
    out = middle + (out - middle) * draw(0.7, 1.3, 1, 1, 1)
    grain = torch.randn(out.shape, generator=generator) * draw(0, 0.03, 1, 1, 1)
    return (out + grain).clamp(0, 1)


def _distance(read: Tensor, wanted: Tensor) -> Tensor:
    """Weighted smooth L1 of READINGS, each in units of its spread over rooms."""
    spread, weight = SPREAD.to(read.device), WEIGHT.to(read.device)
    return (weight * F.smooth_l1_loss(read / spread, wanted / spread, beta=0.5, reduction="none")).mean()


class SceneTask:
    """Regression of READINGS, held-out rooms for validation."""

    def __init__(self, config: SceneConfig, pack: Pack, batch: int, init: Path | None = None, seed: int = 0):
        torch.manual_seed(seed)
        self.model = SceneEncoder(config, download=config.pretrained).to(memory_format=torch.channels_last)
        self.batch = batch
        seen = [view for view in pack.views if view.picture_count]
        if not seen:
            raise UserError("This pack holds no pictures. Pack rooms that were simulated with pictures.")
        train, check = ([v for v in seen if v.held_out == side] for side in (False, True))
        self.images, self.truth = pictures(pack, train, config.image_size), truths(train)
        self.check_images, self.check_truth = pictures(pack, check, config.image_size), truths(check)
        if init:
            self.model.load_state_dict(SceneEncoder.from_pretrained(init).state_dict())
        else:
            nn.init.zeros_(self.model.probe.weight)
            self.model.probe.bias.data.copy_(self.truth.mean(0))

    def draw(self, generator: Generator) -> tuple[Tensor, Tensor]:
        """Augmented pictures (B, 3, S, S) and their READINGS (B, 4)."""
        pick = torch.randint(len(self.images), (self.batch,), generator=generator)
        return augment(self.images[pick].float() / 255, generator), self.truth[pick]

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor], generator: Generator) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        images, wanted = batch[0].to(device, memory_format=torch.channels_last), batch[1].to(device)
        embedding, tokens = model(images)
        probe = model.module.probe if hasattr(model, "module") else model.probe
        whole, part = (_distance(read, wanted) for read in (probe(embedding), probe(tokens).mean(1)))
        return {"embedding": whole, "tokens": 0.3 * part}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Share of variance explained of each reading on unseen rooms (R squared), and mean error of log T60."""
        device = next(model.parameters()).device
        images = (part.float().div(255).to(device) for part in self.check_images.split(64))
        read = torch.cat([model.probe(model(part)[0]).float().cpu() for part in images])
        error = (read - self.check_truth).square().mean(0)
        r2 = 1 - error / self.check_truth.var(0)
        row = {f"r2_{name}": float(value) for name, value in zip(READINGS, r2)}
        return row | {"log_t60_mae": float((read - self.check_truth)[:, 0].abs().mean())}

    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / FILE, notes)


@torch.no_grad()
def features_of(encoder: SceneEncoder, pack: Pack, variants: int = 3, seed: int = 0) -> SceneFeatures:
    """Embeddings of every picture in the pack: as it is, and under `variants - 1` augmentations. Half precision."""
    views = [view for view in pack.views if view.picture_count]
    images = pictures(pack, views, encoder.config.image_size)
    generator = torch.Generator().manual_seed(seed)
    scenes, tokens = [], []
    for variant in range(variants):
        scene, grid = zip(*(_embed(encoder, part, generator if variant else None) for part in images.split(64)))
        scenes.append(torch.cat(scene))
        tokens.append(torch.cat(grid))
    rows = {view.begin: row for row, view in enumerate(views)}
    return SceneFeatures(torch.stack(scenes, 1), torch.stack(tokens, 1), rows)


def _embed(encoder: SceneEncoder, images: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
    scaled = images.float() / 255
    scaled = augment(scaled, generator) if generator else scaled
    scene, tokens = encoder(scaled.to(encoder.mean.device))
    return scene.half().cpu(), tokens.half().cpu()
