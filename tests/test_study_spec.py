"""study.yaml: what is taken, and what the message says where it is not."""

from __future__ import annotations

import re

import pytest

from mvsd.errors import UserError
from mvsd.study.columns import COLUMNS, DICTIONARY
from mvsd.study.parts import words
from mvsd.study.spec import study_from

SMALL = """title: Rooms
question: {en: "Which belongs to the room?", de: "Was passt zum Raum?"}
languages: [en, de]
consent: {version: "1", text: I agree., retention: five years}
methods:
  ours: {label: MVSD, system: reverberator}
  dry: {label: Dry, system: source}
  truth: {label: Real, system: reference}
  live: {label: Too live}
truth: truth
compare: [[ours, dry]]
items:
  - {id: hall, picture: hall.jpg, reference: hall.wav, clips: {live: hall-live.wav}}
  - {id: bath, picture: bath.jpg, reference: bath.wav, clips: {live: bath-live.wav}}
trials:
  per_session: 2
  gold:
    - {item: hall, wrong: dry, fault: too dry}
    - {item: bath, wrong: live, fault: too live}
stop: {listeners: 4}
"""


def test_a_small_study_is_taken_with_defaults():
    study = study_from(SMALL)
    assert study.pairs == [("ours", "dry")]
    assert study.listening.min_heard_s == 2.0
    assert words(study.question, "de") == "Was passt zum Raum?"
    assert words(study.title, "de") == "Rooms"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stop: {listeners: 4}", "stop: {listeners: four}", r"line 20: stop\.listeners: got 'four'"),
        ("title: Rooms\n", "", r"line 1: title: is missing"),
        ("[[ours, dry]]", "[[ours, wet]]", r"line 11: compare\.0\.1: wet is not among dry, live, ours, truth"),
        ("fault: too live", "fault: too dry", r"line 17: trials\.gold: 2 of 2 faults are too dry"),
        ("per_session: 2", "per_session: 3", r"line 16: .* got 3; items and pairs make only 2"),
        ("id: bath", "id: hall", r"line 13: items\.0\.id: hall is used twice"),
        ("id: bath", "id: ../bath", r"line 14: items\.1\.id: got '\.\./bath', wanted small letters"),
        (", reference: bath.wav", "", r"line 14: items\.1: bath has no reference"),
        (", clips: {live: bath-live.wav}", "", r"line 14: items\.1: bath has no clip of live"),
        (', de: "Was passt zum Raum?"', "", r"line 2: question: has no text in de"),
        ("truth: truth\n", "trutt: truth\n", r"line 10: trutt: there is no such entry"),
        ("truth: truth\n", "title: again\n", r"line 10: title is given twice"),
        ("title: Rooms", "title: [Rooms", r"line 2: .* This is not YAML"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, message: str):
    assert old in SMALL
    with pytest.raises(UserError) as told:
        study_from(SMALL.replace(old, new, 1))
    assert re.search(message, str(told.value)), str(told.value)


def test_every_fault_is_told_at_once():
    with pytest.raises(UserError) as told:
        study_from(SMALL.replace("per_session: 2", "per_session: -1").replace("label: Dry", "labl: Dry"))
    assert len(str(told.value).splitlines()) == 3


def test_every_column_is_in_the_dictionary_once():
    assert len(COLUMNS) == 46
    assert all(column.about for column in DICTIONARY.values())
