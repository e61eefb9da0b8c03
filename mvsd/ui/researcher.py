"""The researchers' pages: behind a password, plain HTML, off unless a password is set."""

from __future__ import annotations

import io
import secrets
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mvsd.study.columns import DICTIONARY
from mvsd.study.journal import Row
from mvsd.study.live import LiveStudy
from mvsd.study.parts import words
from mvsd.study.password import matches
from mvsd.study.quality import by_cell, by_session, progress
from mvsd.study.results import download, participants, write_results
from mvsd.study.shelf import Shelf
from mvsd.study.table_files import dictionary_json
from mvsd.ui.researcher_labels import label_files, label_section

HOME, COOKIE = "/researcher/studies", "mvsd_researcher"
SIGNED_IN_S = 12 * 3600
WAIT_S = 2.0  # after a wrong password, for everybody: guesses come one at a time
LONGEST_FORM = 4096  # bytes
KINDS = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".zip": "application/zip",
}
PRIVATE = {"Cache-Control": "no-store"}
FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Researchers</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><style>
body{{margin:0 auto;max-width:1100px;padding:16px;background:#faf9f6;color:#26221f;
font:16px/1.5 ui-sans-serif,system-ui,sans-serif}}
table{{border-collapse:collapse;display:block;overflow-x:auto;font-size:14px}}
th,td{{border:1px solid #e4e0d8;padding:.3em .6em;text-align:left;white-space:nowrap}}
input,button{{font:inherit;min-height:44px;padding:.3em 1em}}
</style></head><body>{body}</body></html>"""
LOGIN = """<h1>Researchers</h1><form method="post" action="/researcher/login">
<label>Password <input type="password" name="password" autocomplete="current-password" autofocus></label>
<button>Sign in</button></form><p role="alert">{said}</p>"""


class Door:
    """Who is signed in. stored: the password's hash."""

    def __init__(self, stored: str):
        self._stored = stored
        self._open: dict[str, float] = {}  # cookie -> when it ends
        self._guessing = threading.Lock()

    def sign_in(self, password: str) -> str | None:
        with self._guessing:
            if not matches(password, self._stored):
                time.sleep(WAIT_S)
                return None
        token = secrets.token_urlsafe(24)
        self._open[token] = time.monotonic() + SIGNED_IN_S
        return token

    def lets_in(self, request: Request) -> bool:
        return time.monotonic() < self._open.get(request.cookies.get(COOKIE, ""), 0.0)


def add_researcher_routes(app: FastAPI | APIRouter, shelf: Shelf, stored: str) -> None:
    """stored: MVSD_RESEARCHER_HASH; without one there is no researcher area."""
    if not stored:
        return
    door = Door(stored)

    def guarded(page: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def serve(request: Request) -> Response:
            return page(request) if door.lets_in(request) else _page(LOGIN.format(said=""), 401)

        return serve

    async def login(request: Request) -> Response:
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > LONGEST_FORM:
                return _page(LOGIN.format(said="This is no password."), 413)
        password = parse_qs(data.decode("utf-8", "replace")).get("password", [""])[0]
        token = await run_in_threadpool(door.sign_in, password)
        if token is None:
            return _page(LOGIN.format(said="This is not the password. Try again."), 401)
        answer = RedirectResponse(HOME, 303, PRIVATE)
        is_https = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        answer.set_cookie(
            COOKIE, token, SIGNED_IN_S, path="/researcher", secure=is_https, httponly=True, samesite="strict"
        )
        return answer

    def studies(request: Request) -> Response:
        parts = [_study(live) for live in shelf.running.values()]
        parts += [label_section(live, html_table) for live in shelf.labels.values()]
        return _page("<h1>Studies and labels</h1>" + _kept(shelf) + "".join(parts) + _closed(shelf))

    def table(request: Request) -> Response:
        live = shelf.running.get(request.path_params["study"])
        return _download({} if live is None else _files(live), **request.path_params)

    def labels(request: Request) -> Response:
        live = shelf.labels.get(request.path_params["study"])
        return _download({} if live is None else label_files(live), **request.path_params)

    app.add_route(HOME, guarded(studies))
    app.add_route("/researcher/login", login, methods=["POST"])
    app.add_route("/researcher/label/{study}/{name}", guarded(labels))
    app.add_route("/researcher/{study}/{name}", guarded(table))


def _download(files: dict[str, Callable[[], str | bytes]], study: str, name: str) -> Response:
    if name not in files:
        return _page("<p>There is nothing here.</p>", 404)
    shown = PRIVATE | {"Content-Disposition": f'attachment; filename="{study}-{name}"'}
    return Response(files[name](), media_type=KINDS[Path(name).suffix], headers=shown)


def _files(live: LiveStudy) -> dict[str, Callable[[], str | bytes]]:
    people = lambda: participants(live.study, live.results)[1]  # noqa: E731
    is_complete = progress(live.study, live.sessions()).is_complete
    return ({"analysis.zip": lambda: analysed(live)} if is_complete else {}) | {
        "results.csv": lambda: download(live.study, live.results, "results"),
        "results.json": lambda: dictionary_json(DICTIONARY),
        "participants.csv": lambda: download(live.study, live.results, "participants"),
        "participants.json": lambda: dictionary_json(people()),
    }


def analysed(live: LiveStudy) -> bytes:
    """Every table and figure of the answers so far, as a ZIP."""
    from mvsd.study.analysis import write_analysis  # loads statsmodels and matplotlib
    from mvsd.study.answers import read_results

    packed = io.BytesIO()
    results = read_results(write_results(live.study, live.results))
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in write_analysis(results, live.study, Path(folder)):
            file.write(path, path.name)
    return packed.getvalue()


def _study(live: LiveStudy) -> str:
    sessions = live.sessions()
    at = progress(live.study, sessions)
    reasons = ", ".join(f"{count} by {reason}" for reason, count in at.reasons.items()) or "none"
    torn = [name for files in live.torn.values() for name in files]
    lines = [
        f"<p><strong>{at.valid} of {at.wanted} valid sessions</strong>; {at.finished} finished, {at.begun} begun. "
        f"Excluded from the screened result: {escape(reasons)}.</p>",
        f'<p>Invitation: <a href="/study/{live.frozen.id}/">/study/{live.frozen.id}/</a>, with '
        f"<code>?{escape(live.study.participant_parameter)}=ID</code> if listeners have one.</p>",
        "" if at.is_complete else "<p>What was preferred is told when the planned number is reached.</p>",
        f"<p>Rows cut short by a crash, set aside: {escape(', '.join(torn))}.</p>" if torn else "",
        "<p>"
        + " · ".join(f'<a href="/researcher/{live.frozen.id}/{name}">{name}</a>' for name in _files(live))
        + "</p>",
        "<h3>Sessions</h3>" + html_table(by_session(live.study, sessions)),
        "<h3>Answers by cell</h3>" + html_table(by_cell(live.study, sessions)),
    ]
    title = escape(words(live.study.title, ""))
    return f"<h2>{title} <small>{live.frozen.id}, {live.frozen.sha256[:12]}</small></h2>" + "".join(lines)


def _kept(shelf: Shelf) -> str:
    return f"<p>{escape(told)}</p>" if (told := shelf.kept()) else ""


def _closed(shelf: Shelf) -> str:
    if not shelf.closed:
        return ""
    return "<h2>Not open</h2>" + html_table([{"study": id, "reason": why} for id, why in shelf.closed.items()])


def html_table(rows: list[Row]) -> str:
    """Rows of text as a table; whatever they hold, it stays text."""
    if not rows:
        return "<p>None yet.</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(body: str, status: int = 200) -> Response:
    return HTMLResponse(FRAME.format(body=body), status, PRIVATE)
