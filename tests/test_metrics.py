import gc

import numpy as np
import pytest
import torch
from pesq import pesq
from pystoi import stoi as packaged_stoi
from scipy.signal import fftconvolve
from scipy.stats import norm
from tiny import response, speechlike

from mvsd.acoustics import c50_db, drr_db
from mvsd.metrics.blind_t60 import blind_t60_s
from mvsd.metrics.memory import begin_peak, peak_mib
from mvsd.metrics.rooms import clarity, decay_t60_s, rte_s, share_within, speech_end
from mvsd.metrics.speakers import cosines, equal_error_rate, trials
from mvsd.metrics.spectral import (
    detail_ratio,
    log_stft_distance,
    magnitudes,
    mel_error_db,
    stft_distance,
    stft_distances,
)
from mvsd.metrics.speech import pesq_wb, si_sdr_db, srmr, stoi
from mvsd.metrics.statistics import bootstrap_interval, gap_closed
from mvsd.metrics.undefined import Undefined
from mvsd.metrics.words import word_errors


def noise(samples: int = 16_000, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def talk(seconds: float = 3.0, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(speechlike(seconds, seed))


def in_room(dry: torch.Tensor, t60_s: float) -> torch.Tensor:
    return torch.from_numpy(fftconvolve(dry.numpy(), response(t60_s))[40 : 40 + len(dry)].astype(np.float32))


def test_magnitudes_are_those_of_a_hamming_window_of_400_in_512_points():
    audio, frame = noise(), 10
    begin = frame * 160 - 200
    want = np.fft.rfft(audio[begin : begin + 400].numpy() * np.hamming(401)[:400], 512)
    np.testing.assert_allclose(magnitudes(audio)[:, frame], np.abs(want), rtol=1e-3, atol=1e-4)


def test_stft_distance_of_silence_is_the_power_of_the_spectrogram():
    audio = noise()
    assert stft_distance(torch.zeros(16_000), audio) == pytest.approx(float(magnitudes(audio).square().mean()))


def test_half_the_level_is_a_known_distance_and_none_once_matched():
    got = stft_distances(noise() / 2, noise())
    assert got["stft"] == pytest.approx(stft_distance(torch.zeros(16_000), noise()) / 4, rel=1e-4)
    assert got["stft_level"] == pytest.approx(0, abs=1e-9)


def test_the_log_distance_of_half_the_level_is_the_square_of_ln_2():
    assert log_stft_distance(50 * noise(), 100 * noise()) == pytest.approx(np.log(2) ** 2, rel=1e-3)


def test_twice_the_magnitude_is_six_decibels():
    mel = torch.randn(128, 40)
    assert mel_error_db(mel + np.log(2), mel) == pytest.approx(20 * np.log10(2), rel=1e-4)


def test_a_smoothed_spectrogram_has_less_detail():
    mel = torch.randn(128, 200, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool1d(mel[None], 3, 1, 1)[0]
    assert detail_ratio(mel, mel) == 1
    assert detail_ratio(smooth, mel) < 0.7


def test_pesq_and_stoi_are_the_packages_own():
    clean = talk()
    noisy = clean + 0.1 * noise(48_000)
    assert pesq_wb(noisy, clean) == pesq(16_000, clean.numpy(), noisy.numpy(), "wb")
    assert stoi(noisy, clean) == packaged_stoi(clean.numpy(), noisy.numpy(), 16_000)
    estoi = packaged_stoi(clean.numpy(), noisy.numpy(), 16_000, extended=True)  # it draws a little noise each time
    assert stoi(noisy, clean, extended=True) == pytest.approx(estoi, abs=1e-6)


@pytest.mark.parametrize("measure", [pesq_wb, stoi, si_sdr_db, stft_distances])
def test_nothing_is_said_of_silence(measure):
    with pytest.raises(Undefined, match="reference is silent"):
        measure(noise(), torch.zeros(16_000))


@pytest.mark.parametrize(("measure", "seconds"), [(pesq_wb, 0.2), (stoi, 0.3), (srmr, 0.2)])
def test_what_is_too_short_is_said_to_be(measure, seconds):
    sound = talk(1.0)[5000 : 5000 + int(seconds * 16_000)]
    with pytest.raises(Undefined, match="shorter|less than"):
        measure(*([sound] if measure is srmr else [sound, sound]))


def test_si_sdr_of_orthogonal_noise_is_the_ratio_of_powers_whatever_the_level():
    time_s = torch.arange(16_000) / 16_000
    target, other = torch.sin(2 * np.pi * 400 * time_s), torch.sin(2 * np.pi * 500 * time_s)
    assert si_sdr_db(3 * (target + 0.1 * other), target) == pytest.approx(20, abs=0.01)


@pytest.mark.whole
def test_srmr_falls_in_a_reverberant_room():
    dry = talk(2.0)
    assert srmr(in_room(dry, 1.0)) < 0.7 * srmr(dry)


def test_the_blind_judge_orders_rooms_and_is_near():
    heard = [blind_t60_s(in_room(talk(4.0), t60_s)) for t60_s in (0.3, 0.6, 1.2)]
    assert heard == sorted(heard)
    assert heard[1] == pytest.approx(0.6, abs=0.25)


def test_rte_is_the_difference_of_what_the_judge_says():
    assert rte_s(torch.ones(2), torch.zeros(2), judge=lambda audio: 0.3 + 0.2 * float(audio[0])) == pytest.approx(0.2)


def test_the_free_decay_is_read_after_the_speech():
    dry = torch.cat([talk(2.0), torch.zeros(24_000)])
    assert decay_t60_s(in_room(dry, 0.7), speech_end(dry)) == pytest.approx(0.7, rel=0.1)


def test_a_clip_that_does_not_ring_out_has_no_free_decay():
    with pytest.raises(Undefined, match="no free decay"):
        decay_t60_s(noise(), speech_end(noise()))


def test_clarity_from_speech_is_that_of_the_response():
    dry, rir = talk(4.0), response(0.6)
    c50, drr = clarity(in_room(dry, 0.6), dry)
    assert c50 == pytest.approx(c50_db(rir), abs=0.5)
    assert drr == pytest.approx(drr_db(rir), abs=0.5)


def test_share_within_counts_what_is_a_number():
    assert share_within(np.array([0.4, -0.9, 1.1, np.nan]), 1.0) == pytest.approx(2 / 3)


def test_word_errors_are_counted_whatever_case_and_stops():
    assert word_errors("The cat, sat on the mat.", "the cat sit the mat now") == (3, 6)
    with pytest.raises(Undefined):
        word_errors("...", "words")


def test_trials_are_balanced_seeded_and_never_of_a_clip_with_itself():
    speakers = [str(number // 3) for number in range(12)]
    drawn = trials(speakers, seed=1)
    assert (drawn[:, 2] == 1).sum() == (drawn[:, 2] == 0).sum() == 24
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert all((speakers[a] == speakers[b]) == same for a, b, same in drawn)
    np.testing.assert_array_equal(drawn, trials(speakers, seed=1))
    with pytest.raises(Undefined):
        trials(["a", "b"])


def test_the_equal_error_rate_of_two_gaussians_is_known():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(2, 1, 50_000), rng.normal(0, 1, 50_000)])
    same = np.repeat([1, 0], 50_000)
    assert equal_error_rate(scores, same) == pytest.approx(norm.cdf(-1), abs=0.005)
    assert equal_error_rate(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1, 1, 0, 0])) == 0


def test_the_cosine_of_a_voice_with_itself_is_one():
    voices = np.random.default_rng(0).standard_normal((3, 8))
    np.testing.assert_allclose(np.diag(cosines(voices, 2 * voices)), 1)


def test_the_gap_is_closed_from_the_input_to_the_ceiling():
    assert gap_closed(10.0, 7.5, 5.0) == 0.5
    assert gap_closed(1.5, 1.5, 4.64) == 0
    assert np.isnan(gap_closed(1.0, 1.0, 1.0))


def test_the_interval_holds_the_mean_and_widens_with_groups():
    rng = np.random.default_rng(0)
    rooms = np.repeat(np.arange(30), 10)
    values = rng.normal(1.0, 1.0, 30)[rooms] + rng.normal(0, 0.1, 300)
    low, high = bootstrap_interval(values, rooms)
    narrow_low, narrow_high = bootstrap_interval(values, np.arange(300))
    assert low < values.mean() < high
    assert high - low > 1.5 * (narrow_high - narrow_low)


def test_the_interval_of_a_mean_over_groups_is_the_normal_one():
    values = np.random.default_rng(0).normal(0, 1, 400)
    low, high = bootstrap_interval(values, np.arange(400))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


def test_speakers_drawn_anew_as_well_widen_the_interval():
    rng = np.random.default_rng(0)
    rooms, speakers = np.divmod(np.arange(400), 20)
    values = rng.normal(0, 1, 20)[speakers] + rng.normal(0, 0.1, 400)
    alone, both = bootstrap_interval(values, rooms), bootstrap_interval(values, rooms, speakers)
    assert both[1] - both[0] > 3 * (alone[1] - alone[0])


def test_the_interval_of_a_ratio_is_of_means_not_of_ratios():
    under, over = np.array([1.0, 9.0] * 50), np.array([1.0, 3.0] * 50)
    low, high = bootstrap_interval(under, np.arange(100), over=over)
    assert 2.3 < low < 2.5 < high < 2.65  # 10 over 4, where the mean of ratios is 2


def test_the_peak_holds_what_was_taken_and_is_forgotten_again():
    gc.collect()  # what other tests left behind is not to be freed in between
    begin_peak()
    before = peak_mib()
    block = np.ones(256 * 2**17)  # 256 MiB
    assert peak_mib() > before + 150
    del block
