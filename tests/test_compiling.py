"""torch.compile in training: it works, or says in a sentence why not."""

from dataclasses import replace

import pytest
import torch
from tiny import UNET
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from mvsd.errors import UserError
from mvsd.training.compiling import compile_networks, told_of_failure
from mvsd.unet import Condition, ControllableUnet

SMALLEST = replace(UNET, widths=(8, 8, 8), blocks=1)


def test_without_a_compiler_it_says_which_would_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler \(g\+\+ or clang\+\+\).*without --compile"):
        compile_networks(nn.Sequential(ControllableUnet(SMALLEST)))


def test_stages_without_such_networks_need_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    compile_networks(nn.Linear(2, 2))


def test_a_compiler_that_fails_is_told_in_one_sentence():
    with pytest.raises(UserError, match=r"could not be compiled \(no room left\)"), told_of_failure():
        raise TorchDynamoException("no room left\nand a page of more")


@pytest.mark.whole
def test_the_network_is_captured_whole_and_learns_what_it_does_uncompiled():
    """All but the last step of torch.compile, which makes machine code of what was captured."""
    torch.manual_seed(0)
    plain, captured = ControllableUnet(SMALLEST), ControllableUnet(SMALLEST)
    captured.load_state_dict(plain.state_dict())
    captured.compile(backend="aot_eager", fullgraph=True)
    x, t = torch.randn(2, 128, 32), torch.tensor([0.3, 0.9])
    for network in (plain, captured):
        (network(x, x[:, None], t, Condition.unknown(2)) - x).square().mean().backward()
    gradients = ([parameter.grad for parameter in network.parameters()] for network in (plain, captured))
    for ours, theirs in zip(*gradients):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
