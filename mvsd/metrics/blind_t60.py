"""T60 of a recording of speech when nothing else is known: how fast its fastest decays are."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from mvsd.audio import DB_PER_NEPER, MEL, SAMPLE_RATE, log_mel
from mvsd.metrics.undefined import Undefined, in_step

BANDS = slice(10, 110)  # mel bands looked at, 0.15 to 5.4 kHz, in groups of 5
GROUP = 5
WINDOW = 16  # frames (0.26 s) that a slope is read over
STEEPEST = 0.01  # share of all slopes that are steeper than the one taken
RANGE_DB = 60.0  # below the loudest point nothing is looked at
# ln T60 = A x^2 + B x + C of x = ln(steepest slope, dB/s): fitted to speech of 220 speakers in 680 simulated rooms;
# in 340 others Spearman 0.93, median error 0.10 s, mean 0.16 s.
A, B, C = -0.480, 2.708, -2.587
SLOWEST = -B / (2 * A)  # x below this is beyond what the fit can tell apart: T60 of 3.4 s


def blind_t60_s(audio: Tensor) -> float:
    """Reverberation time in s, from the distribution of decay rates (after Wen, Habets and Naylor 2008).

    Speech stops faster than most rooms decay, so the steepest slopes of its spectrogram are those of the room.
    audio: (samples,) at 16 kHz. Raises Undefined for silence and for clips under 0.4 s.
    """
    in_step(audio, audio)
    levels = (log_mel(audio[None])[0] * DB_PER_NEPER).numpy()[BANDS]
    if levels.shape[1] < WINDOW + WINDOW // 2:
        raise Undefined("too short to see a decay")
    powers = 10 ** (levels / 10)
    bands = 10 * np.log10(powers.reshape(-1, GROUP, levels.shape[1]).mean(1))
    bands = np.maximum(bands, bands.max() - RANGE_DB)
    at = np.arange(WINDOW) - (WINDOW - 1) / 2
    slopes = np.lib.stride_tricks.sliding_window_view(bands, WINDOW, axis=1) @ (at / (at @ at))  # dB a frame
    steepest = -float(np.quantile(slopes, STEEPEST)) * SAMPLE_RATE / MEL.hop
    x = max(math.log(max(steepest, 1.0)), SLOWEST)
    return math.exp(A * x**2 + B * x + C)
