"""A running study: what it asks, what it takes, what it refuses, and what outlives a restart."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from listeners import METHODS, STUDY, Clock, Listener, heard_all, make_study, open_live

from mvsd.errors import UserError
from mvsd.study.columns import COLUMNS, GOLD, TEST
from mvsd.study.frozen import open_frozen
from mvsd.study.live import LiveStudy
from mvsd.study.refusals import NotSavedError, StaleError, UnknownError
from mvsd.study.results import download, judgements, participants, write_results


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("studies") / "rooms")


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "rooms")


@pytest.fixture
def live(folder: Path, clock: Clock) -> LiveStudy:
    return open_live(folder, clock)


def rows(live: LiveStudy) -> list[dict]:
    return judgements(live.study, live.results)


def truthful(live: LiveStudy):
    """Right in gold trials, else left: only possible for who sees behind the tokens."""

    def choose(state: dict) -> str:
        trial = live.behind(state["trial"]).trial
        return "right" if trial.kind == GOLD and trial.right == "truth" else "left"

    return choose


def test_a_listener_goes_from_consent_to_code(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock, pid="P1")
    assert listener.state["stage"] == "questionnaire"
    listener.finish()
    assert listener.state["stage"] == "done"
    assert [row["trial_kind"] for row in rows(live)].count(TEST) == 4
    assert len(rows(live)) == 7
    person = participants(live.study, live.results)[0][0]
    assert person["participant_id"] == "P1"
    assert person["code"] == listener.state["code"]
    assert person["q_hearing"] == "good"
    assert person["finished_utc"] > person["begun_utc"]


def test_a_row_tells_all_of_an_answer(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock)
    listener.introduce()
    listener.answer(comment="nice, isn't it?", response="right")
    (row,) = rows(live)
    assert tuple(row) == COLUMNS
    assert row["chosen_method"] == row["right_method"]
    assert {row["left_method"], row["right_method"]} == {"zours", "secretrival"}
    assert (row["heard_s_left"], row["full_left"], row["plays_ref"], row["switches"]) == ("3.00", "1", "1", "2")
    assert row["rt_s"] == "9.000"
    assert row["browser"] == "Firefox 140"
    assert row["comment"] == "nice, isn't it?"
    assert row["left_sha256"] == live.frozen.manifest.clips[row["item_id"]][row["left_method"]].sha256


def test_nothing_that_names_a_method_is_sent(live: LiveStudy, clock: Clock, folder: Path):
    listener = Listener(live, clock)
    sent = json.dumps(live.welcome("en")) + json.dumps(listener.state)
    listener.introduce()
    while listener.state["stage"] == "trial":
        sent += json.dumps(listener.state)
        listener.answer()
    secrets = [*METHODS[:2], *METHODS[3:], "truth", "gold", "room0", "room1", ".flac", ".jpg"]
    secrets += [file.stem for file in (folder / "stimuli").iterdir()]
    secrets += [s.sha256[:12] for clips in live.frozen.manifest.clips.values() for s in clips.values()]
    assert [secret for secret in secrets if f'"{secret}' in sent or (len(secret) > 6 and secret in sent)] == []


def test_tokens_are_new_each_time_and_old_ones_open_nothing(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock)
    listener.introduce()
    before = listener.state
    after = live.state(listener.token)
    assert not set(before["clips"].values()) & set(after["clips"].values())
    with pytest.raises(UnknownError):
        live.media(before["clips"]["left"])
    with pytest.raises(StaleError):
        live.answer(listener.token, before["trial"], heard_all(before) | {"response": "left"})


def test_an_answer_sent_twice_counts_once(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock)
    listener.introduce()
    trial = listener.state["trial"]
    next_trial = listener.answer()
    again = live.answer(listener.token, trial, {"response": "right"})
    assert (again["number"], next_trial["number"]) == (2, 2)
    assert len(rows(live)) == 1


def test_the_answer_of_another_listener_is_refused(live: LiveStudy, clock: Clock):
    one, two = Listener(live, clock), Listener(live, clock)
    one.introduce()
    two.introduce()
    with pytest.raises(StaleError):
        live.answer(one.token, two.state["trial"], heard_all(two.state) | {"response": "left"})
    with pytest.raises(UnknownError):
        live.answer("x" * 24, two.state["trial"], {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log": []}, "Listen to the reference and A and B"),
        ({"log": [[0, "left", 0, 3, "play"]]}, "Listen to the reference and B"),
        ({"log": [[0, "left", 0, 900, "play"]]}, "cannot be right"),
        ({"log": [[0, "left", 0, 3, "play"], [1, "right", 0, 3, "switch"]]}, "cannot be right"),
        ({"log": [[0, "left", float("nan"), 3, "play"]]}, "cannot be right"),
        ({"log": [[0, "middle", 0, 3, "play"]]}, "cannot be right"),
        ({"log": "all of it"}, "cannot be read"),
        ({"log": [{"slot": "left"}]}, "cannot be right"),
        ({"at_s": 1e5}, "cannot be right"),
        ({"response": "tie"}, "not among those"),
        ({"response": "secretrival"}, "not among those"),
        ({"chosen_method": "zours"}, "cannot be read"),
        ({"comment": "x" * 100_000}, "comment is too long"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_saved(live: LiveStudy, clock: Clock, change: dict, message: str):
    listener = Listener(live, clock)
    listener.introduce()
    with pytest.raises(UserError, match=message):
        listener.answer(**change)
    assert rows(live) == []
    assert listener.answer()["number"] == 2


def test_listening_takes_the_time_it_takes(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock)
    listener.introduce()
    clock.wait(100)
    listener.fetch()  # only now can anything have sounded
    clock.wait(2)
    with pytest.raises(UserError, match="cannot be right"):
        live.answer(listener.token, listener.state["trial"], heard_all(listener.state) | {"response": "left"})


def test_clips_that_were_never_fetched_were_not_heard(live: LiveStudy, clock: Clock):
    listener = Listener(live, clock)
    listener.introduce()
    live.media(listener.state["clips"]["left"])
    clock.wait(60)
    with pytest.raises(UserError, match="has not loaded the reference and B"):
        live.answer(listener.token, listener.state["trial"], heard_all(listener.state) | {"response": "left"})


def test_a_session_goes_on_after_a_restart_with_the_same_sides(live: LiveStudy, clock: Clock, folder: Path):
    listener = Listener(live, clock)
    listener.introduce()
    listener.answer()
    session = live.sessions()[0]
    listener.live = open_live(folder, clock)
    resumed = listener.live.sessions()[0]
    assert resumed.trials == session.trials
    assert resumed.questionnaire == {"hearing": "good"}
    listener.state = listener.live.state(listener.token)
    assert listener.state["number"] == 2
    listener.finish()
    assert len(rows(listener.live)) == 7
    assert len(list((folder / "results").glob("judgements-*.csv"))) == 2


def test_a_failed_save_is_told_and_the_page_does_not_go_on(
    live: LiveStudy, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    listener = Listener(live, clock)
    listener.introduce()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(NotSavedError, match="send it again"):
        listener.answer()
    assert listener.state["number"] == 1
    monkeypatch.setattr(os, "fsync", fsync)
    assert listener.answer()["number"] == 2
    assert len(rows(live)) == 1


def _full(file: int) -> None:
    raise OSError("disk full")


def test_the_study_is_full_and_an_abandoned_seat_is_given_again(live: LiveStudy, clock: Clock):
    listeners = [Listener(live, clock) for _ in range(4)]
    with pytest.raises(UserError, match="all the listeners it needs"):
        Listener(live, clock)
    clock.wait(50 * 60)
    for listener in listeners[1:]:
        live.state(listener.token)
    clock.wait(20 * 60)  # the first has not been seen for 70 min
    late = Listener(live, clock)
    seats = {session.id: session.seat for session in live.sessions()}
    assert Counter(seats.values()) == {0: 2, 1: 1, 2: 1, 3: 1}
    late.finish()


def test_sides_balance_over_all_seats(live: LiveStudy, clock: Clock):
    for _ in range(4):
        Listener(live, clock, truthful(live)).finish()
    tests = [row for row in rows(live) if row["trial_kind"] == TEST]
    by_listener = Counter((row["session_id"], row["left_method"]) for row in tests)
    by_item = Counter((row["item_id"], row["left_method"]) for row in tests)
    assert set(by_listener.values()) == {2}
    assert set(by_item.values()) == {2}
    assert {row["excluded"] for row in rows(live)} == {"0"}


def test_who_fails_gold_is_marked_kept_and_replaced(live: LiveStudy, clock: Clock, folder: Path):
    good = truthful(live)
    wrong = lambda state: {"left": "right", "right": "left"}[good(state)]  # noqa: E731
    Listener(live, clock, wrong).finish()
    assert {row["exclude_reason"] for row in rows(live)} == {"gold"}
    assert Listener(live, clock).state
    assert [session.seat for session in live.sessions()] == [0, 0]


def test_withdrawing_leaves_nothing(live: LiveStudy, clock: Clock, folder: Path):
    gone, stays = Listener(live, clock, pid="gone@example.org"), Listener(live, clock)
    for listener in (gone, stays):
        listener.finish()
    live.withdraw(f" {gone.state['code'].lower()} ")
    session = live.sessions()[0].id
    assert {row["session_id"] for row in rows(live)} == {session}
    with pytest.raises(UnknownError):
        live.state(gone.token)
    with pytest.raises(UnknownError):
        live.withdraw("ABCD-EFGH-JKLM")
    after = open_live(folder, clock)
    assert [s.id for s in after.sessions()] == [session]
    assert b"gone@example.org" not in b"".join(f.read_bytes() for f in (folder / "results").iterdir())


@pytest.mark.parametrize(
    "pid", ["<img src=x onerror=alert(1)>", "=1+1", "a\r\nb,c", "\u202egnp.exe", "../../etc/passwd"]
)
def test_any_participant_id_is_stored_as_text(live: LiveStudy, clock: Clock, folder: Path, pid: str):
    Listener(live, clock, pid=pid).finish()
    file = write_results(live.study, live.results)
    with file.open(encoding="utf-8", newline="") as table:
        assert {row["participant_id"] for row in csv.DictReader(table)} == {pid}
    assert ("'=1+1" in download(live.study, live.results, "results")) == (pid == "=1+1")


def test_a_participant_id_without_end_is_refused(live: LiveStudy):
    with pytest.raises(UserError, match="participant id is too long"):
        live.begin("1", "x" * 100_000, "en", "")


@pytest.mark.parametrize(
    "given", [None, [], {"hearing": "superb"}, {}, {"hearing": "good", "more": "x"}, {"hearing": 1}]
)
def test_a_questionnaire_is_checked(live: LiveStudy, clock: Clock, given: object):
    listener = Listener(live, clock)
    with pytest.raises(UserError):
        live.answer_questionnaire(listener.token, given)


def test_an_unknown_consent_is_none(live: LiveStudy):
    with pytest.raises(UserError, match="consent text has changed"):
        live.begin("0", "", "en", "")


def test_a_frozen_study_that_was_touched_does_not_open(folder: Path):
    clip = next((folder / "stimuli").glob("*.flac"))
    clip.write_bytes(clip.read_bytes() + b"x")
    (folder / "stimuli" / "new.flac").write_bytes(b"x")
    with pytest.raises(UserError, match=rf"new\.flac is new; stimuli/{clip.name} has changed"):
        open_frozen(folder)


@pytest.mark.parametrize(("form", "response", "slots"), [("abx", "left", 3), ("ccr", -2, 3), ("mos", 4, 2)])
def test_other_forms_are_asked_and_answered(tmp_path: Path, clock: Clock, form: str, response: object, slots: int):
    trials = STUDY["trials"] | {"gold": []}
    live = open_live(make_study(tmp_path / form, form=form, trials=trials), clock)
    listener = Listener(live, clock, lambda state: response)
    listener.introduce()
    assert len(listener.state["clips"]) == slots
    listener.finish()
    tests = [row for row in rows(live) if row["trial_kind"] == TEST]
    assert {row["response"] for row in tests} == {str(response)}
    if form == "abx":
        assert all(row["reference_sha256"] in (row["left_sha256"], row["right_sha256"]) for row in tests)
    if form == "ccr":
        assert all(row["chosen_method"] == row["left_method"] for row in tests)


def test_a_break_comes_between_blocks(tmp_path: Path, clock: Clock):
    trials = STUDY["trials"] | {"per_block": 3, "break_s": 20}
    listener = Listener(open_live(make_study(tmp_path / "s", trials=trials), clock), clock)
    listener.introduce()
    breaks = []
    while listener.state["stage"] == "trial":
        breaks.append(listener.state["break_s"])
        listener.answer()
    assert breaks == [0, 0, 0, 0, 20, 0, 0]  # one of practice, then two blocks of three
