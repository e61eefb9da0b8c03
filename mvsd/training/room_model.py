"""How a band's T60 differs from its room's, as measured in responses: what Polack's model of a room is set by.

T60 is that of all power between 355 and 2,840 Hz, of which most lies above 1 kHz in a response, and most below in
speech: speech in a room rings longer than the room's T60 says, because low bands do.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from torch import Tensor

from mvsd.acoustics import RATE, decay_time_s, energy_decay_db
from mvsd.audio import MEL, mel_edges_hz
from mvsd.data.pack import Pack, RoomView
from mvsd.errors import UserError

THIRDS_HZ = 1000 * 2 ** (np.arange(-9, 9) / 3)  # middles of third octaves, 125 Hz to 6.3 kHz
MEASURED = 200  # rooms are enough to know what is usual in a band


def bands_ring(pack: Pack, views: list[RoomView]) -> Tensor:
    """Log of how much longer a mel band rings than its room, the median over these views, (128,): T20 of third
    octaves, and in between."""
    some = views[:: -(-len(views) // MEASURED)]
    ratios = np.array([_thirds_t60_s(pack.rir(view).numpy()) / view.t60_s for view in some])
    known = ~np.isnan(ratios).all(0)
    if not known.any():
        raise UserError("No response of this pack decays by 25 dB. Pack rooms whose responses do.")
    centres = mel_edges_hz(MEL)[1:-1].numpy()
    usual = np.log(np.nanmedian(ratios[:, known], 0))
    return torch.from_numpy(np.interp(np.log(centres), np.log(THIRDS_HZ[known]), usual)).float()


def _thirds_t60_s(rir: np.ndarray) -> np.ndarray:
    """T20 in s in each of THIRDS_HZ, NaN where it does not decay. rir: (samples,)."""
    edge = 2 ** (1 / 6)
    filters = (butter(3, (hz / edge, hz * edge), "bandpass", fs=RATE, output="sos") for hz in THIRDS_HZ)
    bands = (sosfiltfilt(sos, rir.astype(np.float64)) for sos in filters)
    found = [decay_time_s(energy_decay_db(band), RATE, -5.0, -25.0) for band in bands]
    return np.array([np.nan if t60 is None else t60 for t60 in found])
