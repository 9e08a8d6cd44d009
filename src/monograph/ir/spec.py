"""What is known of a tensor without its data: the interned ``TensorSpec``."""

from __future__ import annotations

from typing import Any

import torch

from monograph.diagnostics import PythonFeatureError
from monograph.shapes.expr import Expr, Scope
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import bits_of

__all__ = [
    "CONJUGATE", "DTYPE_NAMES", "NEGATIVE", "TensorSpec", "contiguous_strides", "is_dense",
    "kind_without_spec",
    "spec_of",
]  # fmt: skip

# Bits of a tensor that is read otherwise than it lies in memory: ``x.conj()`` copies nothing.
CONJUGATE, NEGATIVE = 1, 2

_interned: dict[tuple[Any, ...], TensorSpec] = {}
_real_stride = torch.Tensor.stride  # nobody is told that it is asked for

DTYPE_NAMES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
    torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8",
    torch.uint8: "u8", torch.bool: "b8", torch.complex64: "c64", torch.complex128: "c128",
}  # fmt: skip


class TensorSpec:
    """What is known of a tensor without its data; equal specs are the same object.

    ``shape`` and ``strides`` are in elements: integers, or expressions of symbols, whose ``scope``
    then keeps the spec. Strides hold for tensors that are not empty, and where sizes vary, for
    sizes from 2: a single row lies in order in more than one way (``inference/unit_sizes.py``
    tells where a program notices). ``bits``: ``CONJUGATE`` and
    ``NEGATIVE``, where the elements are the conjugates or the negatives of what lies in memory.
    Make one with ``TensorSpec.of``.
    """

    __slots__ = ("bits", "device", "dtype", "numel", "scope", "shape", "strides", "wrapped")

    shape: tuple[Any, ...]
    strides: tuple[Any, ...]
    dtype: torch.dtype
    device: torch.device
    numel: Any
    bits: int
    scope: Scope | None
    wrapped: torch.Tensor | None

    @staticmethod
    def of(
        shape: tuple[Any, ...],
        strides: tuple[Any, ...],
        dtype: torch.dtype,
        device: torch.device,
        bits: int = 0,
    ) -> TensorSpec:
        """The one spec with these fields."""
        key = (shape, strides, dtype, device, bits)
        spec = _interned.get(key)
        if spec is None:
            scope = next((n.scope for n in (*shape, *strides) if n.__class__ is Expr), None)
            table = _interned if scope is None else scope.interned
            spec = table.get(key)
            if spec is None:
                # setdefault, not assignment: two threads must agree on one object.
                spec = table.setdefault(key, _new_spec(key, scope))
        return spec

    def normal(self) -> TensorSpec:
        """The same under the equalities between sizes that are known by now."""
        scope = self.scope
        if scope is None or not scope.replacements:
            return self
        shape = tuple(scope.normal(size) for size in self.shape)
        return self.with_layout(shape, tuple(scope.normal(stride) for stride in self.strides))

    def with_layout(self, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> TensorSpec:
        """The same dtype, device and bits with other sizes and strides."""
        return TensorSpec.of(shape, strides, self.dtype, self.device, self.bits)

    def with_bits(self, bits: int) -> TensorSpec:
        """The same memory, read otherwise."""
        return TensorSpec.of(self.shape, self.strides, self.dtype, self.device, bits)

    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        expected = 1
        if self.numel == 0:
            return True
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1:
                if stride != expected:
                    return False
                expected *= size
        return True

    def __repr__(self) -> str:
        dtype = DTYPE_NAMES.get(self.dtype, str(self.dtype).removeprefix("torch."))
        return f"{dtype}[{', '.join(map(str, self.normal().shape))}]"


def _new_spec(key: tuple[Any, ...], scope: Scope | None) -> TensorSpec:
    spec = TensorSpec()
    spec.shape, spec.strides, spec.dtype, spec.device, spec.bits = key
    spec.scope, spec.wrapped = scope, None
    numel: Any = 1
    for size in spec.shape:
        numel = numel * size
    spec.numel = numel
    return spec


def contiguous_strides(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """Row-major strides as torch gives them (a size of 0 counts as 1)."""
    strides: list[Any] = []
    step: Any = 1
    for size in reversed(shape):
        strides.append(step)
        if size.__class__ is not int:
            step = size * step
        elif size > 1:
            step *= size
    return tuple(reversed(strides))


def is_dense(spec: TensorSpec) -> bool:
    """Whether the elements fill their memory, in some order of the dimensions."""
    expected: Any = 1
    if spec.scope is not None:
        return _is_dense_symbolic(spec)
    for stride, size in sorted(zip(spec.strides, spec.shape, strict=True)):
        if size == 0:
            return False
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def _is_dense_symbolic(spec: TensorSpec) -> bool:
    """The same, as far as it can be told for all sizes."""
    left = [p for p in zip(spec.shape, spec.strides, strict=True) if p[0] != 1]
    expected: Any = 1
    while left:
        match = next((pair for pair in left if pair[1] == expected), None)
        if match is None:
            return False
        left.remove(match)
        expected = match[0] * expected
    return True


def kind_without_spec(tensor: torch.Tensor) -> str | None:
    """What a tensor is that has no spec: sparse, quantized or nested."""
    if tensor.is_nested or tensor.is_quantized:
        return "nested" if tensor.is_nested else "quantized"
    return None if tensor.layout is torch.strided else str(tensor.layout)


def _of_shape(tensor: torch.Tensor) -> str:
    return "" if tensor.is_nested else f" of shape {tuple(tensor.shape)}"


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    """The spec of a real (or fake) strided tensor.

    Raises:
        PythonFeatureError: MG-P104, for a sparse, quantized or nested tensor.
    """
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        raise PythonFeatureError(
            f"a {kind_without_spec(tensor)} tensor{_of_shape(tensor)} is not captured",
            code="MG-P104",
            hint="convert it with .to_dense() (or .dequantize()) before the exported function.",
        )
    shape, strides = tuple(tensor.shape), _real_stride(tensor)
    for size in (*shape, *strides):
        if size.__class__ is not int:
            shape = tuple(expression_of(size) for size in shape)
            strides = tuple(_of_filled(expression_of(stride)) for stride in strides)
            break
    key = (shape, strides, tensor.dtype, tensor.device, bits_of(tensor))
    return _interned.get(key) or TensorSpec.of(*key)


def _of_filled(stride: Any) -> Any:
    """A stride of a tensor that is not empty: ``max(n, 1)``, which torch writes, is ``n``."""
    if not isinstance(stride, Expr):
        return stride
    scope = stride.scope
    for atom in stride.atoms():
        if atom.kind == "pos" and isinstance(atom.args[0], Expr) and atom.args[0].const == -1:
            stride = scope.replaced_atom(stride, atom, atom.args[0])
            if not isinstance(stride, Expr):
                return stride
    return stride
