"""What training survives and shares: kills, full disks, broken packs, several processes."""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import UNET, write_rooms, write_speech

from mvsd.data.pack import read_pack, write_pack
from mvsd.errors import UserError
from mvsd.training.batches import Sharing
from mvsd.training.converters import ConverterTask
from mvsd.training.loop import LoopConfig, Run, train
from mvsd.training.recipes import Wishes, run_recipe
from mvsd.training.run_folder import pack_sha256
from mvsd.vision import SceneEncoder

SMALL = replace(UNET, past_frames=16, window_frames=32)
LOOP = LoopConfig(lr=2e-3, warmup_steps=2, bf16=False, save_every_s=0.0)
ALONE = [sys.executable, "-m"]
TWO = [*ALONE, "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
ON_CPU = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
KILLED = """
import sys; sys.path.insert(0, "tests")
from pathlib import Path
from test_engine import read_pack, run, train
train(run(read_pack(sys.argv[1]), Path(sys.argv[2])), steps=100)
"""


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("engine")
    write_pack([write_rooms(root / "rooms", 24)], write_speech(root / "speech", 12), root / "pack")
    return root / "pack"


def run(pack, folder, **loop):
    return Run(folder, ConverterTask(SMALL, pack, 2), replace(LOOP, **loop), {"recipe": "test"})


def curve(folder):
    """All rows but the clock's column."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@contextmanager
def files_of_at_most(size):
    """What a full disk does to a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_processes_share_the_parts_of_a_step():
    shared = [Sharing(4, process, 2).numbers(3) for process in (0, 1)]
    assert sorted([*shared[0], *shared[1]]) == [*Sharing(4).numbers(3)] == [12, 13, 14, 15]


def test_parts_that_cannot_be_shared_are_refused():
    with pytest.raises(UserError, match="--parts 2"):
        Sharing(3, 0, 2)


def test_parts_in_turn_are_learned_as_one_batch(pack_folder, tmp_path):
    learner = run(read_pack(pack_folder), tmp_path, parts=2)
    weights, grads = [*learner.bare.parameters()], []
    drawn = [learner.task.draw(torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    for turns in (((0, 1),), ((1, 1),), ((0, 2), (1, 2))):
        for number, shares in turns:
            learner._learn(drawn[number], number, shares)
        grads.append([p.grad.clone() for p in weights])
        learner.optimizer.zero_grad()
    for first, second, both in zip(*grads):
        torch.testing.assert_close(both, (first + second) / 2, rtol=1e-4, atol=1e-7)


@pytest.mark.whole
def test_a_run_cut_off_between_two_notes_leaves_the_same_curve(pack_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("mvsd.training.loop.NOTE_EVERY", 2)
    pack = read_pack(pack_folder)
    train(run(pack, tmp_path / "whole"), steps=4)
    assert not train(run(pack, tmp_path / "cut"), steps=4, stop_after=0.0)
    with open(tmp_path / "cut" / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "diffusion": 9.9}\n{"step": 3, "diff')  # noted after the last checkpoint
    train(run(pack, tmp_path / "cut"), steps=4)
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


@pytest.mark.whole
def test_what_was_noted_before_a_first_checkpoint_is_noted_once(pack_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("mvsd.training.loop.NOTE_EVERY", 2)
    pack = read_pack(pack_folder)
    train(run(pack, tmp_path / "whole"), steps=4)
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "metrics.jsonl").write_text('{"step": 2, "diffusion": 9.9}\n')
    train(run(pack, tmp_path / "killed"), steps=4)
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_a_full_disk_is_told_and_leaves_the_last_checkpoint_whole(pack_folder, tmp_path):
    pack = read_pack(pack_folder)
    first = run(pack, tmp_path)
    train(first, steps=1)
    first.step = 2
    with files_of_at_most(50_000), pytest.raises(UserError, match=r"state.pt could not be written .* Free some space"):
        first.save()
    assert run(pack, tmp_path).step == 1
    assert not list(tmp_path.glob("*.tmp"))


def test_weights_that_do_not_fit_on_the_disk_are_none(pack_folder, tmp_path):
    finished = run(read_pack(pack_folder), tmp_path)
    with files_of_at_most(50_000), pytest.raises(UserError, match=r"could not be written .* Free some space"):
        finished.export()
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_truncated_shard_is_named(pack_folder, tmp_path):
    shard = tmp_path / "pack" / "speech-000.safetensors"
    shard.parent.mkdir()
    for file in pack_folder.iterdir():
        (shard.parent / file.name).write_bytes(file.read_bytes())
    shard.write_bytes(shard.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"speech-000.safetensors is damaged"):
        read_pack(shard.parent)


def test_a_damaged_index_or_checkpoint_is_named(pack_folder, tmp_path):
    train(run(read_pack(pack_folder), tmp_path / "run"), steps=1)
    for name in ("pack.json", "run/state.pt"):
        whole = pack_folder / name if name == "pack.json" else tmp_path / name
        (tmp_path / name).write_bytes(whole.read_bytes()[:500])
    with pytest.raises(UserError, match=r"pack.json is damaged"):
        read_pack(tmp_path)
    with pytest.raises(UserError, match=r"state.pt is damaged"):
        run(read_pack(pack_folder), tmp_path / "run")


def test_metrics_that_do_not_fit_on_the_disk_are_told(pack_folder, tmp_path):
    noted = run(read_pack(pack_folder), tmp_path)
    with files_of_at_most(4), pytest.raises(UserError, match=r"metrics.jsonl could not be written .* Free some space"):
        noted.note({"diffusion": 1.0})


@pytest.mark.whole
def test_the_run_folder_holds_what_repeats_the_run(pack_folder, tmp_path):
    run_recipe("tiny:match", pack_folder, tmp_path, Wishes(steps=1, seed=4))
    told = json.loads((tmp_path / "match" / "run.json").read_text())
    assert told["packages"]["torch"] == torch.__version__.split("+")[0]
    assert told["command"] == shlex.join(sys.orig_argv)
    assert (told["loop"]["seed"], told["sizes"]["batches"]["converters"], told["processes"]) == (4, 4, 1)
    assert told["pack_sha256"] == pack_sha256(pack_folder)


@pytest.mark.whole
def test_the_scene_encoder_is_taught_at_the_size_that_is_asked_for(pack_folder, tmp_path):
    run_recipe("tiny:scene", pack_folder, tmp_path, Wishes(steps=1, image_size=96))
    assert SceneEncoder.from_pretrained(tmp_path / "weights" / "scene.safetensors").config.image_size == 96


@pytest.mark.whole
def test_a_stage_killed_before_its_weights_were_gathered_is_gathered(pack_folder, tmp_path):
    run_recipe("tiny:match", pack_folder, tmp_path, Wishes(steps=1))
    (tmp_path / "weights" / "reverberator.safetensors").unlink()
    run_recipe("tiny:match", pack_folder, tmp_path, Wishes(steps=1))
    made, gathered = (load_file(tmp_path / at / "reverberator.safetensors") for at in ("match", "weights"))
    assert all(torch.equal(made[name], gathered[name]) for name in made)


@pytest.mark.whole
def test_two_processes_learn_what_one_learns(pack_folder, tmp_path):
    for launch, name in ((ALONE, "one"), (TWO, "two")):
        order = ["mvsd", "train", "tiny:match", "--data", str(pack_folder), "--out", str(tmp_path / name)]
        subprocess.run([*launch, *order, "--steps", "50", "--parts", "2"], check=True, capture_output=True, env=ON_CPU)
    told = [json.loads((tmp_path / name / "match" / "run.json").read_text()) for name in ("one", "two")]
    assert [head["processes"] for head in told] == [1, 2]
    one, two = (curve(tmp_path / name / "match") for name in ("one", "two"))
    assert [row.keys() for row in one] == [row.keys() for row in two]
    assert len(one) == 2
    for here, there in zip(one, two):
        assert here == pytest.approx(there, rel=1e-4, abs=1e-4)


@pytest.mark.whole
def test_every_stage_runs_in_two_processes(pack_folder, tmp_path):
    order = ["mvsd", "train", "tiny", "--data", str(pack_folder), "--out", str(tmp_path), "--steps", "2"]
    subprocess.run([*TWO, *order], check=True, capture_output=True, env=ON_CPU)
    assert len(list((tmp_path / "weights").iterdir())) == 4


@pytest.mark.whole
def test_a_run_killed_at_any_moment_leaves_the_same_curve(pack_folder, tmp_path):
    train(run(read_pack(pack_folder), tmp_path / "whole"), steps=100)
    command, state = [sys.executable, "-c", KILLED, pack_folder, tmp_path / "cut"], tmp_path / "cut" / "state.pt"
    for more_s in (0.0, 0.31, 0.77):
        before = state.stat().st_mtime if state.exists() else 0.0
        begun = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL)
        while not state.exists() or state.stat().st_mtime == before:
            time.sleep(0.01)
            assert begun.poll() is None
        time.sleep(more_s)
        begun.send_signal(signal.SIGKILL)
        begun.wait()
    subprocess.run(command, cwd=Path(__file__).parents[1], check=True, capture_output=True)
    whole = [pytest.approx(row, rel=1e-4) for row in curve(tmp_path / "whole")]  # another process rounds otherwise
    assert curve(tmp_path / "cut") == whole
