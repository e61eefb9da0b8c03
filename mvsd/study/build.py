"""Make the stimuli of a study: every clip through one chain, at one rate, of one length an item, at one level."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from mvsd.errors import UserError
from mvsd.study.frozen import SEAL, STIMULI, Manifest, Stimulus, sha256_of
from mvsd.study.loudness import loudness_lufs
from mvsd.study.spec import Item, Study, read_study

PICTURE_PX = 1024  # longest side
CEILING = 0.97  # highest peak
FADE_S = 0.01
LONGEST_S = 30.0
QUIETEST_S = 0.5


@dataclass(frozen=True)
class Sources:
    """The files of an item, for a system to work on; None where the item has none."""

    speech: Path | None
    picture: Path | None
    reference: Path | None


@dataclass(frozen=True)
class Made:
    """What a system made. samples: (n,) float32 in [-1, 1] at the study's rate."""

    samples: np.ndarray
    checkpoint_sha256: str = ""
    seed: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


System = Callable[[Sources, dict[str, Any]], Made]  # settings of the method -> clip
Load = Callable[[Path], np.ndarray]  # file -> (n,) float32 at the study's rate
OnClip = Callable[[int, int], None]


def build(folder: Path, systems: dict[str, System], load: Load, rate: int, on_clip: OnClip | None = None) -> Manifest:
    """Write stimuli/ of a study. systems: by the name that methods give; `files` is what the items name."""
    study = read_study(folder)
    if (folder / SEAL).exists():
        raise UserError(f"{folder.name} is frozen: its stimuli stay as they are. Copy it to a new name to change it.")
    unknown = sorted({method.system for method in study.methods.values()} - {*systems, "files"})
    if unknown:
        known = ", ".join(sorted({*systems, "files"}))
        raise UserError(f"There is no system {', '.join(unknown)}. Name one of {known} in study.yaml.")
    made = {}
    for done, item in enumerate(study.items, start=1):
        made[item.id] = _make_item(folder, study, item, systems, load)
        if on_clip:
            on_clip(done, len(study.items))
    shutil.rmtree(folder / STIMULI, ignore_errors=True)
    (folder / STIMULI).mkdir()
    manifest = _write(folder, study, made, rate)
    manifest.write(folder)
    return manifest


def _make_item(folder: Path, study: Study, item: Item, systems: dict[str, System], load: Load) -> dict[str, Made]:
    """Clips of an item by method; the reference under an empty name."""
    sources = Sources(*(_source(folder, path) for path in (item.speech, item.picture, item.reference)))
    made = {}
    for name, method in study.methods.items():
        if name == study.truth:
            continue  # the reference itself
        if name in item.clips:
            made[name] = Made(load(_source(folder, item.clips[name])))
        else:
            made[name] = systems[method.system](sources, dict(method.settings))
    if sources.reference:
        made[""] = Made(load(sources.reference))
    for name, clip in made.items():
        seconds = len(clip.samples)
        if not seconds or not np.isfinite(clip.samples).all():
            raise UserError(f"{item.id}: the clip of {name or 'the reference'} is empty or broken. Look at its source.")
    return made


def _source(folder: Path, path: str | None) -> Path | None:
    if path is None:
        return None
    if not (folder / path).is_file():
        raise UserError(f"{folder / path} is not there; study.yaml names it. Put it there, or mend the name.")
    return folder / path


def _write(folder: Path, study: Study, made: dict[str, dict[str, Made]], rate: int) -> Manifest:
    """Level, lengthen, write. If a clip would be cut off, all clips of the study are lowered alike."""
    gains = {
        (item, m): _gain_db(study, clip.samples, rate) for item, clips in made.items() for m, clip in clips.items()
    }
    peaks = [np.abs(made[item][m].samples).max() * 10 ** (gain / 20) for (item, m), gain in gains.items()]
    headroom_db = min(0.0, 20 * np.log10(CEILING / max(peaks)))
    clips: dict[str, dict[str, Stimulus]] = {}
    for item, of in made.items():
        n = max(len(clip.samples) for clip in of.values())
        if n > LONGEST_S * rate:
            raise UserError(
                f"{item}: a clip is {n / rate:.1f} s long; {LONGEST_S:.0f} s are the most. Cut its sources."
            )
        order = sorted(of, key=lambda _: secrets.token_bytes(4))  # no trace of the method in the order of files
        clips[item] = {m: _clip(folder, study, m, of[m], n, rate, gains[item, m] + headroom_db) for m in order}
    references = {item: of.pop("") for item, of in clips.items() if "" in of}
    if study.truth:
        for item, reference in references.items():
            clips[item][study.truth] = reference
    pictures = {item.id: _picture(folder, item.picture) for item in study.items if item.picture}
    return Manifest(rate, clips, references, pictures)


def _gain_db(study: Study, samples: np.ndarray, rate: int) -> float:
    if study.level.rule == "none":
        return 0.0
    loudness = loudness_lufs(np.pad(samples, (0, max(0, round(QUIETEST_S * rate) - len(samples)))), rate)
    if not np.isfinite(loudness):
        raise UserError("A clip is silent, so it has no loudness. Look at its source, or set level: {rule: none}.")
    return study.level.target_db - loudness


def _clip(folder: Path, study: Study, method: str, made: Made, frames: int, rate: int, gain_db: float) -> Stimulus:
    samples = made.samples * 10 ** (gain_db / 20)
    fade = round(FADE_S * rate)
    samples[-fade:] = samples[-fade:] * np.linspace(1, 0, fade)  # silence may follow
    samples = np.pad(samples, (0, frames - len(samples)))
    file = f"{secrets.token_hex(8)}.flac"
    soundfile.write(folder / STIMULI / file, np.round(samples * 32767).astype(np.int16), rate, subtype="PCM_16")
    return Stimulus(
        file,
        sha256_of((folder / STIMULI / file).read_bytes()),
        round(gain_db, 2),
        made.checkpoint_sha256,
        made.seed,
        study.methods[method].system if method else "reference",
        json.dumps(made.settings, sort_keys=True),
        frames / rate,
    )


def _picture(folder: Path, path: str) -> Stimulus:
    """A smaller copy without what cameras write beside a picture."""
    file = f"{secrets.token_hex(8)}.jpg"
    with Image.open(_source(folder, path)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((PICTURE_PX, PICTURE_PX))
        small.save(folder / STIMULI / file, quality=85)
    return Stimulus(file, sha256_of((folder / STIMULI / file).read_bytes()))
