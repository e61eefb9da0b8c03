import torch
from tiny import lively, speechlike

from mvsd.audio import MEL, log_mel, mel_basis, stft
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
