"""A reverberator that sees nothing: a direct sound and noise that dies away as in a usual room, or as it is told.

What remains of a result's quality when the picture is taken away entirely; Polack's model (1988) made audible.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.signal import butter, sosfiltfilt

from mvsd.acoustics import DIRECT_HALF_WIDTH_S
from mvsd.audio import SAMPLE_RATE
from mvsd.conversion import Settings
from mvsd.systems.convolving import Convolving
from mvsd.unet import Condition

USUAL_T60_S, USUAL_DRR_DB = 0.6, -3.0  # about the means of simulated and of measured rooms
EDGES_HZ = (355.0, 2840.0)
SHARES = (1.1, 1.0, 0.7)  # of the room's T60, in the bands between: air and soft things take the high ones first


def response(t60_s: float, drr_db: float, seed: int) -> np.ndarray:
    """(samples,) at 16 kHz: 1 at sample 0, then noise from 2.5 ms on, drr_db below it, that decays 60 dB in t60_s."""
    begin = int(DIRECT_HALF_WIDTH_S * SAMPLE_RATE)
    count = begin + round(1.2 * t60_s * SAMPLE_RATE)
    time_s = np.arange(count) / SAMPLE_RATE
    noise = np.random.default_rng(seed).standard_normal(count)
    tail = sum(band * 10 ** (-3 * time_s / (share * t60_s)) for band, share in _bands(noise))
    tail[: begin + 1] = 0
    tail *= 10 ** (-drr_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _bands(noise: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Noise in bands that add up to it, each with its share of T60."""
    rest = noise
    for edge_hz, share in zip(EDGES_HZ, SHARES):
        low = sosfiltfilt(butter(2, edge_hz, fs=SAMPLE_RATE, output="sos"), rest)
        yield low, share
        rest = rest - low
    yield rest, SHARES[-1]


class Blind(Convolving):
    """Speech through `response` with the T60 and DRR of the settings, or usual ones."""

    name = "blind"

    def response(self, condition: Condition, settings: Settings) -> np.ndarray:
        t60_s = USUAL_T60_S if settings.t60_s is None else settings.t60_s
        drr_db = USUAL_DRR_DB if settings.drr_db is None else settings.drr_db
        return response(t60_s, drr_db, settings.seed)
