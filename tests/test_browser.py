"""The page as a visitor sees it, in Chromium: sound in both tabs, bad files, Cancel, two visitors, small screens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from conftest import EchoConverter

from mvsd.session import Studio
from mvsd.ui.server import launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",  # for root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SLOW_S = 0.7  # a step of the fake converter where a test must catch it at work
LOUDEST = """async (player) => {
    const bytes = await (await fetch(player.src)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 16000, 16000).decodeAudioData(bytes);
    return [sound.duration, Math.max(...sound.getChannelData(0).map(Math.abs))];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        (pytest.fail if os.getenv("CI") == "true" else pytest.skip)("There is no Chromium here.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_page(address: str, viewport: dict[str, int] = DESKTOP, scheme: str = "light") -> Page:
        contexts.append(
            browser.new_context(viewport=viewport, color_scheme=scheme, permissions=["microphone", "camera"])
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector("#match-run")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def converter() -> EchoConverter:
    return EchoConverter()


@pytest.fixture
def address(converter: EchoConverter, examples: Path) -> Iterator[str]:
    page = launch(Studio(lambda task: converter, examples, ("dpm++", "ddim")))
    yield page.local_url
    page.close()


def give(page: Page, task: str, **files: Path) -> None:
    for name, file in files.items():
        page.set_input_files(f"#{task}-{name} input[type=file]", file)
        shown = "img" if name == "photo" else "button[aria-label=Play], audio"
        page.wait_for_selector(f"#{task}-{name} :is({shown})", state="attached")
    page.wait_for_timeout(300)


def hear(page: Page, task: str) -> tuple[float, float]:
    """Wait for the result. Returns its duration in s and its peak."""
    page.wait_for_selector(f"#{task}-download")
    player = page.locator(f"#{task}-after audio[src]")  # inside the waveform's shadow tree
    player.wait_for(state="attached")
    return tuple(player.evaluate(LOUDEST))


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def numbers_of(page: Page, task: str) -> str:
    """What the result's tab of numbers tells, once it tells anything."""
    page.locator("[role=tab]:visible", has_text="Numbers").click()
    page.wait_for_selector(f"#{task}-numbers table")
    return page.inner_text(f"#{task}-numbers")


@pytest.mark.parametrize(
    ("tab", "task", "title"), [("Match a room", "match", "Office"), ("Remove the room", "dereverb", "Stairwell")]
)
def test_an_example_sounds_at_once(visit: Callable, address: str, tab: str, task: str, title: str):
    page = visit(address)
    open_tab(page, tab)
    page.get_by_role("button", name=title).click()
    duration_s, peak = hear(page, task)
    assert duration_s > 1
    assert peak > 0.05


@pytest.mark.parametrize(("tab", "task"), [("Match a room", "match"), ("Remove the room", "dereverb")])
def test_own_photo_and_own_clip_sound(visit: Callable, address: str, photo: Path, speech: Path, tab: str, task: str):
    page = visit(address)
    open_tab(page, tab)
    give(page, task, photo=photo, speech=speech)
    page.click(f"#{task}-run")
    duration_s, peak = hear(page, task)
    assert duration_s == pytest.approx(2.6, abs=0.05)
    assert peak > 0.2
    page.click(f"#{task}-after button[aria-label=Play]")
    page.wait_for_selector(f"#{task}-after button[aria-label=Pause]")


def test_the_result_can_be_downloaded(visit: Callable, address: str):
    page = visit(address)
    page.get_by_role("button", name="Office").click()
    hear(page, "match")
    with page.expect_download() as download:
        page.click("#match-download")
    assert download.value.suggested_filename == "match-seed3.wav"
    assert download.value.path().read_bytes()[:4] == b"RIFF"


def test_speech_from_the_microphone_and_a_room_from_the_camera(visit: Callable, address: str):
    page = visit(address)
    page.click("#match-photo button[aria-label='Capture from camera']")
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#match-photo video')?.videoWidth > 0")
    page.wait_for_timeout(1000)
    page.click("#match-photo button[aria-label='capture photo']")
    page.wait_for_selector("#match-photo img")
    page.click("#match-speech button[aria-label='Record audio']")
    page.click("#match-speech button.record-button")
    page.wait_for_timeout(1500)
    page.click("#match-speech button.stop-button")
    page.wait_for_selector("#match-speech button[aria-label=Play]")
    run_until_taken(page, "match")
    assert hear(page, "match")[1] > 0.05


def run_until_taken(page: Page, task: str) -> None:
    """Click Run again while the recording is still on its way: the page cannot show when it has arrived."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    for _ in range(5):
        page.wait_for_timeout(1500)
        page.click(f"#{task}-run")
        with suppress(PlaywrightTimeout):
            page.wait_for_selector(f"#{task}-download", timeout=10_000)
            return


def test_the_seed_that_was_used_can_be_used_again(visit: Callable, address: str, photo: Path, speech: Path):
    page = visit(address)
    give(page, "match", photo=photo, speech=speech)
    page.get_by_role("button", name="Advanced").first.click()
    page.get_by_label("New seed each time").first.check()
    page.click("#match-run")
    hear(page, "match")
    seed = page.input_value("#match-seed input")
    assert int(seed) > 0
    assert seed in numbers_of(page, "match")


def test_a_bad_photo_is_told_and_the_page_goes_on(
    visit: Callable, address: str, photo: Path, speech: Path, tmp_path: Path
):
    page = visit(address)
    bad = tmp_path / "page.jpg"
    bad.write_text("<html><script>document.title='gone'</script></html>")
    give(page, "match", photo=bad, speech=speech)
    page.click("#match-run")
    page.get_by_text("page.jpg is not a picture we can read").first.wait_for()
    assert page.title() == "MVSD Studio"
    page.click("#match-photo button[aria-label*='emove']")
    give(page, "match", photo=photo)
    page.click("#match-run")
    assert hear(page, "match")[1] > 0.2


def test_a_text_named_wav_is_told_at_once_and_an_old_result_is_marked(visit: Callable, address: str, tmp_path: Path):
    page = visit(address)
    open_tab(page, "Remove the room")
    page.get_by_role("button", name="Stairwell").click()
    before = hear(page, "dereverb")
    page.click("#dereverb-speech button[aria-label*='lear']")
    (tmp_path / "letter.wav").write_text("Dear reader, this is no sound. " * 50)
    page.set_input_files("#dereverb-speech input[type=file]", tmp_path / "letter.wav")
    page.get_by_text("letter.wav is not a sound file we can read").wait_for()  # before any button is pressed
    assert not page.is_visible(".earlier")
    page.click("#dereverb-run")
    page.get_by_text("The last run failed. What you see below is from an earlier one.").wait_for()
    assert hear(page, "dereverb") == before
    assert page.is_enabled("#dereverb-run")
    page.click("#dereverb-speech button[aria-label*='lear']")
    page.wait_for_selector(".earlier", state="detached")


def test_a_mistake_made_again_is_told_once(visit: Callable, address: str):
    page = visit(address)
    told = page.get_by_text("Add a speech clip: upload")
    for _ in range(3):
        page.click("#match-run")
        page.wait_for_selector("#match-run:enabled")
        told.first.wait_for()
        page.wait_for_timeout(500)  # the message before fades
        assert told.count() == 1


def test_without_anything_the_page_says_what_is_missing(visit: Callable, address: str, speech: Path):
    page = visit(address)
    page.click("#match-run")
    page.get_by_text("Add a speech clip").wait_for()
    give(page, "match", speech=speech)
    page.click("#match-run")
    page.get_by_text("Add a photo of the room, or give its T60 under Advanced.").wait_for()


def test_cancel_stops_the_work_and_keeps_what_was_there(visit: Callable, address: str, converter: EchoConverter):
    converter.delay_s = 3 * SLOW_S  # caught at work on a busy machine too
    page = visit(address)
    page.get_by_role("button", name="Office").click()
    before, numbers = hear(page, "match"), numbers_of(page, "match")
    page.click("#match-run")
    page.wait_for_selector("#match-forming img")
    page.get_by_text("Step 1 of 3").wait_for()
    page.click("#match-cancel")
    assert converter.closed.wait(6 * SLOW_S + 1)
    begun = converter.steps_begun
    page.wait_for_selector("#match-forming", state="detached")
    page.get_by_text("The last run was stopped.").wait_for()
    assert begun < 3
    assert hear(page, "match") == before
    page.wait_for_timeout(int(4000 * SLOW_S))
    assert converter.steps_begun == begun
    converter.delay_s = SLOW_S
    page.click("#match-run")
    page.wait_for_selector("#match-forming img")
    page.wait_for_selector("#match-forming", state="detached")
    assert hear(page, "match")[1] > 0.2
    assert numbers_of(page, "match") != numbers
    assert not page.is_visible(".earlier")


def test_an_example_gives_up_what_was_under_way(visit: Callable, address: str, converter: EchoConverter, speech: Path):
    converter.delay_s = 5 * SLOW_S  # caught at work on a busy machine too
    page = visit(address)
    open_tab(page, "Remove the room")
    give(page, "dereverb", speech=speech)
    page.click("#dereverb-run")
    page.get_by_text("Step 1 of 3").wait_for()
    page.get_by_role("button", name="Stairwell").click()
    hear(page, "dereverb")
    assert converter.closed.wait(10 * SLOW_S)
    assert converter.steps_begun < 3
    assert page.is_enabled("#dereverb-run")


def test_two_visitors_take_turns(visit: Callable, address: str, converter: EchoConverter, photo: Path, speech: Path):
    converter.delay_s = SLOW_S
    pages = [visit(address) for _ in range(2)]
    for page in pages:
        give(page, "match", photo=photo, speech=speech)
    for page in pages:
        page.click("#match-run")
    pages[1].get_by_text("In line for the model").wait_for()
    assert [hear(page, "match")[1] > 0.2 for page in pages] == [True, True]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_it_fits_the_screen(
    visit: Callable, address: str, tmp_path: Path, device: str, viewport: dict[str, int], scheme: str
):
    folder = Path(os.getenv("MVSD_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    page = visit(address, viewport, scheme)
    page.wait_for_timeout(800)
    page.screenshot(path=folder / f"{device}-{scheme}-before.png", full_page=True)
    page.get_by_role("button", name="Office").click()
    hear(page, "match")
    page.wait_for_timeout(1200)
    page.screenshot(path=folder / f"{device}-{scheme}-after.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    widest = "Math.max(...[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right))"
    assert page.evaluate(widest) <= viewport["width"]


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_complained_of(
    visit: Callable, browser: Browser, address: str
):
    fetched, complaints = [], []
    page = browser.new_page()
    page.on("request", lambda request: fetched.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.goto(address)
    page.get_by_role("button", name="Office").click()
    hear(page, "match")
    page.close()
    assert [url for url in fetched if not url.startswith((address, "blob:", "data:"))] == []
    assert complaints == []


@pytest.fixture
def app() -> Iterator[str]:
    """The address of the real app, once it answers."""
    port = 7900 + os.getpid() % 90
    address = f"http://127.0.0.1:{port}/"
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"GRADIO_SERVER_PORT": str(port)})
    try:
        while process.poll() is None and time.monotonic() < begun + 60:
            try:
                if httpx.get(address, timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def test_the_real_app_answers(app: str):
    assert "MVSD Studio" in httpx.get(app, timeout=20).text


@pytest.mark.skipif(not list(ROOT.glob("assets/weights/**/*.safetensors")), reason="The weights are not here.")
@pytest.mark.parametrize(("tab", "task"), [("Match a room", "match"), ("Remove the room", "dereverb")])
def test_the_shipped_models_make_sound(visit: Callable, app: str, photo: Path, speech: Path, tab: str, task: str):
    page = visit(app)
    page.set_default_timeout(120_000)
    open_tab(page, tab)
    give(page, task, photo=photo, speech=speech)
    page.click(f"#{task}-run")
    duration_s, peak = hear(page, task)
    assert duration_s > 1.5
    assert peak > 0.01
