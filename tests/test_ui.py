"""The page as a program sees it: layout, shut doors, and every handler over HTTP, with a converter without weights."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
import soundfile
from conftest import EchoConverter, talk
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from mvsd.account import MADE, T60, Row
from mvsd.audio import LIMITS, SAMPLE_RATE
from mvsd.errors import UserError
from mvsd.session import Studio
from mvsd.ui.inputs import LENGTH
from mvsd.ui.page import build
from mvsd.ui.results import table, tables
from mvsd.ui.server import launch

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    page = launch(Studio(lambda task: EchoConverter(), tmp_path_factory.mktemp("none"), ("dpm++", "ddim")))
    yield page.local_url
    page.close()


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture
def match(client: Client) -> Callable[..., list[Any]]:
    def send(photo: Path | None, speech: Path | None, steps=6, sampler="dpm++", distance="", t60="", seed=0, new=False):
        files = [handle_file(str(file)) if file else None for file in (photo, speech)]
        return client.predict(*files, steps, sampler, distance, t60, seed, new, api_name="/match")

    return send


def sound_in(outputs: list[Any], name: str) -> Path:
    values = [output["value"] if isinstance(output, dict) else output for output in outputs]
    return next(Path(value) for value in values if isinstance(value, str) and value.endswith(name))


def test_a_photo_and_a_clip_become_a_wav(match: Callable, photo: Path, speech: Path):
    info = soundfile.info(sound_in(match(photo, speech, seed=7), "match-seed7.wav"))
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")


def test_the_room_is_removed_without_a_photo(client: Client, speech: Path):
    outputs = client.predict(handle_file(str(speech)), None, 6, "ddim", "", 0, False, api_name="/dereverb")
    assert sound_in(outputs, "dereverb-seed0.wav").stat().st_size > 1000


def no_speech(folder: Path) -> tuple[None, Path]:
    return None, None


def wav(samples: np.ndarray, **how: Any) -> Callable[[Path], dict[str, Path]]:
    def write(folder: Path) -> dict[str, Path]:
        soundfile.write(folder / "clip.wav", samples, SAMPLE_RATE, **how)
        return {"speech": folder / "clip.wav"}

    return write


def file(name: str, content: bytes) -> Callable[[Path], dict[str, Path]]:
    def write(folder: Path) -> dict[str, Path]:
        (folder / name).write_bytes(content)
        return {"photo" if name.endswith("jpg") else "speech": folder / name}

    return write


def large_png(folder: Path) -> dict[str, Path]:
    """140 megapixels in a few kilobytes."""
    side = 11_900

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(side * (side // 8 + 2)))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (folder / "large.png").write_bytes(content)
    return {"photo": folder / "large.png"}


BAD = {
    "no speech": (lambda folder: {"speech": None}, "Add a speech clip"),
    "no photo": (lambda folder: {"photo": None}, "Add a photo of the room, or give its T60 under Advanced."),
    "empty file": (file("empty.wav", b""), "empty"),
    "text named wav": (file("letter.wav", b"Dear reader, this is no sound." * 50), "not a sound file"),
    "silence": (wav(np.zeros(SAMPLE_RATE)), "silent"),
    "NaN": (wav(np.full(SAMPLE_RATE, np.nan), subtype="FLOAT"), "not numbers"),
    "50 ms": (wav(talk()[:800]), LIMITS),
    "61 s": (wav(np.tile(talk(), 39)), LIMITS),
    "SVG named jpg": (file("drawing.jpg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "not a picture"),
    "HTML named jpg": (file("page.jpg", b"<html><script>alert(1)</script></html>"), "not a picture"),
    "empty photo": (file("empty.jpg", b""), "not a picture"),
    "140 megapixels": (large_png, "megapixels"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_and_the_app_goes_on(
    match: Callable, photo: Path, speech: Path, tmp_path: Path, make: Callable, message: str
):
    with pytest.raises(AppError, match=message):
        match(**{"photo": photo, "speech": speech} | make(tmp_path))
    assert sound_in(match(photo, speech), "match-seed0.wav").exists()


def test_a_request_cannot_ask_for_more_steps_than_the_slider(match: Callable, photo: Path, speech: Path):
    with pytest.raises(AppError, match="between 1 and 50"):
        match(photo, speech, steps=5000)


def test_a_path_that_was_not_uploaded_is_refused(address: str, client: Client, speech: Path):
    entry = client.config["dependencies"]
    number = next(dependency["id"] for dependency in entry if dependency["api_name"] == "dereverb")
    data = [{"path": str(speech), "meta": {"_type": "gradio.FileData"}}, None, 6, "dpm++", "", 0, False]
    join = {"data": data, "fn_index": number, "session_hash": "intruder"}
    httpx.post(f"{address}gradio_api/queue/join", json=join)
    answer = httpx.get(f"{address}gradio_api/queue/data", params={"session_hash": "intruder"}, timeout=20).text
    assert '"success":false' in answer
    assert "wav" not in answer


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("openapi.json", 404),
        ("monitoring/summary", 403),
        ("gradio_api/runs", 404),
        ("gradio_api/file=/etc/passwd", 403),
    ],
)
def test_doors_are_shut(address: str, path: str, status: int):
    assert httpx.get(address + path).status_code == status


def test_the_queue_cannot_be_skipped(address: str):
    assert httpx.post(f"{address}gradio_api/run/match", json={"data": []}).status_code == 404


def test_every_answer_carries_the_security_headers(address: str):
    headers = httpx.get(address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self' https://huggingface.co" in headers["content-security-policy"]


def config(studio: Studio) -> list[dict[str, Any]]:
    return [component["props"] | {"type": component["type"]} for component in build(studio).config["components"]]


@pytest.fixture
def bare(tmp_path: Path) -> Studio:
    return Studio(lambda task: EchoConverter(), tmp_path / "none", ("dpm++", "ddim"))


def test_every_picture_has_a_text_for_those_who_do_not_see_it(bare: Studio):
    assert all(props["alt_text"] for props in config(bare) if props["type"] == "image")


def test_every_spectrogram_is_lossless(bare: Studio):
    shown = [props for props in config(bare) if props["type"] == "image" and props.get("interactive") is False]
    assert {props["format"] for props in shown} == {"png"}


def test_there_is_one_main_button_a_tab(bare: Studio):
    primary = [props["value"] for props in config(bare) if props["type"] == "button" and props["variant"] == "primary"]
    assert primary == ["Match the room", "Remove the room"]


def test_the_samplers_offered_are_those_handed_in(bare: Studio):
    choices = [props["choices"] for props in config(bare) if props["type"] == "radio"]
    assert choices == [[("dpm++", "dpm++"), ("ddim", "ddim")]] * 2


def test_an_example_gives_way_to_the_next_one_and_to_own_work(examples: Path):
    page = build(Studio(lambda task: EchoConverter(), examples))
    plays = {number for number, fn in page.fns.items() if fn.name == "play"}
    assert len(plays) == 2
    ends_it = [fn for fn in page.fns.values() if plays & set(fn.cancels)]
    assert [len(fn.targets) for fn in ends_it] == [3, 3]  # run and the two uploads of each tab


def test_both_models_share_one_queue(bare: Studio):
    page = build(bare)
    runs = [fn for fn in page.fns.values() if fn.api_name in ("match", "dereverb")]
    assert {(fn.concurrency_id, fn.concurrency_limit) for fn in runs} == {("model", 1)}


def test_without_examples_there_are_no_cards_and_with_them_one_each(bare: Studio, examples: Path):
    cards = [
        [props["value"] for props in config(studio) if "card" in (props.get("elem_classes") or [])]
        for studio in (bare, Studio(lambda task: EchoConverter(), examples))
    ]
    assert cards == [[], ["Office", "Stairwell"]]


def test_the_length_on_the_page_is_the_length_that_is_taken():
    assert LENGTH == LIMITS


def test_the_page_comes_before_torch():
    heavy = "{'torch', 'matplotlib.pyplot', 'matplotlib.figure', 'scipy'}"
    build_page = "import sys, app, mvsd.ui.page as p; p.build(app.Studio(None, app.EXAMPLES))"
    code = f"{build_page}; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_samplers_of_the_app_are_those_there_are():
    import app
    from mvsd.diffusion import SAMPLERS

    assert set(app.SAMPLERS) == set(SAMPLERS)


def test_what_could_not_be_measured_is_explained():
    made = {MADE: [Row("Checkpoint", None, "-")]}
    assert "nothing can be measured" in tables({T60: [Row("measured", "-", "0.50 s")]} | made)
    assert "nothing can be measured" not in tables({T60: [Row("measured", "0.40 s", None)]} | made)


def test_numbers_are_escaped():
    assert "<b>" not in table("Made", [Row("Sampler", None, "<b>x</b>")])


def test_a_user_error_becomes_a_message_and_leaves_the_results_alone(bare: Studio):
    page = build(bare)
    run = next(fn for fn in page.fns.values() if fn.api_name == "match")
    bare.convert = lambda task, form: (_ for _ in ()).throw(UserError("Take another clip."))
    with pytest.raises(gr.Error, match="Take another clip."):
        next(run.fn(dict.fromkeys(run.inputs)))
