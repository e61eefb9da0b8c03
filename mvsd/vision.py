"""What a photograph says of a room: pictures in, a 256-d embedding and a 7x7 grid of tokens out."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor, nn
from torch.nn import functional as F

from mvsd.checkpoint import Pretrained
from mvsd.conversion import Reading
from mvsd.errors import UserError

LARGEST_PIXELS = 40_000_000
GRID = 7
PART = 0.8  # of each side, in the parts that are looked at besides the whole
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
READINGS = ("log_distance_m", "log_t60_s", "drr_tenth_db", "log_volume_m3")  # what the probe reads; the first three are
# what Condition.numbers tells


def load_image(path: str | Path) -> Image.Image:
    """Open any common picture as upright RGB: EXIF orientation applied, transparency on white, first frame only.

    Raises UserError where the file is no picture, is damaged, or has more than 40 megapixels (before decoding).
    """
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is the lower one
            image = Image.open(path)
        pixels = image.width * image.height
        if pixels > LARGEST_PIXELS:
            raise UserError(f"{name} has {pixels / 1e6:.0f} megapixels; we take up to 40. Make it smaller.")
        return _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise UserError(f"{name} has more pixels than we take (40 megapixels). Make it smaller.") from error
    except FileNotFoundError as error:
        raise UserError(f"There is no file {name}. Check the name.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{name} is not a picture we can read. Use JPEG, PNG or WebP.") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel: PIL would clip, not scale
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("LA", "RGBA", "PA"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


@dataclass(frozen=True)
class SceneConfig:
    """image_size: side of the square that photographs and panoramas alike are brought to. t60_spread: from the log T60
    that is read to the ends of the interval that held 80 % of unseen rooms, zeros where it was not measured."""

    image_size: int = 160
    dim: int = 256
    pretrained: bool = False  # began from torchvision's ImageNet weights
    t60_spread: tuple[float, float] = (0.0, 0.0)


class SceneEncoder(Pretrained, nn.Module):
    """ResNet-18 (He et al. 2016; torchvision) to an embedding and the grid it was pooled from.

    A linear probe on the embedding reads T60, volume, DRR and distance: the training signal here, and what can be
    told to a user. The paper trains its encoder by supervised contrast and does not say with which labels.
    """

    Config = SceneConfig

    def __init__(self, config: SceneConfig = SceneConfig(), download: bool = False):
        super().__init__()
        from torchvision.models import ResNet18_Weights, resnet18

        self.config = config
        net = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if download else None)
        self.trunk = nn.Sequential(*list(net.children())[:-2])
        self.project = nn.Conv2d(512, config.dim, 1)
        self.norm = nn.LayerNorm(config.dim)
        self.probe = nn.Linear(config.dim, len(READINGS))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images: (B, 3, H, W) in [0, 1]. Returns the embedding (B, 256) and tokens (B, 49, 256), row by row."""
        return self.coarse(self.fine(images))

    def fine(self, images: Tensor) -> Tensor:
        """All but the last block: (B, 256, H / 16, W / 16)."""
        return self.trunk[:-1]((images - self.mean) / self.std)

    def coarse(self, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding and tokens from what `fine` returns."""
        grid = self.project(self.trunk[-1](fine))
        embedding = self.norm(grid.mean((2, 3)))
        tokens = F.adaptive_avg_pool2d(grid, GRID).flatten(2).transpose(1, 2)
        return embedding, self.norm(tokens)

    def prepare(self, image: Image.Image) -> Tensor:
        """A picture of any size and shape to (3, S, S) in [0, 1]: squeezed whole, so that no part is lost."""
        side = self.config.image_size
        small = image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return torch.from_numpy(np.asarray(small, dtype=np.float32) / 255).permute(2, 0, 1)

    def reading(self, embedding: Tensor) -> Tensor:
        """What the probe reads in embeddings (B, 256), as Condition.numbers has it, (B, 3)."""
        return self.probe(embedding)[:, :3]

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As forward, but the embedding is the mean over each picture, four parts of it and the mirror images of all.

        Each is a picture of the same room, and on unseen rooms the mean reads better than the whole alone.
        """
        looks = torch.stack([images, *_corners(images)], 1)
        embedding, tokens = self(torch.cat([looks, looks.flip(-1)], 1).flatten(0, 1))
        count = 2 * looks.shape[1]
        return embedding.unflatten(0, (-1, count)).mean(1), tokens[::count]

    @torch.no_grad()
    def see(self, image: Image.Image) -> tuple[Tensor, Tensor]:
        """Embedding (1, 256) and tokens (1, 49, 256) of one picture."""
        return self.look(self.prepare(image)[None].to(self.mean.device))

    @torch.no_grad()
    def read(self, embedding: Tensor) -> Reading:
        """What the probe reads in one embedding (1, 256)."""
        distance, log_t60, drr, volume = self.probe(embedding)[0].tolist()
        low, high = self.config.t60_spread
        known = (math.exp(log_t60 + low), math.exp(log_t60 + high)) if low < high else None
        return Reading(math.exp(log_t60), math.exp(volume), 10 * drr, math.exp(distance), known)


def _corners(images: Tensor) -> list[Tensor]:
    """Four overlapping parts of (B, 3, S, S), PART of each side, at the size of the whole."""
    side = images.shape[-1]
    part = round(PART * side)
    corners = product((slice(part), slice(side - part, side)), repeat=2)
    size = (side, side)
    return [F.interpolate(images[..., rows, columns], size, mode="bilinear") for rows, columns in corners]
