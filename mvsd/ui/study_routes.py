"""Listening studies over HTTP: what the page of a listener asks for. Beside gradio, whose queue they do not use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from mvsd.study.live import LiveStudy
from mvsd.study.media import media_of
from mvsd.study.parts import words
from mvsd.study.refusals import UnknownError
from mvsd.study.shelf import Shelf
from mvsd.ui.answers import PRIVATE, body, failure, told

ASSETS = Path(__file__).parent / "study"
TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
PAGE = Template((ASSETS / "page.html").read_text(encoding="utf-8"))  # of an invitation, to a study or to labelling


def add_study_routes(app: FastAPI | APIRouter, shelf: Shelf) -> None:
    """All that is under /study/."""
    posts: dict[str, Callable[[LiveStudy, str, dict[str, Any], Request], Any]] = {
        "begin": _begin,
        "state": lambda live, token, body, request: live.state(token),
        "questionnaire": lambda live, token, body, request: live.answer_questionnaire(token, body),
        "answer": lambda live, token, body, request: live.answer(token, str(body.get("trial")), body.get("answer")),
        "withdraw": lambda live, token, body, request: live.withdraw(str(body.get("code"))),
    }

    async def post(request: Request) -> Response:
        sent = await body(request)
        if sent is None:
            return failure("This is more than an answer can be, or cannot be read.", "user", 413)
        work = posts.get(request.path_params["what"], _nothing)
        token = request.headers.get("x-session", "")
        return await run_in_threadpool(told, lambda: work(_live(shelf, request), token, sent, request))

    def listed(request: Request) -> Response:
        studies = [{"id": id, "title": words(live.study.title, "")} for id, live in shelf.running.items()]
        return JSONResponse(studies, headers=PRIVATE)

    def welcome(request: Request) -> Response:
        return told(lambda: _live(shelf, request).welcome(request.query_params.get("language", "")))

    def media(request: Request) -> Response:
        try:
            live = _live(shelf, request)
            token = request.path_params["token"]
            content, kind = media_of(live.frozen, live.media(token), token)
        except UnknownError as error:
            return failure(str(error), "unknown", 404)
        return Response(content, media_type=kind, headers=PRIVATE)

    def page(request: Request) -> Response:
        text = PAGE.substitute(title="Listening study", script="take_part.js", start="takePart")
        return HTMLResponse(text, headers=PRIVATE)

    app.add_route("/study/list", listed)
    app.add_route("/study/assets/{name}", lambda request: _asset(ASSETS, request))
    app.add_route("/study/assets/words/{name}", lambda request: _asset(ASSETS / "words", request))
    app.add_route("/study/{study}/", page)
    app.add_route("/study/{study}/welcome", welcome)
    app.add_route("/study/{study}/media/{token}", media)
    app.add_route("/study/{study}/{what}", post, methods=["POST"])


def _asset(folder: Path, request: Request) -> Response:
    file = folder / Path(request.path_params["name"]).name
    if file.suffix not in TYPES or not file.is_file():
        return failure("There is nothing here.", "unknown", 404)
    return FileResponse(file, media_type=TYPES[file.suffix], headers={"Cache-Control": "no-cache"})


def _begin(live: LiveStudy, token: str, body: dict[str, Any], request: Request) -> dict[str, str]:
    given = [str(body.get(key, "")) for key in ("consent_version", "participant", "language")]
    return {"token": live.begin(*given, request.headers.get("user-agent", ""))}


def _nothing(*_: Any) -> None:
    raise UnknownError("There is nothing here.")


def _live(shelf: Shelf, request: Request) -> LiveStudy:
    live = shelf.running.get(request.path_params["study"])
    if live is None:
        raise UnknownError("This study is not open. Check the link, or ask whoever sent it.")
    return live
