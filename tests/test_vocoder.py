from dataclasses import replace

import pytest
import torch
from tiny import UNET, lively, speechlike, write_rooms, write_speech

from mvsd.audio import MEL, log_mel, mel_basis, stft
from mvsd.data.pack import read_pack, write_pack
from mvsd.denoiser import Denoiser
from mvsd.training.loop import LoopConfig, Run, train
from mvsd.training.vocoder import VocoderTask
from mvsd.vocoder import Vocoder, VocoderConfig, dithered, griffin_lim, linear_magnitude, masked, vocode

CONFIG = VocoderConfig(width=16, blocks=1)
SOUND = torch.from_numpy(speechlike(1.024))  # 64 frames


def error(made, wanted):
    return (log_mel(made[None]) - wanted).abs().mean()


def test_a_flat_magnitude_spread_over_the_bins_gives_its_mel_back():
    mel = (mel_basis(MEL) @ torch.full((513, 3), 0.7)).log()[None]
    inner = slice(4, 500)  # bins that filters cover
    torch.testing.assert_close(linear_magnitude(mel)[0, inner], torch.full((496, 3), 0.7), rtol=1e-3, atol=1e-3)


def test_untrained_it_keeps_the_phase_of_the_source():
    source = stft(SOUND[None])
    made = Vocoder(CONFIG).eval()(log_mel(SOUND[None]), source, torch.tensor([0]))
    loud = source.abs() > 0.01
    turned = (made * source.conj())[loud]
    assert (turned.imag.abs() < 1e-3 * turned.abs()).all()
    assert (turned.real > 0).all()


def test_what_it_makes_lasts_as_long_as_the_mel():
    made = vocode(lively(Vocoder(CONFIG)), log_mel(SOUND[None])[0], SOUND, "dereverb")
    assert made.shape == SOUND.shape
    assert made.isfinite().all()


def test_the_task_and_the_mel_decide_the_sound():
    vocoder, mel = lively(Vocoder(CONFIG)), log_mel(SOUND[None])[0]
    match, dereverb = (vocode(vocoder, mel, SOUND, task) for task in ("match", "dereverb"))
    louder = vocode(vocoder, mel + 1, SOUND, "match")
    assert (match - dereverb).abs().max() > 1e-4
    assert louder.norm() > 1.5 * match.norm()


def test_silence_under_a_tail_gets_the_phase_of_noise():
    silent = torch.zeros(16_384)
    tail = torch.full((128, 64), -6.0)
    made = vocode(Vocoder(CONFIG).eval(), tail, silent, "match", seed=3)
    assert made.std() > 0.001
    assert error(made, tail) < 0.8


def test_the_noise_under_the_source_is_counted_from_its_end():
    long, short = dithered(torch.zeros(5000), 1), dithered(torch.zeros(2000), 1)
    torch.testing.assert_close(long[-1984:], short[-1984:])


def test_a_mask_of_the_sources_own_mel_is_the_source():
    made = masked(log_mel(SOUND[None])[0], SOUND)
    torch.testing.assert_close(made, SOUND, rtol=0, atol=0.003)


def test_griffin_lim_comes_nearer_with_iterations():
    mel = log_mel(SOUND[None])[0]
    few, many = (error(griffin_lim(mel, n), mel[None]) for n in (1, 32))
    assert many < 0.7 * few


def test_the_sources_phase_is_a_better_start_than_none():
    mel = log_mel(SOUND[None])[0]
    blind, seeing = (error(griffin_lim(mel, 2, source), mel[None]) for source in (None, SOUND))
    assert seeing < blind


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    root = tmp_path_factory.mktemp("inverse")
    write_pack([write_rooms(root / "rooms", 12)], write_speech(root / "speech", 12), root / "pack")
    return read_pack(root / "pack")


def test_its_critic_is_asked_only_where_there_is_one(pack):
    generator, names = torch.Generator().manual_seed(0), []
    for width in (0, 2):
        task = VocoderTask(CONFIG, pack, 4, critic_width=width)
        names.append(task.losses(task.model, task.draw(generator), generator, 0).keys())
    assert names[1] - names[0] == {"critic", "fooled", "feature"}
    assert {"complex", "magnitude", "log_512", "log_2048"} <= names[0]


@pytest.mark.whole
def test_trained_on_a_converters_own_mels_with_a_critic_it_comes_nearer_and_ships_alone(pack, tmp_path):
    predictors = {"dereverb": lively(Denoiser(replace(UNET, task="dereverb")))}
    task = VocoderTask(VocoderConfig(width=32, blocks=2), pack, 4, predictors, critic_width=2)
    run = Run(tmp_path, task, LoopConfig(lr=2e-3, warmup_steps=5, bf16=False, ema=0.5, validate_every=0), {})
    before = run.validate()
    train(run, steps=30)
    after = run.validate()
    assert after["match_true_magnitude"] < 0.98 * before["match_true_magnitude"]
    assert before["dereverb_predicted_magnitude"] != before["dereverb_true_magnitude"]
    assert isinstance(Vocoder.from_pretrained(tmp_path / "vocoder.safetensors"), Vocoder)
