"""What systems share that make a response of the room and hear the speech through it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from scipy.signal import fftconvolve

from mvsd.audio import log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import Origin, check_picture, check_settings, finished, rung_out
from mvsd.unet import Condition


class Convolving(ABC):
    """For matching. A response is (samples,) at 16 kHz with the direct sound, 1, at sample 0."""

    name: str
    needs: frozenset[str] = frozenset()
    checkpoint_sha256 = ""
    device = "cpu"

    def look(self, clip: Clip) -> Condition:
        """What is seen of the room: nothing, if a system does not say otherwise."""
        return Condition.unknown(1)

    @abstractmethod
    def response(self, condition: Condition, settings: Settings) -> np.ndarray:
        """Of the room that the condition or the settings tell."""

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        """One step. Raises UserError for settings out of range or where a picture is needed and not there."""
        settings = replace(settings, steps=1)
        check_settings(settings)
        check_picture(self, clip)
        begin = time.monotonic()
        condition = self.look(clip)
        wet = fftconvolve(clip.audio.numpy(), self.response(condition, settings))
        audio = rung_out(torch.from_numpy(wet).float(), len(clip.audio))
        yield Progress(1, 1, log_mel(audio[None])[0])
        origin = Origin(self.name, self.checkpoint_sha256, settings, self.device, is_sampled=False)
        yield finished(clip, audio, origin, time.monotonic() - begin)
