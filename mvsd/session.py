"""Everything the page does that is not the page: run a conversion step by step, write it down, draw it, count it.

Torch, matplotlib and the models are imported when first needed, so that the page is there before them.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mvsd.conversion import Conversion, Converter, Progress, Reading, Settings
from mvsd.errors import UserError
from mvsd.examples import Example, read_examples
from mvsd.forms import DEREVERB, MATCH, Form, checked
from mvsd.gpu import ON_ZERO_GPU, on_gpu

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from mvsd.account import Account
    from mvsd.clip import Clip

log = logging.getLogger(__name__)

TITLES = {
    MATCH: ("Speech as recorded", "Speech in the room"),
    DEREVERB: ("Speech as recorded", "Speech without the room"),
}
DEADLINE_S = 300  # a conversion that takes longer is given up
KEEP_S = 3600  # the page has its own copies of results by then


@dataclass(frozen=True)
class Forming:
    """A conversion under way. share: how much is done, 0 to 1. picture: (height, width, 3) uint8, or None so far."""

    status: str
    share: float = 0.0
    picture: np.ndarray | None = None


@dataclass(frozen=True)
class Outcome:
    """A finished conversion. before, after: WAV files. The pictures are (height, width, 3) uint8."""

    before: Path
    after: Path
    spectrograms: np.ndarray
    decay: np.ndarray
    numbers: Account
    settings: Settings


class Studio:
    """The facade of the page. load_converter: task -> Converter, called once a task, when first needed. load_judge:
    to what hears T60, likewise."""

    def __init__(
        self,
        load_converter: Callable[[str], Converter],
        examples: Path,
        samplers: tuple[str, ...] = (Settings.sampler,),
        load_judge: Callable[[], Callable[[Tensor], float]] | None = None,
    ):
        self.samplers = samplers
        self.examples_folder = examples
        self.examples = read_examples(examples)
        self._load_converter = load_converter
        self._converters: dict[str, Converter] = {}
        self._hear_t60 = cache(load_judge) if load_judge else None
        self._loading = threading.Lock()
        # A forked ZeroGPU worker would inherit a lock that nobody there can release.
        self._busy = None if ON_ZERO_GPU else threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="mvsd-")
        self._stream = on_gpu(self._steps)

    def warm(self) -> None:
        """Import and load what the first visitor would otherwise wait for: what an example needs comes first."""
        from mvsd import account, figures  # noqa: F401

        parts = [self._hear_t60] if self._hear_t60 else []
        for load in (*parts, *(partial(self._converter, task) for task in (MATCH, DEREVERB))):
            with suppress(UserError):
                load()

    def convert(self, task: str, form: Form) -> Iterator[Forming | Outcome]:
        """Yield what the page shows as the sound forms, and the Outcome last. Closing the iterator stops the work.

        Raises UserError for anything the visitor can mend, before any model runs.
        """
        settings = checked(form, self.samplers).for_task(task)
        clip = self._open(task, form, settings)
        pictures, begun = None, time.monotonic()
        is_loaded = task in self._converters
        yield Forming("Getting ready" if is_loaded else "Loading the model, which the first run has to wait for")
        with closing(self._stream(task, clip, settings)) as steps:
            for event in steps:
                if isinstance(event, Conversion):
                    yield self._outcome(task, event)
                elif event is None:
                    begun = time.monotonic()
                    yield Forming("Waiting for the visitor before you")
                else:
                    pictures = pictures or _pictures(task, clip, event)
                    yield _forming(
                        event, time.monotonic() - begun, pictures.with_after(event.mel.float().cpu().numpy())
                    )

    def show(self, example: Example) -> Outcome:
        """The Outcome of an example, from its files: no model is needed."""
        import torch

        from mvsd.audio import SAMPLE_RATE, load, log_mel

        source, audio = load(example.speech), load(example.result)
        frames = max(len(source), len(audio))
        padded, audio = (torch.nn.functional.pad(x, (0, frames - len(x))) for x in (source, audio))
        mels = [log_mel(x[None])[0] for x in (padded, audio)]
        told = {
            "gain_db": 0.0,
            "system": "-",
            "checkpoint_sha256": "",
            "seconds": 0.0,
            "device": "cpu",
            **example.numbers,
        }
        settings = Settings(**{k: told[k] for k in ("steps", "sampler", "seed", "distance_m", "t60_s") if k in told})
        names = ("gain_db", "system", "checkpoint_sha256", "seconds", "device")
        known = {name: told[name] for name in names if name in told}
        known["read"] = Reading(**told["read"]) if "read" in told else None
        conversion = Conversion(padded, audio, SAMPLE_RATE, *mels, len(source), settings=settings, **known)
        return self._outcome(example.task, conversion)

    def look_at_speech(self, path: Path) -> None:
        """Raises UserError if no conversion could use this recording."""
        from mvsd.audio import load

        load(path)

    def look_at_photo(self, path: Path) -> None:
        from mvsd.vision import load_image

        load_image(path)

    def _open(self, task: str, form: Form, settings: Settings) -> Clip:
        if not form.speech:
            raise UserError("Add a speech clip: upload a file or record one.")
        if task == MATCH and not form.photo and settings.t60_s is None:
            raise UserError("Add a photo of the room, or give its T60 under Advanced.")
        from mvsd.converters import open_clip

        return open_clip(Path(form.speech), Path(form.photo) if form.photo else None)

    def _converter(self, task: str) -> Converter:
        with self._loading:
            if task not in self._converters:
                try:
                    self._converters[task] = self._load_converter(task)
                except UserError as error:  # told to whoever runs the page, not to its visitors
                    log.warning("No model for %s: %s", task, error)
                    raise UserError("The weights of this model are not installed here; the examples play.") from error
            return self._converters[task]

    def _steps(self, task: str, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion | None]:
        """The work itself, one conversion at a time. None: still waiting for another one to end."""
        converter = self._converter(task)
        while self._busy and not self._busy.acquire(timeout=0.5):  # in short waits, so that it can be cancelled
            yield None
        deadline = time.monotonic() + DEADLINE_S
        try:
            with closing(converter.stream(clip, settings)) as steps:
                for event in steps:
                    if time.monotonic() > deadline:
                        raise UserError(f"This took more than {DEADLINE_S} s. Use fewer steps or a shorter clip.")
                    yield event
        finally:
            if self._busy:
                self._busy.release()

    def _outcome(self, task: str, conversion: Conversion) -> Outcome:
        from mvsd import audio, figures
        from mvsd.account import account, curves

        folder = self._new_folder()
        before, after = folder / "speech-as-recorded.wav", folder / f"{task}-seed{conversion.settings.seed}.wav"
        audio.save(before, conversion.source[: conversion.speech_end], conversion.sample_rate)
        audio.save(after, conversion.audio, conversion.sample_rate)
        mel = conversion.mel.float().cpu().numpy()
        pictures = figures.spectrograms(conversion.source_mel.float().cpu().numpy(), mel.shape[1], TITLES[task])
        dry_is_after = task == DEREVERB
        decay = figures.decay_curves(curves(conversion, dry_is_after=dry_is_after), conversion.sample_rate)
        numbers = account(conversion, dry_is_after=dry_is_after, hear_t60=self._hear_t60 and self._hear_t60())
        return Outcome(before, after, pictures.with_after(mel), decay, numbers, conversion.settings)

    def _new_folder(self) -> Path:
        root = Path(self._folder.name)
        for old in root.iterdir():
            if time.time() - old.stat().st_mtime > KEEP_S:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=root))


def _pictures(task: str, clip: Clip, first: Progress) -> Any:
    from mvsd import audio, figures

    source_mel = audio.log_mel(clip.audio[None])[0].numpy()
    return figures.spectrograms(source_mel, first.mel.shape[1], TITLES[task])


def _forming(event: Progress, elapsed_s: float, picture: np.ndarray) -> Forming:
    left_s = elapsed_s / event.done * (event.total - event.done)
    left = f", about {left_s:.0f} s left" if left_s >= 1 else ""
    status = f"Step {event.done} of {event.total}{left}" if event.done < event.total else "Making the sound"
    return Forming(status, event.done / event.total, picture)
