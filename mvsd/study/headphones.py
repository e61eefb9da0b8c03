"""A test for headphones: Huggins pitch (Cramer and Huggins 1958), as Milne et al. 2020 ask it on the web.

Three bursts of noise. In one of them a narrow band is of opposite sign in the two ears: a faint tone, which is there
for headphones alone. Loudspeakers mix the ears in the air, and either ear by itself has nothing but noise.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

import numpy as np
import soundfile

from mvsd.study.assignment import Trial
from mvsd.study.columns import HEADPHONES
from mvsd.study.spec import Study

BURSTS = 3
BURST_S, GAP_S, RAMP_S = 1.0, 0.4, 0.03
CENTRE_HZ, WIDTH = 600.0, 0.06  # the band reaches 6 % to either side
LENGTH_S = BURSTS * BURST_S + (BURSTS - 1) * GAP_S
LEVEL = 0.05  # root mean square of the noise


@dataclass(frozen=True)
class HugginsPitch:
    """tone_in: the burst with the tone, from 1."""

    tone_in: int


def headphone_trials(study: Study) -> tuple[Trial, ...]:
    count = study.headphones.trials if study.headphones else 0
    return tuple(Trial(f"{HEADPHONES}:{number}", HEADPHONES, "", "", "") for number in range(1, count + 1))


def tone_of(trial: Trial, assign_seed: str) -> HugginsPitch:
    """The same each time that a trial of a session is shown."""
    return HugginsPitch(random.Random(f"{assign_seed}:{trial.id}").randint(1, BURSTS))


def huggins_wav(pitch: HugginsPitch, rate: int, rng: np.random.Generator) -> bytes:
    """Fresh noise as stereo WAV, 16 bits, LENGTH_S long."""
    out = io.BytesIO()
    soundfile.write(out, huggins_samples(pitch, rate, rng), rate, subtype="PCM_16", format="WAV")
    return out.getvalue()


def huggins_samples(pitch: HugginsPitch, rate: int, rng: np.random.Generator) -> np.ndarray:
    """(samples, 2) float32 in [-1, 1]."""
    silence = np.zeros((round(GAP_S * rate), 2))
    bursts = [_burst(number == pitch.tone_in, rate, rng) for number in range(1, BURSTS + 1)]
    spaced = [part for burst in bursts for part in (silence, burst)][1:]
    return np.concatenate(spaced).astype(np.float32)


def _burst(has_tone: bool, rate: int, rng: np.random.Generator) -> np.ndarray:
    count = round(BURST_S * rate)
    left = LEVEL * rng.standard_normal(count)
    spectrum, hz = np.fft.rfft(left), np.fft.rfftfreq(count, 1 / rate)
    if has_tone:
        spectrum[np.abs(hz - CENTRE_HZ) <= WIDTH * CENTRE_HZ] *= -1
    ramp = np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / (RAMP_S * rate))
    return np.stack([left, np.fft.irfft(spectrum, count)], axis=1) * ramp[:, None]
