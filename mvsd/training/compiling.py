"""torch.compile for the converters' networks, where there is something to compile with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from torch import nn

from mvsd.errors import UserError
from mvsd.unet import ControllableUnet

COMPILERS = ("g++", "clang++")
INSTEAD = "or train without --compile"


def compile_networks(model: nn.Module) -> None:
    """Have every U-Net of a model compiled at its first step. Raises UserError where there is no compiler for it."""
    networks = [module for module in model.modules() if isinstance(module, ControllableUnet)]
    if networks and not any(map(which, filter(None, (os.environ.get("CXX"), *COMPILERS)))):
        raise UserError(f"--compile needs a C++ compiler ({' or '.join(COMPILERS)}). Install one, {INSTEAD}.")
    for network in networks:
        network.compile()


@contextmanager
def told_of_failure() -> Iterator[None]:
    """Turns what the compiler cannot do into a sentence."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"The network could not be compiled ({first}). Mend the compiler, {INSTEAD}.") from error
