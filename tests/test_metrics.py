import numpy as np
import pytest
import torch
from pesq import pesq
from tiny import speechlike

from mvsd.metrics import bootstrap_interval, detail_ratio, mel_error_db, pesq_wb


def test_twice_the_magnitude_is_six_decibels():
    mel = torch.randn(128, 40)
    assert mel_error_db(mel + np.log(2), mel) == pytest.approx(20 * np.log10(2), rel=1e-4)


def test_a_smoothed_spectrogram_has_less_detail():
    mel = torch.randn(128, 200, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool1d(mel[None], 3, 1, 1)[0]
    assert detail_ratio(mel, mel) == 1
    assert detail_ratio(smooth, mel) < 0.7


def test_pesq_is_the_packages_own():
    clean = torch.from_numpy(speechlike(3.0))
    noisy = clean + 0.01 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    assert pesq_wb(noisy, clean) == pesq(16_000, clean.numpy(), noisy.numpy(), "wb")


def test_pesq_of_silence_is_not_a_number():
    assert np.isnan(pesq_wb(torch.zeros(16_000), torch.zeros(16_000)))


def test_the_interval_holds_the_mean_and_widens_with_groups():
    rng = np.random.default_rng(0)
    rooms = np.repeat(np.arange(30), 10)
    values = rng.normal(1.0, 1.0, 30)[rooms] + rng.normal(0, 0.1, 300)
    low, high = bootstrap_interval(values, rooms)
    narrow_low, narrow_high = bootstrap_interval(values, np.arange(300))
    assert low < values.mean() < high
    assert high - low > 1.5 * (narrow_high - narrow_low)
