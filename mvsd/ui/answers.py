"""What the routes of studies and label projects read and answer: JSON, failures with a kind, nothing cached."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mvsd.errors import UserError
from mvsd.study.refusals import FullError, NotSavedError, StaleError, UnknownError

LARGEST_BODY = 512 * 1024  # bytes; a long trial's log is some 50 kB
FAILURES = {
    StaleError: ("stale", 409),
    UnknownError: ("unknown", 404),
    NotSavedError: ("unsaved", 503),
    FullError: ("full", 409),
}
PRIVATE = {"Cache-Control": "no-store"}


def told(work: Callable[[], Any]) -> Response:
    try:
        return JSONResponse(work() or {}, headers=PRIVATE)
    except UserError as error:
        return failure(str(error), *FAILURES.get(type(error), ("user", 422)))


def failure(message: str, kind: str, status: int) -> Response:
    return JSONResponse({"error": message, "kind": kind}, status, PRIVATE)


async def body(request: Request) -> dict[str, Any] | None:
    """The JSON object that was sent; None if it is too long or none, or if whoever sent it is gone."""
    data = b""
    try:
        async for part in request.stream():
            data += part
            if len(data) > LARGEST_BODY:
                return None
    except ClientDisconnect:
        return None
    try:
        sent = json.loads(data or b"{}")
        whole = json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return json.loads(whole) if isinstance(sent, dict) else None
