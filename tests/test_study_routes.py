"""Studies over HTTP: nothing leaks, nothing forged is taken, nothing is lost by repeating."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from listeners import ASKER, LENGTH_S, METHODS, RATE, Clock, heard_all, make_study
from starlette.requests import Request
from starlette.testclient import TestClient

from mvsd.study.live import LiveStudy
from mvsd.study.results import judgements
from mvsd.study.shelf import Shelf, open_shelf
from mvsd.ui.answers import body
from mvsd.ui.study_routes import add_study_routes

ADDRESS = "/study/rooms"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> LiveStudy:
    studies = make_study(tmp_path_factory.mktemp("studies") / "rooms", stop={"listeners": 500}).parent
    live = open_shelf(studies, ASKER).running["rooms"]
    live._clock = clock
    return live


@pytest.fixture(scope="module")
def client(live: LiveStudy) -> Iterator[TestClient]:
    app = FastAPI(openapi_url=None)
    add_study_routes(app, Shelf({"rooms": live}))
    with TestClient(app) as client:
        yield client


def begin(client: TestClient, participant: str = "") -> dict[str, str]:
    """Headers of a new session that has filled in the questionnaire."""
    begun = client.post(f"{ADDRESS}/begin", json={"consent_version": "1", "participant": participant})
    headers = {"x-session": begun.json()["token"]}
    client.post(f"{ADDRESS}/questionnaire", json={"hearing": "good"}, headers=headers)
    return headers


def answered(state: dict, clock: Clock, client: TestClient) -> dict:
    for token in state["clips"].values():
        assert client.get(f"{ADDRESS}/media/{token}").status_code == 200
    clock.wait(len(state["clips"]) * LENGTH_S)
    return {"trial": state["trial"], "answer": heard_all(state) | {"response": "left"}}


def test_a_session_runs_over_http_and_nothing_names_a_method(client: TestClient, live: LiveStudy, clock: Clock):
    headers = begin(client)
    seen = [client.get("/study/list"), client.get(f"{ADDRESS}/welcome"), client.get(f"{ADDRESS}/")]
    seen += [client.get(f"/study/assets/{name}") for name in ("take_part.js", "trial.js", "desk.js", "words/de.json")]
    state = client.post(f"{ADDRESS}/state", json={}, headers=headers).json()
    while state["stage"] == "trial":
        media = [*state["clips"].values(), state["picture"]]
        seen += [client.get(f"{ADDRESS}/media/{token}") for token in media]
        sizes = {len(client.get(f"{ADDRESS}/media/{token}").content) for token in state["clips"].values()}
        assert len(sizes) == 1
        seen.append(client.post(f"{ADDRESS}/answer", json=answered(state, clock, client), headers=headers))
        state = seen[-1].json()
    sent = b"".join(str(r.headers).encode() + r.content for r in seen if r.headers["content-type"] != "image/jpeg")
    stimuli = [s for clips in live.frozen.manifest.clips.values() for s in clips.values()]
    secret = [*METHODS[:2], "gold", "identical", "too dry", "room0:", ".flac"]
    secret += (
        [s.file.split(".")[0] for s in stimuli]
        + [s.sha256[:8] for s in stimuli]
        + [s.checkpoint_sha256 for s in stimuli]
    )
    found = [word for word in secret if word.encode() in sent]
    assert found == []
    assert all(
        "etag" not in r.headers and "content-disposition" not in r.headers for r in seen if "/media/" in str(r.url)
    )


def test_a_clip_is_a_bare_wav(client: TestClient):
    state = client.post(f"{ADDRESS}/state", json={}, headers=begin(client)).json()
    got = client.get(f"{ADDRESS}/media/{state['clips']['left']}")
    assert got.headers["content-type"] == "audio/wav"
    assert got.headers["cache-control"] == "no-store"
    assert len(got.content) == 44 + 2 * RATE * LENGTH_S
    assert soundfile.info(io.BytesIO(got.content)).subtype == "PCM_16"


def test_a_repeated_answer_counts_once(client: TestClient, live: LiveStudy, clock: Clock):
    headers = begin(client, "twice")
    state = client.post(f"{ADDRESS}/state", json={}, headers=headers).json()
    given = answered(state, clock, client)
    replies = [client.post(f"{ADDRESS}/answer", json=given, headers=headers) for _ in range(3)]
    assert [(r.status_code, r.json()["number"]) for r in replies] == [(200, 2)] * 3
    assert len([row for row in judgements(live.study, live.results) if row["participant_id"] == "twice"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        f"{ADDRESS}/media/..%2f..%2fstudy.yaml",
        f"{ADDRESS}/media/../../../etc/passwd",
        f"{ADDRESS}/media/%00",
        "/study/assets/..%2fpage.py",
        "/study/assets/%2e%2e%2fserver.py",
        "/study/assets/page.html",
        "/study/rooms/results/results.csv",
        "/study/..%2frooms/welcome",
        "/study/other/welcome",
    ],
)
def test_paths_lead_nowhere(client: TestClient, path: str):
    assert client.get(path).status_code in (404, 405)


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "é\u202e", "null", "' OR 1=1"])
def test_forged_tokens_open_nothing(client: TestClient, token: str):
    got = client.post(f"{ADDRESS}/state", json={}, headers={"x-session": token.encode()})
    assert got.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"[]", 413), (b"{", 413), (b"\xff", 413), (b"[" * 100_000, 413), (b'"' + b"x" * 10**6 + b'"', 413)],
)
def test_no_body_breaks_it(client: TestClient, body: bytes, status: int):
    assert client.post(f"{ADDRESS}/begin", content=body).status_code == status


def test_a_connection_that_drops_is_no_answer():
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    assert asyncio.run(body(Request({"type": "http", "method": "POST", "headers": []}, receive))) is None


@pytest.mark.parametrize("trial", [None, 7, "x", {"a": 1}])
def test_a_forged_trial_is_out_of_date(client: TestClient, trial: object):
    got = client.post(f"{ADDRESS}/answer", json={"trial": trial, "answer": {}}, headers=begin(client))
    assert (got.status_code, got.json()["kind"]) == (409, "stale")


def test_half_a_surrogate_pair_is_no_token(client: TestClient):
    got = client.post(f"{ADDRESS}/answer", content=b'{"trial": "\\ud800", "answer": {}}', headers=begin(client, "x"))
    assert got.json()["kind"] == "stale"


def test_a_study_that_was_touched_is_closed_with_its_reason(tmp_path: Path):
    folder = make_study(tmp_path / "rooms")
    (folder / "study.yaml").write_text((folder / "study.yaml").read_text().replace("Rooms", "Rooms!"))
    shelf = open_shelf(tmp_path, ASKER)
    assert shelf.running == {}
    assert "study.yaml has changed" in shelf.closed["rooms"]


def test_a_disk_that_forgets_opens_no_study(tmp_path: Path):
    make_study(tmp_path / "rooms")
    shelf = open_shelf(tmp_path, ASKER, forgets=True)
    assert "lost at a restart" in shelf.closed["rooms"]
