"""What a rule asks of sizes is asked by each program that it has made."""

import pytest
import torch

import monograph
from monograph import Dim

SIN = torch.ops.aten.sin.default


def by_rows(x):
    return x * 2 if x.shape[0] == 2 else x * 3


def test_a_second_decomposition_asks_what_the_first_has_asked():
    shapes = ({0: Dim.DYNAMIC},)
    exported = monograph.export(lambda x: x.sin(), (torch.randn(2, 3),), dynamic_shapes=shapes)
    for _ in range(3):
        decomposed = exported.run_decompositions({SIN: by_rows})
        assert any("s0 == 2" in assumption.text for assumption in decomposed.assumptions)
        module = decomposed.module()
        assert torch.equal(module(torch.ones(2, 3)), torch.full((2, 3), 2.0))
        with pytest.raises(monograph.InputError):
            module(torch.ones(4, 3))
    x = torch.ones(4, 3)
    assert torch.equal(exported.module()(x), x.sin())
