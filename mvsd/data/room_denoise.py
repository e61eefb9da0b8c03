"""Noise out of a rendered picture: light without texture, smoothed along each plane (à-trous, Dammertz et al. 2010)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

STEPS_PX = (1, 2, 4, 8, 16)
TAPS = ((-1, 0.25), (0, 0.5), (1, 0.25))  # offset in steps, weight of the B3-like kernel
NORMAL_VARIANCE, PLANE_M, LIGHT_SPREAD = 0.05, 0.04, 1.6


def denoised(
    light: np.ndarray, albedo: np.ndarray, normal: np.ndarray, place: np.ndarray, shape: np.ndarray
) -> np.ndarray:
    """light: (height, width, 3) linear radiance, noisy. albedo, normal, place in m: of the same size.
    shape: (height, width), number of the thing seen. Returns light, smoothed where these agree.
    """
    albedo = np.maximum(albedo, 0.02)
    smooth = without_fireflies(light / albedo).astype(np.float32)
    guides = [np.ascontiguousarray(guide, dtype=np.float32) for guide in (normal, place, shape)]
    for turn, step in enumerate(STEPS_PX):
        smooth = _pass(smooth, *guides, step, LIGHT_SPREAD * 0.75**turn)
    return smooth * albedo


def without_fireflies(light: np.ndarray) -> np.ndarray:
    """Single pixels brighter than twice the median around them, brought down to it."""
    grey = light.mean(axis=-1)
    ceiling = 2 * median_filter(grey, 5) + 1e-4
    return light * np.minimum(1, ceiling / np.maximum(grey, 1e-6))[..., None]


def _pass(
    light: np.ndarray, normal: np.ndarray, place: np.ndarray, shape: np.ndarray, step: int, spread: float
) -> np.ndarray:
    """One pass of the 3 x 3 kernel, its taps `step` pixels apart."""
    height, width = shape.shape
    level = np.log(light.mean(axis=-1) + 1e-4)
    total, weights = np.zeros_like(light), np.zeros((height, width), np.float32)
    for down, weight_down in TAPS:
        for right, weight_right in TAPS:
            rows = np.clip(np.arange(height) + down * step, 0, height - 1)[:, None]
            columns = np.clip(np.arange(width) + right * step, 0, width - 1)[None]
            turned = np.square(normal[rows, columns] - normal).sum(-1) / NORMAL_VARIANCE
            off_plane = np.abs(((place[rows, columns] - place) * normal).sum(-1)) / PLANE_M
            other = 6 * np.minimum(1, np.abs(shape[rows, columns] - shape))
            weight = np.exp(-turned - off_plane - other - np.abs(level[rows, columns] - level) / spread)
            weight *= weight_down * weight_right
            total += weight[..., None] * light[rows, columns]
            weights += weight
    return total / weights[..., None]
