"""A static export makes no more calls of functions than it needs for each node.

Many small costs add up unseen: none is as much as a hundredth of an export. Counted are calls, of
Python's functions and of C's, which are the same each time, where times are not. Where a bound is
passed, look for what is called once more for each operator, parameter or module
(``cProfile``, sorted by the number of calls, for two depths of a model): most can be asked once for
all, or where it matters only. A bound is 15 % above what was counted when it was written. What an
export costs besides depends on what the process has loaded, and is not bounded.
"""

import gc
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn

import monograph

SHALLOW, DEEP = 2, 6


def convolutions(depth: int) -> tuple[nn.Module, torch.Tensor]:
    """Convolutions with normalisation and a rectifier in place."""
    layers = [
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        for _ in range(depth)
    ]
    return nn.Sequential(*layers).eval(), torch.randn(2, 4, 8, 8)


def transformer(depth: int) -> tuple[nn.Module, torch.Tensor]:
    """Torch's own."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, depth).eval(), torch.randn(2, 3, 8)


def perceptron(depth: int) -> tuple[nn.Module, torch.Tensor]:
    """Linear layers, and nothing else."""
    return nn.Sequential(*(nn.Linear(8, 8) for _ in range(depth))), torch.randn(2, 8)


def counted(model: nn.Module, x: torch.Tensor) -> tuple[int, int]:
    """How many calls an export makes, and how many nodes it gives."""
    for _ in range(2):  # what is inferred, compiled or looked up once is known by now
        monograph.export(model, (x,))
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before, was_on = sys.getprofile(), gc.isenabled()
    gc.collect()
    gc.disable()  # what dies meanwhile may call something
    sys.setprofile(note)
    try:
        program = monograph.export(model, (x,))
    finally:
        sys.setprofile(before)
        if was_on:
            gc.enable()
    return count, len(program.graph.nodes)


@pytest.mark.called_directly
@pytest.mark.parametrize(
    ("make", "most"), [(convolutions, 90), (transformer, 105), (perceptron, 67)]
)
def test_a_node_costs_so_many_calls(
    make: Callable[[int], tuple[nn.Module, torch.Tensor]],
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MONOGRAPH_VERIFY", raising=False)  # it is the export that is counted
    (few, few_nodes), (many, many_nodes) = counted(*make(SHALLOW)), counted(*make(DEEP))
    assert (many - few) / (many_nodes - few_nodes) <= most
