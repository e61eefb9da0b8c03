"""Recordings without a dry side: packed, drawn, and learned from without switching the pairs off."""

import json
from dataclasses import replace

import pytest
import soundfile
import torch
from safetensors.torch import load_file
from tiny import response, speechlike, write_rooms, write_speech, write_weights

from mvsd.audio import speech_level
from mvsd.data.pack import read_pack, write_pack
from mvsd.data.pairs import MARGIN
from mvsd.data.unpaired import RecordingMaker, write_unpaired
from mvsd.errors import UserError
from mvsd.training.natural import Entering, Natural
from mvsd.training.recipes import Wishes, run_recipe
from mvsd.training.run_folder import pack_sha256
from mvsd.training.together import MutualTask

FRAMES = 192
ALWAYS = Entering(share=1.0, begin=10, ramp=10)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Rooms with pairs, and others of which reverb/ and clean/ lie there too."""
    root = tmp_path_factory.mktemp("unpaired")
    write_pack([write_rooms(root / "rooms", 12)], write_speech(root / "speech", 12), root / "pack")
    apart = write_rooms(root / "apart", 16)
    for kind in ("reverb", "clean"):
        (apart / kind).mkdir()
    for room, file in enumerate(sorted((apart / "rir").iterdir())):
        dry = torch.from_numpy(speechlike(3.5, 100 + room))
        wet = torch.nn.functional.conv1d(dry[None, None], torch.from_numpy(response(0.4, room)).flip(0)[None, None])
        for kind, sound in (("clean", dry[: wet.shape[-1]]), ("reverb", wet[0, 0])):
            soundfile.write(apart / kind / f"{file.stem}.wav", sound.numpy(), 16_000)
    write_unpaired(apart, root / "recordings")
    return root


@pytest.fixture(scope="module")
def recordings(folders):
    return read_pack(folders / "recordings")


@pytest.fixture(scope="module")
def task(folders, recordings, tmp_path_factory):
    weights = write_weights(tmp_path_factory.mktemp("weights"))
    return MutualTask(weights, read_pack(folders / "pack"), 2, natural=Natural(recordings, FRAMES, ALWAYS))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_dry_side_is_not_in_the_pack(folders, recordings):
    wet, _ = soundfile.read(folders / "apart" / "reverb" / "r00003_v0.wav", dtype="float32")
    clean, _ = soundfile.read(folders / "apart" / "clean" / "r00003_v0.wav", dtype="float32")
    packed = recordings.speech(recordings.utterances[3])
    torch.testing.assert_close(packed, torch.from_numpy(wet), rtol=0, atol=1e-4)
    assert (packed - torch.from_numpy(clean)).abs().max() > 0.02
    assert recordings.pools.keys() == {"speech", "picture"}


def test_a_spoilt_stand_in_is_another_sound_of_the_same_speech(folders, tmp_path):
    write_unpaired(folders / "apart", tmp_path, spoilt=True, seed=3)
    spoilt, plain = read_pack(tmp_path), read_pack(folders / "recordings")
    apart = [(spoilt.speech(a) - plain.speech(b)).norm() for a, b in zip(spoilt.utterances, plain.utterances)]
    assert sum(distance > 0.01 for distance in apart) > len(apart) / 2


def test_windows_have_the_level_converters_work_at(recordings):
    drawn, views = RecordingMaker(recordings, FRAMES).draw(8, generator(), 0.05)
    assert drawn.shape == (8, FRAMES * 256 + 2 * MARGIN)
    assert all(0.02 < speech_level(row) < 0.08 for row in drawn)
    assert all(view.picture_count for view in views)


def test_rooms_kept_for_validation_train_nothing(recordings):
    train, kept = (RecordingMaker(recordings, FRAMES, kept=kept) for kept in (False, True))
    assert {view.room for _, view in train.rows}.isdisjoint(view.room for _, view in kept.rows)


def test_a_pack_of_pairs_is_no_pack_of_recordings(folders):
    with pytest.raises(UserError, match="no unpaired recordings"):
        RecordingMaker(read_pack(folders / "pack"), FRAMES)


def test_a_folder_without_recordings_is_refused(folders, tmp_path):
    with pytest.raises(UserError, match="no recordings with pictures"):
        write_unpaired(folders / "rooms", tmp_path)


def test_recordings_come_as_often_as_their_share_says(recordings):
    natural = Natural(recordings, 32, Entering(share=0.25))
    came = [natural.draw(1, generator(seed), 0.05) is not None for seed in range(200)]
    assert 0.15 < sum(came) / len(came) < 0.35


def test_they_enter_by_a_ramp_and_pairs_are_never_off(task):
    batch = task.draw(generator(1))
    terms = [task.losses(task.model, batch, generator(2), step) for step in (9, 15, 20)]
    paired = [sum(v.item() for name, v in row.items() if name != "mutual") for row in terms]
    without = task.losses(task.model, replace(batch, recorded=None), generator(2), 20)
    assert paired == pytest.approx([paired[0]] * 3)
    assert terms[0]["mutual"].item() == pytest.approx(without["mutual"].item())
    assert terms[2].keys() == without.keys()
    assert terms[2]["mutual"].item() != pytest.approx(without["mutual"].item())


def test_both_converters_learn_from_recordings(task):
    batch, duo = task.draw(generator(1)), task.model
    task.losses(duo, batch, generator(2), 20)["mutual"].backward()
    for converter in (duo.f, duo.g):
        assert sum(p.grad.norm() for p in converter.parameters() if p.grad is not None) > 1e-5
    duo.zero_grad()


def test_validation_tells_of_controls_distance_and_what_is_left_of_the_room(task):
    with torch.no_grad():
        row = task.natural.judge(task.model.f.eval(), task.model.g.eval())
    told = {f"natural_{name}_cycle_db" for name in ("picture", "other_picture", "nothing")}
    assert row.keys() == told | {"natural_moved_db", "natural_recorded_t60_s", "natural_pseudo_dry_t60_s"}
    assert row["natural_moved_db"] > 0.1
    assert row["natural_recorded_t60_s"] != row["natural_pseudo_dry_t60_s"]


@pytest.mark.whole
def test_each_pack_is_seen_by_itself(folders, tmp_path):
    """What the encoder saw of the pairs must not pass for what it sees of the recordings."""
    weights = write_weights(tmp_path / "weights")
    wishes = Wishes(steps=1, init=weights, unpaired=folders / "recordings", unpaired_share=1.0)
    run_recipe("tiny:mutual", folders / "pack", tmp_path / "run", wishes)
    kept = (tmp_path / "run" / f"{name}.safetensors" for name in ("features", "unpaired_features"))
    pairs, recordings = (load_file(file)["begin"].tolist() for file in kept)
    assert len(recordings) == 16
    assert recordings != pairs
    told = json.loads((tmp_path / "run" / "mutual" / "run.json").read_text())
    assert told["sizes"]["entering"]["share"] == 1.0
    assert told["unpaired_sha256"] == pack_sha256(folders / "recordings")
