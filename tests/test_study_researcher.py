"""The researcher area: off without a password, shut without the right one, silent about preferences."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from listeners import Clock, Listener, make_study, open_live
from starlette.testclient import TestClient
from test_study_label import GOOD, make_project

from mvsd.errors import UserError
from mvsd.study.label_store import open_project
from mvsd.study.labelling import LiveLabels
from mvsd.study.live import LiveStudy
from mvsd.study.password import hashed, matches
from mvsd.study.quality import by_cell, by_session, progress
from mvsd.study.shelf import Shelf
from mvsd.ui import researcher
from mvsd.ui.researcher import HOME, add_researcher_routes

PASSWORD = "open sesame, please"
PLACES = (HOME, "/researcher/rooms/results.csv", "/researcher/rooms/participants.csv", "/researcher/x/y")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveStudy:
    clock = Clock()
    live = open_live(make_study(tmp_path_factory.mktemp("studies") / "rooms"), clock)
    Listener(live, clock, pid="<script>alert(1)</script>").finish()
    Listener(live, clock, pid="=1+1").introduce()
    return live


@pytest.fixture
def client(live: LiveStudy, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(researcher, "WAIT_S", 0.0)
    app = FastAPI(openapi_url=None)
    add_researcher_routes(app, Shelf({"rooms": live}, {"old": "old is not frozen."}), hashed(PASSWORD))
    with TestClient(app) as client:
        yield client


def sign_in(client: TestClient) -> TestClient:
    assert client.post("/researcher/login", data={"password": PASSWORD}).status_code == 200
    return client


def test_a_password_matches_its_hash_alone():
    stored = hashed(PASSWORD)
    assert matches(PASSWORD, stored)
    assert not matches(PASSWORD + " ", stored)
    assert PASSWORD not in stored


def test_a_short_password_and_a_broken_hash_are_told():
    with pytest.raises(UserError, match="10 are the least"):
        hashed("short")
    with pytest.raises(UserError, match="no hash"):
        matches(PASSWORD, "plain text")


def test_without_a_password_there_is_no_area():
    app = FastAPI(openapi_url=None)
    add_researcher_routes(app, Shelf(), "")
    assert TestClient(app).get(HOME).status_code == 404


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cookie", ["", "guess", "=1+1; a=b"])
def test_nothing_is_shown_to_who_is_not_signed_in(client: TestClient, place: str, cookie: str):
    got = client.get(place, headers={"cookie": f"mvsd_researcher={cookie}"})
    assert got.status_code == 401
    assert "rooms" not in got.text


def test_a_wrong_password_opens_nothing(client: TestClient):
    got = client.post("/researcher/login", data={"password": "wrong"})
    assert got.status_code == 401
    assert "set-cookie" not in got.headers
    assert client.post("/researcher/login", content=b"x" * 10_000).status_code == 413


def test_the_cookie_is_for_this_site_and_no_script(client: TestClient):
    got = client.post("/researcher/login", data={"password": PASSWORD}, follow_redirects=False)
    told = got.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert "path=/researcher" in told


def test_the_page_shows_text_as_text_and_why_a_study_is_closed(client: TestClient):
    page = sign_in(client).get(HOME).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "old is not frozen." in page
    assert "What was preferred is told when the planned number is reached." in page


def test_downloads_are_whole_and_disarmed(client: TestClient):
    sign_in(client)
    got = client.get("/researcher/rooms/participants.csv")
    people = list(csv.DictReader(io.StringIO(got.text, newline="")))
    assert [row["participant_id"] for row in people] == ["<script>alert(1)</script>", "'=1+1"]
    assert "attachment" in got.headers["content-disposition"]
    results = list(csv.DictReader(io.StringIO(client.get("/researcher/rooms/results.csv").text, newline="")))
    assert len(results) == 7
    assert client.get("/researcher/rooms/results.json").json()["columns"]["rt_s"]["kind"] == "number"
    assert client.get("/researcher/rooms/study.yaml").status_code == 404


def test_the_analysis_is_to_be_had_once_the_planned_number_is_reached(client: TestClient, tmp_path: Path):
    assert sign_in(client).get("/researcher/rooms/analysis.zip").status_code == 404
    clock = Clock()
    complete = open_live(make_study(tmp_path / "rooms", stop={"listeners": 2}), clock)
    for _ in range(2):
        Listener(complete, clock, prefers_the_truth(complete)).finish()
    with zipfile.ZipFile(io.BytesIO(researcher.analysed(complete))) as packed:
        assert {"shares.csv", "summary.md", "intervals.png"} <= set(packed.namelist())
        assert "PRELIMINARY" not in packed.read("summary.md").decode()
    assert "analysis.zip" in researcher._study(complete)


def prefers_the_truth(live: LiveStudy) -> Callable[[dict], str]:
    """Passes the gold trials."""
    return lambda state: "right" if live.behind(state["trial"]).trial.right == live.study.truth else "left"


@pytest.fixture
def labels(tmp_path: Path) -> LiveLabels:
    """Two raters, one label each of the same clip."""
    live = LiveLabels(open_project(make_project(tmp_path / "faults")), tmp_path / "results")
    for rater in ("ann", "=1+1"):
        token = live.begin(rater)
        state = live.state(token)
        live.save(token, {"item": state["item"], "revision": 1, "values": GOOD, "input": "key"})
    return live


def test_label_projects_show_progress_and_agreement_and_can_be_downloaded(labels: LiveLabels):
    app = FastAPI(openapi_url=None)
    add_researcher_routes(app, Shelf(labels={"faults": labels}), hashed(PASSWORD))
    client = TestClient(app)
    assert client.get("/researcher/label/faults/export.csv").status_code == 401
    page = sign_in(client).get(HOME).text
    assert "<strong>2 of 6 labels</strong>" in page
    assert 'href="/label/faults/"' in page
    rows = list(csv.DictReader(io.StringIO(client.get("/researcher/label/faults/export.csv").text, newline="")))
    assert {row["rater"] for row in rows} == {"ann", "=1+1"}
    assert "'=1+1" in client.get("/researcher/label/faults/labels.csv").text
    agreed = csv.DictReader(io.StringIO(client.get("/researcher/label/faults/agreement.csv").text, newline=""))
    assert {row["field"] for row in agreed} == {"faults", "liveness", "tags", "rating"}
    assert client.get("/researcher/label/faults/label.yaml").status_code == 404


def test_quality_counts_cells_and_sides_but_no_preferences(live: LiveStudy):
    at = progress(live.study, live.sessions())
    assert (at.begun, at.finished, at.wanted, at.is_complete) == (2, 1, 4, False)
    cells = by_cell(live.study, live.sessions())
    assert [row["answers"] for row in cells] == ["1"] * 4
    assert sum(int(row["first on the left"]) for row in cells) == 2
    lines = by_session(live.study, live.sessions())
    assert lines[0]["left"] == "4 of 4"
    assert not {"zours", "secretrival"} & {value for line in lines for value in line.values()}


def test_a_torn_row_is_reported(live: LiveStudy, tmp_path: Path):
    folder = shutil.copytree(live.frozen.folder, tmp_path / "rooms")
    file = next((folder / "results").glob("judgements-*.csv"))
    file.write_bytes(file.read_bytes()[:-9])
    assert list(open_live(folder, Clock()).torn["judgements"]) == [file.name]
