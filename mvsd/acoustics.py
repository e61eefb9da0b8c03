"""What a room does to sound, in numbers: decay curve, T60, EDT, C50, DRR.

One convention for the whole project: a response is cut so that the direct sound is its sample 40 and scaled to 1
there; T60 is T20 (-5 to -25 dB, extrapolated to 60) over 355-2,840 Hz, the 500 Hz to 2 kHz octaves.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

RATE = 16_000  # Hz
DIRECT_SAMPLE = 40
BAND_HZ = (355.0, 2840.0)
DIRECT_HALF_WIDTH_S = 0.0025  # the direct sound is what arrives within 2.5 ms of it
DB_PER_NEPER_OF_POWER = 10 / float(np.log(10))


def mid_band(signal: np.ndarray, rate: int = RATE) -> np.ndarray:
    """signal: (samples,). Returns it without what lies outside 355-2,840 Hz (zero phase)."""
    sos = butter(4, BAND_HZ, btype="bandpass", fs=rate, output="sos")
    padding = min(len(signal) - 1, 3 * rate // 100)
    return sosfiltfilt(sos, signal.astype(np.float64), padlen=padding)


def energy_decay_db(signal: np.ndarray) -> np.ndarray:
    """Energy still to come at each sample, in dB re all of it (Schroeder 1965). signal: (samples,)."""
    left = np.cumsum(np.square(signal.astype(np.float64))[::-1])[::-1]
    return 10 * np.log10(np.maximum(left, 1e-300) / max(left[0], 1e-300))


def decay_time_s(decay_db: np.ndarray, rate: int, top_db: float, bottom_db: float) -> float | None:
    """Time for 60 dB, from the straight line through decay_db between two levels; None where it is not reached."""
    if len(decay_db) == 0 or decay_db.min() > bottom_db:
        return None
    begin, end = np.argmax(decay_db <= top_db), np.argmax(decay_db <= bottom_db)
    if end - begin < 8:
        return None
    slope = np.polyfit(np.arange(begin, end) / rate, decay_db[begin:end], 1)[0]
    return float(-60.0 / slope) if slope < 0 else None


def t60(rir: np.ndarray, rate: int = RATE) -> float | None:
    """Reverberation time in s of a response: T20 over 355-2,840 Hz (ISO 3382-1).

    None where it does not decay 25 dB, or where a noise floor holds more energy than lies below that point.
    """
    band = mid_band(rir, rate)
    return None if _floor_hides(band, -25.0) else decay_time_s(energy_decay_db(band), rate, -5.0, -25.0)


def _floor_hides(band: np.ndarray, level_db: float) -> bool:
    """Whether a response ends in steady noise that, over its whole length, has more energy than level_db re all."""
    tenth = max(len(band) // 10, 1)
    before, last = float(np.sum(band[-2 * tenth : -tenth] ** 2)), float(np.sum(band[-tenth:] ** 2))
    is_steady = last > 0.7 * before
    return is_steady and 10 * last > 10 ** (level_db / 10) * float(np.sum(band**2))


def edt(rir: np.ndarray, rate: int = RATE) -> float | None:
    """Early decay time in s: the first 10 dB over 355-2,840 Hz (ISO 3382-1)."""
    return decay_time_s(energy_decay_db(mid_band(rir, rate)), rate, -0.1, -10.0)


def _ratio_db(rir: np.ndarray, split: int) -> float:
    early, late = float(np.sum(rir[:split] ** 2.0)), float(np.sum(rir[split:] ** 2.0))
    return 10 * float(np.log10(max(early, 1e-12) / max(late, 1e-12)))


def drr_db(rir: np.ndarray, rate: int = RATE, direct: int = DIRECT_SAMPLE) -> float:
    """Direct-to-reverberant energy ratio in dB of a response whose direct sound is at sample `direct`."""
    return _ratio_db(rir, direct + int(DIRECT_HALF_WIDTH_S * rate))


def c50_db(rir: np.ndarray, rate: int = RATE, direct: int = DIRECT_SAMPLE) -> float:
    """Clarity C50 in dB: energy of the first 50 ms after the direct sound over the rest (ISO 3382-1)."""
    return _ratio_db(rir, direct + int(0.05 * rate))


def free_decay(audio: np.ndarray, begin: int, rate: int = RATE) -> np.ndarray:
    """Energy still to come over 355-2,840 Hz, in squares times seconds: from sample `begin` to the floor it ends in.

    audio: (samples,). A floor bends the Schroeder curve: its power is taken off (Chu 1978), the decay is cut 6 dB above
    it, and what the cut takes away is put back as the end of an exponential (Lundeby et al. 1995). Returns (samples,)
    from `begin` on, or nothing where the level does not fall.
    """
    tail = mid_band(audio, rate)[begin:]
    frame, nothing = rate // 100, np.zeros(0)
    power = np.mean(tail[: len(tail) // frame * frame].reshape(-1, frame) ** 2, axis=1) + 1e-14
    if len(power) < 5:
        return nothing
    floor = float(np.median(power[-max(5, len(power) // 10) :]))
    limit = max(4 * floor, float(power.max()) * 1e-5)
    above = np.flatnonzero(power > limit)
    if len(above) == 0 or above[-1] == 0:
        return nothing
    frames = above[-1] + 1
    slope_db = np.polyfit(np.arange(frames), 10 * np.log10(power[:frames]), 1)[0]  # a frame
    if slope_db >= 0:
        return nothing
    rest = (limit - floor) * frame * DB_PER_NEPER_OF_POWER / -slope_db
    left = np.cumsum((tail[: frames * frame] ** 2 - floor)[::-1])[::-1] + rest
    return np.maximum(left, 1e-30 * left[0]) / rate


def free_decay_db(audio: np.ndarray, begin: int, rate: int = RATE) -> np.ndarray:
    """`free_decay` as a curve in dB that starts from 0."""
    left = free_decay(audio, begin, rate)
    return 10 * np.log10(left / left[:1])


def free_decay_t60(audio: np.ndarray, speech_end: int, rate: int = RATE) -> float | None:
    """T60 in s of a room from speech that rings out: T20 of the free decay (`free_decay_db`) after the source's end.

    audio: (samples,) reverberant. speech_end: sample at which the dry source fell silent. None where the decay is not
    25 dB clear of its floor.
    """
    return decay_time_s(free_decay_db(audio, speech_end, rate), rate, -5.0, -25.0)
