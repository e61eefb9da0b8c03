"""Arms at equal compute, on the same windows, compared room by room."""

import json

import pytest
import torch
from tiny import write_rooms, write_speech

from mvsd.data.pack import read_pack, write_pack
from mvsd.errors import UserError
from mvsd.evaluate.paper_tables import read_run, tables
from mvsd.training.ablation import Ablation, Material, run_ablation, summary

PLAN = Ablation(seeds=2, shares=(), apart_steps=1, steps=5)


def rows(*errors):
    """Two rooms of two windows; errors: one a seed, of every window."""
    rooms = ["a", "a", "b", "b"]
    return [{"match": [e] * 4, "dereverb": [2 * e] * 4, "rooms": rooms, "seconds": 10.0} for e in errors]


def test_differences_are_paired_by_window_and_told_by_seed():
    table = summary({"separate": rows(5.0, 7.0), "mutual": rows(4.0, 6.5)}, PLAN).splitlines()
    assert table[2] == "| separate | 10 | 6.000 |  | 12.000 |  |"
    assert table[3].startswith("| mutual | 10 | 5.250 | -0.750 (-0.750 to -0.750) [-1.000, -0.500] | 10.500 | -1.500 ")


def test_the_interval_is_over_rooms():
    better_in_one = [row | {"match": [1.0, 1.0, 5.0, 5.0]} for row in rows(5.0, 5.0)]
    table = summary({"separate": rows(5.0, 5.0), "mutual": better_in_one}, PLAN).splitlines()
    assert "-2.000 (-4.000 to +0.000)" in table[3]


def test_every_share_is_an_arm():
    assert [*Ablation(shares=(0.05, 1.0)).arms] == ["separate", "mutual", "unpaired 5%", "unpaired 100%"]


def test_an_arm_without_its_recordings_is_refused(tmp_path):
    with pytest.raises(UserError, match="--unpaired"):
        run_ablation(Material(None, None, None, None), tmp_path, Ablation(shares=(0.25,)))


def test_separate_training_gets_more_steps():
    assert Ablation(steps=40, ratio=1.5).separate_steps == 60


def test_what_is_trained_already_becomes_tables_4a_and_4d(tmp_path):
    plan = Ablation(seeds=2, shares=(0.25,))
    errors = {"separate": (4.0, 6.0), "mutual": (3.0, 5.0), "unpaired 25%": (2.0, 3.0)}
    for arm, of_seeds in errors.items():
        for seed, told in enumerate(rows(*of_seeds)):
            (tmp_path / f"seed{seed}" / arm).mkdir(parents=True)
            (tmp_path / f"seed{seed}" / arm / "errors.json").write_text(json.dumps(told))
    material = Material(None, unpaired=True, features=None, unpaired_features=None)
    run_ablation(material, tmp_path, plan, init=tmp_path)
    told = {title: text.splitlines() for title, text in tables([read_run(tmp_path)])}
    name = tmp_path.resolve().name
    assert told["Table 4a, at equal compute"][3] == f"| {name}: mutual | 4 (4 to 4) | 8 (8 to 8) |"
    assert told["Table 4d, at equal compute"][2] == f"| {name}: unpaired 25% | 2.5 (2.5 to 2.5) | 5 (5 to 5) |"


@pytest.mark.whole
def test_an_ablation_goes_on_where_it_was_stopped(tmp_path):
    write_pack([write_rooms(tmp_path / "rooms", 12)], write_speech(tmp_path / "speech", 12), tmp_path / "pack")
    material = Material(read_pack(tmp_path / "pack"), None, None, None)
    plan = Ablation(seeds=1, shares=(), widths=(16, 16, 32), batch=2, apart_steps=1, steps=2, windows=4)
    told = []
    first = run_ablation(material, tmp_path / "out", plan, on_step=lambda *at: told.append(at))
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert run_ablation(material, tmp_path / "out", plan) == first
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert len(made) == 6


@pytest.mark.whole
def test_separate_training_has_no_cycle_and_mutual_has_one(tmp_path):
    from tiny import write_weights

    from mvsd.training.together import MutualTask

    write_pack([write_rooms(tmp_path / "rooms", 12)], write_speech(tmp_path / "speech", 12), tmp_path / "pack")
    weights, pack = write_weights(tmp_path / "weights"), read_pack(tmp_path / "pack")
    names = []
    for share in (0.0, 1.0):
        task, generator = MutualTask(weights, pack, 2, share=share), torch.Generator().manual_seed(0)
        names.append(task.losses(task.model, task.draw(generator), generator, 0).keys())
    assert names[1] - names[0] == {"mutual"}
