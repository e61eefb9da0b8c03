"""The picture of a clip that regions are drawn on: its whole length from left to right, 0 Hz at the bottom."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from matplotlib import colormaps
from PIL import Image

WIDTH, HEIGHT = 1200, 256  # pixels
WINDOW = 512  # samples
RANGE_DB = 80.0  # below the loudest point


@lru_cache(maxsize=64)
def spectrogram_png(path: Path) -> bytes:
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    padded = np.pad(samples.mean(axis=1), WINDOW // 2)
    starts = np.linspace(0, len(padded) - WINDOW, WIDTH).astype(int)
    frames = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)[:, 1:]) ** 2  # (WIDTH, HEIGHT)
    level = 10 * np.log10(power / max(power.max(), 1e-12) + 1e-12)
    shade = np.clip(1 + level / RANGE_DB, 0, 1).T[::-1]  # (HEIGHT, WIDTH), high notes on top
    out = io.BytesIO()
    Image.fromarray((colormaps["magma"](shade)[..., :3] * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()
