"""What stands in ``meta["val"]`` of a finished program's nodes: a tensor that is only a spec."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import torch

from monograph.diagnostics import InternalError
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Int
from monograph.shapes.questions import equal
from monograph.shapes.symnode import later, symbolic
from monograph.torch_internals import (
    disabled_torch_function,
    make_wrapper,
    mark_bits,
)

__all__ = ["SpecTensor", "spec_tensor", "wrapper_of_any_size"]

T = TypeVar("T", bound=torch.Tensor)


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
        tensor = wrapper_of_any_size(SpecTensor, spec)
    if spec.bits:
        mark_bits(tensor, spec.bits)
    tensor.spec = spec
    return tensor


def wrapper_of_any_size(kind: type[T], spec: TensorSpec) -> T:
    """A wrapper tensor whose sizes vary; what its memory takes is worked out if it is asked for.

    Torch would compute it of sizes and strides each time, and ask of each size if it is 0.
    """
    assert spec.scope is not None
    env = spec.scope.owner
    made: T = make_wrapper(
        kind,
        tuple(symbolic(env, size) for size in spec.shape),
        tuple(symbolic(env, stride) for stride in spec.strides),
        dtype=spec.dtype,
        device=spec.device,
        storage_size=later(env, lambda: _bytes_of(spec, env)),
    )
    return made


def _bytes_of(spec: TensorSpec, env: ShapeEnv) -> Int:
    """As ``computeStorageNbytes`` in ATen counts them, from the first element to the last."""
    reach: Int = 1
    for size, stride in zip(spec.shape, spec.strides, strict=True):
        if env.is_known(equal(size, 0)):
            return 0
        reach = reach + stride * (size - 1)
    return spec.dtype.itemsize * reach
