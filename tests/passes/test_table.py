"""Which operators are decomposed, and how: what we put in the place of torch's functions."""

import torch

import monograph
from monograph import Dim


def test_nothing_is_rolled():
    def rolled(x):
        return x.roll(1, 1), x.roll((1, -2), (0, 1)), x.roll(2)

    example, any_size = (torch.ones(3, 4),), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(rolled, example, dynamic_shapes=any_size).run_decompositions()
    assert "roll" not in str(program.graph)
    assert program.verify(rolled, samples=10).compared
    assert [each.shape for each in program.module()(torch.ones(3, 0))] == [(3, 0)] * 3
    table = torch.export.default_decompositions()  # torch's own, which we use as our own
    other = monograph.export(rolled, example, dynamic_shapes=any_size).run_decompositions(table)
    assert [each.shape for each in other.module()(torch.ones(3, 0))] == [(3, 0)] * 3
