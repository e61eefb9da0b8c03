"""What commands share: options, the line that shows progress, and where talk goes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

Speech = Annotated[Path, typer.Option(help="Recording: 0.3 to 60 s, any rate, WAV, FLAC, MP3 or OGG.")]
Out = Annotated[Path, typer.Option(help="WAV file to write.")]
Distance = Annotated[float | None, typer.Option(help="Talker to listener in metres; unknown if not given.")]
T60 = Annotated[float | None, typer.Option(help="Reverberation time of the room in seconds, if known.")]
Steps = Annotated[int | None, typer.Option(help="Network evaluations; what measures best if not given.")]
Sampler = Annotated[str, typer.Option(help="dpm++, ddim, ddpm or from-source.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same sound.")]
System = Annotated[str, typer.Option(help="Which system converts; an unknown name lists them.")]
Weights = Annotated[str | None, typer.Option(help="Folder or Hub id of the weights; the shipped ones if not given.")]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def loading(what: str) -> None:
    """Say what takes the seconds before the first sign of progress."""
    say(f"loading {what} ...")


class Bar:
    """A line on stderr that is written anew, a few times a second."""

    def __init__(self, unit: str):
        self.unit, self.begin, self.last = unit, time.monotonic(), 0.0
        self.had = 0  # done before we began: a resumed run does not start at 0
        self.done: int | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self.done is None or done < self.done:  # the first of all, or of the next stage
            self.had, self.begin = done, now
        self.done = done
        if now - self.last < 0.2 and done != total:
            return
        self.last = now
        left = ""
        if total and done > self.had:
            left = f", {(now - self.begin) / (done - self.had) * (total - done):.0f} s left"
        print(f"\r{self.unit} {done} of {total or '?'}{left}    ", end="\n" if done == total else "", file=sys.stderr)
