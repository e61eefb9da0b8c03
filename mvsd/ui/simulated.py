"""A study with simulated listeners, through the real routes of a real server on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from mvsd import __version__
from mvsd.errors import UserError
from mvsd.study.analysis import write_analysis
from mvsd.study.answers import read_results
from mvsd.study.frozen import open_frozen
from mvsd.study.judgement import Asker
from mvsd.study.live import LiveStudy
from mvsd.study.results import write_results
from mvsd.study.shelf import Shelf
from mvsd.study.simulate_answers import World
from mvsd.study.volunteers import Preferences, take_part
from mvsd.ui.study_routes import add_study_routes


def simulate(
    folder: Path,
    out: Path,
    world: World,
    listeners: int,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Let simulated listeners take part in a frozen study; answers and analysis go to out, never to the study's own.

    Returns the files of the analysis. Raises UserError where out holds something, or a listener was turned away.
    """
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty. Give a new folder for simulated answers.")
    out.mkdir(parents=True, exist_ok=True)
    live = LiveStudy(open_frozen(folder), out, Asker(__version__))
    try:
        with serving(Shelf({folder.name: live})) as address:
            done = take_part(
                f"{address}/study/{folder.name}/",
                live.study,
                Preferences(live.study, world, live.behind, seed),
                listeners,
                on_step,
            )
    finally:
        live.close()
    if away := [volunteer.name for volunteer in done if volunteer.stage != "done"]:
        raise UserError(f"{len(away)} of {listeners} listeners got no seat or no end. The study plans for fewer.")
    results = write_results(live.study, out)
    return write_analysis(read_results(results), live.study, out / "analysis")


@contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    """The studies' routes alone on a free port of this machine; gives the address."""
    app = FastAPI(openapi_url=None)
    add_study_routes(app, shelf)
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join()
