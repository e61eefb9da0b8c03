"""How a designed room answers: image sources for the first reflections, ray tracing for the rest (pyroomacoustics).

Convention of the project: the direct sound is sample 40 of a response, and 1 there.
"""

from __future__ import annotations

import numpy as np
import pyroomacoustics

from mvsd.acoustics import DIRECT_SAMPLE, RATE
from mvsd.data.room_design import RoomDesign, effective_absorption, effective_scattering
from mvsd.data.room_materials import BANDS_HZ
from mvsd.data.room_views import SPEED_OF_SOUND, View

LONGEST_S = 3.5
FLOOR_DB = -70.0
RAYS = (1500, 12_000)
HITS_PER_BIN = 12.0  # rays that cross the listener's sphere in one bin of the energy histogram
BIN_S = 0.004
SCATTERING_SHAPE = np.array([0.35, 0.5, 0.7, 1.0, 1.2, 1.3, 1.4])  # over BANDS_HZ, re 1 kHz


def response(room: RoomDesign, view: View, seed: int) -> np.ndarray:
    """The room's impulse response between the two places of a view: (samples,) float32 at 16 kHz.

    Starts 40 samples before the direct sound, which is 1; ends where the decay is 70 dB down, or after 3.5 s.
    The same seed gives the same response; pyroomacoustics keeps generators of its own, which are seeded here.
    """
    pyroomacoustics.random.seed(seed)
    rays, radius_m = _rays(room, view)
    box = pyroomacoustics.ShoeBox(
        room.size_m, fs=RATE, materials=_materials(room), max_order=_order(room), air_absorption=True
    )
    box.set_sound_speed(SPEED_OF_SOUND)
    box.set_ray_tracing(
        n_rays=rays, receiver_radius=radius_m, time_thres=LONGEST_S + 0.1, energy_thres=1e-7, hist_bin_size=BIN_S
    )
    box.add_source(view.talker)
    box.add_microphone(view.listener)
    box.compute_rir()
    return cut(box.rir[0][0], view.distance_m)


def _order(room: RoomDesign) -> int:
    """Low orders where the room is small and scattering rules, higher where single echoes are heard for long."""
    return 10 if room.is_open else int(np.clip(round(3 + np.log10(max(room.volume_m3, 1.0))), 3, 6))


def _rays(room: RoomDesign, view: View) -> tuple[int, float]:
    """Number of rays and radius in m of the listener's sphere, for a histogram that is not noise."""
    radius_m = float(np.clip(0.12 * room.volume_m3 ** (1 / 3), 0.2, 0.9))
    radius_m = min(radius_m, 0.7 * view.distance_m)
    hits_per_ray = SPEED_OF_SOUND * BIN_S * np.pi * radius_m**2 / room.volume_m3
    return int(np.clip(HITS_PER_BIN / hits_per_ray, *RAYS)), radius_m


def _materials(room: RoomDesign) -> dict[str, pyroomacoustics.Material]:
    scattered = effective_scattering(room)
    return {
        name: pyroomacoustics.Material(_bands(alpha), _bands(np.clip(scattered[name] * SCATTERING_SHAPE, 0.02, 0.9)))
        for name, alpha in effective_absorption(room).items()
    }


def _bands(coeffs: np.ndarray) -> dict[str, object]:
    return {"description": "", "coeffs": coeffs.tolist(), "center_freqs": list(BANDS_HZ)}


def cut(whole: np.ndarray, distance_m: float) -> np.ndarray:
    """A raw response, (samples,) at 16 kHz, from 40 samples before the direct sound; scaled to 1 there and trimmed."""
    delay = pyroomacoustics.constants.get("frac_delay_length") // 2
    direct = round(distance_m * RATE / SPEED_OF_SOUND) + delay
    start = direct - DIRECT_SAMPLE
    kept = whole[max(0, start) : direct + int(LONGEST_S * RATE) - DIRECT_SAMPLE]
    kept = np.pad(kept, (max(0, -start), 0)) / whole[direct]
    return trim(kept).astype(np.float32)


def trim(rir: np.ndarray) -> np.ndarray:
    """rir without its end, from where it stays more than 70 dB below its peak; the last 5 ms fade out."""
    loud = np.flatnonzero(np.abs(rir) > np.abs(rir).max() * 10 ** (FLOOR_DB / 20))
    kept = rir[: loud[-1] + 1].copy()
    fade = min(RATE // 200, len(kept) - DIRECT_SAMPLE - 1)
    if fade > 0:
        kept[-fade:] *= np.linspace(1, 0, fade)
    return kept
