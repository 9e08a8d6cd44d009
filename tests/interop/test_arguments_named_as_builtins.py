"""Arguments that are written, and are called as builtins of Python are, in torch's programs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, export

NAMES = ["input", "max", "id", "filter", "x"]


def _named(name: str) -> nn.Module:
    """A model that writes an argument of this name, and reads another."""
    found: dict[str, Any] = {"nn": nn}
    source = f"""
class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_1 = nn.Linear(3, 3)

    def forward(self, {name}, sum):
        {name}.relu_()
        return self.input_1({name}) + sum, {name}
"""
    exec(source, found)
    return found["Named"]()


def _both(name: str, run: nn.Module, *args: torch.Tensor) -> list[torch.Tensor]:
    given = [a.clone() for a in args]
    results = run(given[0], given[1])
    return [*results, *given]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", [None, ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})])
def test_what_is_written_is_found_by_its_name(name: str, sizes: Any, tmp_path: Path) -> None:
    model = _named(name)
    args = torch.randn(4, 3), torch.randn(4, 3)
    program = export(model, copy.deepcopy(args), dynamic_shapes=sizes)
    assert name in [n.name for n in program.graph.nodes]
    expected = _both(name, model, *args)
    monograph.save(program, tmp_path / "named.pt2")
    theirs = torch.export.load(tmp_path / "named.pt2")
    runs = [
        program.module(),
        program.run_decompositions().module(),
        monograph.load(tmp_path / "named.pt2").module(),
        program.to_torch().module(),
        theirs.module(),
        monograph.from_torch(program.to_torch()).module(),
    ]
    for run in runs:
        torch.testing.assert_close(_both(name, run, *args), expected)
