"""BigVGAN checkpoints (Lee et al. 2023, arXiv 2206.04658) by name, through their own package, where the mel is ours.

None of the published ones is of 16 kHz; one that somebody trained on our front end fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mvsd.audio import MEL
from mvsd.errors import UserError

OURS = {
    "sampling_rate": MEL.sample_rate,
    "num_mels": MEL.n_mels,
    "n_fft": MEL.n_fft,
    "win_size": MEL.n_fft,
    "hop_size": MEL.hop,
    "fmin": 0,
    "fmax": MEL.sample_rate // 2,
}


def load_bigvgan(name: str, device: torch.device | str = "cpu") -> Callable[[Tensor], Tensor]:
    """A function from log-mel (B, 128, frames) to (B, frames * 256) samples. name: a folder or a Hub id.

    Raises UserError where the package is missing, nothing is found, or the checkpoint hears another mel.
    """
    try:
        from bigvgan import BigVGAN
    except ModuleNotFoundError as error:
        raise UserError(f"{name} is read by package {error.name}. Install it with: pip install bigvgan") from error
    try:
        model = BigVGAN.from_pretrained(name, use_cuda_kernel=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{name} could not be loaded as a BigVGAN ({error}). Check the name and the network."
        ) from error
    _must_fit(name, model.h)
    model.remove_weight_norm()
    model = model.to(device).eval()

    @torch.no_grad()
    def invert(mel: Tensor) -> Tensor:
        return model(mel.to(device))[:, 0]

    return invert


def _must_fit(name: str, settings: dict[str, Any]) -> None:
    theirs = {key: settings.get(key) for key in OURS}
    theirs["fmax"] = theirs["fmax"] or (theirs["sampling_rate"] or 0) // 2  # None is half the rate
    if theirs != OURS:
        apart = ", ".join(f"{key} {theirs[key]} (ours {OURS[key]})" for key in OURS if theirs[key] != OURS[key])
        raise UserError(f"{name} hears another mel than ours: {apart}. Choose a checkpoint with our settings.")
