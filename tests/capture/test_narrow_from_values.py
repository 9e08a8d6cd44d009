"""``narrow`` from a start that is a value, from the front or from the end."""

import pytest
import torch

import monograph
from monograph import Dim

MODELS = {
    "tensor": lambda x, s: x.narrow(1, s, 2),
    "item": lambda x, s: x.narrow(1, s.item(), 2) + 1,
    "nothing": lambda x, s: x.narrow(1, s.item(), 0),
}


def _writes(x, s):
    y = x.clone()
    y.narrow(1, s.item(), 2).mul_(3)
    return y


@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, None)])
@pytest.mark.parametrize("name", [*MODELS, "written"])
def test_starts(name, shapes):
    model = MODELS.get(name, _writes)
    x = torch.randn(3, 5)
    program = monograph.export(model, (x, torch.tensor(2)), dynamic_shapes=shapes)
    for module in (program.module(), program.run_decompositions().module()):
        for start in (-6, -5, -2, -1, 0, 1, 3, 4, 5, 6):
            given = torch.randn(3, 5)
            try:
                expected = model(given, torch.tensor(start))
            except (RuntimeError, IndexError):
                with pytest.raises((RuntimeError, IndexError, monograph.InputError)):
                    module(given, torch.tensor(start))
                continue
            assert torch.equal(module(given, torch.tensor(start)), expected), start
