"""Training of the learned inverse: on true mels, and on those the trained converters predict."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from mvsd.audio import DB_PER_NEPER, MEL, istft, mel_of, stft
from mvsd.data.pack import Pack
from mvsd.data.pairs import MARGIN, PairMaker, Taste
from mvsd.denoiser import Denoiser
from mvsd.training.converters import EDGE, numbers_of, sample_windows
from mvsd.unet import Condition
from mvsd.vocoder import DITHER, TASKS, Vocoder, VocoderConfig

FILE = "vocoder.safetensors"
RESOLUTIONS = ((512, 128), (2048, 512))  # FFT, hop of the losses besides the front end's own
POWER = 0.3  # compression of magnitudes in the complex loss


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


class VocoderTask:
    """Windows of both tasks in one batch. predictors: trained converters, whose mels most windows then have."""

    def __init__(
        self,
        config: VocoderConfig,
        pack: Pack,
        batch: int,
        predictors: dict[str, Denoiser] | None = None,
        init: Path | None = None,
        seed: int = 0,
    ):
        torch.manual_seed(seed)
        self.model = Vocoder.from_pretrained(init).train() if init else Vocoder(config)
        self.batch, self.predictors = batch, predictors or {}
        self.frames = 192
        self.pairs = PairMaker(pack, self.frames)
        self.check = PairMaker(pack, self.frames, held_out=True, taste=Taste(measured=0.0, spoilt=0.0))

    def _windows(self, pairs: PairMaker, count: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Wanted mel, source STFT, wanted sound and task of `count` windows of each task."""
        drawn = pairs.draw(count, generator, 0.05)
        mels, sources, sounds, tasks = [], [], [], []
        for index, task in enumerate(TASKS):
            source = drawn.sources[task] + DITHER * torch.randn(drawn.sources[task].shape, generator=generator)
            sources.append(stft(source)[..., EDGE:-EDGE])
            mel = mel_of(stft(drawn.targets[task]))[..., EDGE:-EDGE]
            if task in self.predictors and float(torch.rand(1, generator=generator)) < 0.7:
                mel = self._predicted(task, drawn.views, mel_of(stft(drawn.sources[task]))[..., EDGE:-EDGE], generator)
            mels.append(mel)
            sounds.append(drawn.targets[task][:, MARGIN:-MARGIN])
            tasks.append(torch.full((count,), index))
        return torch.cat(mels), torch.cat(sources), torch.cat(sounds), torch.cat(tasks)

    def _predicted(self, task: str, views: list, source_mel: Tensor, generator: Generator) -> Tensor:
        """What the converter makes of these windows, knowing the room in numbers."""
        unknown = Condition.unknown(len(views))
        condition = Condition(unknown.scene, unknown.tokens, unknown.has_scene, numbers_of(views))
        denoiser = self.predictors[task]
        device = next(denoiser.parameters()).device
        with torch.autocast(device.type, torch.bfloat16):
            return sample_windows(denoiser, source_mel, condition, 2, generator).float()

    def losses(self, model: nn.Module, generator: Generator) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        with torch.autocast(device.type, enabled=False):
            mel, source, sound, task = (x.to(device) for x in self._windows(self.pairs, self.batch // 2, generator))
        spectrum = model(mel, source, task)
        with torch.autocast(device.type, enabled=False):
            # the first frames stand for the past: a window's edge has no neighbour to overlap with
            inner = slice(4 * MEL.hop, -4 * MEL.hop)
            return spectral_losses(istft(spectrum)[:, inner], sound[:, inner])

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Losses on held-out speakers and rooms, and the error in dB of the mel that comes back from the sound."""
        device = next(model.parameters()).device
        windows = self._windows(self.check, 24, torch.Generator().manual_seed(1))
        mel, source, sound, task = (x.to(device) for x in windows)
        made = istft(model(mel, source, task))
        row = {f"check_{name}": float(value) for name, value in spectral_losses(made, sound).items()}
        back = (mel_of(stft(made)) - mel)[..., 4:-4].abs().mean((1, 2)) * DB_PER_NEPER
        return row | {f"{name}_mel_db": float(back[task == i].mean()) for i, name in enumerate(TASKS)}

    def export(self, model: nn.Module, folder: Path, notes: dict[str, str]) -> None:
        model.save(folder / FILE, notes)
