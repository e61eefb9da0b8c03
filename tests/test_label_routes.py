"""Label projects over HTTP: what is forged or hostile is refused or stays text."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient
from test_study_label import GOOD, live, make_project

from mvsd.study.label_store import all_rows
from mvsd.study.shelf import Shelf
from mvsd.ui.label_routes import add_label_routes


def test_over_http_names_stay_here_and_forged_tokens_open_nothing(tmp_path: Path):
    labels = live(make_project(tmp_path / "faults"))
    app = FastAPI(openapi_url=None)
    add_label_routes(app, Shelf(labels={"faults": labels}))
    client = TestClient(app)
    assert client.post("/label/faults/begin", json={"rater": " "}).status_code == 422
    assert client.post("/label/faults/begin", json={"rater": "x" * 100_000}).status_code == 422
    token = client.post("/label/faults/begin", json={"rater": "<b>\u202e=1+1"}).json()["token"]
    answer = client.post("/label/faults/state", headers={"x-session": token})
    state = answer.json()
    assert "clip-" not in answer.text
    assert client.get(f"/label/faults/media/{state['media']['clip']}").content[:4] == b"RIFF"
    assert client.get("/label/faults/media/..%2f0.wav").status_code == 404
    body = {"item": state["item"], "revision": state["revision"], "values": GOOD, "input": ["<b>"]}
    assert client.post("/label/faults/save", json=body, headers={"x-session": "forged"}).status_code == 404
    assert client.post("/label/faults/save", content=b"[" * 600_000).status_code == 413
    assert client.post("/label/faults/save", json=body, headers={"x-session": token}).json()["done"] == 1
    assert client.post("/label/faults/save", json=body, headers={"x-session": token}).json()["done"] == 1
    (row,) = all_rows(labels.results)
    assert (row["rater"], row["input"]) == ("<b>\u202e=1+1", "")


def test_half_a_surrogate_pair_in_a_name_breaks_no_page(tmp_path: Path):
    labels = live(make_project(tmp_path / "faults"))
    app = FastAPI(openapi_url=None)
    add_label_routes(app, Shelf(labels={"faults": labels}))
    client = TestClient(app)
    begun = client.post("/label/faults/begin", content=b'{"rater": "a\\ud800b"}')
    token = begun.json()["token"]
    assert client.post("/label/faults/state", headers={"x-session": token}).status_code == 200
