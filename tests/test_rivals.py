"""Networks that stand beside ours, and how they learn."""

from __future__ import annotations

import pytest
import torch
from tiny import UNET, lively, response, write_rooms, write_speech, write_weights

from mvsd.audio import log_mel, stft
from mvsd.data.pack import read_pack, write_pack
from mvsd.denoiser import Denoiser
from mvsd.diffusion import SAMPLERS, trailing_steps
from mvsd.metrics.spectral import mel_error_db
from mvsd.systems import installed
from mvsd.systems.av_unet import AvUnet, AvUnetConfig
from mvsd.systems.avitar import Avitar, AvitarConfig
from mvsd.systems.image2reverb import MEAN, sound_of, tail_of
from mvsd.systems.spectra import converted
from mvsd.systems.unet import Regressor
from mvsd.training.critics import MapCritic, SoundCritic, adversarial
from mvsd.training.looks import kept_features
from mvsd.training.recipes import Wishes, run_recipe
from mvsd.training.rivals import RIVALS
from mvsd.unet import Condition
from mvsd.vision import SceneConfig, SceneEncoder

AV_UNET = AvUnetConfig(widths=(4, 4, 4, 4, 4), window_frames=64, past_frames=32, blend_frames=16)
AVITAR = AvitarConfig(width=16, blocks=1, heads=2, window_frames=64, past_frames=32, blend_frames=16)


def noise(samples: int, level: float = 0.05) -> torch.Tensor:
    return level * torch.randn(samples, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", [AvUnet(AV_UNET), Avitar(AVITAR)])
def test_a_network_that_has_learned_nothing_passes_the_sound_of_a_long_clip_on(network):
    sound = noise(40_000)
    made = converted(network.eval(), sound, Condition.unknown(1))
    torch.testing.assert_close(made[256:-256], sound[256:-256], rtol=0, atol=2e-3)


@pytest.mark.parametrize("network", [AvUnet(AV_UNET), Avitar(AVITAR)])
def test_the_picture_reaches_the_result(network):
    network = lively(network, scale=0.3)
    source, unknown = stft(noise(8192)[None], network.config.spec), Condition.unknown(1)
    seen = Condition(torch.randn(1, 256), torch.randn(1, 49, 256), torch.tensor([True]), *([unknown.numbers] * 2))
    assert (network(source, seen) - network(source, unknown)).abs().max() > 1e-3


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_gets_the_one_answer_of_a_network_without_diffusion(name):
    regressor = lively(Regressor(UNET))
    seen, condition, x = torch.full((1, 1, 128, 32), -6.0), Condition.unknown(1), torch.randn(1, 128, 32)
    answer = regressor.change(seen, condition)
    assert answer.std() > 0.01

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        return regressor(x, seen, torch.tensor([t]), condition)

    *_, sample = SAMPLERS[name](denoise, x, trailing_steps(250, 1), regressor.process, lambda: x)
    torch.testing.assert_close(sample, answer)


def test_a_network_without_diffusion_begins_with_the_answer_of_ours_at_the_last_step():
    ours = lively(Denoiser(UNET))
    seen, condition, nothing = torch.full((1, 1, 128, 32), -6.0), Condition.unknown(1), torch.zeros(1, 128, 32)
    answer = ours(nothing, seen, torch.tensor([UNET.steps]), condition)
    assert answer.std() > 0.01
    torch.testing.assert_close(Regressor.of(ours).eval().change(seen, condition), answer, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("critic", [MapCritic(1, 4), SoundCritic(4)])
def test_a_critic_learns_from_its_term_alone_and_the_network_from_the_others(critic):
    shape = (2, 1, 32, 32) if isinstance(critic, MapCritic) else (2, 4096)
    made, real = torch.randn(shape, requires_grad=True), torch.randn(shape)
    terms = adversarial(critic, made, real)
    (terms["fooled"] + terms["feature"]).backward()
    assert made.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())
    made.grad = None
    adversarial(critic, made, real)["critic"].backward()
    assert made.grad is None
    assert all(parameter.grad.abs().max() > 0 for parameter in critic.parameters())


def test_a_response_made_of_a_tail_has_that_tail_and_its_direct_sound():
    tail = tail_of(torch.from_numpy(response(0.8)), 40)
    made = sound_of(tail, 0)
    assert made[0] == 1
    alive = tail.mean(0) > MEAN
    assert mel_error_db(tail_of(made, 0)[:, alive], tail[:, alive]) < 7  # two draws of noise differ by some 6 dB
    assert (log_mel(made[None, 1:])[0, :, alive].mean() - tail[:, alive].mean()).abs() < 0.25


def test_what_an_encoder_saw_is_kept_until_the_encoder_or_the_pack_is_another(tmp_path):
    write_pack([write_rooms(tmp_path / "rooms", 6)], write_speech(tmp_path / "speech", 24), tmp_path / "pack")
    pack, encoder = read_pack(tmp_path / "pack"), SceneEncoder(SceneConfig(image_size=32)).eval()
    made = kept_features(encoder, pack, "a", tmp_path / "features")
    encoder.requires_grad_(False).project.weight.zero_()
    again, anew = (kept_features(encoder, pack, sha, tmp_path / "features") for sha in ("a", "b"))
    assert made.row == again.row == anew.row
    torch.testing.assert_close(again.tokens, made.tokens, rtol=0, atol=0)
    assert not torch.equal(anew.tokens, made.tokens)


@pytest.mark.whole
@pytest.mark.parametrize("rival", RIVALS)
def test_a_rivals_stage_leaves_what_makes_it_installed(rival, tmp_path):
    write_pack([write_rooms(tmp_path / "rooms", 12)], write_speech(tmp_path / "speech"), tmp_path / "pack")
    weights = write_weights(tmp_path / "weights")
    wishes = Wishes(steps=1, init=weights)
    assert run_recipe(f"tiny:{rival}", tmp_path / "pack", tmp_path / "run", wishes)
    for made in (tmp_path / "run" / "weights").iterdir():
        made.rename(weights / made.name)
    tasks = [stage.partition("-")[2] for stage in RIVALS[rival]]
    assert all(rival in installed(task, weights) for task in tasks)
