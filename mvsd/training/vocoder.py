"""Training of the learned inverse: on true mels, and on those the trained converters predict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from mvsd.audio import MEL, istft, log_mel, mel_of, stft
from mvsd.data.pack import Pack
from mvsd.data.pairs import MARGIN, PairMaker, Taste
from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.training.converters import EDGE, LONG_PAST, numbers_of, sample_windows
from mvsd.training.critics import Judged, SoundCritic, judged_sound, network_of
from mvsd.training.loop import multiplies_bf16
from mvsd.unet import Condition
from mvsd.vocoder import DITHER, TASKS, Vocoder, VocoderConfig

FILE = "vocoder.safetensors"
RESOLUTIONS = ((512, 128), (2048, 512))  # FFT, hop of the losses besides the front end's own
PREDICTED_SHARE = 0.7  # of training windows whose mel is the converter's own
POWER = 0.3  # compression of magnitudes in the complex loss
INNER = slice(4 * MEL.hop, -4 * MEL.hop)  # a window's edge has no neighbour to overlap with


def compressed(spectrum: Tensor) -> Tensor:
    """Magnitude to the power 0.3, phase kept: quiet partials count (Braun and Tashev 2021, arXiv 2009.12286)."""
    return spectrum * spectrum.abs().clamp(min=1e-5) ** (POWER - 1)


def spectral_losses(estimate: Tensor, target: Tensor) -> dict[str, Tensor]:
    """estimate, target: (B, samples). Complex and magnitude distance at our STFT, log magnitude at others."""
    ours, theirs = compressed(stft(estimate)), compressed(stft(target))
    terms = {
        "complex": (ours - theirs).abs().mean(),
        "magnitude": 2 * (ours.abs() - theirs.abs()).abs().mean(),
    }
    for n_fft, hop in RESOLUTIONS:
        window = torch.hann_window(n_fft, device=estimate.device)
        pair = (torch.stft(x, n_fft, hop, window=window, return_complex=True).abs() for x in (estimate, target))
        ours, theirs = (x.clamp(min=1e-4).log() for x in pair)
        terms[f"log_{n_fft}"] = 0.3 * (ours - theirs).abs().mean()
    return terms


@dataclass(frozen=True)
class Windows:
    """One task's windows. mel: as wanted; source: STFT, dithered; source_mel: LONG_PAST frames longer;
    sound: as wanted, (B, samples); numbers: what Condition.numbers holds; predict: whether the mel is to come from
    the converter instead.
    """

    task: str
    mel: Tensor
    source: Tensor
    source_mel: Tensor
    sound: Tensor
    numbers: Tensor
    predict: bool


class VocoderTask:
    """Windows of both tasks in one batch. predictors: trained converters, whose mels most windows then have.
    critic_width: of what tells made from real; 0: spectral distances alone."""

    def __init__(
        self,
        config: VocoderConfig,
        pack: Pack,
        batch: int,
        predictors: dict[str, Denoiser] | None = None,
        critic_width: int = 0,
        init: Path | None = None,
        seed: int = 0,
    ):
        torch.manual_seed(seed)
        network = Vocoder.from_pretrained(init).train() if init else Vocoder(config)
        self.model = Judged(network, SoundCritic(critic_width)) if critic_width else network
        self.batch, self.predictors = batch, predictors or {}
        self.frames = 192
        self.pairs = PairMaker(pack, self.frames, before=LONG_PAST)
        self.check = PairMaker(pack, self.frames, True, Taste(measured=0.0, spoilt=0.0), LONG_PAST)

    def draw(self, generator: Generator) -> list[Windows]:
        """Half a batch of each task, of the same speech in the same rooms."""
        return self._windows(self.pairs, self.batch // 2, generator)

    def _windows(self, pairs: PairMaker, count: int, generator: Generator) -> list[Windows]:
        drawn, made = pairs.draw(count, generator, DenoiserConfig.level), []
        for task in TASKS:
            heard, wanted = drawn.sources[task], drawn.targets[task]
            recent = heard[:, LONG_PAST * MEL.hop :]
            dithered = stft(recent + DITHER * torch.randn(recent.shape, generator=generator))
            predict = float(torch.rand(1, generator=generator)) < PREDICTED_SHARE
            parts = (mel_of(stft(wanted)), dithered, log_mel(heard))
            inner = wanted[:, MARGIN:-MARGIN]
            made.append(Windows(task, *(p[..., EDGE:-EDGE] for p in parts), inner, numbers_of(drawn.views), predict))
        return made

    def _sound(self, model: nn.Module, windows: Windows, generator: Generator) -> Tensor:
        """What the vocoder makes of one task's windows, (B, samples)."""
        device = next(model.parameters()).device
        mel, source = windows.mel.to(device), windows.source.to(device)
        if windows.predict and windows.task in self.predictors:
            mel = self._predicted(windows, device, generator).to(device)
        task = torch.full((len(mel),), TASKS.index(windows.task), device=device)
        spectrum = network_of(model)(mel, source, task)
        with torch.autocast(device.type, enabled=False):
            return istft(spectrum)

    def _predicted(self, windows: Windows, device: torch.device, generator: Generator) -> Tensor:
        """What the converter makes of these windows, knowing the room in numbers."""
        condition = replace(Condition.unknown(len(windows.mel)), numbers=windows.numbers)
        denoiser = self.predictors[windows.task].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=multiplies_bf16(device)):
            return sample_windows(denoiser, windows.source_mel, condition, generator, LONG_PAST).float()

    def losses(self, model: nn.Module, batch: list[Windows], generator: Generator, step: int) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        made = torch.cat([self._sound(model, windows, generator) for windows in batch])
        wanted = torch.cat([windows.sound for windows in batch]).to(device)
        made, wanted = made[:, INNER], wanted[:, INNER]
        with torch.autocast(device.type, enabled=False):
            terms = spectral_losses(made, wanted)
        return terms | judged_sound(model, made, wanted)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Losses of each task on held-out speakers and rooms, on true and, with predictors, on predicted mels."""
        generator, row = torch.Generator().manual_seed(1), {}
        for windows in self._windows(self.check, 16, generator):
            for name, predict in (("true", False), ("predicted", True)):
                made = self._sound(model, replace(windows, predict=predict), generator).cpu()
                terms = spectral_losses(made, windows.sound)
                row |= {f"{windows.task}_{name}_{term}": float(value) for term, value in terms.items()}
        return row

    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        network_of(model).save(folder / FILE, notes)
