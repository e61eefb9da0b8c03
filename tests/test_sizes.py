"""The numbers of each recipe, and the paper's form."""

from dataclasses import replace

import pytest
import torch
from tiny import write_rooms, write_speech, write_weights

from mvsd.clip import Clip
from mvsd.conversion import Settings
from mvsd.converters import Dereverberator, convert
from mvsd.data.pack import write_pack
from mvsd.denoiser import Denoiser
from mvsd.training.converters import FILES
from mvsd.training.recipes import Wishes, run_recipe
from mvsd.training.sizes import RECIPES, as_published
from mvsd.unet import Condition

PAPER = RECIPES["paper"].networks.converters


def test_the_papers_process_has_250_steps_and_ends_in_noise():
    process = Denoiser(replace(PAPER["match"], widths=(16, 16, 32))).process
    assert process.steps == 250
    assert process.alpha_bar[-1].sqrt() < 0.03


def test_the_papers_networks_are_two_of_one_form_and_size():
    with torch.device("meta"):
        f, g = (Denoiser(PAPER[task]) for task in ("match", "dereverb"))
        x, steps = torch.zeros(2, 128, 128), torch.ones(2, dtype=torch.long)
        made = f(x, f.see(x, Condition.unknown(2)), steps, Condition.unknown(2))
    assert made.shape == x.shape
    counts = [sum(parameter.numel() for parameter in model.parameters()) for model in (f, g)]
    assert counts[0] == counts[1]
    assert 40e6 < counts[0] < 60e6


def test_the_papers_networks_see_the_scene_as_one_vector_and_nothing_of_the_past():
    model = Denoiser(replace(PAPER["match"], widths=(16, 16, 32)))
    _, tokens = model.unet.conditioner(torch.ones(2), Condition.unknown(2))
    assert tokens.shape == (2, 1, 256)
    assert (model.config.past_frames, model.config.window_frames) == (0, 128)
    x = torch.randn(1, 128, 128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.encode(x, x[:, None]) * 2.7 - 6.0, x)  # the target itself diffuses


@pytest.mark.parametrize("name", ["gpu", "paper"])
def test_two_gpus_can_share_every_batch(name):
    batches = RECIPES[name].batches
    assert all(size % 4 == 0 for size in (batches.converters, batches.scene, batches.vocoder, batches.sound))


@pytest.mark.whole
def test_the_papers_converters_are_trained_alone_and_together_and_convert(tmp_path, monkeypatch):
    tiny = RECIPES["tiny"]
    networks = replace(tiny.networks, converters=as_published((16, 16, 32)))
    monkeypatch.setitem(RECIPES, "paper", replace(RECIPES["paper"], networks=networks, batches=tiny.batches, workers=0))
    write_pack([write_rooms(tmp_path / "rooms", 12, 2)], write_speech(tmp_path / "speech", 12), tmp_path / "pack")
    weights = write_weights(tmp_path / "run" / "weights")  # its scene encoder is looked through
    for file in FILES.values():
        (weights / file).unlink()
    for stage in ("match", "dereverb", "mutual"):
        assert run_recipe(f"paper:{stage}", tmp_path / "pack", tmp_path / "run", Wishes(steps=1))
    converter = Dereverberator.from_pretrained(weights)
    assert converter.denoiser.config.centre == "mean"
    sound = 0.1 * torch.randn(50_000, generator=torch.Generator().manual_seed(0))
    made = convert(converter, Clip(sound, 16_000), Settings(steps=3, sampler="ddpm"))
    assert made.audio.shape == sound.shape
    assert made.audio.isfinite().all()
