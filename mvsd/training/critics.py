"""What tells made from real while a rival learns, in the loop's one backward pass.

Least squares (Mao et al. 2017). A critic sits beside the network it judges; the network's own term goes through the
critic with its weights held still, the critic's term stops at the network's output, so one sum serves both.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm

from mvsd.audio import MelSpec, stft

RESOLUTIONS = (MelSpec(n_fft=512, hop=128), MelSpec(n_fft=1024, hop=256), MelSpec(n_fft=256, hop=64))
FLOOR = 1e-3  # magnitude
LOUDER = 10.0  # sounds are brought to so much for the critic
FOOLED, FEATURE = 0.05, 0.1  # of a critic's terms beside distances


class MapCritic(nn.Module):
    """Patches of a map (B, channels, H, W) to how real each looks, and what was seen on the way (Isola et al. 2017)."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        widths = (channels, width, 2 * width, 2 * width)
        self.layers = nn.ModuleList(weight_norm(nn.Conv2d(a, b, 3, 2, 1)) for a, b in pairwise(widths))
        self.exit = weight_norm(nn.Conv2d(2 * width, 1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        seen = []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.1)
            seen.append(x)
        return [*seen, self.exit(x)]


class SoundCritic(nn.Module):
    """Magnitude spectrograms at several resolutions, one MapCritic each (UnivNet, Jang et al. 2021)."""

    def __init__(self, width: int):
        super().__init__()
        self.critics = nn.ModuleList(MapCritic(1, width) for _ in RESOLUTIONS)

    def forward(self, sound: Tensor) -> list[list[Tensor]]:
        """sound: (B, samples)."""
        with torch.autocast(sound.device.type, enabled=False):
            maps = [stft(sound.float(), spec).abs().clamp(min=FLOOR).log()[:, None] for spec in RESOLUTIONS]
        return [critic(seen) for critic, seen in zip(self.critics, maps)]


class Judged(nn.Module):
    """A network and its critic as one thing to optimise."""

    def __init__(self, network: nn.Module, critic: nn.Module):
        super().__init__()
        self.network, self.critic = network, critic


def network_of(model: nn.Module) -> nn.Module:
    """What is to ship of a model that may have a critic."""
    return model.network if isinstance(model, Judged) else model


def adversarial(critic: nn.Module, made: Any, real: Any) -> dict[str, Tensor]:
    """Terms `critic` (for the critic alone), `fooled` and `feature` (for what made `made` alone).

    made, real: what the critic takes, a tensor or a tuple of them.
    """
    still = {name: weight.detach() for name, weight in critic.named_parameters()}
    seen, wanted = _all(functional_call(critic, still, (made,))), _all(critic(real))
    judged = _all(critic(_still(made)))
    told = sum((1 - w[-1]).square().mean() + j[-1].square().mean() for w, j in zip(wanted, judged))
    fooled = sum((1 - s[-1]).square().mean() for s in seen)
    pairs = [(a, b.detach()) for s, w in zip(seen, wanted) for a, b in zip(s[:-1], w[:-1])]
    feature = sum((a - b).abs().mean() for a, b in pairs) / len(pairs)
    return {"critic": told / len(seen), "fooled": fooled / len(seen), "feature": feature}


def _still(made: Any) -> Any:
    return tuple(part.detach() for part in made) if isinstance(made, tuple) else made.detach()


def _all(judged: list) -> list[list[Tensor]]:
    """One critic's answer or several, alike."""
    return judged if isinstance(judged[0], list) else [judged]


def weighed(judged: dict[str, Tensor]) -> dict[str, Tensor]:
    """A critic's terms beside distances: its own as it is, for it alone learns from that."""
    return judged | {"fooled": FOOLED * judged["fooled"], "feature": FEATURE * judged["feature"]}


def judged_sound(model: nn.Module, made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """What a SoundCritic says of sounds (B, samples) at the converters' level; nothing where the model has none."""
    if not isinstance(model, Judged):
        return {}
    return weighed(adversarial(model.critic, made * LOUDER, real * LOUDER))
