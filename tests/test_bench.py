"""The bench measures; it never asserts a speed."""

from __future__ import annotations

import json

import pytest
from tiny import write_weights

from mvsd.bench import BATCHES, COMPARED_S, WPE, Speed, System, bench, systems, table
from mvsd.errors import UserError

pytestmark = pytest.mark.whole


def test_each_system_has_its_own_start_times_and_memory(tmp_path):
    chosen = [System("mvsd", "match", (0.5, COMPARED_S), windows=2), System(WPE, "dereverb", (COMPARED_S,))]
    told = bench(tmp_path / "out", write_weights(tmp_path / "weights"), chosen, threads=1)
    kept = json.loads((tmp_path / "out" / "bench.json").read_text())["systems"]
    assert [system["name"] for system in kept] == ["mvsd match, batches of 2", "wpe dereverb"]
    assert set(kept[0]["seconds"]) == {"0.5", str(COMPARED_S)}
    assert all(system["start_s"] > 0 and system["peak_mib"] > 50 for system in kept)
    assert (tmp_path / "out" / "bench.md").read_text() == told + "\n"


def test_ratios_are_of_the_time_for_the_same_clip():
    slow, many = Speed("a", 1, 1, {1.0: 0.5, 5.0: 2.0}, 9), Speed("a, 250 steps", 1, 1, {5.0: 20.0}, 9)
    rows = table([slow, many, Speed(WPE, 1, 1, {5.0: 4.0}, 9)]).splitlines()
    cells = [cell.strip() for cell in rows[2].split("|")]
    assert cells[1:-1] == ["a", "1.0", "1.00", "0.500", "0.400", "0.5", "0.1", "9"]


def test_every_installed_system_is_measured_at_the_length_of_comparison(tmp_path):
    chosen = systems([1.0], write_weights(tmp_path))
    assert [system.name for system in chosen] == [
        *("mvsd match", "blind match", "mvsd dereverb", "wpe dereverb", "mvsd match, 250 steps"),
        *(f"mvsd match, batches of {windows}" for windows in BATCHES),
    ]
    assert all(COMPARED_S in system.lengths_s for system in chosen)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Choose another folder"):
        bench(tmp_path / "file" / "out", tmp_path, [])
