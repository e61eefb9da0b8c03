"""Training of the scene encoder: from pictures of simulated rooms to what is heard in them."""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from mvsd.data.pack import Pack, RoomView
from mvsd.errors import UserError
from mvsd.training.converters import SceneFeatures
from mvsd.training.loop import multiplies_bf16
from mvsd.training.scene_photos import HEARD, PhotoLesson, out_of_order
from mvsd.training.scene_pictures import Draw, augment, layouts, mixed, pictures, reframed, relit
from mvsd.training.scene_probe import fitted, fitted_under_dropout, interval, share_covered
from mvsd.training.scene_twins import beside_twins, twins_among
from mvsd.vision import GRID, READINGS, SceneConfig, SceneEncoder

FILE = "scene.safetensors"
T60 = READINGS.index("log_t60_s")
TEACHING_SHARE = 0.8  # of the training rooms
SPREAD = torch.tensor([0.7, 0.8, 0.6, 1.7])  # rough standard deviations of READINGS over rooms
NEIGHBOUR, TEMPERATURE, CODES = 0.4, 0.1, 64  # of contrast: a neighbour's distance in SPREAD
PHOTO_SHARE = 8  # a batch has one photograph to as many pictures of rooms
WEIGHT = torch.tensor([0.5, 2.0, 1.0, 1.0])  # what is heard counts more than what is not
FORGOTTEN = 0.2  # of an embedding, while it is taught
LIVELIER = 0.5  # power of a room's T60 that tells how often it is drawn
KEPT = 0.25  # of the weights an encoder began from, in those it leaves with
CAUTIOUS = 1000.0  # ridge of what is corrected then: the best on rooms held out (log T60, of 100 to 3000)


def teaches(view: RoomView) -> bool:
    """Whether a room's pictures train the encoder. Those of the others train the converters, which thereby meet the
    encoder as users will: on rooms it has not learnt by heart."""
    draw = int.from_bytes(sha256(f"scene {view.kin}".encode()).digest()[:8], "big")
    return not view.held_out and draw < TEACHING_SHARE * 2**64


def truths(views: list[RoomView]) -> Tensor:
    """READINGS of these views, (N, 4)."""
    rows = [(math.log(v.distance_m), math.log(v.t60_s), v.drr_db / 10, math.log(v.volume_m3)) for v in views]
    return torch.tensor(rows)


def _distance(read: Tensor, wanted: Tensor) -> Tensor:
    """Weighted smooth L1 of READINGS, each in units of its spread over rooms."""
    spread, weight = SPREAD.to(read.device), WEIGHT.to(read.device)
    return (weight * F.smooth_l1_loss(read / spread, wanted / spread, beta=0.5, reduction="none")).mean()


def _where_told(said: Tensor, wanted: Tensor, beta: float) -> Tensor:
    """Mean smooth L1 over what is not NaN; nothing where all is."""
    told = ~wanted.isnan()
    loss = F.smooth_l1_loss(said, wanted.nan_to_num(0.0), beta=beta, reduction="none")
    return (loss * told).sum() / told.sum().clamp(min=1)


def contrast(codes: Tensor, wanted: Tensor) -> Tensor:
    """Supervised contrast (Khosla et al. 2020, equation 2); positives are neighbours in log T60, log volume and DRR.

    codes: (B, n) of unit length. wanted: READINGS (B, 4). Neighbours count by a Gaussian of their distance; room
    identity alone would teach wallpaper. All others are negatives, a twin that sounds otherwise the hardest.
    """
    places = (wanted / SPREAD.to(wanted.device))[:, 1:]
    near = torch.exp(-0.5 * torch.cdist(places, places).square() / NEIGHBOUR**2).fill_diagonal_(0)
    others = torch.eye(len(codes), device=codes.device).bool()
    said = (codes @ codes.T / TEMPERATURE).masked_fill(others, -1e4).log_softmax(-1)
    return -((near * said).sum(-1) / near.sum(-1).clamp(min=1e-3)).mean()


class Answers(NamedTuple):
    """read, parts: READINGS by the embedding and by its tokens, (B, 4). surfaces, kinds: logits, (B, 3, materials) and
    (B, kinds). absorption: log of the mean one, (B,). layout: distance and absorption of what is seen, (B, 2, GRID,
    GRID). codes: (B, CODES), of unit length, to be near those of rooms that sound alike."""

    read: Tensor
    parts: Tensor
    surfaces: Tensor
    kinds: Tensor
    absorption: Tensor
    layout: Tensor
    codes: Tensor


class Lesson(nn.Module):
    """The encoder and what it is asked only while it learns: what kind of room it is, of what walls, floor and ceiling
    are, how they absorb, and how far away and how absorbent is what each part of the picture shows.

    A T60 alone says little of why; few rooms teach more when each says what it is made of.
    """

    def __init__(self, encoder: SceneEncoder, materials: int, kinds: int):
        super().__init__()
        self.encoder = encoder
        self.forget = nn.Dropout(FORGOTTEN)
        self.surfaces = nn.Linear(encoder.config.dim, 3 * materials)
        self.kinds = nn.Linear(encoder.config.dim, kinds)
        self.absorption = nn.Linear(encoder.config.dim, 1)
        self.layout = nn.Conv2d(256 + encoder.config.dim, 2, 1)
        self.code = nn.Linear(encoder.config.dim, CODES)

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
            self.kinds(embedding),
            self.absorption(embedding)[:, 0],
            self.layout(torch.cat([F.adaptive_avg_pool2d(fine, GRID), grid], 1)),
            F.normalize(self.code(embedding).float(), dim=-1),
        )


def made_of(views: list[RoomView], materials: list[str]) -> Tensor:
    """Shares of the materials on walls, floor and ceiling, (N, 3, materials); zeros where they are not told."""
    shares = torch.zeros(len(views), 3, len(materials))
    for share, view in zip(shares, views):
        for number, material in enumerate(view.surfaces):
            share[max(0, number - 3), materials.index(material)] += 0.25 if number < 4 else 1.0
    return shares


def kinds_of(views: list[RoomView], kinds: list[str]) -> Tensor:
    """One for the kind of each room, (N, kinds); zeros where it is not told."""
    return torch.tensor([[float(view.category == kind) for kind in kinds] for view in views])


class SceneTask:
    """Regression of READINGS, and of what rooms are and are made of; held-out rooms for validation.

    A room that rings four times as long is drawn twice as often: misread by the same share, it is more seconds off.
    init: an encoder to go on from. What leaves lies between its weights and those it went on to, which reads rooms it
    never saw better than either (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).
    """

    def __init__(
        self,
        config: SceneConfig,
        pack: Pack,
        batch: int,
        init: Path | None = None,
        seed: int = 0,
        photo_fold: int | None = None,
    ):
        torch.manual_seed(seed)
        encoder = SceneEncoder(config, download=config.pretrained).to(memory_format=torch.channels_last)
        self.batch = batch
        seen = [view for view in pack.views if view.picture_count]
        if not seen:
            raise UserError("This pack holds no pictures. Pack rooms that were simulated with pictures.")
        train, check = [v for v in seen if teaches(v)], [v for v in seen if v.held_out]
        if not (train and check):
            raise UserError("This pack has pictures of too few rooms to train on some and check on others. Pack more.")
        (self.images, self.wide), self.truth = pictures(pack, train, config.image_size), truths(train)
        (self.check_images, _), self.check_truth = pictures(pack, check, config.image_size), truths(check)
        materials = sorted({material for view in train for material in view.surfaces})
        kinds = sorted({view.category for view in train} - {""}) or ["unknown"]
        self.surfaces, self.kinds = made_of(train, materials), kinds_of(train, kinds)
        self.absorption = torch.tensor([view.absorption or math.nan for view in train]).log()
        self.layouts, self.twins = layouts(pack, train), twins_among(train)
        self.often = (LIVELIER * self.truth[:, T60]).exp()
        self.photos = PhotoLesson(pack, config.image_size, batch // PHOTO_SHARE, photo_fold)
        self.model = Lesson(encoder, max(1, len(materials)), len(kinds))
        self.begun: dict[str, Tensor] = {}
        if init:
            others = [view for view in seen if not (teaches(view) or view.held_out)] or train
            (self.other_images, _), self.other_truth = pictures(pack, others, config.image_size), truths(others)
            begun = SceneEncoder.from_pretrained(init).eval()
            self.begun = begun.state_dict()
            encoder.load_state_dict(self.begun)
            _set(encoder.probe, *fitted_under_dropout(glanced_at(begun, self.images), self.truth, FORGOTTEN))
        else:
            nn.init.zeros_(encoder.probe.weight)
            encoder.probe.bias.data.copy_(self.truth.mean(0))

    def draw(self, generator: Generator) -> tuple[Tensor, ...]:
        """Augmented pictures (B, 3, S, S), their READINGS (B, 4), shares of materials (B, 3, materials) and of kinds
        (B, kinds), log mean absorption (B,), layouts (B, 2, GRID, GRID); then photographs and their ranges
        (PhotoLesson.draw)."""
        pick = torch.multinomial(self.often, self.batch, replacement=True, generator=generator)
        pick, draw = beside_twins(pick, self.twins), Draw(self.batch, generator)
        images, layouts = reframed([self.images[pick].float() / 255, self.layouts[pick]], self.wide[pick], draw)
        truths = (part[pick] for part in (self.truth, self.surfaces, self.kinds, self.absorption))
        rooms = mixed((relit(images, draw), *truths, F.adaptive_avg_pool2d(layouts, GRID)), generator)
        return (*rooms, *self.photos.draw(generator))

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...], generator: Generator, step: int) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        wanted, shares, kinds, absorption, layout, photos, ranges = (part.to(device) for part in batch[1:])
        images = torch.cat([batch[0].to(device), photos]).contiguous(memory_format=torch.channels_last)
        answers: Answers = model(images)
        said = Answers(*(part[: len(wanted)] for part in answers))
        return {
            "embedding": _distance(said.read, wanted),
            "tokens": 0.3 * _distance(said.parts, wanted),
            "surfaces": -0.1 * (shares * said.surfaces.float().log_softmax(-1)).sum(-1).mean(),
            "kinds": -0.2 * (kinds * said.kinds.float().log_softmax(-1)).sum(-1).mean(),
            "absorption": _where_told(said.absorption, absorption, 0.3),
            "layout": 4.0 * _where_told(said.layout, layout, 0.1),
            "contrast": 0.1 * contrast(said.codes, wanted),
            "photos": 0.3 * sum(map(out_of_order, answers.read[len(wanted) :, HEARD].T, ranges.unbind(1))),
        }

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Share of variance explained of each reading on unseen rooms (R squared), and mean error of log T60."""
        device = next(model.parameters()).device
        read = self._read(model, device)
        error = (read - self.check_truth).square().mean(0)
        distance = float(_distance(read, self.check_truth))
        r2 = 1 - error / self.check_truth.var(0)
        row = {f"r2_{name}": float(value) for name, value in zip(READINGS, r2)}
        return row | {
            "distance": distance,
            "log_t60_mae": float((read - self.check_truth)[:, T60].abs().mean()),
            "t60_covered": share_covered((self.check_truth - read)[:, T60]),
        }

    def _read(self, model: nn.Module, device: torch.device) -> Tensor:
        """READINGS of the held-out rooms, each picture with its mirror image."""
        parts = (part.float().div(255).to(device) for part in self.check_images.split(64))
        return torch.cat([(model(part).read + model(part.flip(-1)).read).float().cpu() / 2 for part in parts])

    @torch.no_grad()
    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        """The encoder, its probe fitted anew to what it sees of the rooms that taught it, undisturbed; and the interval
        around its log T60 that holds 80 % of the held-out rooms. One that went on from trained weights is drawn back
        with its probe, which is then corrected on rooms that taught it nothing, for those it knows by heart."""
        encoder: SceneEncoder = model.encoder
        probe = encoder.probe
        _set(probe, *fitted(looked_at(encoder, self.images), self.truth))
        if self.begun:
            _draw_back(encoder, self.begun)
            seen = looked_at(encoder, self.other_images)
            weight, bias = fitted(seen, self.other_truth - probe(seen), (CAUTIOUS,))
            _set(probe, probe.weight + weight, probe.bias + bias)
        missed = self.check_truth - probe(looked_at(encoder, self.check_images))
        encoder.config = replace(encoder.config, t60_spread=interval(missed[:, T60]))
        r2 = 1 - missed.square().mean(0) / self.check_truth.var(0)
        told = {f"r2_{name}": f"{value:.3f}" for name, value in zip(READINGS, r2.tolist())}
        encoder.save(folder / FILE, notes | told | {"t60_covered": f"{share_covered(missed[:, T60]):.3f}"})


def _set(probe: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    probe.weight.data.copy_(weight)
    probe.bias.data.copy_(bias)


def _draw_back(encoder: SceneEncoder, begun: dict[str, Tensor]) -> None:
    """KEPT of the way back to the weights it began from."""
    for name, tensor in encoder.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(begun[name].to(tensor), KEPT)


@torch.no_grad()
def glanced_at(encoder: SceneEncoder, images: Tensor) -> Tensor:
    """Embeddings (N, 256) of pictures (N, 3, S, S) uint8, each whole and once."""
    return torch.cat([encoder(part.float() / 255)[0].float() for part in images.split(64)])


def looked_at(encoder: SceneEncoder, images: Tensor) -> Tensor:
    """Embeddings (N, 256) of pictures (N, 3, S, S) uint8, as SceneEncoder.look has them, in bf16 where faster."""
    parts = (part.float().div(255).to(encoder.mean.device) for part in images.split(16))
    with _fast(encoder):
        return torch.cat([encoder.look(part)[0].float().cpu() for part in parts])


def _fast(encoder: SceneEncoder) -> torch.autocast:
    device = encoder.mean.device
    return torch.autocast(device.type, torch.bfloat16, enabled=multiplies_bf16(device))


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
    """Embeddings, tokens and readings of a batch of pictures, augmented or looked at as users' are; half precision."""
    scaled = (images.float() / 255).to(encoder.mean.device)
    with _fast(encoder):
        scene, tokens = encoder(augment(scaled, wide, generator)) if generator else encoder.look(scaled)
    return tuple(part.half().cpu() for part in (scene, tokens, encoder.reading(scene.float())))
