"""What rivals share that map one STFT to another, window by window, with the picture beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from mvsd.audio import MEL, SAMPLE_RATE, MelSpec, istft, log_mel, speech_level, stft
from mvsd.checkpoint import Pretrained, find_weights
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import (
    LONGEST_TAIL_S,
    Origin,
    check_picture,
    check_settings,
    finished,
    known,
    rung_out,
)
from mvsd.denoiser import Windows
from mvsd.unet import Condition
from mvsd.vision import SceneEncoder
from mvsd.vocoder import SMALLEST, consistent, dithered

WINDOWS_AT_ONCE = 8


@dataclass(frozen=True)
class SpectrumConfig:
    """What a checkpoint says of itself besides its size. Frames are of the STFT here, 8 ms apart."""

    task: str = "match"  # "match" (dry to wet) or "dereverb" (wet to dry)
    n_fft: int = 512
    hop: int = 128  # samples
    window_frames: int = 256  # 2.05 s; the papers' 2.56 s are 320
    past_frames: int = 128  # context ahead of each window
    blend_frames: int = 64
    level: float = 0.05  # linear speech level a source is brought to
    scene_dim: int = 256
    tokens: int = 49
    phase_iterations: int = 0  # of Griffin-Lim on what comes out

    @property
    def spec(self) -> MelSpec:
        return MelSpec(n_fft=self.n_fft, hop=self.hop)

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1


class SpectrumNetwork(Protocol):
    """A Pretrained module. (source STFT, complex (B, bins, frames); room) -> the wanted STFT, of that shape."""

    config: SpectrumConfig
    checkpoint_sha256: str

    def __call__(self, source: Tensor, condition: Condition) -> Tensor: ...


def log_magnitude(spectrum: Tensor) -> Tensor:
    """Complex to real, about -2 to 2: natural log of the magnitude over the dither that lies under every source."""
    return (spectrum.abs().clamp(min=1e-4).log() + 5) / 2.5


def turned(source: Tensor, magnitude: Tensor) -> Tensor:
    """The phase of a source with another magnitude, (B, bins, frames)."""
    return magnitude * source / source.abs().clamp(min=SMALLEST)


@torch.no_grad()
def converted(network: SpectrumNetwork, sound: Tensor, condition: Condition, seed: int = 0) -> Tensor:
    """sound: (samples,) of any length at the network's level. condition: of one item. Returns (samples,)."""
    config, spec = network.config, network.config.spec
    frames = -(-len(sound) // spec.hop)
    plan = Windows.of(frames, config)
    whole = pad(sound, (plan.length * spec.hop - len(sound), 0))
    parts = plan.cut(stft(dithered(whole, seed)[None], spec)[0]).split(WINDOWS_AT_ONCE)
    made = plan.join(torch.cat([network(part.contiguous(), condition.repeat(len(part))) for part in parts]))
    return istft(consistent(made, config.phase_iterations, spec), spec)[0, -len(sound) :]


class SpectrumConverter:
    """A network of this kind and the frozen scene encoder that is its eye, for one task."""

    def __init__(self, name: str, network: Pretrained, scene: SceneEncoder, device: torch.device | str = "cpu"):
        self.name, self.device = name, torch.device(device)
        self.network, self.scene = (part.to(device).eval().requires_grad_(False) for part in (network, scene))
        self.matches = network.config.task == "match"
        self.needs = frozenset({"image"}) if self.matches else frozenset()

    @classmethod
    def from_pretrained(
        cls, name: str, network: type[Pretrained], source: str | Path, file: str, device: torch.device | str | None
    ) -> Self:
        """Load from a local folder or a Hub id; device None takes a CUDA GPU if there is one."""
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        eye = SceneEncoder.from_pretrained(find_weights(source, "scene.safetensors"))
        return cls(name, network.from_pretrained(find_weights(source, file)), eye, device)

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        """One step. Of the settings the seed alone counts: it is the noise under silence.

        Raises UserError for settings out of range or where a picture is needed and not there.
        """
        settings = replace(settings, steps=1)
        check_settings(settings)
        check_picture(self, clip)
        begin, spoken = time.monotonic(), len(clip.audio)
        gain = self.network.config.level / speech_level(clip.audio)
        condition = known(clip, Settings(), self.scene).to(self.device)
        source = pad(clip.audio * gain, (0, round(LONGEST_TAIL_S * SAMPLE_RATE) if self.matches else 0))
        source = pad(source, (0, -len(source) % MEL.hop)).to(self.device)
        audio = converted(self.network, source, condition, settings.seed).cpu()
        audio = (rung_out(audio, spoken) if self.matches else audio[:spoken]) / gain
        yield Progress(1, 1, log_mel(audio[None])[0])
        read = None if clip.image is None else self.scene.read(condition.scene)
        checkpoint = self.network.checkpoint_sha256
        origin = Origin(self.name, checkpoint, settings, str(self.device), read, is_sampled=False)
        yield finished(clip, audio, origin, time.monotonic() - begin)
