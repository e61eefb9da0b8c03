"""Start the page, closed where it need not be open."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import gradio as gr
from fastapi import APIRouter
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mvsd.gpu import ON_ZERO_GPU
from mvsd.session import Studio
from mvsd.study.shelf import Shelf
from mvsd.ui.label_routes import add_label_routes
from mvsd.ui.page import build
from mvsd.ui.researcher import add_researcher_routes
from mvsd.ui.study_routes import add_study_routes
from mvsd.ui.theme import THEME

HERE = Path(__file__).parent
# gradio evaluates templates, hence 'unsafe-eval'; the hub shows a Space in a frame.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob: data:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; frame-ancestors 'self' https://huggingface.co https://*.hf.space; object-src 'none'; "
    "base-uri 'self'"
)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", POLICY.encode()),
]


class SecurityHeaders:
    """Plain ASGI, so that event streams are not held back."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self.app(scope, receive, add if scope["type"] == "http" else send)


def launch(studio: Studio, port: int | None = None, shelf: Shelf = Shelf()) -> gr.Blocks:
    """Serve the page in the background and return it. port: None takes GRADIO_SERVER_PORT, else the first free one."""
    own = APIRouter()
    add_study_routes(own, shelf)
    add_label_routes(own, shelf)
    add_researcher_routes(own, shelf, os.getenv("MVSD_RESEARCHER_HASH", ""))
    page = build(studio)
    page.queue(max_size=32, api_open=False)
    page.launch(
        server_port=port,
        prevent_thread_lock=True,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size="40mb",
        allowed_paths=[str(studio.examples_folder)],
        blocked_paths=[
            *(str(live.frozen.folder) for live in shelf.running.values()),
            *(str(live.opened.folder) for live in shelf.labels.values()),
            *(str(live.results) for live in (*shelf.running.values(), *shelf.labels.values())),
        ],
        favicon_path=str(HERE / "favicon.svg"),
        pwa=False,
        ssr_mode=False,
        mcp_server=False,
        theme=THEME,
        css_paths=[str(HERE / "style.css"), str(HERE / "study" / "study.css")],
        # given here, so that our pages answer from the first moment; gradio's routes come after them
        app_kwargs={"openapi_url": None, "middleware": [Middleware(SecurityHeaders)], "routes": own.routes},
    )
    return page


def serve(studio: Studio, shelf: Shelf) -> None:
    """Serve until stopped. Models load behind the page; on ZeroGPU before it, because launching packs them."""
    if ON_ZERO_GPU:
        studio.warm()
    page = launch(studio, shelf=shelf)
    if not ON_ZERO_GPU:
        threading.Thread(target=studio.warm, daemon=True).start()
    page.block_thread()
