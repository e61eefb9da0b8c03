"""Listeners who are programs: they take part over HTTP as a browser does, with a preference that is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from scipy.special import expit

from mvsd.errors import UserError
from mvsd.study.columns import GOLD, IDENTICAL, LEFT, RIGHT
from mvsd.study.judgement import Shown
from mvsd.study.simulate_answers import World, centre
from mvsd.study.spec import Study

Choose = Callable[[dict[str, Any]], str | int]  # the page's state -> response
ATTENTIVE = 0.95  # of gold trials are answered rightly
AGAIN_S = 0.1  # between two tries to reach the server


class Volunteer(threading.Thread):
    """Answers every trial after each clip was heard for heard_s, and tries again for as long as there is no server.

    sends: how often each answer is sent. acknowledged: numbers of the trials whose answer was saved.
    """

    def __init__(self, address: str, name: str, choose: Choose, heard_s: float, sends: int = 1):
        super().__init__(name=name, daemon=True)
        self.http = httpx.Client(base_url=address, timeout=20)
        self.choose, self.heard_s, self.sends = choose, heard_s, sends
        self.acknowledged: set[str] = set()
        self.stage, self.token = "", ""

    def ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                got = self.http.post(what, json=body, headers={"x-session": self.token})
                return got.json() | {"status": got.status_code}
            except httpx.TransportError:
                time.sleep(AGAIN_S)

    def run(self) -> None:
        version = self.http.get("welcome").json()["consent_version"]
        begun = self.ask("begin", {"consent_version": version, "participant": self.name})
        self.token = begun.get("token", "")
        state = self.ask("state", {}) if self.token else begun
        while state.get("stage") in ("questionnaire", "trial"):
            state = self._introduce(state) if state["stage"] == "questionnaire" else self._answer(state)
        self.stage = state.get("stage", "")

    def _introduce(self, state: dict[str, Any]) -> dict[str, Any]:
        return self.ask(
            "questionnaire", {question["id"]: question["choices"][0]["value"] for question in state["questions"]}
        )

    def _answer(self, state: dict[str, Any]) -> dict[str, Any]:
        try:
            for token in state["clips"].values():
                self.http.get(f"media/{token}").raise_for_status()
        except httpx.HTTPError:
            return self.ask("state", {})
        heard_s = max(self.heard_s, state["min_heard_s"])
        time.sleep(heard_s * len(state["clips"]) + 0.05)
        log = [[i * heard_s, slot, 0.0, heard_s, "switch"] for i, slot in enumerate(state["clips"])]
        answer = {"response": self.choose(state), "at_s": heard_s * len(log), "log": log}
        body = {"trial": state["trial"], "answer": answer | {"focus_lost": 0, "input": "key"}}
        replies = [self.ask("answer", body) for _ in range(self.sends)]
        if any(reply["status"] == httpx.codes.OK for reply in replies):
            self.acknowledged.add(str(state["number"]))
        return replies[-1] if replies[-1]["status"] == httpx.codes.OK else self.ask("state", {})


@dataclass
class Preferences:
    """What simulated listeners prefer: the first method of each pair, by world.share on average.

    behind: trial token -> what is shown, which only the server knows.
    """

    study: Study
    world: World
    behind: Callable[[str], Shown]
    seed: int
    items: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.study.form != "preference":
            raise UserError("Only studies of preference can be simulated. Choose one whose form is preference.")
        rng = np.random.default_rng(self.seed)
        self.items = {item.id: self.world.item_sd * rng.standard_normal() for item in self.study.items}

    def of(self, listener: int) -> Choose:
        """How one listener chooses."""
        rng = np.random.default_rng([self.seed, listener])
        own = centre(self.world) + self.world.listener_sd * rng.standard_normal()

        def choose(state: dict[str, Any]) -> str | int:
            shown = self.behind(state["trial"])
            if shown.pitch:
                return shown.pitch.tone_in
            if listener < self.world.always_left:
                return LEFT
            trial = shown.trial
            kind, item, methods = trial.id.split(":")
            first = methods.split("~")[0]
            chance = {GOLD: ATTENTIVE, IDENTICAL: 0.5}.get(kind, expit(own + self.items[item]))
            wanted_left = (trial.left == first) == (rng.random() < chance)
            return LEFT if wanted_left else RIGHT

        return choose


def take_part(
    address: str,
    study: Study,
    preferences: Preferences,
    listeners: int,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Volunteer]:
    """So many listeners at once, each hearing as much as the study asks; returns them when all are done."""
    heard_s = study.listening.min_heard_s
    volunteers = [Volunteer(address, f"simulated-{i}", preferences.of(i), heard_s) for i in range(listeners)]
    for volunteer in volunteers:
        volunteer.start()
    for done, volunteer in enumerate(volunteers, 1):
        volunteer.join()
        if on_step:
            on_step(done, listeners)
    return volunteers
