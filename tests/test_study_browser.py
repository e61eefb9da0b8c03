"""A listening study as a volunteer takes it: a phone's width, the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from conftest import EchoConverter
from listeners import ASKER, STUDY, make_study
from test_browser import PHONE, browser  # noqa: F401

from mvsd.session import Studio
from mvsd.study.journal import read
from mvsd.study.live import LiveStudy
from mvsd.study.results import EVENTS, judgements
from mvsd.study.shelf import open_shelf
from mvsd.ui.server import launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, LiveStudy, LiveStudy]]:
    trials = STUDY["trials"] | {"per_session": 2, "per_block": 2, "break_s": 1}
    studies = make_study(tmp_path_factory.mktemp("studies") / "rooms", trials=trials, listening={"min_heard_s": 0.6})
    text = {"en": "Rooms", "de": "Räume"}
    make_study(
        studies.parent / "sprachen",
        title=text,
        languages=["en", "de"],
        consent={"version": "1", "text": text, "retention": text},
        question=text,
        questionnaire=[],
        headphones={"trials": 1, "right_at_least": 1},
        trials=trials,
        listening={"min_heard_s": 0.6},
    )
    shelf = open_shelf(studies.parent, ASKER)
    page = launch(Studio(lambda task: EchoConverter(), tmp_path_factory.mktemp("none")), shelf=shelf)
    yield page.local_url, shelf.running["rooms"], shelf.running["sprachen"]
    page.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


def begin(page: Page) -> None:
    """Through consent, volume and questionnaire, by keys."""
    page.get_by_role("heading", name="Rooms").wait_for()
    tab_to(page, "input[type=checkbox]")
    page.keyboard.press("Space")
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Set the volume once").wait_for()
    tab_to(page, "button:not(.primary)")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop the tone").wait_for()
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="About you").wait_for()
    tab_to(page, "input[type=radio]")
    page.keyboard.press("Space")
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches('.study ' + s)", selector):
            return
    pytest.fail(f"{selector} cannot be reached by Tab")


def answer(page: Page, key: str) -> None:
    page.get_by_text("Ready. Press Play.").wait_for()
    for clip in "rab":
        page.keyboard.press(clip)
        page.wait_for_timeout(800)
    page.keyboard.press(key)
    page.get_by_text("Still to hear").wait_for(state="hidden")
    page.keyboard.press("Enter")


def number(page: Page) -> str:
    return page.locator(".study h2 small").inner_text().strip()


def test_a_study_is_taken_by_keyboard_on_a_phone(page: Page, running: tuple[str, LiveStudy, LiveStudy]):
    address, live, _ = running
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}?study=rooms&participant=%3Cb%3EP1")
    begin(page)
    page.get_by_text("1 of 5").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("Enter")  # nothing was heard: nothing happens
    page.get_by_text("Still to hear: Reference, A, B.").wait_for()
    assert number(page) == "1 of 5"
    answer(page, "1")
    page.get_by_text("2 of 5").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_text("Ready. Press Play.").wait_for()
    page.keyboard.press("r")
    page.get_by_text("Playing Reference").wait_for()
    page.get_by_role("tab", name="Label").click()
    page.wait_for_timeout(300)
    page.get_by_role("tab", name="Take part").click()
    page.get_by_text("Paused at Reference").wait_for()  # nothing sounds from a tab that is hidden
    page.reload()
    page.get_by_text("2 of 5").wait_for()
    for expected in ("2 of 5", "3 of 5"):
        page.get_by_text(expected).wait_for()
        answer(page, "2")
    page.get_by_role("heading", name="A break").wait_for()
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    for expected in ("4 of 5", "5 of 5"):
        page.get_by_text(expected).wait_for()
        answer(page, "2")
    page.get_by_role("heading", name="Thank you").wait_for()
    code = page.locator(".code").inner_text()
    assert [session.code for session in live.sessions()] == [code]
    rows = judgements(live.study, live.results)
    assert [row["response"] for row in rows] == ["left"] + ["right"] * 4
    assert {row["input"] for row in rows} == {"key"}
    assert {row["participant_id"] for row in rows} == {"<b>P1"}
    assert all(float(row["heard_s_ref"]) >= 0.6 for row in rows)
    assert complaints == []


def test_a_study_chosen_by_mistake_leads_back_to_the_list(page: Page, running: tuple[str, LiveStudy, LiveStudy]):
    page.goto(f"{running[0]}?tab=take-part")
    for _ in range(2):
        page.get_by_role("button", name="Rooms").first.click()
        page.get_by_role("button", name="Begin", exact=True).wait_for()
        page.get_by_role("button", name="Other studies").click()
        page.get_by_role("heading", name="Take part in a listening study").wait_for()
    page.goto(f"{running[0]}study/rooms/")  # an invitation is to one
    page.get_by_role("button", name="Begin", exact=True).wait_for()
    assert page.get_by_role("button", name="Other studies").count() == 0


@pytest.mark.parametrize(
    "how", ["Storage.prototype.setItem = no", "Object.defineProperty(window, 'localStorage', { get: no })"]
)
def test_a_browser_that_keeps_nothing_is_asked_for_the_volume_once(
    page: Page, running: tuple[str, LiveStudy, LiveStudy], how: str
):
    page.add_init_script(f"const no = () => {{ throw new Error('none'); }}; {how}")
    page.goto(f"{running[0]}study/rooms/")
    begin(page)
    page.get_by_text("1 of 5").wait_for()


def test_an_unsaved_answer_is_told_and_can_be_sent_again(page: Page, running: tuple[str, LiveStudy, LiveStudy]):
    address, live, _ = running
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}study/rooms/")
    begin(page)
    before = len(judgements(live.study, live.results))
    page.context.route("**/answer", lambda route: route.abort())
    answer(page, "1")
    page.get_by_text("Not saved: there is no connection.").wait_for()
    assert number(page) == "1 of 5"
    page.context.unroute("**/answer")
    page.locator(".study button.primary").dblclick()
    page.get_by_text("2 of 5").wait_for()
    assert len(judgements(live.study, live.results)) == before + 1
    page.context.route("**/answer", lambda route: route.abort())
    answer(page, "1")
    page.get_by_text("This page tries again by itself.").wait_for()
    page.context.unroute("**/answer")
    page.context.route("**/media/*", lambda route: route.fulfill(status=404))  # as after a restart of the server
    page.get_by_text("A clip could not be loaded.").wait_for()
    page.context.unroute("**/media/*")
    page.get_by_role("button", name="Try again").press("Enter")
    page.get_by_text("Ready. Press Play.").wait_for()
    assert number(page) == "3 of 5"
    assert len(judgements(live.study, live.results)) == before + 2
    assert complaints == []


def test_a_visitor_chooses_the_language_passes_the_headphone_check_and_loops_a_part(
    page: Page, running: tuple[str, LiveStudy, LiveStudy]
):
    address, _, live = running
    page.set_default_timeout(30_000)
    page.goto(f"{address}study/sprachen/")
    page.get_by_label("Language").select_option("de")
    page.get_by_text("Ich habe dies gelesen und möchte teilnehmen.").click()
    page.get_by_role("button", name="Beginnen").click()
    page.get_by_role("heading", name="Lautstärke").wait_for()
    page.reload()  # what was not done yet is asked again
    page.get_by_role("button", name="Die Lautstärke stimmt").click()
    page.get_by_role("heading", name="Kopfhörertest").wait_for()
    page.locator(".play:not(:disabled)").wait_for()
    page.keyboard.press("Space")
    page.get_by_text("Hören Sie zuerst alle drei.").wait_for(state="hidden")
    _, shown = live._showing.current(live.sessions()[0])
    page.keyboard.press(str(shown.pitch.tone_in))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Übung").wait_for()
    page.get_by_text("Bereit. Drücken Sie Abspielen.").wait_for()
    for key in ("ArrowRight", "i", "ArrowRight", "o"):
        page.keyboard.press(key)
    page.get_by_text("1.0 bis 2.0 s").wait_for()
    page.keyboard.press("r")
    page.wait_for_timeout(2500)
    for clip in "ab":
        page.keyboard.press(clip)
        page.wait_for_timeout(800)
    page.keyboard.press("x")
    page.get_by_text("1.0 bis 2.0 s").wait_for(state="hidden")
    page.keyboard.press("1")
    page.get_by_text("Noch zu hören").wait_for(state="hidden")
    page.keyboard.press("Enter")
    page.get_by_text("3 von 6").wait_for()
    check, practice = judgements(live.study, live.results)
    assert (check["trial_kind"], check["headphone_score"], practice["headphone_score"]) == ("headphones", "1", "1")
    played = [row for row in read(live.results, EVENTS).rows if row["trial_id"] == practice["trial_id"]]
    inside = [row for row in played if row["why"] != "seek"]  # the part was cleared at the end
    assert all(float(row["from_s"]) >= 0.99 and float(row["from_s"]) + float(row["for_s"]) <= 2.01 for row in inside)
    assert "loop" in {row["why"] for row in played}
