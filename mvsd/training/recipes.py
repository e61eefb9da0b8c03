"""What is trained, in what order, for how long: a recipe is a few numbers, a stage is a run of the loop.

Stages of every recipe: `scene` (pictures to acoustics), `match` and `dereverb` (the converters apart, on the frozen
scene encoder), `mutual` (both together), `vocoder` (on true mels and on the converters' own). Each stage has a run
folder of its own in which it resumes; finished weights gather in OUT/weights.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mvsd.data.pack import Pack, read_pack
from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.errors import UserError
from mvsd.training import scene, together, vocoder
from mvsd.training.converters import FILES, ConverterTask, SceneFeatures
from mvsd.training.loop import LoopConfig, Run, Task, train
from mvsd.vision import SceneConfig, SceneEncoder
from mvsd.vocoder import VocoderConfig

log = logging.getLogger(__name__)
WEIGHT_FILES = {
    "scene": [scene.FILE],
    "match": [FILES["match"]],
    "dereverb": [FILES["dereverb"]],
    "mutual": [*FILES.values()],
    "vocoder": [vocoder.FILE],
}
STAGES = tuple(WEIGHT_FILES)
OnStep = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Recipe:
    """minutes: the whole clock, shared out to the stages by `shares`."""

    minutes: float
    widths: tuple[int, ...]
    match_widths: tuple[int, ...]  # the reverberator begins nearer to its end, and does with less
    batch: int
    scene_batch: int
    vocoder_batch: int
    lr: float = 7e-4
    scene_lr: float = 1e-3
    image_size: int = 112
    vocoder_width: int = 384
    fit_steps: int = 60  # of Polack's model to the training rooms
    workers: int = 0  # processes that draw batches
    mutual_lr: float = 2e-4
    shares: tuple[float, ...] = (0.25, 0.22, 0.22, 0.15, 0.16)  # of the clock, a stage


RECIPES = {
    "cpu": Recipe(120, (80, 192, 256), (48, 96, 160), batch=8, scene_batch=32, vocoder_batch=16),
    "gpu": Recipe(
        20,
        (128, 256, 320),
        (128, 256, 320),
        batch=128,
        scene_batch=128,
        vocoder_batch=64,
        image_size=224,
        workers=12,
    ),
    "tiny": Recipe(
        1,
        (16, 32, 32),
        (16, 32, 32),
        batch=2,
        scene_batch=2,
        vocoder_batch=4,
        vocoder_width=32,
        image_size=64,
        fit_steps=2,
    ),
}
STARTS = {"match": {"centre": "rung", "seen": 2, "spread": 1.0}, "dereverb": {}}  # what each converter's change is from


@dataclass(frozen=True)
class Order:
    """What a user asked for."""

    recipe_name: str
    recipe: Recipe
    pack: Path
    out: Path
    init: Path | None
    pretrained: bool
    seed: int

    @property
    def weights(self) -> Path:
        return self.out / "weights"


def run_recipe(
    name: str,
    pack: str | Path,
    out: str | Path,
    minutes: float | None = None,
    steps: int | None = None,
    stop_after: float | None = None,
    init: str | Path | None = None,
    pretrained: bool = False,
    seed: int = 0,
    lr: float | None = None,
    on_step: OnStep | None = None,
) -> bool:
    """Run a recipe ("cpu") or one stage of it ("cpu:match"); finished stages are skipped. True when all is done."""
    base, _, only = name.partition(":")
    if base not in RECIPES or (only and only not in STAGES):
        raise UserError(
            f"There is no recipe {name}. Choose {', '.join(RECIPES)}, with :{', :'.join(STAGES)} for a stage."
        )
    recipe = replace(RECIPES[base], lr=lr, scene_lr=lr, mutual_lr=lr) if lr else RECIPES[base]
    order = Order(base, recipe, Path(pack), Path(out), Path(init) if init else None, pretrained, seed)
    data = read_pack(pack)
    order.weights.mkdir(parents=True, exist_ok=True)
    for stage, share in zip(STAGES, order.recipe.shares):
        done = all((order.out / stage / file).is_file() for file in WEIGHT_FILES[stage])
        if done or (only and stage != only):
            continue
        clock = (minutes or order.recipe.minutes) * (1.0 if only else share)
        if not _run_stage(stage, order, data, clock, steps, stop_after, on_step):
            return False
    return True


def _run_stage(
    stage: str,
    order: Order,
    data: Pack,
    minutes: float,
    steps: int | None,
    stop_after: float | None,
    on_step: OnStep | None,
) -> bool:
    log.info("stage %s", stage)
    folder = order.out / stage
    about = {"recipe": f"{order.recipe_name}:{stage}", "sizes": asdict(order.recipe), "pretrained": order.pretrained}
    lr = {"scene": order.recipe.scene_lr, "mutual": order.recipe.mutual_lr}.get(stage, order.recipe.lr)
    config = LoopConfig(lr=lr, ema=0.998, seed=order.seed, workers=order.recipe.workers)
    if stage == "scene":
        config = replace(config, ema=0.99, validate_every=250, weight_decay=0.05)
    run = Run(
        folder,
        _task(stage, order, data),
        config,
        about,
    )
    finished = train(run, minutes, steps, stop_after, on_step)
    if finished:
        for file in WEIGHT_FILES[stage]:
            shutil.copy(folder / file, order.weights)
    return finished


def _task(stage: str, order: Order, data: Pack) -> Task:
    recipe, init = order.recipe, None
    if order.init and (order.init / WEIGHT_FILES[stage][0]).is_file():
        init = order.init / WEIGHT_FILES[stage][0]
    if stage == "scene":
        config = SceneConfig(image_size=recipe.image_size, pretrained=order.pretrained)
        return scene.SceneTask(config, data, recipe.scene_batch, init, order.seed)
    if stage == "vocoder":
        config = VocoderConfig(width=recipe.vocoder_width)
        found = {task: order.weights / file for task, file in FILES.items() if (order.weights / file).is_file()}
        predictors = {task: Denoiser.from_pretrained(file) for task, file in found.items()}
        return vocoder.VocoderTask(config, data, recipe.vocoder_batch, predictors, init, order.seed)
    if stage == "mutual":
        return together.MutualTask(_apart(order), data, recipe.batch, _features(order, data))
    widths = recipe.match_widths if stage == "match" else recipe.widths
    config = replace(DenoiserConfig(task=stage), widths=widths, **STARTS[stage])
    return ConverterTask(
        config, data, recipe.batch, _features(order, data), init=init, seed=order.seed, fit_steps=recipe.fit_steps
    )


def _apart(order: Order) -> Path:
    """Where the two converters lie that were trained apart: in this run, or in --init."""
    for folder in (order.weights, order.init):
        if folder and all((folder / file).is_file() for file in FILES.values()):
            return folder
    raise UserError("Mutual training begins from both converters. Train match and dereverb first, or give --init.")


def _features(order: Order, data: Pack) -> SceneFeatures | None:
    """Embeddings from the encoder of this run or of --init; None where there is no encoder (numbers alone then)."""
    for folder in (order.weights, order.init):
        if folder and (folder / scene.FILE).is_file():
            return scene.features_of(SceneEncoder.from_pretrained(folder / scene.FILE), data)
    return None
