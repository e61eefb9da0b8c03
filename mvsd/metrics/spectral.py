"""Distances of spectrograms, linear and mel."""

from __future__ import annotations

import torch
from torch import Tensor

from mvsd.audio import DB_PER_NEPER, rms
from mvsd.metrics.undefined import in_step

FFT, HOP, WINDOW = 512, 160, 400  # of AViTAR's `mag_distance` (Chen et al. 2022, arXiv 2202.06875), at 16 kHz
LOG_FLOOR = 1e-5


def magnitudes(audio: Tensor) -> Tensor:
    """(257, frames) of (samples,): Hamming window of 400, hop 160, zeros before and after."""
    window = torch.hamming_window(WINDOW, device=audio.device)
    shape = {"hop_length": HOP, "win_length": WINDOW, "window": window, "pad_mode": "constant"}
    return torch.stft(audio, FFT, **shape, return_complex=True).abs()


def stft_distance(estimate: Tensor, target: Tensor) -> float:
    """Mean squared difference of linear magnitudes, as is: it depends on the level of both."""
    return float((magnitudes(estimate) - magnitudes(target)).square().mean())


def level_matched(estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The target at a peak of 1, as AViTAR's data are, and the estimate at the target's power."""
    target = target / target.abs().max()
    return estimate * (rms(target) / rms(estimate)), target


def log_stft_distance(estimate: Tensor, target: Tensor) -> float:
    """Mean squared difference of ln(magnitude + 1e-5): `log_mag_distance` of AViTAR."""
    logs = [(magnitudes(sound) + LOG_FLOOR).log() for sound in (estimate, target)]
    return float((logs[0] - logs[1]).square().mean())


def stft_distances(estimate: Tensor, target: Tensor) -> dict[str, float]:
    """stft and log_stft as is, stft_level and log_stft_level level-matched. Raises Undefined for silence."""
    pair = in_step(estimate, target)
    matched = level_matched(*pair)
    return {
        "stft": stft_distance(*pair),
        "stft_level": stft_distance(*matched),
        "log_stft": log_stft_distance(*pair),
        "log_stft_level": log_stft_distance(*matched),
    }


def mel_error_db(estimate: Tensor, target: Tensor) -> float:
    """Mean absolute difference of two log-mels (128, frames) in dB (20 log10 of magnitude, floor 1e-5), all frames."""
    frames = min(estimate.shape[-1], target.shape[-1])
    return float((estimate[..., :frames] - target[..., :frames]).abs().mean()) * DB_PER_NEPER


def detail(mel: Tensor) -> float:
    """Mean change from frame to frame of a log-mel, nepers: a smoothed spectrogram has less than a real one."""
    return float(mel.diff(dim=-1).abs().mean())


def detail_ratio(estimate: Tensor, target: Tensor) -> float:
    """Detail of the estimate over that of the target; 1 is as it should be."""
    frames = min(estimate.shape[-1], target.shape[-1])
    return detail(estimate[..., :frames]) / max(detail(target[..., :frames]), 1e-9)
