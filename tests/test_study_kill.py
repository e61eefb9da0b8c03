"""Volunteers at once over real HTTP, the server killed under them: what it acknowledged is there, and they go on."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from listeners import make_study

from mvsd.study.results import judgements
from mvsd.study.spec import read_study

LISTENERS, KILLS = 6, 2
SERVER = """
import sys, uvicorn
from pathlib import Path
from fastapi import FastAPI
from mvsd.study.judgement import Asker
from mvsd.study.shelf import open_shelf
from mvsd.ui.study_routes import add_study_routes
app = FastAPI(openapi_url=None)
add_study_routes(app, open_shelf(Path(sys.argv[1]), Asker("0.1")))
uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
"""


class Volunteer(threading.Thread):
    """Answers every trial, sends each answer twice, and tries again for as long as there is no server."""

    def __init__(self, address: str, name: str):
        super().__init__(name=name, daemon=True)
        self.http = httpx.Client(base_url=address, timeout=20)
        self.acknowledged: set[str] = set()  # numbers of trials
        self.stage = ""
        self.token = ""

    def ask(self, what: str, body: dict) -> dict:
        while True:
            try:
                got = self.http.post(what, json=body, headers={"x-session": self.token})
                return got.json() | {"status": got.status_code}
            except httpx.TransportError:
                time.sleep(0.1)

    def run(self) -> None:
        self.token = self.ask("begin", {"consent_version": "1", "participant": self.name})["token"]
        state = self.ask("questionnaire", {"hearing": "good"})
        while state["stage"] != "done":
            state = self.answer(state)
        self.stage = state["stage"]

    def answer(self, state: dict) -> dict:
        try:
            for token in state["clips"].values():
                self.http.get(f"media/{token}").raise_for_status()
        except httpx.HTTPError:
            return self.ask("state", {})
        begun = time.monotonic()
        time.sleep(0.05)
        heard_s = (time.monotonic() - begun) / 3
        log = [[i * heard_s, slot, 0.0, heard_s, "switch"] for i, slot in enumerate(state["clips"])]
        answer = {"response": "left", "at_s": 0.05, "log": log, "focus_lost": 0, "input": "key"}
        body = {"trial": state["trial"], "answer": answer}
        first = self.ask("answer", body)
        if first["status"] == 200:
            self.acknowledged.add(str(state["number"]))
        again = self.ask("answer", body)
        return again if again["status"] == 200 else self.ask("state", {})


def serve(studies: Path, port: int) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(studies), str(port)])
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/study/list", timeout=5)
            return process
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("The server did not start.")


@pytest.mark.kill
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path):
    gold = {"per_session": 4, "per_block": 4, "repeat": 2}
    make_study(tmp_path / "rooms", listening={"min_heard_s": 0.0}, stop={"listeners": LISTENERS}, trials=gold)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve(tmp_path, port)
    volunteers = [Volunteer(f"http://127.0.0.1:{port}/study/rooms/", f"v{i}") for i in range(LISTENERS)]
    for volunteer in volunteers:
        volunteer.start()
    for kill in range(KILLS):
        while sum(len(v.acknowledged) for v in volunteers) < 6 * (kill + 1):
            time.sleep(0.01)
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = serve(tmp_path, port)
    for volunteer in volunteers:
        volunteer.join(120)
    server.terminate()
    server.wait()
    rows = judgements(read_study(tmp_path / "rooms"), tmp_path / "rooms" / "results")
    assert {v.stage for v in volunteers} == {"done"}
    assert len(rows) == LISTENERS * 6
    assert len({(row["session_id"], row["trial_id"]) for row in rows}) == len(rows)
    for volunteer in volunteers:
        there = {row["trial_index"] for row in rows if row["participant_id"] == volunteer.name}
        assert volunteer.acknowledged <= there
