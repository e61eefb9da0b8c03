"""A converter's network with its diffusion process: one place for preconditioning, loss and long clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvsd.checkpoint import Pretrained
from mvsd.diffusion import SCHEDULES, Denoise, Process
from mvsd.polack import rung
from mvsd.unet import Condition, ControllableUnet, UnetConfig

FIRST_SHARE = {"match": 0.4, "dereverb": 0.8}  # of training draws, within 5 % of T: most where one step is usual


@dataclass(frozen=True)
class DenoiserConfig(UnetConfig):
    """What a converter's checkpoint says of itself, besides the size of its network."""

    task: str = "match"  # "match" (dry to wet) or "dereverb" (wet to dry)
    steps: int = 250  # T, as trained
    schedule: str = "cosine"
    target: str = "velocity"
    centre: str = "source"  # what diffuses is target minus this: "source", "rung" (the source in Polack's room) or
    # "mean" (of all mels: the target itself diffuses, as in the paper)
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

    Mels are log-mel in nepers (batch, 128, frames). What diffuses is the change to the target from what is known of it
    beforehand: the source itself, or (centre "rung") the source as Polack's model of the room makes it sound, with
    T60 and DRR as told or as read in the picture. Its unit is what that leaves open, not the mel's own spread: noise
    as small as that is where details are decided, and few steps must not jump over it.
    """

    Config = DenoiserConfig

    def __init__(self, config: DenoiserConfig = DenoiserConfig()):
        super().__init__()
        self.config = config
        self.process = Process(SCHEDULES[config.schedule](config.steps), config.target)
        self.unet = ControllableUnet(config)
        models_room = config.centre == "rung"
        usual = torch.tensor([0.4, -0.5, -0.3])  # what Condition.numbers mostly holds
        self.register_buffer("usual", usual, persistent=models_room)
        if models_room:
            self.register_buffer("tilt", torch.zeros(2, config.n_mels))  # a band's log T60, DRR / 10 less the room's

    def see(self, source: Tensor, condition: Condition) -> Tensor:
        """What the network sees beside x: (B, seen, 128, frames) of source (B, 128, frames), the whole clip so far."""
        if self.config.centre != "rung":
            return source[:, None]
        log_t60, drr = condition.room(self.usual)
        return torch.stack([source, rung(source, log_t60 + self.tilt[0], drr + self.tilt[1])], 1)

    def encode(self, target: Tensor, seen: Tensor) -> Tensor:
        """Log-mel target to what diffuses."""
        if self.config.centre == "mean":
            return (target - self.config.mel_mean) / self.config.mel_std
        return (target - seen[:, -1]) / self.config.change_unit

    def decode(self, x: Tensor, seen: Tensor) -> Tensor:
        """The inverse of encode."""
        if self.config.centre == "mean":
            return x * self.config.mel_std + self.config.mel_mean
        return x * self.config.change_unit + seen[:, -1]

    def output(self, x: Tensor, seen: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The network's answer at steps t (B,), for x as diffused and what `see` gave of the same frames."""
        normal = (seen - self.config.mel_mean) / self.config.mel_std
        signal, sigma = self.process.scales(t, x)
        scaled = x / (self.config.spread**2 * signal**2 + sigma**2).sqrt()
        return self.unet(scaled, normal, t.to(x.dtype) / self.process.steps, condition).to(x.dtype)

    def forward(self, x: Tensor, seen: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Estimate of the clean x at steps t (B,)."""
        return self.process.clean(x, self.output(x, seen, t, condition), t)

    def window_loss(
        self, target: Tensor, source: Tensor, condition: Condition, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """L_d (eq. 7) on the process's target and L_sty (eq. 9) on the estimate of x_0, for windows of nepers.

        source may begin before target, with what was said earlier.
        """
        t = self.draw_steps(len(target), generator).to(target.device)
        noise = torch.randn(target.shape, generator=generator).to(target.device)
        seen = self.see(source, condition)[..., -target.shape[-1] :]
        clean = self.encode(target, seen)
        x = self.process.noised(clean, noise, t)
        output = self.output(x, seen, t, condition)
        error = (output - self.process.wanted(clean, noise, t)).square()
        style = (self.process.clean(x, output, t) - clean).abs()
        return {"diffusion": self.weighed(error), "style": self.weighed(style)}

    def weighed(self, error: Tensor) -> Tensor:
        """The mean of errors (B, 128, frames) of windows, in which past frames count half."""
        weight = torch.ones(error.shape[-1], device=error.device)
        weight[: self.config.past_frames] = 0.5
        return (error * weight).mean()

    def draw_steps(self, count: int, generator: torch.Generator) -> Tensor:
        """count steps in 1..T: FIRST_SHARE near T, where every sampler asks first and few-step ones hardly elsewhere;
        of the rest the density rises with the noise (t / T is the 0.6th power of a uniform draw)."""
        share, anywhere = torch.rand(2, count, generator=generator)
        first = share < FIRST_SHARE[self.config.task]
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
        """mel: (..., M, length). Returns (count, ..., M, past + window)."""
        return mel.unfold(-1, self.past + self.window, self.hop).movedim(-2, 0)

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


def long_denoise(denoiser: Denoiser, seen: Tensor, condition: Condition, windows_at_once: int = 8) -> Denoise:
    """A `Denoise` for one clip of any length: windows estimated in batches, blended after every step.

    Because the sampler sees the whole clip and every step ends in one blended estimate, neighbours cannot drift apart.
    seen: (1, seen, 128, Windows.length), by `Denoiser.see`. condition: of one item.
    """
    plan = Windows.of(seen.shape[-1] - denoiser.config.past_frames, denoiser.config)
    windows = plan.cut(seen[0])

    @torch.no_grad()
    def denoise(x: Tensor, t: int) -> Tensor:
        estimates = []
        for part, beside in zip(plan.cut(x[0]).split(windows_at_once), windows.split(windows_at_once)):
            steps = torch.full((len(part),), t, device=x.device)
            estimates.append(denoiser(part.contiguous(), beside.contiguous(), steps, condition.repeat(len(part))))
        return plan.join(torch.cat(estimates))

    return denoise
