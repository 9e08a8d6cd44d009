"""Tensors without data: the interned ``TensorSpec`` and the ``AbstractTensor`` that wears it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import torch

from monograph.capture.python import builtin_functions
from monograph.capture.restarts import is_asked_by_program, is_printed
from monograph.diagnostics import InternalError, PythonFeatureError
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.questions import Test, both, either, equal
from monograph.shapes.symnode import symbolic
from monograph.torch_internals import (
    disabled_torch_function,
    make_alias,
    make_wrapper,
    mark_bits,
)

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value

__all__ = ["AbstractTensor", "make_abstract", "selected"]

# As they are before a capture replaces them.
_real_tolist, _real_numpy = torch.Tensor.tolist, torch.Tensor.numpy


class AbstractTensor(torch.Tensor):
    """A tensor with sizes, strides, a dtype and a device, and no data.

    It lives while a program is captured; afterwards it is the ``meta["val"]`` of graph nodes.
    """

    value: Value
    __torch_function__ = disabled_torch_function

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, op: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> NoReturn:
        raise InternalError(
            f"{op} was called on a tensor that stands for a value inside an exported program",
            hint="such a tensor has no data; it may have been kept by the program's code (in a "
            "global, a cache) while it was exported.",
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        recorder = self.value.recorder
        if recorder.is_running and is_asked_by_program() and not is_printed():
            return recorder.read_values(self, "repr(tensor)", repr)
        return f"AbstractTensor({spec_of(self)!r})"

    def __format__(self, format_spec: str) -> str:
        if format_spec and self.dim() == 0:
            return self.item().__format__(format_spec)  # a number is asked for: MG-D102
        return repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        recorder = self.value.recorder
        copied = self.clone() if recorder.is_running else make_abstract(spec_of(self), self.value)
        memo[id(self)] = copied
        return copied

    def detach(self) -> torch.Tensor:
        """Cut gradients off; told apart from the autograd engine's own detaching."""
        recorder = self.value.recorder
        before, recorder.user_detach = recorder.user_detach, True
        try:
            return super().detach()
        finally:
            recorder.user_detach = before

    def is_contiguous(self, memory_format: Any = torch.contiguous_format) -> bool:
        """Whether it lies in row-major order: a question about sizes, where these vary."""
        spec = self.value.spec
        if spec.scope is None or memory_format is not torch.contiguous_format:
            return super().is_contiguous(memory_format=memory_format)
        test: Test = True
        expected: Any = 1
        for size, stride in zip(reversed(spec.shape), reversed(spec.strides), strict=True):
            test = both(test, either(equal(size, 1), equal(stride, expected)))
            expected = size * expected
        found: bool = spec.scope.owner.decide(either(equal(spec.numel, 0), test))
        return found

    def contiguous(self, memory_format: Any = torch.contiguous_format) -> torch.Tensor:
        """Itself where it is contiguous, else a copy."""
        return torch.ops.aten.contiguous.default(self, memory_format=memory_format)

    def __copy__(self) -> torch.Tensor:
        return torch.ops.aten.alias.default(self)

    def tolist(self) -> Any:
        """All values as numbers, of which those that are not known vary."""
        recorder = self.value.recorder
        size = self.value.spec.numel
        if size.__class__ is not int or size > 64 or recorder.is_known(self.value):
            return recorder.read_values(self, ".tolist()", _real_tolist)
        if self.dim() == 0:
            return self.item()
        return [row.tolist() for row in self.unbind(0)]

    def __len__(self) -> int:
        found: int = builtin_functions.length_of(self)
        return found

    def __int__(self) -> int:
        return builtin_functions.converted(self, "int")

    def __float__(self) -> float:
        return builtin_functions.converted(self, "float")

    def __getitem__(self, index: Any) -> torch.Tensor:
        view, rest = selected(self, index)
        return super(AbstractTensor, view).__getitem__(rest)

    def __setitem__(self, index: Any, value: Any) -> None:
        view, rest = selected(self, index)
        super(AbstractTensor, view).__setitem__(rest, value)

    def new_tensor(self, data: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """As ``torch.tensor``, with the dtype and the device of ``self``."""
        return torch.tensor(data, **{"dtype": self.dtype, "device": self.device, **kwargs})

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array: only where the values are known while capturing."""
        recorder = self.value.recorder
        return recorder.read_values(self, ".numpy()", lambda t: _real_numpy(t, force=force))

    def __array__(self, dtype: Any = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """Not a graph: gradients are accumulated into ``.grad``, outside the program."""
        raise PythonFeatureError(
            ".backward() inside the program writes to .grad of tensors outside it",
            code="MG-P106",
            where=self.value.recorder.here(),
            hint="use torch.autograd.grad(outputs, inputs), which returns the gradients.",
        )

    def as_subclass(self, cls: Any) -> Any:
        """A plain tensor stays what it is."""
        if cls is torch.Tensor:
            return torch.ops.aten.alias.default(self)
        raise PythonFeatureError(
            f"a tensor becomes a {cls.__name__}",
            code="MG-P104",
            where=self.value.recorder.here(),
            hint="keep the tensor beside the object that has the methods.",
        )

    def register_hook(self, hook: Any) -> Any:
        """Not a graph: the hook would run in a backward pass of the capture's own."""
        if not self.value.tracks:
            return super().register_hook(hook)  # type: ignore[no-untyped-call]
        raise PythonFeatureError(
            "a hook on a tensor changes gradients behind the graph",
            code="MG-P107",
            where=self.value.recorder.here(),
            hint="write a torch.autograd.Function whose backward does what the hook does.",
        )

    def _no_memory(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PythonFeatureError(
            "Python asks for the memory behind a tensor",
            code="MG-P106",
            where=self.value.recorder.here(),
            hint="memory addresses and storages exist only when the program runs.",
        )

    data_ptr = untyped_storage = storage = share_memory_ = __dlpack__ = _no_memory
    __reduce_ex__ = _no_memory


def selected(tensor: Any, index: Any) -> tuple[Any, Any]:
    """``tensor[index]`` with the numbers that vary taken first: torch refuses them."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(_is_number(part) for part in parts):
        parts = index = tuple(_as_number(part) for part in parts)
    if not any(isinstance(part, torch.SymInt) for part in parts):
        return tensor, index
    dots = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    rest: list[Any] = []
    dim = 0
    for part in parts[:dots]:
        if isinstance(part, torch.SymInt):
            tensor = tensor.select(dim, part)
        else:
            rest.append(part)
            dim += _consumed(part)
    back: list[Any] = []
    dim = -1
    for part in reversed(parts[dots + 1 :]):
        if isinstance(part, torch.SymInt):
            tensor = tensor.select(dim, part)
        else:
            back.insert(0, part)
            dim -= _consumed(part)
    return tensor, (*rest, Ellipsis, *back)


def _is_number(part: Any) -> bool:
    """Whether one part of an index is (or a slice has) a tensor that stands for an integer."""
    if isinstance(part, slice):
        return any(_is_number(bound) for bound in (part.start, part.stop, part.step))
    if isinstance(part, torch.Tensor):
        return part.dim() == 0 and not part.is_floating_point() and part.dtype != torch.bool
    return hasattr(part, "rows_as_tensor")


def _as_number(part: Any) -> Any:
    if hasattr(part, "rows_as_tensor"):
        return part.rows_as_tensor
    if isinstance(part, slice):
        return slice(*(_as_number(bound) for bound in (part.start, part.stop, part.step)))
    return part.item() if _is_number(part) else part


def _consumed(part: Any) -> int:
    """How many dimensions one part of an index stands for."""
    if part is None:
        return 0
    if isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1


def make_abstract(spec: TensorSpec, value: Value) -> AbstractTensor:
    """A tensor that looks like ``spec`` and stands for ``value``."""
    if spec.scope is None:
        tensor: AbstractTensor = make_wrapper(
            AbstractTensor, spec.shape, spec.strides, dtype=spec.dtype, device=spec.device
        )
    elif spec.wrapped is None or value.recorder.above_autograd:
        env = spec.scope.owner
        shape = tuple(symbolic(env, size) for size in spec.shape)
        strides = tuple(symbolic(env, stride) for stride in spec.strides)
        tensor = make_wrapper(AbstractTensor, shape, strides, dtype=spec.dtype, device=spec.device)
        if spec.wrapped is None:  # torch asks a dozen questions of the sizes: once is enough
            spec.wrapped = make_alias(AbstractTensor, tensor)
    else:
        tensor = make_alias(AbstractTensor, spec.wrapped)
    if spec.bits:
        mark_bits(tensor, spec.bits)
    tensor.value = value
    return tensor
