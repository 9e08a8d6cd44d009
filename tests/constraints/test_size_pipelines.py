"""Generated pipelines of sizes: exported within a budget that is counted; right for all sizes."""

import sys
from pathlib import Path

import pytest
import torch

import monograph
from monograph.shapes.decide import Decider
from monograph.shapes.linear import _Tableau

sys.path.insert(0, str(Path(__file__).parent.parent / "shared"))
from size_pipelines import pipeline

_NODES = 25  # for each step, those that compute with sizes among them
_QUESTIONS = 400  # for each step, in all captures of an export
_NUMBERS = 1_000_000  # of simplex tableaus, in an export


@pytest.fixture
def effort(monkeypatch):
    """What deciding has cost since: the deciders and the tableaus that were made."""
    deciders, tableaus = [], []
    for kind, found in ((Decider, deciders), (_Tableau, tableaus)):

        def noted(self, *args, _make=kind.__init__, _found=found):
            _found.append(self)
            _make(self, *args)

        monkeypatch.setattr(kind, "__init__", noted)
    return lambda: (
        sum(decider.statistics["questions"] for decider in deciders),
        sum(tableau.work for tableau in tableaus),
    )


def check(seed, effort):
    program = pipeline(seed)
    shapes = (dict.fromkeys(program.varying, monograph.Dim.DYNAMIC),)
    ep = monograph.export(program, (program.example,), dynamic_shapes=shapes)
    questions, numbers = effort()
    count = len(program.steps)
    assert len(ep.graph.nodes) <= 40 + _NODES * count, program.names
    assert questions <= _QUESTIONS * count, program.names
    assert numbers <= _NUMBERS, program.names
    module, held = ep.module(), 0
    for x in (program.example, *program.further):
        try:
            expected = program(x)
        except RuntimeError:
            continue
        try:
            actual = module(x)
        except monograph.InputError:  # listed in the assumptions
            assert ep.assumptions or ep.range_constraints
            continue
        torch.testing.assert_close(actual, expected, equal_nan=True)
        held += 1
    assert held


@pytest.mark.parametrize("seed", range(24))
def test_a_sample_of_pipelines(seed, effort):
    check(seed, effort)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_pipelines(seed, effort):
    check(seed, effort)
