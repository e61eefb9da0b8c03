"""Label projects: what a form takes, who gets which clip, what outlives a restart, how far raters agree."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image

from mvsd.errors import UserError
from mvsd.study.label_agreement import agreement, mean_overlap, overlap
from mvsd.study.label_spec import project_from, read_project
from mvsd.study.label_store import all_rows, export_csv, import_csv, latest, open_project, values_of
from mvsd.study.label_template import TEMPLATE, write_label_template
from mvsd.study.label_values import read_values
from mvsd.study.labelling import LiveLabels
from mvsd.study.refusals import NotSavedError, StaleError, UnknownError
from mvsd.study.spectrogram import spectrogram_png

FAULTS = [[0.1, 0.4, "buzz"], [0.2, 0.3, "cut tail"]]
GOOD = {"faults": FAULTS, "liveness": "live", "tags": ["noise"], "rating": 4}
FORM = [
    {"id": "faults", "kind": "regions", "ask": "Faults", "choices": ["buzz", "smear", "cut tail"]},
    {"id": "liveness", "kind": "choice", "ask": "Live?", "choices": ["dry", "live"], "ordered": True},
    {"id": "tags", "kind": "tags", "ask": "Tags", "choices": ["noise", "echo"]},
    {"id": "rating", "kind": "rating", "ask": "Good?", "most": 5},
    {"id": "comment", "kind": "text", "ask": "Comment"},
]


def make_project(folder: Path, items: int = 3, **changes) -> Path:
    """changes: entries of label.yaml."""
    folder.mkdir(parents=True)
    for i in range(items):
        tone = 0.1 * np.sin(2 * np.pi * 220 * (i + 1) * np.arange(8000) / 16_000)
        soundfile.write(folder / f"{i}.wav", tone, 16_000)
    clips = [{"id": f"clip-{i}", "clip": f"{i}.wav"} for i in range(items)]
    project = {"title": "Faults", "instructions": "Listen.", "form": FORM, "items": clips} | changes
    (folder / "label.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path / "faults")


def live(folder: Path) -> LiveLabels:
    return LiveLabels(open_project(folder), folder / "results")


def label(labels: LiveLabels, token: str, **values) -> dict:
    state = labels.state(token)
    body = {"item": state["item"], "revision": state["revision"], "values": GOOD | values, "input": "key"}
    return labels.save(token, body)


def label_all(labels: LiveLabels, name: str, **values) -> None:
    token = labels.begin(name)
    while labels.state(token)["stage"] == "label":
        label(labels, token, **values)


def test_a_fault_in_label_yaml_names_its_line():
    with pytest.raises(UserError, match=r"line 5: raters: got '1'"):
        project_from(TEMPLATE.replace("raters: 2", "raters: 1"))
    with pytest.raises(UserError, match=r"line 12: form.3.choices: one is given twice"):
        project_from(TEMPLATE.replace("[noise, clipping, echo]", "[noise, noise]"))


def test_a_text_that_lacks_a_language_is_named():
    with pytest.raises(UserError, match=r"line 2: title: has no text in de"):
        project_from(TEMPLATE.replace("[en] ", "[en, de]").replace("A name that raters see", "{en: Rooms}"))
    with pytest.raises(UserError, match=r"form.3.choices.0: has no text in de"):
        project_from(TEMPLATE.replace("[en] ", "[en, de]").replace("[noise,", "[{en: noise},"))


def test_a_rater_reads_in_their_language_and_the_first_one_is_stored(tmp_path: Path):
    liveness = {"id": "liveness", "kind": "choice", "ask": {"en": "Live?", "de": "Hallig?"}}
    choices = [{"en": "dry", "de": "trocken"}, {"en": "live", "de": "hallig"}]
    form = [liveness | {"choices": choices}]
    labels = live(make_project(tmp_path / "rooms", languages=["en", "de"], form=form))
    assert labels.welcome("de")["languages"] == ["en", "de"]
    token = labels.begin("ann", "de")
    labels = live(labels.opened.folder)  # the language outlives the server
    state = labels.state(token)
    assert (state["language"], state["form"][0]["ask"]) == ("de", "Hallig?")
    assert state["form"][0]["choices"][1] == {"value": "live", "label": "hallig"}
    labels.save(token, {"item": state["item"], "revision": 1, "values": {"liveness": "live"}})
    assert values_of(all_rows(labels.results)[0]) == {"liveness": "live"}
    assert labels.state(labels.begin("bob", "xx"))["language"] == "en"


def test_init_writes_a_project_that_lacks_its_clips_alone(tmp_path: Path):
    write_label_template(tmp_path / "mine")
    with pytest.raises(UserError, match=r"room-1.jpg is not there"):
        read_project(tmp_path / "mine")


def test_the_ready_project_opens():
    assert len(open_project(Path(__file__).parents[1] / "studies" / "examples").clips) == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"faults": [[0.4, 0.1, "buzz"]]},
        {"faults": [[0.1, 9.0, "buzz"]]},
        {"faults": [[0.1, math.nan, "buzz"]]},
        {"faults": [[0.1, 0.2, "<b>"]]},
        {"faults": "all"},
        {"liveness": "wet"},
        {"liveness": None},
        {"tags": [["noise"]]},
        {"rating": True},
        {"rating": 6},
        {"comment": "x" * 100_000},
        {"other": 1},
    ],
)
def test_what_the_form_does_not_offer_is_refused(folder: Path, wrong: dict):
    with pytest.raises(UserError):
        read_values(read_project(folder), GOOD | wrong, 0.5)


def test_every_clip_is_labelled_by_two_and_no_one_twice(folder: Path):
    labels = live(folder)
    for name in ("ann", "bob", "cem"):
        label_all(labels, name)
    seen = [(row["item_id"], row["rater"]) for row in latest(all_rows(labels.results))]
    assert len(seen) == len(set(seen)) == 6
    assert {item: sum(item == i for i, _ in seen) for item, _ in seen} == {f"clip-{i}": 2 for i in range(3)}


def test_two_at_once_begin_with_different_clips(folder: Path):
    labels = live(folder)
    for name in ("ann", "bob", "cem"):
        labels.state(labels.begin(name))
    assert {rater.at for rater in labels._raters.values()} == {"clip-0", "clip-1", "clip-2"}


def test_a_label_sent_twice_counts_once_and_an_old_page_is_told(folder: Path):
    labels = live(folder)
    token = labels.begin("ann")
    state = labels.state(token)
    body = {"item": state["item"], "revision": 1, "values": GOOD}
    assert labels.save(token, body)["done"] == labels.save(token, body)["done"] == 1
    assert len(all_rows(labels.results)) == 1
    with pytest.raises(StaleError):
        labels.save(token, body | {"revision": 7})
    with pytest.raises(UnknownError):
        labels.save("forged", body)


def test_what_was_saved_outlives_the_server(folder: Path):
    first = live(folder)
    token = first.begin("ann")
    label(first, token)
    shown = first.state(token)["item"]
    again = live(folder)  # the first one never closed anything
    assert again.save(token, {"item": shown, "revision": 1, "values": GOOD})["done"] == 2  # from the page of before
    third = live(folder)
    assert third.state(token)["done"] == 2
    assert third.state(token)["item"] not in (shown, first.state(token)["item"])


def test_undo_puts_a_saved_label_back_to_be_changed(folder: Path):
    labels = live(folder)
    token = labels.begin("ann")
    label(labels, token, rating=1)
    assert labels.state(token)["can_undo"]
    back = labels.undo(token)
    assert (back["values"]["rating"], back["revision"], back["can_undo"]) == (1, 2, False)
    with pytest.raises(UserError, match="no label before"):
        labels.undo(token)
    label(labels, token, rating=5)
    (row,) = latest(all_rows(labels.results))
    assert values_of(row)["rating"] == 5
    assert len(all_rows(labels.results)) == 2


def test_a_full_disk_keeps_the_clip_before_the_rater(folder: Path, monkeypatch: pytest.MonkeyPatch):
    labels = live(folder)
    token = labels.begin("ann")
    shown = labels.state(token)["item"]

    def full(*rows: dict) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(labels._labels, "append", full)
        with pytest.raises(NotSavedError):
            label(labels, token)
    assert labels.state(token)["item"] == shown
    assert label(labels, token)["done"] == 1


def test_an_export_is_imported_elsewhere_and_continued(folder: Path, tmp_path: Path):
    labels = live(folder)
    label_all(labels, "ann", comment='=1+1\n"<b>", ok')
    text = export_csv(labels.opened, labels.results)
    there = tmp_path / "elsewhere" / "results"
    assert import_csv(labels.opened, there, text) == 3
    assert import_csv(labels.opened, there, text) == 0
    assert export_csv(labels.opened, there) == text
    other = LiveLabels(labels.opened, there)
    assert other.state(other.begin("ann"))["stage"] == "done"
    label_all(other, "bob")
    assert other.progress() == {"items": 3, "labels": 6, "lacking": 0}


def test_an_import_that_does_not_fit_changes_nothing(folder: Path, tmp_path: Path):
    labels = live(folder)
    label_all(labels, "ann")
    text = export_csv(labels.opened, labels.results)
    for wrong in (text.replace("live", "wet"), text.replace("clip-1", "../x"), "a,b\r\n1,2\r\n"):
        with pytest.raises(UserError):
            import_csv(labels.opened, tmp_path / "there", wrong)
    assert all_rows(tmp_path / "there") == []


def test_a_download_cannot_act_as_a_formula(folder: Path):
    labels = live(folder)
    label_all(labels, "=cmd()", comment="=1+1")
    assert "'=1+1" in export_csv(labels.opened, labels.results, guards=True)
    assert ",'=cmd()," in export_csv(labels.opened, labels.results, guards=True)


def test_overlap_is_intersection_over_union():
    assert overlap([(0, 2)], [(1, 3)]) == pytest.approx(1 / 3)
    assert overlap([(0, 1), (0.5, 2)], [(0, 2)]) == 1
    assert overlap([(0, 1)], []) == 0
    assert mean_overlap([("a", "x", [(0, 2)]), ("a", "y", [(1, 3)]), ("b", "x", []), ("b", "y", [])]) == pytest.approx(
        1 / 3
    )


def test_raters_who_agree_have_alpha_one(folder: Path):
    labels = live(folder)
    for name in ("ann", "bob"):
        token = labels.begin(name)
        while (state := labels.state(token))["stage"] == "label":
            item = next(r.at for r in labels._raters.values() if r.name == name)
            label(labels, token, rating=int(item[-1]) + 1)
            assert state["item"] != item  # its name stays here
    table = {(row["field"], row["choice"]): row for row in agreement(labels.project, latest(all_rows(labels.results)))}
    assert table["rating", ""]["alpha"] == "1.000"
    assert table["faults", "buzz"]["overlap"] == "1.000"
    assert table["faults", "smear"] == {"field": "faults", "choice": "smear", "alpha": "", "overlap": ""}


def test_a_tone_stands_at_its_height_in_the_spectrogram(folder: Path):
    shown = np.asarray(Image.open(io.BytesIO(spectrogram_png(folder / "2.wav")))).sum(axis=2)
    row = shown[:, 600].argmax()
    assert (256 - row) * 16_000 / 512 == pytest.approx(660, abs=32)
