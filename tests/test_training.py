import json
import math
from dataclasses import replace
from itertools import chain

import pytest
import torch
from tiny import UNET, write_rooms, write_speech

from mvsd.acoustics import BAND_HZ
from mvsd.audio import MEL, mel_edges_hz
from mvsd.data.pack import read_pack, write_pack
from mvsd.denoiser import Denoiser
from mvsd.errors import UserError
from mvsd.training.converters import (
    FILES,
    ConverterTask,
    Hints,
    SceneFeatures,
    all_known,
    numbers_of,
)
from mvsd.training.loop import LoopConfig, Run, learning_rate, train
from mvsd.training.recipes import STAGES, WEIGHT_FILES, Clock, Wishes, run_recipe
from mvsd.training.room_model import bands_ring
from mvsd.training.scene import features_of, teaches
from mvsd.training.vocoder import spectral_losses
from mvsd.unet import Condition
from mvsd.vision import SceneConfig, SceneEncoder

SMALL = replace(UNET, past_frames=16, window_frames=32)
LOOP = LoopConfig(lr=2e-3, warmup_steps=2, validate_every=1000, bf16=False)


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    write_pack([write_rooms(root / "rooms", 12, views=2)], write_speech(root / "speech", 24), root / "pack")
    return root / "pack"


@pytest.fixture(scope="module")
def pack(pack_folder):
    return read_pack(pack_folder)


def run(pack, folder, **loop):
    return Run(folder, ConverterTask(SMALL, pack, 4), replace(LOOP, **loop), {"recipe": "test"})


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["diffusion"] for row in rows if "diffusion" in row]


@pytest.mark.whole
def test_the_loss_falls(pack, tmp_path):
    train(run(pack, tmp_path), steps=100)
    first, last = losses(tmp_path)[0], losses(tmp_path)[-1]
    assert last < 0.8 * first


@pytest.mark.whole
def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(pack, tmp_path):
    whole, cut = run(pack, tmp_path / "whole"), run(pack, tmp_path / "cut")
    train(whole, steps=6)
    assert not train(cut, steps=6, stop_after=0.0)
    again = run(pack, tmp_path / "cut")
    assert again.step == 1
    assert train(again)
    for name, tensor in whole.bare.state_dict().items():
        torch.testing.assert_close(again.bare.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def test_workers_change_nothing(pack, tmp_path):
    alone, helped = run(pack, tmp_path / "alone"), run(pack, tmp_path / "helped", workers=2)
    train(alone, steps=3)
    train(helped, steps=3)
    for name, tensor in alone.bare.state_dict().items():
        torch.testing.assert_close(helped.bare.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_torn_state_file_never_replaces_a_whole_one(pack, tmp_path):
    first = run(pack, tmp_path)
    train(first, steps=2)
    (tmp_path / "state.pt.tmp").write_bytes(b"killed while writing")
    assert run(pack, tmp_path).step == 2


def test_another_recipe_in_the_same_folder_is_refused(pack, tmp_path):
    train(run(pack, tmp_path), steps=1)
    with pytest.raises(UserError, match="other settings"):
        run(pack, tmp_path, lr=1e-5)


def test_the_run_folder_tells_what_was_run(pack, tmp_path):
    train(run(pack, tmp_path), steps=3)
    told = json.loads((tmp_path / "run.json").read_text())
    assert (told["steps"], told["recipe"], told["loop"]["lr"]) == (3, "test", LOOP.lr)


@pytest.mark.whole
def test_the_first_minute_fixes_the_number_of_steps(pack, tmp_path, monkeypatch):
    monkeypatch.setattr("mvsd.training.loop.MEASURE_S", 0.2)
    timed = run(pack, tmp_path)
    train(timed, minutes=0.02, stop_after=1.0)
    assert timed.total > 0
    assert timed.step == timed.total
    assert json.loads((tmp_path / "run.json").read_text())["steps"] == timed.total


def test_the_clock_of_a_recipe_counts_what_lies_between_the_stages(tmp_path):
    clock = Clock(tmp_path / "clock.json", minutes=10)
    clock.use(120)
    clock.use(60)
    assert Clock(tmp_path / "clock.json", minutes=10).left() == pytest.approx(7)
    clock.use(3600)
    assert clock.left() == pytest.approx(0.2)


def test_learning_rate_warms_up_and_falls():
    config = LoopConfig(lr=1.0, warmup_steps=10)
    rates = [learning_rate(step, 100, config) for step in (0, 9, 50, 100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[1] > rates[2] > rates[3]
    assert rates[3] == pytest.approx(0.02, abs=0.01)


def test_average_weights_are_what_is_exported(pack, tmp_path):
    finished = run(pack, tmp_path)
    train(finished, steps=4)
    shipped = Denoiser.from_pretrained(tmp_path / "reverberator.safetensors")
    for name, tensor in finished.average.state.items():
        torch.testing.assert_close(shipped.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_what_is_known_of_the_room_is_forgotten_as_often_as_said(pack):
    views = pack.views[:8]
    features = SceneFeatures(
        torch.randn(8, 2, 256),
        torch.randn(8, 2, 49, 256),
        torch.randn(8, 2, 3),
        {v.begin: i for i, v in enumerate(views)},
    )
    hints = Hints(scene=0.6, numbers=0.3, distance=0.5)
    generator = torch.Generator().manual_seed(0)
    kept = [hints.leave(all_known(views, features, generator), generator) for _ in range(150)]
    scene = torch.cat([c.has_scene for c in kept]).float().mean()
    numbers = (~torch.cat([c.numbers for c in kept]).isnan()).float().mean(0)
    torch.testing.assert_close(torch.tensor([scene, *numbers]), torch.tensor([0.6, 0.5, 0.3, 0.3]), rtol=0, atol=0.05)


def test_numbers_are_logs_and_tenths(pack):
    view = replace(pack.views[0], distance_m=2.0, t60_s=0.5, drr_db=-3.0)
    torch.testing.assert_close(numbers_of([view]), torch.tensor([[0.6931, -0.6931, -0.3]]), rtol=0, atol=1e-4)


def test_a_room_rings_as_long_as_is_told_where_t60_is_measured(pack):
    model = ConverterTask(replace(SMALL, centre="rung"), pack, 4, fit_steps=10).model
    assert model.tilt[0].std() > 0.01  # fitted, and bands differ
    click = torch.full((1, 128, 60), -11.5)
    click[..., 0] = 0.0
    told = replace(Condition.unknown(1), numbers=torch.tensor([[float("nan"), math.log(0.8), 0.0]]))
    centre = mel_edges_hz(MEL)[1:-1]
    tail = model.see(click, told)[0, 1, (centre >= BAND_HZ[0]) & (centre <= BAND_HZ[1])].mean(0)
    fallen_db = (tail[10] - tail[50]) * 20 / math.log(10)
    assert 60 * (40 * 256 / 16000) / float(fallen_db) == pytest.approx(0.8, rel=0.02)


def test_bands_ring_as_measured_in_responses(pack):
    views = [replace(view, t60_s=0.8 * view.t60_s) for view in pack.views]  # white ones: all bands ring alike
    torch.testing.assert_close(bands_ring(pack, views), torch.full((128,), -math.log(0.8)), rtol=0, atol=0.15)


def test_a_pack_without_decays_says_nothing_of_bands(pack):
    silent = replace(pack, pools=pack.pools | {"rir": torch.zeros_like(pack.pools["rir"])})
    with pytest.raises(UserError, match="decays by 25 dB"):
        bands_ring(silent, silent.views)


def test_features_belong_to_their_views(pack):
    encoder = SceneEncoder(SceneConfig(image_size=32)).eval()
    features = features_of(encoder, pack, variants=2)
    view = next(view for view in pack.views if view.begin in features.row)
    known = features.condition([view, replace(view, begin=-7)], torch.Generator())
    assert known.has_scene.tolist() == [True, False]
    assert known.scene.shape == (2, 256)
    assert known.tokens.shape == (2, 49, 256)
    assert known.reading.isnan().all(1).tolist() == [False, True]


def test_the_encoder_is_not_taught_by_rooms_that_are_shown_to_the_converters(pack):
    encoder = SceneEncoder(SceneConfig(image_size=32)).eval()
    shown = features_of(encoder, pack, variants=1).row
    taught = {view.begin for view in pack.views if teaches(view)}
    assert taught
    assert shown
    assert not taught & set(shown)


def test_spectral_losses_are_zero_for_the_same_sound_and_grow_with_the_difference():
    sound = torch.randn(1, 8192, generator=torch.Generator().manual_seed(0)) * 0.1
    same, near, far = (spectral_losses(sound * gain, sound) for gain in (1.0, 0.9, 0.5))
    assert all(value == 0 for value in same.values())
    assert all(near[name] < far[name] for name in near)


@pytest.mark.whole
def test_a_recipe_leaves_all_weights_and_can_be_run_again(pack_folder, tmp_path):
    assert run_recipe("tiny", pack_folder, tmp_path / "run", Wishes(steps=1))
    files = {file.name for file in (tmp_path / "run" / "weights").iterdir()}
    assert files == set(chain.from_iterable(WEIGHT_FILES[stage] for stage in STAGES))
    assert run_recipe("tiny", pack_folder, tmp_path / "run", Wishes(steps=1))


@pytest.mark.whole
def test_a_stage_can_begin_from_weights_alone(pack_folder, tmp_path):
    run_recipe("tiny:match", pack_folder, tmp_path / "one", Wishes(steps=1))
    run_recipe("tiny:match", pack_folder, tmp_path / "two", Wishes(steps=1, init=tmp_path / "one" / "weights", seed=9))
    one, two = (Denoiser.from_pretrained(tmp_path / n / "weights" / FILES["match"]) for n in ("one", "two"))
    apart = [(a - b).abs().max() for a, b in zip(one.state_dict().values(), two.state_dict().values())]
    assert max(apart) < 0.05


def test_mutual_training_without_converters_says_what_is_missing(pack_folder, tmp_path):
    with pytest.raises(UserError, match="Train match and dereverb first"):
        run_recipe("tiny:mutual", pack_folder, tmp_path / "run", Wishes(steps=1))


def test_an_unknown_recipe_is_told(pack_folder, tmp_path):
    with pytest.raises(UserError, match="Choose cpu, gpu"):
        run_recipe("huge", pack_folder, tmp_path)
