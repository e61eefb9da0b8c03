"""Sound in and out, and the mel front end: closed forms, librosa as the reference, round trips."""

import librosa
import numpy as np
import pytest
import soundfile
import torch

from mvsd.audio import (
    CEILING,
    MEL,
    MelSpec,
    frames_of,
    istft,
    load,
    log_mel,
    mel_basis,
    mel_of,
    resample,
    rms,
    save,
    speech_level,
    stft,
)

RATE = 16_000


def noise(samples: int, seed: int = 0, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def sine(hz: float, seconds: float, rate: int, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def test_mel_filters_are_librosas():
    ours = mel_basis(MEL).numpy()
    theirs = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=128, fmin=0.0, norm="slaney", htk=False)
    np.testing.assert_allclose(ours, theirs, atol=1e-7)


def test_mel_filters_are_librosas_at_another_rate():
    ours = mel_basis(MelSpec(sample_rate=24_000, n_fft=2048, hop=300, n_mels=80)).numpy()
    np.testing.assert_allclose(ours, librosa.filters.mel(sr=24_000, n_fft=2048, n_mels=80), atol=1e-7)


def test_log_mel_is_librosas_of_the_padded_signal():
    audio = noise(32_768)
    padded = np.pad(audio.numpy(), (384, 384))
    spectrum = np.abs(librosa.stft(padded, n_fft=1024, hop_length=256, center=False))
    theirs = np.log(np.maximum(librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=128) @ spectrum, 1e-5))
    np.testing.assert_allclose(log_mel(audio[None])[0].numpy(), theirs, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 4_800, 32_767, 32_768, 32_769, 50_001])
def test_frames_cover_the_samples_and_no_more(samples):
    frames = frames_of(samples)
    assert frames == stft(torch.zeros(1, samples)).shape[-1] == log_mel(torch.zeros(1, samples)).shape[-1]
    assert (frames - 1) * MEL.hop < samples <= frames * MEL.hop


def test_a_window_of_32768_samples_is_128_frames():
    assert log_mel(torch.zeros(2, 32_768)).shape == (2, 128, 128)


@pytest.mark.parametrize("samples", [1, 300, 1_024, 32_768, 40_001])
def test_istft_inverts_stft(samples):
    audio = torch.stack([noise(samples, 1), noise(samples, 2)])
    back = istft(stft(audio))
    assert back.shape == (2, frames_of(samples) * MEL.hop)
    torch.testing.assert_close(back[:, :samples], audio, rtol=0, atol=1e-6)
    torch.testing.assert_close(back[:, samples:], torch.zeros_like(back[:, samples:]), rtol=0, atol=1e-6)


def test_a_frame_is_centred_on_its_hop():
    frame = 20
    click = torch.zeros(1, 10_240)
    click[0, frame * MEL.hop + MEL.hop // 2] = 1.0
    energy = stft(click).abs().square().sum(1)[0]
    assert energy.argmax() == frame
    torch.testing.assert_close(energy[frame - 1], energy[frame + 1])


def test_a_sine_lies_in_the_band_around_its_frequency():
    centres_hz = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=RATE / 2)[1:-1]
    for hz in (250.0, 1_000.0, 3_300.0):
        band = int(log_mel(torch.from_numpy(sine(hz, 1.0, RATE))[None])[0, :, 30].argmax())
        assert abs(centres_hz[band] - hz) <= max(RATE / 1024, np.diff(centres_hz)[band])


def test_log_mel_follows_the_level_and_stops_at_the_floor():
    audio = noise(16_000)[None]
    torch.testing.assert_close(log_mel(2 * audio), log_mel(audio) + np.log(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(log_mel(0 * audio), torch.full((1, 128, 63), float(np.log(1e-5))))


def test_log_mel_takes_magnitudes_too():
    spectrum = stft(noise(8_000)[None])
    torch.testing.assert_close(mel_of(spectrum.abs()), mel_of(spectrum))


def test_an_item_of_a_batch_does_not_depend_on_the_others():
    batch = torch.stack([noise(9_000, seed) for seed in range(3)])
    torch.testing.assert_close(log_mel(batch)[1:2], log_mel(batch[1:2]))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resampling_keeps_a_sine(rate):
    hz, edge = 1_000.0, 400
    got, wanted = resample(sine(hz, 1.0, rate), rate), sine(hz, 1.0, RATE)
    assert got.dtype == np.float32
    assert abs(len(got) - len(wanted)) <= 1
    np.testing.assert_allclose(got[edge:-edge], wanted[edge : len(got) - edge], atol=2e-3)


def test_resampling_removes_what_would_alias():
    assert np.abs(resample(sine(12_000.0, 0.5, 48_000), 48_000)[400:-400]).max() < 2e-3


def test_resampling_to_the_same_rate_changes_nothing():
    audio = sine(440.0, 0.5, RATE)
    np.testing.assert_array_equal(resample(audio, RATE), audio)


def test_save_and_load_are_inverse_to_half_a_step_of_16_bits(tmp_path):
    audio = noise(16_000)
    assert save(tmp_path / "a.wav", audio) == 0.0
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
    torch.testing.assert_close(load(tmp_path / "a.wav"), audio, rtol=0, atol=1.01 / 32_768)


def test_save_lowers_what_would_clip_and_says_by_how_much(tmp_path):
    audio = 4 * noise(16_000)
    audio /= audio.abs().max() / 3.0
    gain_db = save(tmp_path / "loud.wav", audio)
    assert gain_db == pytest.approx(20 * np.log10(CEILING / 3.0), abs=1e-4)
    torch.testing.assert_close(load(tmp_path / "loud.wav"), audio * 10 ** (gain_db / 20), rtol=0, atol=1.01 / 32_768)


def test_save_leaves_its_argument_alone_and_takes_silence(tmp_path):
    audio = 2 * noise(16_000, level=1.0)
    before = audio.clone()
    save(tmp_path / "a.wav", audio)
    assert torch.equal(audio, before)
    assert save(tmp_path / "b.wav", torch.zeros(16_000)) == 0.0


def test_load_averages_the_channels(tmp_path):
    left, right = noise(16_000, 1).numpy(), noise(16_000, 2).numpy()
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav").numpy(), (left + right) / 2, atol=1e-7)


def test_rms_of_a_sine():
    assert rms(torch.from_numpy(sine(100.0, 1.0, RATE, level=0.5))) == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)


def test_speech_level_does_not_count_the_pauses():
    talk = torch.from_numpy(sine(200.0, 1.0, RATE, level=0.2))
    with_pause = torch.cat([torch.zeros(RATE), talk, torch.zeros(3 * RATE)])
    assert speech_level(with_pause) == pytest.approx(0.2 / np.sqrt(2), rel=1e-3)
    assert rms(with_pause) == pytest.approx(0.2 / np.sqrt(2) / np.sqrt(5), rel=1e-3)


def test_speech_level_is_linear_and_takes_silence():
    audio = noise(12_345)
    assert speech_level(3 * audio) == pytest.approx(3 * speech_level(audio), rel=1e-5)
    assert speech_level(torch.zeros(1_000)) == 0.0
