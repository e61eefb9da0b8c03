"""The mutual term against values by hand, on converters simple enough to be done by hand."""

from dataclasses import replace

import pytest
import torch
from tiny import UNET, lively
from torch import nn

from mvsd.denoiser import Denoiser
from mvsd.training.mutual import BETWEEN, Cycled, dry_cycle, louder_by, wet_cycle
from mvsd.training.together import apart
from mvsd.unet import Condition

SMALL = replace(UNET, past_frames=0, window_frames=16)


class Says(nn.Module):
    """A network whose estimate of what diffuses is `change` everywhere."""

    def __init__(self, denoiser, change):
        super().__init__()
        self.denoiser, self.change = denoiser, nn.Parameter(torch.tensor(change))

    def forward(self, x, seen, t, condition):  # clean = signal x - sigma output
        signal, sigma = self.denoiser.process.scales((t * self.denoiser.process.steps).long(), x)
        scaled = x * (self.denoiser.config.spread**2 * signal**2 + sigma**2).sqrt()
        return (signal * scaled - self.change) / sigma


def converter(change, **config):
    """A converter that adds `change` nepers to its source."""
    denoiser = Denoiser(replace(SMALL, **config))
    held = Says(denoiser, change)
    denoiser.unet = held
    held.__dict__["denoiser"] = held._modules.pop("denoiser")  # no cycle of modules
    return denoiser


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def mels(seed=0, items=2, frames=16):
    return torch.randn(items, 128, frames, generator=generator(seed)) - 5


def cycled(source, known, louder=0.0):
    return Cycled(source, known, torch.full((len(source), 1, 1), louder), Condition.unknown(len(source)))


def expected(distance):
    """Mean of |distance + noise between the hops|, by many draws."""
    return (distance + BETWEEN * torch.randn(200_000, generator=generator(9))).abs().mean().item()


@pytest.mark.parametrize(("there", "back", "louder"), [(0.7, -0.7, 0.0), (0.7, -0.2, 0.0), (0.7, -0.2, 0.4)])
def test_a_dry_sound_comes_back_as_far_off_as_the_two_changes_are(there, back, louder):
    dry = mels()
    error = dry_cycle(converter(there), converter(back), cycled(dry, dry, louder), generator())
    assert error.item() == pytest.approx(expected(there - louder + back), abs=2e-3)


@pytest.mark.parametrize(("there", "back", "louder"), [(-0.5, 0.5, 0.0), (-0.5, 0.1, 0.0), (-0.5, 0.1, 0.3)])
def test_a_reverberant_sound_comes_back_so_too(there, back, louder):
    wet = mels(1)
    error = wet_cycle(converter(back), converter(there), cycled(wet, wet, louder), generator())
    assert error.item() == pytest.approx(expected(there + louder + back), abs=2e-3)


@pytest.mark.parametrize("cycle", [dry_cycle, wet_cycle])
def test_both_converters_learn_from_a_cycle(cycle):
    f, g = lively(Denoiser(SMALL)), lively(Denoiser(replace(SMALL, task="dereverb")))
    cycle(f, g, cycled(mels(), mels(2)), generator()).backward()
    for converter in (f, g):
        norms = [p.grad.norm() for p in converter.parameters() if p.grad is not None]
        assert sum(norms) > 1e-4


def test_gradients_of_a_cycle_are_those_of_its_value():
    f, g, dry = converter(0.7), converter(-0.2), mels()
    dry_cycle(f, g, cycled(dry, dry), generator()).backward()
    for one in (f, g):
        assert one.unet.change.grad.item() == pytest.approx(1.0, abs=1e-3)  # d |a + b| = 1 where a + b > noise


@pytest.mark.parametrize("cycle", [dry_cycle, wet_cycle])
def test_noise_instead_of_the_first_hop_raises_the_loss(cycle, monkeypatch):
    f, g, sound = converter(0.3), converter(-0.3), mels()
    whole = cycle(f, g, cycled(sound, sound), generator())
    monkeypatch.setattr("mvsd.training.mutual.once", lambda converter, source, *rest: torch.randn_like(source) - 5)
    assert cycle(f, g, cycled(sound, sound), generator()) > 5 * whole


def test_the_known_sound_under_noise_near_t_holds_no_answer():
    """Were x_t to show it, a hop one of nonsense would cost nothing."""
    f, g = (lively(Denoiser(SMALL), scale=0.01) for _ in range(2))
    near, far = (dry_cycle(f, g, cycled(mels(), mels() + away), generator()) for away in (0.0, 2.0))
    assert far > near + 1


def test_what_was_said_before_reaches_the_second_hop():
    f, g = converter(0.0, centre="rung", seen=2), converter(0.0)
    source = torch.full((1, 128, 16), -11.0)
    loud = replace(cycled(source, source), before=torch.full((1, 128, 8), 2.0))
    silent = replace(loud, before=torch.full((1, 128, 8), -11.0))
    assert wet_cycle(f, g, loud, generator()) > wet_cycle(f, g, silent, generator()) + 1


def test_a_room_of_drr_0_doubles_the_power():
    torch.testing.assert_close(louder_by(torch.tensor([[0.0]])), torch.full((1, 1, 1), 0.34657), rtol=0, atol=1e-4)


def test_two_levels_of_one_sound_are_told_apart_over_noise():
    sound = mels(4)
    noisy = torch.logaddexp(sound, torch.tensor(-6.0))
    torch.testing.assert_close(apart(noisy + 0.8, sound), torch.full((2, 1, 1), 0.8), rtol=0, atol=0.1)
