"""What stands in ``meta["val"]`` of a finished program's nodes: a tensor that is only a spec."""

from __future__ import annotations

from typing import Any, NoReturn

import torch

from monograph.diagnostics import InternalError
from monograph.ir.spec import TensorSpec
from monograph.shapes.symnode import symbolic
from monograph.torch_internals import (
    disabled_torch_function,
    make_wrapper,
    mark_bits,
)

__all__ = ["SpecTensor", "spec_tensor"]


class SpecTensor(torch.Tensor):
    """Sizes, strides, a dtype and a device, and no data; it refers to nothing but its ``spec``."""

    spec: TensorSpec
    __torch_function__ = disabled_torch_function

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, op: object, types: object, args: object = (), kwargs: object = None
    ) -> NoReturn:
        raise InternalError(
            f"{op} was called on a tensor that describes a value inside an exported program",
            hint="such a tensor has no data: read its shape, its strides, its dtype, its device.",
        )

    def __repr__(self, *, tensor_contents: object = None) -> str:  # type: ignore[override]
        return f"SpecTensor({self.spec!r})"

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> SpecTensor:
        return self  # nothing of it can change


def spec_tensor(spec: TensorSpec) -> SpecTensor:
    """A tensor that looks like ``spec``."""
    if spec.scope is None:
        tensor: SpecTensor = make_wrapper(
            SpecTensor, spec.shape, spec.strides, dtype=spec.dtype, device=spec.device
        )
    else:
        env = spec.scope.owner
        shape = tuple(symbolic(env, size) for size in spec.shape)
        strides = tuple(symbolic(env, stride) for stride in spec.strides)
        tensor = make_wrapper(SpecTensor, shape, strides, dtype=spec.dtype, device=spec.device)
    if spec.bits:
        mark_bits(tensor, spec.bits)
    tensor.spec = spec
    return tensor
