"""Decays whose reverberation time is known, and what the measures say of them."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from mvsd.acoustics import (
    BAND_HZ,
    DIRECT_SAMPLE,
    RATE,
    c50_db,
    decay_time_s,
    drr_db,
    edt,
    energy_decay_db,
    free_decay_t60,
    mid_band,
    t60,
)


def decay(t60_s: float, seconds: float, seed: int = 0, floor_db: float | None = None) -> np.ndarray:
    """Noise that falls by 60 dB in t60_s, over a steady floor that many dB below its beginning."""
    rng, samples = np.random.default_rng(seed), round(seconds * RATE)
    signal = rng.standard_normal(samples) * 10 ** (-3 * np.arange(samples) / RATE / t60_s)
    return signal if floor_db is None else signal + rng.standard_normal(samples) * 10 ** (floor_db / 20)


def talk(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Noise with the rhythm of syllables; it stops abruptly."""
    rng, samples = np.random.default_rng(seed), round(seconds * RATE)
    return rng.standard_normal(samples) * np.abs(np.sin(2 * np.pi * 2 * np.arange(samples) / RATE))


def ringing_out(t60_s: float, seed: int, floor_db: float | None = None) -> tuple[np.ndarray, int]:
    """Talk in a room, three seconds of its end, over noise floor_db below the talk; and where the talk ended."""
    dry = talk(seed)
    response = decay(t60_s, max(1.0, 1.5 * t60_s), seed + 100)
    response[0] = 5.0
    wet = fftconvolve(np.pad(dry, (0, 3 * RATE)), response)[: len(dry) + 3 * RATE]
    if floor_db is not None:
        level = np.sqrt(np.mean(wet[: len(dry)] ** 2)) * 10 ** (floor_db / 20)
        wet = wet + level * np.random.default_rng(seed + 200).standard_normal(len(wet))
    return wet, len(dry)


def test_energy_decay_of_an_exponential_is_a_straight_line():
    seconds = np.arange(RATE) / RATE
    curve = energy_decay_db(10 ** (-3 * seconds / 0.4))
    assert curve[0] == 0.0
    np.testing.assert_allclose(curve[: RATE // 2], -60 * seconds[: RATE // 2] / 0.4, atol=1e-3)


def test_energy_decay_never_rises_and_ends_with_the_last_sample():
    signal = decay(0.3, 0.5)
    curve = energy_decay_db(signal)
    assert np.all(np.diff(curve) <= 0)
    assert curve[-1] == pytest.approx(10 * np.log10(signal[-1] ** 2 / np.sum(signal**2)))


def test_energy_decay_of_silence_is_finite():
    assert np.all(np.isfinite(energy_decay_db(np.zeros(100))))


def test_decay_time_of_a_line_is_its_slope():
    line = -60 * np.arange(RATE) / RATE / 0.7
    assert decay_time_s(line, RATE, -5, -25) == pytest.approx(0.7)
    assert decay_time_s(line, RATE, -0.1, -10) == pytest.approx(0.7)


@pytest.mark.parametrize("curve", [np.array([]), np.zeros(1_000), -20 * np.arange(1_000) / 1_000])
def test_decay_time_is_unknown_where_the_level_is_not_reached(curve):
    assert decay_time_s(curve, RATE, -5, -25) is None


@pytest.mark.parametrize("t60_s", [0.2, 0.4, 0.8, 1.5, 3.0])
def test_t60_of_a_synthetic_decay(t60_s):
    found = [t60(decay(t60_s, 1.2 * t60_s, seed)) for seed in range(5)]
    assert np.median(found) == pytest.approx(t60_s, rel=0.04)
    assert found == pytest.approx([t60_s] * 5, rel=0.15)


@pytest.mark.parametrize("t60_s", [0.3, 0.8, 2.0])
def test_t60_stands_a_floor_60_db_down(t60_s):
    found = [t60(decay(t60_s, 3.0, seed, floor_db=-60)) for seed in range(5)]
    assert np.median(found) == pytest.approx(t60_s, rel=0.05)


@pytest.mark.parametrize(("t60_s", "floor_db"), [(0.1, -45), (0.3, -40), (0.5, -35), (1.0, -30)])
def test_t60_is_unknown_where_a_floor_hides_the_decay(t60_s, floor_db):
    assert [t60(decay(t60_s, 3.0, seed, floor_db)) for seed in range(5)] == [None] * 5


@pytest.mark.parametrize("t60_s", [1.0, 2.0, 4.0])
def test_t60_of_a_response_cut_30_db_down(t60_s):
    found = [t60(decay(t60_s, t60_s / 2, seed)) for seed in range(5)]
    assert found == pytest.approx([t60_s] * 5, rel=0.1)


def test_t60_does_not_depend_on_level_or_on_what_lies_outside_the_band():
    signal = decay(0.6, 1.0)
    hum = np.sin(2 * np.pi * 50 * np.arange(len(signal)) / RATE)
    assert t60(0.001 * signal) == pytest.approx(t60(signal), rel=1e-9)
    assert t60(signal + hum) == pytest.approx(t60(signal), rel=0.02)


def test_t60_reads_the_mid_band():
    low_edge, high_edge = (fftconvolve(decay(2.0, 2.5, 1), band, "same") for band in (_tone(100), _tone(6_000)))
    mid = mid_band(decay(0.5, 2.5, 2))
    assert t60(mid + 0.3 * low_edge / low_edge.std() * mid.std() + 0.3 * high_edge / high_edge.std() * mid.std()) < 0.7


def _tone(hz: float) -> np.ndarray:
    """A filter 50 ms long around one frequency."""
    return np.hanning(800) * np.cos(2 * np.pi * hz * np.arange(800) / RATE)


def test_t60_at_another_rate():
    seconds = np.arange(48_000) / 48_000
    signal = np.random.default_rng(0).standard_normal(48_000) * 10 ** (-3 * seconds / 0.5)
    assert t60(signal, 48_000) == pytest.approx(0.5, rel=0.06)


def test_edt_of_an_exponential_is_its_t60():
    assert np.median([edt(decay(0.8, 1.0, seed)) for seed in range(9)]) == pytest.approx(0.8, rel=0.06)


def test_edt_hears_the_direct_sound_and_t60_does_not():
    signal = 0.05 * decay(1.0, 1.5)
    signal[DIRECT_SAMPLE] = 4.0
    assert edt(signal) < 0.6 * t60(signal)


def test_the_mid_band_passes_1_khz_and_stops_what_is_outside():
    seconds = np.arange(RATE) / RATE
    middle, low, high = (mid_band(np.sin(2 * np.pi * hz * seconds))[2_000:-2_000] for hz in (1_000, 100, 6_000))
    assert np.abs(middle).max() == pytest.approx(1.0, abs=0.01)
    assert max(np.abs(low).max(), np.abs(high).max()) < 0.01
    assert BAND_HZ[0] < 1_000 < BAND_HZ[1]


@pytest.mark.parametrize("late", [0.5, 0.1, 0.01])
def test_drr_and_c50_of_two_clicks(late):
    clicks = np.zeros(RATE)
    clicks[DIRECT_SAMPLE], clicks[DIRECT_SAMPLE + 1_600] = 1.0, late
    assert drr_db(clicks) == pytest.approx(-20 * np.log10(late))
    assert c50_db(clicks) == pytest.approx(-20 * np.log10(late))


def test_a_click_after_20_ms_is_reverberant_but_clear():
    clicks = np.zeros(RATE)
    clicks[DIRECT_SAMPLE], clicks[DIRECT_SAMPLE + 320] = 1.0, 1.0
    assert drr_db(clicks) == pytest.approx(0.0)
    assert c50_db(clicks) > 100


def test_c50_of_an_exponential_is_its_closed_form():
    t60_s = 0.8
    seconds = np.arange(2 * RATE) / RATE
    late = 10 ** (-6 * 0.05 / t60_s)  # share of the energy that comes after 50 ms
    found = c50_db(10 ** (-3 * seconds / t60_s), direct=0)
    assert found == pytest.approx(10 * np.log10((1 - late) / late), abs=0.02)


@pytest.mark.parametrize("floor_db", [None, -60, -45])
@pytest.mark.parametrize("t60_s", [0.2, 0.4, 0.8, 1.6])
def test_free_decay_of_talk_in_a_room(t60_s, floor_db):
    found = [free_decay_t60(*ringing_out(t60_s, seed, floor_db)) for seed in range(5)]
    assert np.median(found) == pytest.approx(t60_s, rel=0.06)
    assert found == pytest.approx([t60_s] * 5, rel=0.2)


@pytest.mark.parametrize("t60_s", [0.2, 0.4, 0.8, 1.6])
@pytest.mark.parametrize("floor_db", [-35, -30, -20, 0])
def test_free_decay_over_a_high_floor_is_right_or_unknown(t60_s, floor_db):
    found = [free_decay_t60(*ringing_out(t60_s, seed, floor_db)) for seed in range(5)]
    known = [value for value in found if value is not None]
    assert known == pytest.approx([t60_s] * len(known), rel=0.25)


def test_a_floor_hardly_moves_the_free_decay():
    clean, noisy = (np.mean([free_decay_t60(*ringing_out(0.8, seed, db)) for seed in range(12)]) for db in (None, -35))
    assert noisy == pytest.approx(clean, rel=0.03)


def test_free_decay_is_unknown_without_a_decay():
    steady = np.random.default_rng(0).standard_normal(3 * RATE)
    assert free_decay_t60(steady, 2 * RATE) is None
    assert free_decay_t60(np.append(steady, np.zeros(RATE)), 3 * RATE + RATE // 2) is None
    assert free_decay_t60(steady, len(steady) - 100) is None
    assert free_decay_t60(steady, len(steady)) is None


def test_free_decay_does_not_change_its_argument():
    wet, end = ringing_out(0.4, 0)
    before = wet.copy()
    free_decay_t60(wet, end)
    np.testing.assert_array_equal(wet, before)
