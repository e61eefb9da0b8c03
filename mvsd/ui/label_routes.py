"""Label projects over HTTP: what the page of a rater asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from mvsd.study.labelling import LiveLabels
from mvsd.study.media import WAV, read_samples, wav
from mvsd.study.refusals import UnknownError
from mvsd.study.shelf import Shelf
from mvsd.study.spectrogram import spectrogram_png
from mvsd.ui.answers import PRIVATE, body, failure, told
from mvsd.ui.study_routes import PAGE


def add_label_routes(app: FastAPI | APIRouter, shelf: Shelf) -> None:
    """All that is under /label/."""
    posts: dict[str, Callable[[LiveLabels, str, dict[str, Any]], Any]] = {
        "begin": lambda live, token, sent: {
            "token": live.begin(*(str(sent.get(key, "")) for key in ("rater", "language")))
        },
        "state": lambda live, token, sent: live.state(token),
        "save": lambda live, token, sent: live.save(token, sent),
        "undo": lambda live, token, sent: live.undo(token),
    }

    async def post(request: Request) -> Response:
        sent = await body(request)
        if sent is None:
            return failure("This is more than a label can be, or cannot be read.", "user", 413)
        work, token = posts.get(request.path_params["what"]), request.headers.get("x-session", "")
        if work is None:
            return failure("There is nothing here.", "unknown", 404)
        return await run_in_threadpool(told, lambda: work(_live(shelf, request), token, sent))

    def listed(request: Request) -> Response:
        projects = [{"id": id, "title": live.welcome()["title"]} for id, live in shelf.labels.items()]
        return JSONResponse(projects, headers=PRIVATE)

    def welcome(request: Request) -> Response:
        return told(lambda: _live(shelf, request).welcome(request.query_params.get("language", "")))

    def page(request: Request) -> Response:
        text = PAGE.substitute(title="Label recordings", script="labelling.js", start="labelling")
        return HTMLResponse(text, headers=PRIVATE)

    def media(request: Request) -> Response:
        try:
            kind, clip = _live(shelf, request).media(request.path_params["token"])
        except UnknownError as error:
            return failure(str(error), "unknown", 404)
        if kind == "picture":
            return FileResponse(clip.picture, headers=PRIVATE)
        if kind == "clip":
            return Response(wav(*read_samples(clip.path)), media_type=WAV, headers=PRIVATE)
        return Response(spectrogram_png(clip.path), media_type="image/png", headers=PRIVATE)

    app.add_route("/label/list", listed)
    app.add_route("/label/{project}/", page)
    app.add_route("/label/{project}/welcome", welcome)
    app.add_route("/label/{project}/media/{token}", media)
    app.add_route("/label/{project}/{what}", post, methods=["POST"])


def _live(shelf: Shelf, request: Request) -> LiveLabels:
    live = shelf.labels.get(request.path_params["project"])
    if live is None:
        raise UnknownError("This label project is not open. Check the link, or ask whoever sent it.")
    return live
