"""Labelling as a rater does it: a phone's width, the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import EchoConverter
from listeners import ASKER
from test_browser import PHONE, browser  # noqa: F401
from test_study_label import make_project

from mvsd.session import Studio
from mvsd.study.label_store import all_rows, values_of
from mvsd.study.labelling import LiveLabels
from mvsd.study.shelf import open_shelf
from mvsd.ui.server import launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
CLIPS = 10  # 100 of them take five minutes of a busy core
GERMAN = [
    {
        "id": "faults",
        "kind": "regions",
        "ask": {"en": "Faults?", "de": "Fehler?"},
        "choices": [{"en": "buzz", "de": "Brummen"}],
    },
    {"id": "comment", "kind": "text", "ask": {"en": "Comment", "de": "Kommentar"}},
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, LiveLabels]]:
    studies = tmp_path_factory.mktemp("projects")
    make_project(studies / "faults", CLIPS)
    make_project(studies / "fehler", 1, title={"en": "Two", "de": "Zwei"}, languages=["en", "de"], form=GERMAN)
    shelf = open_shelf(studies, ASKER)
    page = launch(Studio(lambda task: EchoConverter(), tmp_path_factory.mktemp("none")), shelf=shelf)
    yield page.local_url, shelf.labels["faults"]
    page.close()


def test_clips_are_labelled_by_keyboard_on_a_phone(
    browser: Browser,  # noqa: F811
    running: tuple[str, LiveLabels],
    tmp_path: Path,
):
    address, labels = running
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    tab = page.get_by_role("tab", name="Label")
    tab.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Faults").focus()
    page.keyboard.press("Enter")
    page.locator("#label input[name=rater]").focus()
    page.keyboard.type("<b>ann")
    page.keyboard.press("Enter")
    for done in range(CLIPS):
        page.get_by_text(f"{done} done of {CLIPS}").wait_for()
        page.locator("#label .play:not(:disabled)").wait_for()
        if done == 0:  # a region, then one too many, taken back
            for key in ("1", "ArrowRight", "1", "2", "ArrowLeft", "2", "u"):
                page.keyboard.press(key)
            assert page.locator("#label .marks .mark").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            page.screenshot(path=tmp_path / "label.png", full_page=True)
        for key in ("0", "2", "1", "0", "4", "Enter"):
            page.keyboard.press(key)
        if done == 2:
            page.get_by_text(f"3 done of {CLIPS}").wait_for()
            page.reload()  # comes back to this tab
            page.get_by_role("button", name="Faults").press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    page.get_by_text("10 labels of <b>ann are saved").wait_for()
    rows = all_rows(labels.results)
    assert len({row["item_id"] for row in rows}) == len(rows) == CLIPS
    assert {row["input"] for row in rows} == {"key"}
    assert {row["rater"] for row in rows} == {"<b>ann"}
    assert values_of(rows[0]) == {"faults": [[0.0, 0.25, "buzz"]], "liveness": "live", "tags": ["noise"], "rating": 4}
    assert complaints == []
    context.close()


def test_unsaved_work_outlives_a_reload_and_a_region_is_seen_as_it_is_drawn(
    browser: Browser,  # noqa: F811
    running: tuple[str, LiveLabels],
):
    address, _ = running
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}label/faults/")  # the page of an invitation
    page.locator("input[name=rater]").fill("ben")
    page.keyboard.press("Enter")
    page.locator(".play:not(:disabled)").wait_for()
    assert page.locator(".hertz").inner_text().split() == ["0", "2", "4", "6", "8"]
    box = page.locator(".spectrogram").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 30, steps=4)
    page.locator(".mark", has_text="buzz").wait_for()
    page.get_by_text("buzz from 0.10 to 0.30 s").wait_for()
    page.mouse.up()
    for key in ("0", "1", "s", "n", "c"):
        page.keyboard.press(key)
    page.keyboard.type("odd")
    page.reload()
    page.get_by_text("Your unsaved work on this clip is back.").wait_for()
    assert page.locator(".regions li").count() == 1
    liveness = page.locator("input[name=liveness]:checked")
    assert liveness.input_value() == "dry"
    assert page.locator("textarea").input_value() == "odd"
    page.keyboard.press("u")  # step by step, as without the reload
    assert (page.locator("textarea").input_value(), liveness.count()) == ("", 1)
    page.keyboard.press("u")
    assert (liveness.count(), page.locator(".regions li").count()) == (0, 1)
    page.keyboard.press("u")
    assert page.locator(".regions li").count() == 0
    page.get_by_role("button", name="Undo", disabled=True).wait_for()
    page.reload()
    page.get_by_text("2 to answer.").wait_for()
    page.get_by_role("button", name="Another name").click()
    page.locator("input[name=rater]").wait_for()
    page.goto(f"{address}label/other/")
    page.get_by_text("This label project is not open.").wait_for()
    context.close()


def test_a_rater_chooses_the_language(browser: Browser, running: tuple[str, LiveLabels]):  # noqa: F811
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{running[0]}label/fehler/")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("heading", name="Zwei").wait_for()
    page.get_by_label("Ihr Name oder ein Pseudonym").fill("cem")
    page.get_by_role("button", name="Beginnen").click()
    page.get_by_text("Sie beschriften als cem").wait_for()
    page.locator(".play:not(:disabled)").wait_for()
    for key in ("1", "ArrowRight", "1"):
        page.keyboard.press(key)
    page.get_by_text("Markiert.").wait_for()
    assert page.locator(".mark", has_text="Brummen").count() == 1
    page.reload()
    page.get_by_text("Ihre ungespeicherte Arbeit an dieser Aufnahme ist wieder da.").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("1 Beschriftungen von cem sind gespeichert").wait_for()
    page.get_by_role("button", name="Zurück zur letzten").click()
    page.get_by_text("schon gespeichert").wait_for()
    context.close()
