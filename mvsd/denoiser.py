"""A converter's network with its diffusion process: one place for preconditioning, loss and long clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvsd.checkpoint import Pretrained
from mvsd.diffusion import SCHEDULES, Denoise, Process
from mvsd.unet import Condition, ControllableUnet, UnetConfig

FIRST_SHARE = 0.4  # of training draws that lie within 5 % of T


@dataclass(frozen=True)
class DenoiserConfig(UnetConfig):
    """What a converter's checkpoint says of itself, besides the size of its network."""

    task: str = "match"  # "match" (dry to wet) or "dereverb" (wet to dry)
    steps: int = 250  # T, as trained
    schedule: str = "cosine"
    target: str = "velocity"
    centre: str = "source"  # what diffuses is target minus source; "mean": the target itself, as in the paper
    mel_mean: float = -6.0  # nepers
    mel_std: float = 2.7  # nepers
    change_unit: float = 1.0  # nepers of target minus source that count as 1, about what a source leaves open
    spread: float = 2.0  # standard deviation of what diffuses, in that unit
    window_frames: int = 128
    past_frames: int = 64  # 1.02 s of source before each window; 0 is the paper's form
    blend_frames: int = 32
    level: float = 0.05  # linear speech level (RMS of its loud frames) a source is brought to


class Denoiser(Pretrained, nn.Module):
    """f or g of MVSD (arXiv 2407.10373): noisy mel, source mel, step and room to an estimate of the clean mel.

    Mels are log-mel in nepers (batch, 128, frames). What diffuses is the change from source to target (centre
    "source"), or the target itself ("mean"). Its unit is what the source leaves open, not its own spread: noise as
    small as that is where details are decided, and few steps must not jump over it.
    """

    Config = DenoiserConfig

    def __init__(self, config: DenoiserConfig = DenoiserConfig()):
        super().__init__()
        self.config = config
        self.process = Process(SCHEDULES[config.schedule](config.steps), config.target)
        self.unet = ControllableUnet(config)

    def encode(self, target: Tensor, source: Tensor) -> Tensor:
        """Log-mel target to what diffuses."""
        if self.config.centre == "source":
            return (target - source) / self.config.change_unit
        return (target - self.config.mel_mean) / self.config.mel_std

    def decode(self, x: Tensor, source: Tensor) -> Tensor:
        """The inverse of encode."""
        if self.config.centre == "source":
            return x * self.config.change_unit + source
        return x * self.config.mel_std + self.config.mel_mean

    def output(self, x: Tensor, source: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The network's answer at steps t (B,), for x as diffused and source in nepers."""
        normal = (source - self.config.mel_mean) / self.config.mel_std
        signal, sigma = self.process.scales(t, x)
        scaled = x / (self.config.spread**2 * signal**2 + sigma**2).sqrt()
        return self.unet(scaled, normal, t.to(x.dtype) / self.process.steps, condition).to(x.dtype)

    def forward(self, x: Tensor, source: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Estimate of the clean x at steps t (B,)."""
        return self.process.clean(x, self.output(x, source, t, condition), t)

    def window_loss(
        self, target: Tensor, source: Tensor, condition: Condition, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """L_d (eq. 7) on the process's target and L_sty (eq. 9) on the estimate of x_0, for windows of nepers.

        Past frames count half.
        """
        t = self.draw_steps(len(target), generator).to(target.device)
        noise = torch.randn(target.shape, generator=generator).to(target.device)
        clean = self.encode(target, source)
        x = self.process.noised(clean, noise, t)
        output = self.output(x, source, t, condition)
        error = (output - self.process.wanted(clean, noise, t)).square()
        style = (self.process.clean(x, output, t) - clean).abs()
        weight = torch.ones(target.shape[-1], device=target.device)
        weight[: self.config.past_frames] = 0.5
        return {"diffusion": (error * weight).mean(), "style": (style * weight).mean()}

    def draw_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """count steps in 1..T: two in five near T, where every sampler asks first and few-step ones hardly elsewhere;
        of the rest the density rises with the noise (t / T is the 0.6th power of a uniform draw)."""
        share, anywhere = torch.rand(2, count, generator=generator)
        first = share < FIRST_SHARE
        t = torch.where(first, 1 - 0.05 * anywhere, anywhere**0.6)
        return (t * self.process.steps).ceil().clamp(min=1).long()


@dataclass(frozen=True)
class Windows:
    """How a clip of any length is cut and put together again: windows counted from its end, blended at the seams.

    Each window is `past` frames of context and `window` frames, of which the first and last `blend` overlap with the
    neighbours. A clip is first padded in front to `length`; the weights of all windows sum to one at every frame.
    """

    frames: int
    window: int
    past: int
    blend: int

    @classmethod
    def of(cls, frames: int, config: DenoiserConfig) -> Windows:
        return cls(frames, config.window_frames, config.past_frames, config.blend_frames)

    @property
    def hop(self) -> int:
        return self.window - self.blend

    @property
    def count(self) -> int:
        return max(1, -(-(self.frames - self.blend) // self.hop))

    @property
    def length(self) -> int:
        """Frames after padding: the first window's past, then all windows."""
        return self.past + (self.count - 1) * self.hop + self.window

    def cut(self, mel: Tensor) -> Tensor:
        """mel: (1, M, length). Returns (count, M, past + window)."""
        return mel[0].unfold(-1, self.past + self.window, self.hop).transpose(0, 1)

    def join(self, windows: Tensor) -> Tensor:
        """windows: (count, M, past + window). Returns (1, M, length): cross-faded, contexts but the first dropped."""
        whole = windows.new_zeros(windows.shape[1], self.length)
        whole[:, : self.past] = windows[0, :, : self.past]
        for i, piece in enumerate(windows[..., self.past :] * self._weights().to(windows.device)[:, None]):
            begin = self.past + i * self.hop
            whole[:, begin : begin + self.window] += piece
        return whole[None]

    def _weights(self) -> Tensor:
        """(count, window): raised-cosine ramps that add up to one with the neighbours'."""
        weights = torch.ones(self.count, self.window)
        ramp = torch.sin((torch.arange(self.blend) + 0.5) / max(1, self.blend) * torch.pi / 2).square()
        weights[1:, : self.blend] *= ramp
        weights[:-1, self.window - self.blend :] *= 1 - ramp
        return weights


def long_denoise(denoiser: Denoiser, source: Tensor, condition: Condition, windows_at_once: int = 8) -> Denoise:
    """A `Denoise` for one clip of any length: windows estimated in batches, blended after every step.

    Because the sampler sees the whole clip and every step ends in one blended estimate, neighbours cannot drift apart.
    source: (1, 128, Windows.length) nepers. condition: of one item.
    """
    plan = Windows.of(source.shape[-1] - denoiser.config.past_frames, denoiser.config)
    sources = plan.cut(source)

    @torch.no_grad()
    def denoise(x: Tensor, t: int) -> Tensor:
        estimates = []
        for part, seen in zip(plan.cut(x).split(windows_at_once), sources.split(windows_at_once)):
            steps = torch.full((len(part),), t, device=x.device)
            estimates.append(denoiser(part.contiguous(), seen.contiguous(), steps, condition.repeat(len(part))))
        return plan.join(torch.cat(estimates))

    return denoise
