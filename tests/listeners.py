"""A frozen study of four rooms, and a listener who answers as a browser would: what the tests of studies need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile
import yaml
from PIL import Image

from mvsd.study.frozen import Manifest, Stimulus, freeze, open_frozen, sha256_of
from mvsd.study.judgement import Asker
from mvsd.study.live import LiveStudy

RATE, LENGTH_S = 8_000, 3.0
METHODS = ("zours", "secretrival", "truth", "dry", "live")
ASKER = Asker("0.1")
STUDY = {
    "title": "Rooms",
    "question": "Which of the two is most consistent with the room?",
    "consent": {"version": "1", "text": "I agree to take part.", "retention": "five years"},
    "questionnaire": [{"id": "hearing", "ask": "How is your hearing?", "choices": ["good", "not so good"]}],
    "methods": {name: {"label": name.title()} for name in METHODS},
    "truth": "truth",
    "compare": [["zours", "secretrival"]],
    "items": [
        {"id": f"room{i}", "picture": "p", "reference": "r", "clips": dict.fromkeys(METHODS, "c")} for i in range(5)
    ],
    "trials": {
        "per_session": 4,
        "practice": ["room4"],
        "per_block": 4,
        "gold": [
            {"item": "room0", "wrong": "dry", "fault": "too dry"},
            {"item": "room1", "wrong": "live", "fault": "too live"},
        ],
    },
    "stop": {"listeners": 4},
}


def make_study(folder: Path, **changes) -> Path:
    """A study of noise, frozen. changes: entries of study.yaml."""
    (folder / "stimuli").mkdir(parents=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY | changes, sort_keys=False), encoding="utf-8")
    rng = np.random.default_rng(0)
    items = [item["id"] for item in (STUDY | changes)["items"]]
    clips = {item: {m: _clip(folder, rng) for m in METHODS} for item in items}
    references = {item: clips[item]["truth"] for item in items}
    Manifest(RATE, clips, references, {item: _picture(folder, rng) for item in items}).write(folder)
    freeze(folder, "0.1", datetime(2026, 1, 1, tzinfo=UTC))
    return folder


def _clip(folder: Path, rng: np.random.Generator) -> Stimulus:
    file = f"{rng.bytes(6).hex()}.flac"
    samples = rng.integers(-3000, 3000, int(RATE * LENGTH_S), dtype=np.int16)
    soundfile.write(folder / "stimuli" / file, samples, RATE, subtype="PCM_16")
    return Stimulus(file, sha256_of((folder / "stimuli" / file).read_bytes()), 1.5, "ab" * 32, "7", "s", "{}", LENGTH_S)


def _picture(folder: Path, rng: np.random.Generator) -> Stimulus:
    file = f"{rng.bytes(6).hex()}.jpg"
    Image.fromarray(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(folder / "stimuli" / file)
    return Stimulus(file, sha256_of((folder / "stimuli" / file).read_bytes()))


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def open_live(folder: Path, clock: Clock) -> LiveStudy:
    return LiveStudy(open_frozen(folder), folder / "results", ASKER, clock)


def heard_all(state: dict) -> dict:
    """What a browser sends after each clip was heard once."""
    seconds = max(LENGTH_S, state["min_heard_s"])
    slots = list(state["clips"])
    log = [[i * seconds, slot, 0.0, seconds, "play" if i == 0 else "switch"] for i, slot in enumerate(slots)]
    return {"at_s": len(slots) * seconds, "log": log, "focus_lost": 0, "input": "key"}


class Listener:
    """choose: state of the page -> response."""

    def __init__(
        self, live: LiveStudy, clock: Clock, choose: Callable[[dict], str] = lambda state: "left", pid: str = ""
    ):
        self.live, self.clock, self.choose = live, clock, choose
        self.token = live.begin("1", pid, "en", "Mozilla/5.0 (X11; Linux) Gecko Firefox/140.0")
        self.state = live.state(self.token)

    def introduce(self) -> None:
        self.state = self.live.answer_questionnaire(self.token, {"hearing": "good"})

    def fetch(self) -> None:
        for token in self.state["clips"].values():
            self.live.media(token)

    def answer(self, **changes) -> dict:
        self.fetch()
        self.clock.wait(len(self.state["clips"]) * max(LENGTH_S, self.state["min_heard_s"]))
        given = heard_all(self.state) | {"response": self.choose(self.state)} | changes
        self.state = self.live.answer(self.token, self.state["trial"], given)
        return self.state

    def finish(self) -> None:
        if self.state["stage"] == "questionnaire":
            self.introduce()
        while self.state["stage"] == "trial":
            self.answer()
