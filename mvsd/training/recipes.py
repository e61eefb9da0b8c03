"""What is trained, in what order, for how long: a recipe is a few numbers (sizes.py), a stage is a run of the loop.

Stages of every recipe: `scene` (pictures to acoustics), `match` and `dereverb` (the converters apart, on the frozen
scene encoder), `mutual` (both together), `vocoder` (on true mels and on the converters' own). Each stage has a run
folder of its own in which it resumes; finished weights gather in OUT/weights. `t60` (the blind estimator),
`plain` (a vocoder that sees the mel alone), `distil-match` and `distil-dereverb` (fewer steps for a trained converter)
and the rivals' stages (`rivals`) run where they are named.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mvsd.conversion import Settings
from mvsd.data.pack import Pack, read_pack
from mvsd.denoiser import Denoiser
from mvsd.errors import UserError
from mvsd.plain_vocoder import PlainVocoderConfig
from mvsd.t60_estimator import T60Config
from mvsd.training import plain, scene, t60, together, vocoder
from mvsd.training.compiling import compile_networks, told_of_failure
from mvsd.training.converters import FILES, ConverterTask, SceneFeatures
from mvsd.training.distillation import DistilTask
from mvsd.training.looks import kept_features
from mvsd.training.loop import LoopConfig, Run, Task, train
from mvsd.training.natural import Natural
from mvsd.training.processes import accelerator
from mvsd.training.rivals import RIVALS, SIZES, Given, rival_task
from mvsd.training.rivals import STAGES as RIVAL_STAGES
from mvsd.training.run_folder import pack_sha256, write_whole
from mvsd.training.sizes import RECIPES, Rates, Recipe
from mvsd.vision import SceneConfig, SceneEncoder
from mvsd.vocoder import VocoderConfig

log = logging.getLogger(__name__)
DISTIL = {f"distil-{task}": task for task in FILES}
WEIGHT_FILES = {
    "scene": [scene.FILE],
    "match": [FILES["match"]],
    "dereverb": [FILES["dereverb"]],
    "mutual": [*FILES.values()],
    "vocoder": [vocoder.FILE],
    "t60": [t60.FILE],
    "plain": [plain.FILE],
    **{stage: [FILES[task]] for stage, task in DISTIL.items()},
}
CONVERTING = (*FILES.values(), scene.FILE, vocoder.FILE)  # what a folder of converters is complete with
APART = ("t60", "plain", *DISTIL)  # run where they are named, not with the rest, as the rivals are
STAGES = tuple(stage for stage in WEIGHT_FILES if stage not in APART)
WEIGHT_FILES |= RIVAL_STAGES
OnStep = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Wishes:
    """What a user asked for besides recipe, data and folder. None: as the recipe has it."""

    minutes: float | None = None
    steps: int | None = None  # of each stage, instead of minutes
    stop_after: float | None = None  # minutes of this call
    init: Path | None = None  # folder of weights to begin from
    pretrained: bool = False
    seed: int = 0
    lr: float | None = None
    parts: int | None = None  # of a batch; None: one a process
    compiled: bool = False
    photo_fold: int | None = None  # only places of this half teach the encoder by their photographs
    unpaired: Path | None = None  # pack of recordings without a dry side
    unpaired_share: float | None = None  # of the cycles of mutual training
    student_steps: int | None = None  # of distillation; None: as many as are usual
    image_size: int | None = None  # side of the scene encoder's pictures; None: the recipe's


@dataclass(frozen=True)
class Order:
    """What is to be trained, resolved."""

    name: str
    recipe: Recipe
    pack: Path
    out: Path
    wishes: Wishes
    parts: int

    @property
    def weights(self) -> Path:
        return self.out / "weights"

    def share(self, batch: int) -> int:
        """Items in one part of a batch."""
        if batch % (2 * self.parts):
            raise UserError(f"A batch of {batch} is not cut into {self.parts} even parts. Choose other --parts.")
        return batch // self.parts

    def is_done(self, stage: str) -> bool:
        return all((self.out / stage / file).is_file() for file in WEIGHT_FILES[stage])


def run_recipe(
    name: str, pack: str | Path, out: str | Path, wishes: Wishes = Wishes(), on_step: OnStep | None = None
) -> bool:
    """Run a recipe ("cpu") or one stage of it ("cpu:match"); finished stages are skipped. True when all is done."""
    base, _, only = name.partition(":")
    if base not in RECIPES or (only and only not in WEIGHT_FILES and only not in RIVALS):
        stages = ", :".join([*STAGES, *APART, *RIVALS])
        raise UserError(f"There is no recipe {name}. Choose {', '.join(RECIPES)}, with :{stages} for a stage.")
    recipe = _as_wished(RECIPES[base], wishes)
    order = Order(base, recipe, Path(pack), Path(out), wishes, wishes.parts or accelerator().num_processes)
    data, sha256 = read_pack(pack), pack_sha256(order.pack)
    order.weights.mkdir(parents=True, exist_ok=True)
    _gather(order)
    plan, clock = _plan(only, recipe), Clock(order.out / "clock.json", wishes.minutes or recipe.minutes)
    for number, (stage, share) in enumerate(plan):
        if order.is_done(stage):
            continue
        begin, minutes = time.monotonic(), clock.left() * share / sum(share for _, share in plan[number:])
        done = _run_stage(stage, order, data, sha256, minutes, on_step)
        clock.use(time.monotonic() - begin)
        if not done:
            return False
        _gather(order)
    return True


def _as_wished(recipe: Recipe, wishes: Wishes) -> Recipe:
    if lr := wishes.lr:
        recipe = replace(recipe, rates=Rates(lr, lr, lr, lr))
    if (share := wishes.unpaired_share) is not None:
        if not 0 <= share <= 1:
            raise UserError(f"The unpaired share is {share:g}; choose 0 to 1.")
        recipe = replace(recipe, entering=replace(recipe.entering, share=share))
    if side := wishes.image_size:
        recipe = replace(recipe, networks=replace(recipe.networks, image_size=side))
    return recipe


class Clock:
    """Minutes that all stages of a run may take, with what lies between their steps; kept over calls."""

    def __init__(self, path: Path, minutes: float):
        self.path, self.minutes = path, minutes
        self.used = json.loads(path.read_text())["used_s"] if path.is_file() else 0.0

    def left(self) -> float:
        """Minutes. A run that has outlived its clock still gives each stage some steps."""
        return max(0.02 * self.minutes, self.minutes - self.used / 60)

    def use(self, seconds: float) -> None:
        self.used += seconds
        if accelerator().is_main_process:
            write_whole(self.path, lambda file: file.write(json.dumps({"used_s": round(self.used, 1)}).encode()))


def _plan(only: str, recipe: Recipe) -> list[tuple[str, float]]:
    """Stages to run and their share of the clock: all of ours, one, or those of a rival."""
    if not only:
        return list(zip(STAGES, recipe.shares))
    stages = RIVALS.get(only, (only,))
    return [(stage, 1 / len(stages)) for stage in stages]


def _gather(order: Order) -> None:
    """Copy what finished stages made to OUT/weights, later stages over earlier ones."""
    state = accelerator()
    if state.is_main_process:
        done = [stage for stage in WEIGHT_FILES if order.is_done(stage)]
        made = {name: order.out / stage / name for stage in done for name in WEIGHT_FILES[stage]}
        for name, path in (_beside(order, done) | made).items():
            with open(path, "rb") as whole:
                write_whole(order.weights / name, lambda file, whole=whole: shutil.copyfileobj(whole, file))
    state.wait_for_everyone()


def _beside(order: Order, done: list[str]) -> dict[str, Path]:
    """What --init has and OUT/weights lacks of what a student works with, so that it can be measured and be a teacher:
    the other converter, the scene encoder and the vocoder."""
    given = order.wishes.init
    if not given or not DISTIL.keys() & set(done):
        return {}
    lacking = [name for name in CONVERTING if not (order.weights / name).is_file()]
    return {name: given / name for name in lacking if (given / name).is_file()}


def _run_stage(stage: str, order: Order, data: Pack, sha256: str, minutes: float, on_step: OnStep | None) -> bool:
    log.info("stage %s", stage)
    recipe, wishes = order.recipe, order.wishes
    about = {"recipe": f"{order.name}:{stage}", "sizes": asdict(recipe), "pack_sha256": sha256}
    about |= {"pretrained": wishes.pretrained, "init": str(wishes.init or "")}
    config = LoopConfig(
        lr=recipe.rates.of(stage), ema=0.998, seed=wishes.seed, workers=recipe.workers, parts=order.parts
    )
    if stage == "scene":
        config = replace(config, ema=0.99, validate_every=250, weight_decay=0.05)
    if stage == "mutual" and wishes.unpaired:
        about["unpaired_sha256"] = pack_sha256(wishes.unpaired)
    begin = time.monotonic()
    task = _task(stage, order, data)
    if isinstance(task, DistilTask):
        about |= task.about
    minutes -= (time.monotonic() - begin) / 60  # what preparing took, pictures looked at and the like
    if wishes.compiled:
        compile_networks(task.model)
    run = Run(order.out / stage, task, config, about)
    with told_of_failure() if wishes.compiled else nullcontext():
        return train(run, minutes, wishes.steps, wishes.stop_after, on_step)


def _task(stage: str, order: Order, data: Pack) -> Task:
    recipe, given, seed, init = order.recipe, order.wishes.init, order.wishes.seed, None
    sizes, batches = recipe.networks, recipe.batches
    if given and (given / WEIGHT_FILES[stage][0]).is_file():
        init = given / WEIGHT_FILES[stage][0]
    if stage == "scene":
        config = SceneConfig(image_size=sizes.image_size, pretrained=order.wishes.pretrained)
        return scene.SceneTask(config, data, order.share(batches.scene), init, seed, order.wishes.photo_fold)
    if stage == "vocoder":
        config = VocoderConfig(width=sizes.vocoder)
        found = {task: order.weights / file for task, file in FILES.items() if (order.weights / file).is_file()}
        predictors = {task: Denoiser.from_pretrained(file) for task, file in found.items()}
        begin = {"critic_width": sizes.vocoder_critic, "init": init, "seed": seed}
        return vocoder.VocoderTask(config, data, order.share(batches.vocoder), predictors, **begin)
    if stage == "t60":
        return t60.T60Task(T60Config(width=sizes.t60), data, order.share(batches.t60), init=init, seed=seed)
    if stage == "plain":
        config, batch = PlainVocoderConfig(width=sizes.plain), order.share(batches.vocoder)
        return plain.PlainVocoderTask(config, data, batch, sizes.plain_critic, init, seed)
    if stage in DISTIL and not init:
        raise UserError(f"{stage} begins from a trained converter. Give --init a folder with {WEIGHT_FILES[stage][0]}.")
    batch, features = order.share(batches.converters), _features(order, data, order.pack, "features")
    if stage in DISTIL:
        count = Settings(order.wishes.student_steps).for_task(DISTIL[stage]).steps
        return DistilTask(init, data, batch, count, features, seed)
    if stage == "mutual":
        return together.MutualTask(_apart(order), data, batch, features, natural=_natural(order))
    if stage in RIVAL_STAGES:
        task = stage.partition("-")[2]
        unet = replace(sizes.converters[task], widths=sizes.converters["match"].widths)
        ours = given / FILES[task] if given and (given / FILES[task]).is_file() else None
        begin = {"init": init, "ours": ours, "seed": seed, "fit_steps": recipe.fit_steps}
        both = (batch, order.share(batches.sound))
        return rival_task(stage, Given(SIZES[order.name], unet, data, both, features, **begin))
    start = {"init": init, "seed": seed, "fit_steps": recipe.fit_steps}
    return ConverterTask(sizes.converters[stage], data, batch, features, **start)


def _apart(order: Order) -> Path:
    """Where the two converters lie that were trained apart: in this run, or in --init."""
    for folder in (order.weights, order.wishes.init):
        if folder and all((folder / file).is_file() for file in FILES.values()):
            return folder
    raise UserError("Mutual training begins from both converters. Train match and dereverb first, or give --init.")


def _natural(order: Order) -> Natural | None:
    """Unpaired recordings, where some are given."""
    if not order.wishes.unpaired:
        return None
    pack, config = read_pack(order.wishes.unpaired), order.recipe.networks.converters["match"]
    frames = config.past_frames + config.window_frames
    features = _features(order, pack, order.wishes.unpaired, "unpaired_features")
    return Natural(pack, frames, order.recipe.entering, features)


def _features(order: Order, data: Pack, pack: Path, name: str) -> SceneFeatures | None:
    """Embeddings from the encoder of this run or of --init, kept under `name`; None where there is no encoder (numbers
    alone then). data: what the folder `pack` holds."""
    for folder in (order.weights, order.wishes.init):
        if folder and (folder / scene.FILE).is_file():
            encoder = SceneEncoder.from_pretrained(folder / scene.FILE)
            with accelerator().main_process_first():  # it looks, the others read what it saw
                return kept_features(encoder, data, pack_sha256(pack), order.out / f"{name}.safetensors")
    return None
