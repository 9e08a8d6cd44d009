"""A function of torch's or Python's is itself inside a capture, too, though another one is called.

What is replaced while a program is captured stands wherever the program holds the function, is
equal to it, and says of itself what the function says.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import pickle
import random
import time
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import rnn

from monograph import export

_OWNERS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (torch, (
        "stack", "cat", "concat", "hstack", "vstack", "tensor", "as_tensor", "detach", "is_conj",
        "is_neg", "get_num_threads", "is_grad_enabled", "relu",
    )),
    (functional, ("scaled_dot_product_attention", "relu")),
    (rnn, ("pad_sequence",)),
    (builtins, ("print", "id", "open", "len")),
    (time, ("time",)),
    (random, ("random", "randint")),
    (torch.Tensor, ("tolist", "contiguous", "detach", "add")),
)  # fmt: skip


class Asking(nn.Module):
    """Answers questions about a function that it holds, and that has a name elsewhere."""

    def __init__(self, owner: Any, name: str) -> None:
        super().__init__()
        self.owner, self.name = owner, name
        self.function = getattr(owner, name)
        self.keyed = {self.function: 1}
        self.held = {self.function}
        self.both = (torch.relu, self.function)

    def answers(self) -> list[bool]:
        held, named = self.function, getattr(self.owner, self.name)
        return [
            named is held or isinstance(named, types.MethodType),
            named == held,
            named != torch.sin,
            named in self.both,
            any(named is each for each in self.both),
            named in self.held,
            self.keyed.get(named) == 1,
            hash(named) == hash(held),
            functools.partial(named, 1).func is held,
            named.__name__ == self.name,
            type(named) is type(held),
            isinstance(torch.sin, type(named)),
            isinstance(named, types.BuiltinFunctionType),
            isinstance(named, types.FunctionType),
            inspect.isroutine(named),
            "monograph" in repr(named),
            pickle.loads(pickle.dumps(named)) == held,
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for answer in self.answers():
            x = torch.stack([x, x]).sum(0) if answer else x + 1
        return x


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("owner", "names"), _OWNERS)
def test_identity(owner: Any, names: tuple[str, ...], strict: bool) -> None:
    """The answers are those of eager mode."""
    x = torch.arange(3.0)
    for name in names:
        program = Asking(owner, name)
        wanted = program(x)
        captured = export(program, (x,), strict=strict).module()
        assert torch.equal(captured(x), wanted), name
        assert getattr(owner, name) is program.function


def _ids() -> dict[tuple[str, str], int]:
    """What stands under each public name of the modules that programs use, by identity."""
    modules = (torch, functional, nn, nn.utils, rnn, torch.linalg, torch.fft, torch.special,
               torch.func, builtins, functools, random)  # fmt: skip
    return {
        (module.__name__, name): _identity(value)
        for module in modules
        for name, value in list(vars(module).items())
        if name[0] != "_"
    }


_identity: Callable[[object], int] = id
# In C, and found by no operator: see test_identity for what they say of themselves.
_REPLACED = {
    "builtins": {"id", "open"},
    "random": {"random", "getrandbits"},
    "torch": {"tensor", "as_tensor", "detach", "is_conj", "is_neg", "set_autocast_enabled",
              "get_num_threads", "get_num_interop_threads", "get_default_dtype", "is_grad_enabled",
              "is_inference_mode_enabled", "is_autocast_enabled", "get_autocast_dtype",
              "is_autocast_cpu_enabled", "get_autocast_cpu_dtype", "get_autocast_gpu_dtype",
              "is_anomaly_enabled"},
    "torch.nn.functional": {"scaled_dot_product_attention"},
}  # fmt: skip
# What takes lists of unknown length: in strict mode, and where loops of the file are converted.
_REPLACED_IN_CONVERTED = {"torch": {"stack", "cat", "concat", "hstack", "vstack"}}
_REPLACED_IN_STRICT = {"builtins": {"print"}}


@pytest.mark.parametrize("strict", [False, True])
def test_all_names(strict: bool) -> None:
    """Nothing else is replaced under its name, and each replacement is equal to the function."""
    before = _ids()
    replaced = [_REPLACED, _REPLACED_IN_CONVERTED, *[_REPLACED_IN_STRICT] * strict]
    allowed = {(module, name) for each in replaced for module in each for name in each[module]}
    originals = {name: vars(torch)[name] for module, name in allowed if module == "torch"}

    def program(x: torch.Tensor) -> torch.Tensor:
        now = _ids()
        differing = {name for name, value in before.items() if now.get(name) != value}
        assert differing <= allowed, differing - allowed
        equal = all(vars(torch)[name] == original for name, original in originals.items())
        return x + 1 if equal else x

    captured = export(program, (torch.zeros(2),), strict=strict).module()
    assert torch.equal(captured(torch.zeros(2)), torch.ones(2))
    assert _ids() == before
