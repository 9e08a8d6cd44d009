"""Tensors that are taken apart into a variable, whose parts are gone through later.

Their number varies with the size: ``rows = torch.unbind(x, 1)``, and a loop some lines below.
"""

from __future__ import annotations

import importlib.util
import itertools

import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal

TAKINGS = {
    "unbind": ("x.unbind(1)", "stack"),
    "torch.unbind": ("torch.unbind(x, dim=-2)", "stack"),
    "split": ("x.split(4, dim=1)", "cat"),
    "torch.split": ("torch.split(x, 4, 1)", "cat"),
    "chunk": ("x.chunk(3, 1)", "cat"),
    "either": ("x.split(4, dim=1) if x is not None else ()", "cat"),
}
USES = {
    "loop": """
        out = []
        for part in parts:
            out.append(part * 2)
        return torch.{join}(out, 1)""",
    "comprehension": """
        return torch.{join}([part.sin() for part in parts], 1)""",
    "numbered": """
        for i, part in enumerate(parts):
            total = total + seen(part) * i
        return total""",
    "carried": """
        for part in parts:
            total = (total + seen(part)).tanh()
        return total""",
    "zipped": """
        others = {taking}
        for part, other in zip(parts, others):
            total = total + seen(part) * seen(other)
        return total""",
    "mapped": """
        for part, other in zip(*map(lambda x: {taking}, (x, x * 2))):
            total = total + seen(part) * seen(other)
        return total""",
    "counted": """
        for i in range(len(parts)):
            total = total + seen(parts[i]) * i
        return total""",
    "ends": """
        return seen(parts[0]) - seen(parts[-1])""",
    "joined": """
        return torch.{join}(parts, 1)""",
    "nested": """
        for part in parts:
            inner = 0
            for other in parts:
                inner = inner + seen(other)
            total = total + seen(part) * inner
        return total""",
    "by the old name": """
        x = {taking}
        for part in x:
            total = total + seen(part)
        return total""",
    "beside none": """
        nothing = (None,) * len(parts)
        for part, mask in zip(parts, nothing):
            total = total + seen(part) if mask is None else total
        return total""",
}
PROGRAM = """
import torch

def seen(part):
    return part.reshape(part.shape[0], -1).sum(1)

class Taken(torch.nn.Module):
    def forward(self, x):
        total = torch.zeros(x.shape[0])
        parts = {taking}
"""
EVERY = list(itertools.product(TAKINGS, USES))
SOME = [EVERY[i] for i in range(0, len(EVERY), 5)] + [("unbind", "by the old name")]


def check(taking, use, folder, strict=False):
    call, join = TAKINGS[taking]
    text = PROGRAM.format(taking=call) + USES[use].format(taking=call, join=join).lstrip("\n")
    path = folder / f"taken_{EVERY.index((taking, use))}.py"
    path.write_text(text + "\n")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Taken()
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    given = (torch.randn(2, 14, 3),)
    program = monograph.export(model, given, dynamic_shapes=shapes, strict=strict)
    for batch, length in itertools.product((1, 3), (14, 12, 25, 5, 4, 1)):
        x = torch.randn(batch, length, 3)
        assert_equal(program.module()(x), model(x))


@pytest.mark.parametrize(("taking", "use"), SOME)
def test_parts_are_as_many_as_there_are(taking, use, tmp_path):
    check(taking, use, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("taking", "use"), EVERY)
def test_parts_are_as_many_as_there_are_everywhere(taking, use, strict, tmp_path):
    check(taking, use, tmp_path, strict)


class AskedFor(torch.nn.Module):
    """What becomes of the parts is asked of their kind: nothing stands in their place."""

    def forward(self, x):
        parts = x.split(4, dim=1)
        return x.sin() if isinstance(parts, tuple) else x.cos()


def test_what_parts_are_is_what_they_are_in_eager_mode():
    shapes = ({1: Dim.AUTO},)
    program = monograph.export(AskedFor(), (torch.randn(2, 14, 3),), dynamic_shapes=shapes)
    x = torch.randn(2, 14, 3)
    assert_equal(program.module()(x), x.sin())
