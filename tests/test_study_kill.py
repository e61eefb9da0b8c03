"""Volunteers at once over real HTTP, the server killed under them: what it acknowledged is there, and they go on."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from listeners import make_study

from mvsd.study.results import judgements
from mvsd.study.spec import read_study
from mvsd.study.volunteers import Volunteer

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


def serve(studies: Path, port: int) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(studies), str(port)])
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/study/list", timeout=5)
            return process
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("The server did not start.")


@pytest.mark.whole
@pytest.mark.kill
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path):
    gold = {"per_session": 4, "per_block": 4, "repeat": 2}
    make_study(tmp_path / "rooms", listening={"min_heard_s": 0.0}, stop={"listeners": LISTENERS}, trials=gold)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve(tmp_path, port)
    address = f"http://127.0.0.1:{port}/study/rooms/"
    volunteers = [Volunteer(address, f"v{i}", lambda state: "left", 0.01, sends=2) for i in range(LISTENERS)]
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
