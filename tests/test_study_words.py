"""The pages' own words: every language has every text, with the same places to fill in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import mvsd.ui

STUDY = Path(mvsd.ui.__file__).parent / "study"
TABLES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((STUDY / "words").glob("*.json"))}
PAGES = "".join(file.read_text(encoding="utf-8") for file in STUDY.glob("*.js"))
BUILT = {"rating", "better", "burst", "error"}  # keys of these begin so and go on by a value


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_pages_offer_the_languages_there_are():
    offered = re.search(r"LANGUAGES = (\[.*?\])", PAGES)[1]
    assert sorted(json.loads(offered)) == sorted(TABLES)
    assert set(TABLES) >= {"en", "de", "fr", "es", "zh"}


@pytest.mark.parametrize("language", TABLES)
def test_no_text_is_missing_or_says_less(language: str):
    english, table = TABLES["en"], TABLES[language]
    assert list(table) == list(english)
    assert {key: places(text) for key, text in table.items()} == {key: places(text) for key, text in english.items()}
    assert all(text.strip() for text in table.values())


def test_every_text_is_used_and_every_used_one_is_there():
    asked = set(re.findall(r'"([a-z]\w*)"', PAGES)) | set(re.findall(r'say\("(\w+)"', PAGES))
    assert {key for key in TABLES["en"] if key.split("_")[0] not in BUILT} <= asked
    assert set(re.findall(r'say\("(\w+)"', PAGES)) <= set(TABLES["en"])
