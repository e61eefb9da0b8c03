"""T as trained, with a schedule that leaves signal at its end and with one that does not."""

import json

import pandas as pd
import pytest
import torch
from tiny import write_rooms, write_speech

from mvsd.data.pack import read_pack, write_pack
from mvsd.diffusion import SCHEDULES, linear_alpha_bar, to_zero_snr
from mvsd.evaluate.paper_tables import read_run, tables
from mvsd.training.ablation import Material
from mvsd.training.schedules import Schedules, run_schedules, summary


def test_the_common_schedule_leaves_signal_at_few_steps_and_the_other_none():
    left = {
        end: [float(SCHEDULES[end](total)[-1].sqrt()) for total in (150, 250)] for end in ("linear-0.02", "zero-snr")
    }
    assert left["linear-0.02"] == pytest.approx([0.47, 0.28], abs=0.01)
    assert left["zero-snr"] == pytest.approx([0.003, 0.003], abs=0.001)


def test_brought_to_zero_snr_the_first_step_stays_and_the_signal_falls_by_a_straight_line_of_the_old():
    before = linear_alpha_bar(100, 0.02)
    after = to_zero_snr(before)
    torch.testing.assert_close(after[:2], before[:2])
    assert (after.diff() <= 0).all()
    old, new = (bars[1:-1].sqrt().diff() for bars in (before, after))
    torch.testing.assert_close(new / old, (new / old)[0].expand(98))


def row(error, rooms=("a", "a", "b")):
    told = {name: [0.5] * 3 for name in ("detail", "rtf")} | {name: [0.5, 0.5, None] for name in ("stft", "stft_level")}
    return {"error_db": [error] * 3, "rooms": list(rooms), **told}


def test_each_t_is_compared_with_itself():
    plan = Schedules((10,), seeds=2)
    table = summary({"10 linear-0.02": [row(5.0), row(6.0)], "10 zero-snr": [row(4.0), row(4.5)]}, plan).splitlines()
    assert table[2].startswith("| 10 | linear-0.02 | 0.951 | 5.50 | +1.25 (+1.25 to +1.25) |")
    assert table[3].startswith("| 10 | zero-snr | 0.003 | 4.25 |  |")


def test_what_is_trained_already_is_only_told_again(tmp_path):
    plan = Schedules((10,), seeds=1)
    for arm, error in zip(plan.arms, (5.0, 4.0)):
        folder = tmp_path / "seed0" / arm.replace(" ", "-")
        folder.mkdir(parents=True)
        (folder / "errors.json").write_text(json.dumps(row(error)))
    run_schedules(Material(None, None, None, None), tmp_path, plan)
    told = read_run(tmp_path).pick("match", "10 zero-snr")
    assert told.loc["error_db", ["mean", "clips"]].tolist() == [4.0, 3]
    assert told.loc["stft", ["mean", "clips"]].tolist() == [0.5, 2]


@pytest.mark.whole
def test_both_schedules_are_trained_sampled_and_read_by_the_report(tmp_path):
    write_pack([write_rooms(tmp_path / "rooms", 12, 2)], write_speech(tmp_path / "speech", 12), tmp_path / "pack")
    material = Material(read_pack(tmp_path / "pack"), None, None, None)
    plan, told = Schedules((3, 5), widths=(16, 16, 32), batch=2, steps=2, windows=4), []
    first = run_schedules(material, tmp_path / "out", plan, lambda *at: told.append(at))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    assert len(made) == 4
    assert run_schedules(material, tmp_path / "out", plan) == first
    assert {path: path.stat().st_mtime_ns for path in made} == made
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    errors = table[table["metric"] == "error_db"].set_index("system")["mean"]
    assert [*errors.index] == ["3 linear-0.02", "3 zero-snr", "5 linear-0.02", "5 zero-snr"]
    assert errors["3 linear-0.02"] != errors["3 zero-snr"]
    paper = dict(tables([read_run(tmp_path / "out")]))
    assert len(paper["Table 4c, T as trained"].splitlines()) == 6
