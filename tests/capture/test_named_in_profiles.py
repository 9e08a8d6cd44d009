"""Parts of a program with names for profiles: no graph holds them."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor

import monograph
from monograph import Dim


def _with_new(x: Tensor) -> Tensor:
    with torch.profiler.record_function("first"):
        y = x + 1
    with torch.autograd.profiler.record_function("second", "with arguments"):
        return y * x.shape[0]


@torch.profiler.record_function("decorated")  # type: ignore[untyped-decorator]
def _decorated(x: Tensor) -> Tensor:
    return x.exp()


def _with_old(x: Tensor) -> Tensor:
    handle = torch.ops.profiler._record_function_enter("old", None)
    y = x.sin()
    torch.ops.profiler._record_function_exit(handle)
    return y


def _in_a_branch(x: Tensor) -> Tensor:
    if x.sum() > 0:
        with torch.profiler.record_function("inside"):
            return x * 2
    return x - 1


def _in_parallel(x: Tensor) -> Any:
    return torch.nn.DataParallel(torch.nn.Identity())(x).cos()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("function", [_with_new, _decorated, _with_old, _in_a_branch, _in_parallel])
def test_profiles(function: Any, strict: bool) -> None:
    if function is _in_a_branch and not strict:
        pytest.skip("a branch on data")

    class Model(torch.nn.Module):
        def forward(self, x: Tensor) -> Any:
            return function(x)

    dynamic = ({0: Dim.DYNAMIC},)
    program = monograph.export(Model(), (torch.randn(3, 2),), dynamic_shapes=dynamic, strict=strict)
    assert "profiler" not in program.graph_module.code
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    for module in (program.module(), monograph.load(file).module(), program.to_torch().module()):
        for size in (3, 1, 0, 5):
            x = torch.randn(size, 2)
            torch.testing.assert_close(module(x), function(x))
