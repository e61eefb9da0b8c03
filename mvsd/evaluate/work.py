"""One job at a time, in whatever process: convert, measure, keep the sound; every failure becomes a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from mvsd.audio import SAMPLE_RATE
from mvsd.checkpoint import find_weights
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Converter
from mvsd.data.clips import PassedOver
from mvsd.errors import UserError
from mvsd.evaluate import controls
from mvsd.evaluate.controls import Made
from mvsd.evaluate.measure import RESNET, SLOPES, Bench
from mvsd.evaluate.plan import CONTROLS, INVERSES, OURS, Job
from mvsd.evaluate.results import FAILED, OK, SKIPPED, Row, wav_path
from mvsd.evaluate.truth import Truth, read, truth_of
from mvsd.evaluate.unpaired import truth_without_clean
from mvsd.metrics.blind_t60 import blind_t60_s
from mvsd.metrics.memory import begin_peak, peak_mib
from mvsd.metrics.rooms import T60Judge
from mvsd.systems import load
from mvsd.t60_estimator import T60Estimator

T60_FILE = "t60.safetensors"


@dataclass(frozen=True)
class Place:
    """Where a run works, and who listens. ears: judges of T60. judges: by metric, None for the quick measures alone.

    is_paired: clean sources are known.
    """

    data: Path
    out: Path
    weights: str
    ears: tuple[str, ...]
    judges: tuple[tuple[str, str], ...] | None = None
    has_transcripts: bool = False
    is_paired: bool = True


def done(job: Job, place: Place) -> tuple[Row, np.ndarray | None]:
    """The row of a job, and the embedding of its voice if that was measured. Never raises for a clip or a system."""
    row = blank(job)
    try:
        values, voice = _measured(job, place)
    except PassedOver as error:
        return row | {"status": SKIPPED, "reason": str(error)}, None
    except UserError as error:
        return row | {"status": FAILED, "reason": str(error)}, None
    except Exception as error:  # noqa: BLE001 - a stranger's system may raise anything; its row says what
        return row | {"status": FAILED, "reason": f"{type(error).__name__}: {error}"}, None
    return row | values, voice


def blank(job: Job) -> Row:
    settings = job.settings
    row = {"clip": job.clip.name, "system": job.system, "task": job.task, "status": OK, "reason": ""}
    return row | {"steps": settings.steps, "sampler": settings.sampler, "seed": settings.seed}


def _measured(job: Job, place: Place) -> tuple[Row, np.ndarray | None]:
    truth = _truth(job, place)
    begin_peak()
    made, gap = _made(job, truth, place)
    row: Row = {"peak_mib": peak_mib()} if made.conversion else {}
    if made.conversion is None:
        row |= {"steps": "", "sampler": ""}
    else:
        row |= _provenance(made.conversion)
    if not len(made.audio) or not bool(made.audio.isfinite().all()):
        raise UserError("the result is empty or holds samples that are not numbers")
    if job.keep:
        path = wav_path(place.out, job.task, job.system, job.clip.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, made.audio.numpy(), SAMPLE_RATE, subtype="FLOAT")  # what was measured, to the bit
    bench = _bench(place)
    values, reasons, voice = bench.measure(made, truth, job.task, job.clip.name, job.clip.transcript)
    return row | values | ({} if gap is None else {"t60_gap": gap}) | {"reason": "; ".join(reasons)}, voice


def _truth(job: Job, place: Place) -> Truth:
    contents = read(place.data, job.clip)
    if place.is_paired:
        return truth_of(contents, job.task)
    return truth_without_clean(contents, job.clip.name, place.out, lambda: _loaded(OURS, "dereverb", place.weights))


def _made(job: Job, truth: Truth, place: Place) -> tuple[Made, float | None]:
    """The result, and for `shuffled` the gap of ln T60 to the room whose picture was shown."""
    name, settings = job.system, job.settings
    if name == "input":
        return Made(truth.source), None
    if name == "target":
        return Made(truth.target), None
    if name == "oracle":
        return Made(controls.through_truth(truth, job.task)), None
    ours = name in CONTROLS or name in INVERSES
    converter = _loaded(OURS if ours else name, job.task, place.weights)
    clip = Clip(truth.source, SAMPLE_RATE, truth.image)
    if name == "vocoder":
        return Made(controls.copy_synthesis(converter, truth.source, truth.target, settings.seed)), None
    if name == "no_picture":
        return controls.blind_allowed(converter, replace(clip, image=None), settings), None
    if name == "oracle_numbers":
        told = controls.told_truth(settings, truth)
        return controls.blind_allowed(converter, replace(clip, image=None), told), None
    if name == "shuffled":
        return _shuffled(job, converter, clip, truth, place)
    made = controls.run(converter.stream(clip, settings))
    return (controls.by_inverse(name, converter, made) if name in INVERSES else made), None


def _shuffled(job: Job, converter: Converter, clip: Clip, truth: Truth, place: Place) -> tuple[Made, float | None]:
    if job.shown is None:
        raise PassedOver("there is no other room whose picture could be shown")
    other = read(place.data, job.shown)
    made = controls.run(converter.stream(replace(clip, image=other.image), job.settings))
    if truth.t60_s is None or other.clean is None:
        return made, None
    t60_s = truth_of(other, job.task).t60_s
    return made, (None if t60_s is None else float(np.log(t60_s / truth.t60_s)))


def _provenance(made: Conversion) -> Row:
    return {
        "checkpoint_sha256": made.checkpoint_sha256,
        "steps": made.settings.steps if made.is_sampled else "",
        "sampler": made.settings.sampler if made.is_sampled else "",
        "seconds": round(made.seconds, 4),
        "rtf": round(made.real_time_factor, 5),
    }


@lru_cache(maxsize=2)  # jobs come system by system: one is held, and ours where sources are made with it
def _loaded(name: str, task: str, weights: str) -> Converter:
    return load(name, task, weights)


@lru_cache(maxsize=1)
def _bench(place: Place) -> Bench:
    ears: dict[str, T60Judge] = {SLOPES: blind_t60_s}
    if RESNET in place.ears:
        ears[RESNET] = T60Estimator.from_pretrained(find_weights(place.weights, T60_FILE)).estimate
    return Bench(ears, None if place.judges is None else dict(place.judges), place.has_transcripts)


def ears_in(weights: str) -> tuple[str, ...]:
    """The judges of T60 that can be had."""
    try:
        find_weights(weights, T60_FILE)
    except UserError:
        return (SLOPES,)
    return SLOPES, RESNET
