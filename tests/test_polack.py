import math

import pytest
import torch

from mvsd.polack import DECAY, decayed, rung


def test_what_is_left_is_the_sum_over_the_past():
    power = torch.randn(3, 50, generator=torch.Generator().manual_seed(0)) * 4
    loss = torch.tensor([[0.01], [0.3], [2.0]])
    lag = (torch.arange(50)[:, None] - torch.arange(50)[None]).clamp(min=0)
    past = torch.where(torch.arange(50)[:, None] >= torch.arange(50)[None], 0.0, -math.inf)
    by_hand = torch.logsumexp(power[:, None] - loss[..., None] * lag + past, -1)
    torch.testing.assert_close(decayed(power, loss), by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("t60_s", [0.3, 1.0, 2.5])
def test_the_tail_falls_by_60_db_in_t60(t60_s):
    click = torch.full((1, 128, 300), -11.5)
    click[..., 20] = 8.0
    tail = rung(click, torch.tensor([[math.log(t60_s)]]), torch.tensor([[0.0]]))[0, 0, 21:45]
    assert tail.diff().mean().item() == pytest.approx(-DECAY / 2 / t60_s, rel=0.02)


def test_all_that_rings_is_drr_below_the_direct_sound():
    click = torch.full((1, 128, 400), -11.5)
    click[..., 0] = 8.0
    heard = rung(click, torch.tensor([[0.0]]), torch.tensor([[0.5]]), floor=-50.0)
    reverberant = torch.exp(2 * heard).sum(-1) - math.exp(16)
    torch.testing.assert_close(
        10 * torch.log10(reverberant / math.exp(16)), torch.full((1, 128), -5.0), rtol=0, atol=0.1
    )


def test_a_dry_room_changes_nothing():
    mel = torch.randn(1, 128, 40, generator=torch.Generator().manual_seed(1)) - 4
    torch.testing.assert_close(rung(mel, torch.tensor([[-2.0]]), torch.tensor([[6.0]])), mel, rtol=0, atol=1e-2)
