"""The diffusion process (Ho et al. 2020; equations 5-8 of MVSD, arXiv 2407.10373) and samplers that undo it.

Samplers are generators: they yield the estimate of the clean x after each network evaluation, the last being the
sample, so a caller can show it forming and stop between steps. They know no network: `denoise(x, t)` is any function
from noisy x at step t to an estimate of clean x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

Denoise = Callable[[Tensor, int], Tensor]  # (x at step t, t) -> estimate of x at step 0
Noise = Callable[[], Tensor]  # fresh unit noise of x's shape
SMALLEST_ALPHA_BAR = 1e-5  # terminal SNR of -50 dB: as good as pure noise, and nothing divides by zero


def cosine_alpha_bar(steps: int) -> Tensor:
    """Nichol and Dhariwal 2021 (arXiv 2102.09672), eq. 17, without their clip of beta. Returns (steps + 1,) float64."""
    angle = (torch.linspace(0, 1, steps + 1, dtype=torch.float64) + 0.008) / 1.008 * math.pi / 2
    bars = angle.cos().square() / angle.cos().square()[0]
    return bars.clamp(min=SMALLEST_ALPHA_BAR)


def linear_alpha_bar(steps: int, beta_end: float = 0.06) -> Tensor:
    """Linear betas from 1e-4. At 250 steps an end of 0.06 leaves 2 % of the signal, the common 0.02 leaves 28 %."""
    betas = torch.linspace(1e-4, beta_end, steps, dtype=torch.float64)
    bars = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])
    return bars.clamp(min=SMALLEST_ALPHA_BAR)


def to_zero_snr(alpha_bar: Tensor) -> Tensor:
    """A schedule (steps + 1,) shifted and stretched so that its last step is noise alone: Lin et al. 2023
    (arXiv 2305.08891), algorithm 1. Step 1 stays as it is."""
    roots = alpha_bar[1:].sqrt()
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    return torch.cat([alpha_bar[:1], roots.square()]).clamp(min=SMALLEST_ALPHA_BAR)


COMMON_END = 0.02  # of linear betas, in most of the literature
SCHEDULES = {
    "cosine": cosine_alpha_bar,
    "linear": linear_alpha_bar,
    "linear-0.02": lambda steps: linear_alpha_bar(steps, COMMON_END),
    "zero-snr": lambda steps: to_zero_snr(linear_alpha_bar(steps, COMMON_END)),
}


@dataclass(frozen=True)
class Process:
    """Forward process and what the network is asked for: its noise z, or the velocity (Salimans and Ho 2022).

    alpha_bar: (T + 1,) float64, 1 at step 0. All methods broadcast t (B,) over x (B, ...).
    """

    alpha_bar: Tensor = field(default_factory=lambda: cosine_alpha_bar(250))
    target: str = "velocity"

    @property
    def steps(self) -> int:
        return len(self.alpha_bar) - 1

    def scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(alpha_bar) and sqrt(1 - alpha_bar) of t (B,), shaped and typed to multiply `like`."""
        bars = self.alpha_bar.to(t.device)[t].reshape(-1, *[1] * (like.ndim - 1))
        return bars.sqrt().to(like.dtype), (1 - bars).sqrt().to(like.dtype)

    def noised(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) z (eq. 5, 6)."""
        signal, sigma = self.scales(t, clean)
        return signal * clean + sigma * noise

    def wanted(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the network should return at x_t."""
        if self.target == "noise":
            return noise
        signal, sigma = self.scales(t, clean)
        return signal * noise - sigma * clean

    def clean(self, x: Tensor, output: Tensor, t: Tensor) -> Tensor:
        """Estimate of x_0 from the network's output (eq. 8 for the noise target)."""
        signal, sigma = self.scales(t, x)
        return (x - sigma * output) / signal if self.target == "noise" else signal * x - sigma * output

    def ddim(self, x: Tensor, clean: Tensor, t: Tensor, then: Tensor) -> Tensor:
        """x at steps t (B,) taken to steps `then` (B,) by an estimate of x_0, without fresh noise: Song et al. 2021
        (arXiv 2010.02502), eq. 12 with eta 0."""
        signal, sigma = self.scales(t, x)
        next_signal, next_sigma = self.scales(then, x)
        return next_signal * clean + next_sigma * (x - signal * clean) / sigma


def trailing_steps(total: int, count: int) -> list[int]:
    """count + 1 steps from `total` down to 0: the first evaluation is at the true terminal noise (arXiv 2305.08891)."""
    count = min(count, total)
    return [round(total * (count - i) / count) for i in range(count + 1)]


def sample_ddim(denoise: Denoise, x: Tensor, t: Sequence[int], process: Process, noise: Noise) -> Iterator[Tensor]:
    """Deterministic, first order: `Process.ddim`. `noise` is not drawn from."""
    for now, then in pairwise(t):
        clean = denoise(x, now)
        x = process.ddim(x, clean, *torch.tensor([[now], [then]], device=x.device))
        yield clean


def sample_ddpm(denoise: Denoise, x: Tensor, t: Sequence[int], process: Process, noise: Noise) -> Iterator[Tensor]:
    """Ancestral: Ho et al. 2020 (arXiv 2006.11239), eq. 6-7, over any sub-sequence of the steps."""
    for now, then in pairwise(t):
        bar, next_bar = process.alpha_bar[now].item(), process.alpha_bar[then].item()
        clean = denoise(x, now)
        alpha = bar / next_bar
        mean = (math.sqrt(next_bar) * (1 - alpha) * clean + math.sqrt(alpha) * (1 - next_bar) * x) / (1 - bar)
        if then > 0:
            x = mean + math.sqrt((1 - next_bar) / (1 - bar) * (1 - alpha)) * noise()
        yield clean


def sample_dpm2m(denoise: Denoise, x: Tensor, t: Sequence[int], process: Process, noise: Noise) -> Iterator[Tensor]:
    """DPM-Solver++(2M), deterministic, second order: Lu et al. 2022 (arXiv 2211.01095), algorithm 2.

    The last step is of first order, which at zero noise returns the estimate itself.
    """
    log_snr = [math.log(bar / (1 - bar)) / 2 if bar < 1 else math.inf for bar in process.alpha_bar.tolist()]
    clean_before, step_before = None, None
    for now, then in pairwise(t):
        bar, next_bar = process.alpha_bar[now].item(), process.alpha_bar[then].item()
        clean = denoise(x, now)
        if then == 0:
            yield clean
            return
        step = log_snr[then] - log_snr[now]
        ahead = clean
        if clean_before is not None and step_before > 0:
            ahead = clean + (clean - clean_before) * step / (2 * step_before)
        x = math.sqrt((1 - next_bar) / (1 - bar)) * x - math.sqrt(next_bar) * math.expm1(-step) * ahead
        clean_before, step_before = clean, step
        yield clean


def sample_from_source(
    denoise: Denoise, x: Tensor, t: Sequence[int], process: Process, noise: Noise
) -> Iterator[Tensor]:
    """DPM-Solver++ from half of the steps on, where no change under noise stands for x_t (SDEdit, Meng et al. 2022,
    arXiv 2108.01073): for networks that diffuse the change from a source, the source itself."""
    begun = [round(step * FROM_SOURCE) for step in t]
    level = math.sqrt(1 - process.alpha_bar[begun[0]].item())
    yield from sample_dpm2m(denoise, level * x, begun, process, noise)


FROM_SOURCE = 0.5  # of the steps
SAMPLERS = {"dpm++": sample_dpm2m, "ddim": sample_ddim, "ddpm": sample_ddpm, "from-source": sample_from_source}


class SeededNoise:
    """Unit noise for mel spectrograms, a seed an item, so that neither batch nor length decides what a frame gets.

    Drawn on the CPU in float32, frames counted from the end of the clip: the last word of a long clip meets the same
    noise as in a clip of its last seconds. Each call draws anew. Returns (items, n_mels, frames).
    """

    def __init__(self, seeds: Sequence[int], n_mels: int, frames: int):
        self.seeds, self.n_mels, self.frames, self.draws = list(seeds), n_mels, frames, 0

    def __call__(self) -> Tensor:
        drawn = torch.stack([self._item(seed) for seed in self.seeds])
        self.draws += 1
        return drawn

    def _item(self, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed * 1009 + self.draws)
        return torch.randn(self.frames, self.n_mels, generator=generator).flip(0).T
