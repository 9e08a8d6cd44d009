"""Below torch's setting of fake tensors that carry real ones, operators without a fake run."""

import pytest
import torch
import torch._functorch.config

import monograph
from monograph import Dim


@torch.library.custom_op("carried::shorter", mutates_args=())
def shorter(x: torch.Tensor) -> list[torch.Tensor]:
    return [x[x > 0] + 1, x.sum()]


@torch.library.custom_op("carried::more", mutates_args=())
def more(x: torch.Tensor, by: int) -> torch.Tensor:
    return x + by


def program(x):
    kept, total = torch.ops.carried.shorter(x)
    return kept * total, torch.ops.carried.more(x * 2, x.shape[0]) * x.nonzero().shape[0]


@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC},)])
def test_an_operator_without_a_fake_is_run_for_the_example(shapes):
    x = torch.tensor([1.0, -1.0, 2.0])
    with torch._functorch.config.patch(fake_tensor_propagate_real_tensors=True):
        exported = monograph.export(program, (x,), dynamic_shapes=shapes)
    assert sum("has no fake implementation" in str(a) for a in exported.assumptions) == 2
    for module in (exported.module(), exported.run_decompositions().module()):
        for n in (3,) if shapes is None else (3, 0, 1, 5):
            x = torch.randn(n)
            torch.testing.assert_close(module(x), program(x))


def test_without_the_setting_it_is_refused():
    with pytest.raises(monograph.ExportError, match="no fake implementation"):
        monograph.export(program, (torch.ones(3),))
