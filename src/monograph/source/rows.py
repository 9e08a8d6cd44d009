"""A list of unknown length: its items are the rows of a tensor."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from monograph.capture.python.builtin_functions import called_instead, instead_of
from monograph.capture.python.made_tensors import MAKERS
from monograph.capture.recorder import Recorder
from monograph.capture.strictness import OfACapture
from monograph.control.branches import Group
from monograph.control.results import describe
from monograph.diagnostics import ControlFlowError
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.symnode import symbolic

__all__ = ["Rows", "accepted", "rows_like", "rows_of"]

_NUMBERS: dict[str, type] = {"int": int, "bool": bool, "float": float}
_DTYPES = {"int": torch.int64, "bool": torch.bool, "float": torch.float64}


class Rows(OfACapture):
    """What becomes of a list that a branch, or a loop of unknown length, appends to.

    ``tensor`` holds the items along its first dimension. ``kind``: ``tensor``, or ``int``,
    ``bool``, ``float`` for numbers.
    """

    def __init__(self, tensor: torch.Tensor, kind: str) -> None:
        self.tensor = tensor
        self.kind = kind

    @classmethod
    def as_a_result(cls) -> ControlFlowError:
        """Programs have results of a length that is known."""
        return ControlFlowError(
            "the program returns a list whose length is only known when it runs",
            code="MG-C114",
            hint="return torch.stack(the_list), a tensor with the items as its rows.",
        )

    def append(self, item: torch.Tensor | float) -> None:
        """Add one row."""
        self.tensor = torch.cat([self.tensor, self._row(item)])

    def insert(self, index: int, item: torch.Tensor | float) -> None:
        """Add one row in front of the one at ``index``."""
        before, after = self.tensor[:index], self.tensor[index:]
        self.tensor = torch.cat([before, self._row(item), after])

    def _row(self, item: torch.Tensor | float) -> torch.Tensor:
        row = as_item(item).to(self.tensor.dtype)
        return row.reshape((1, *self.tensor.shape[1:]))

    def reverse(self) -> None:
        """The last row first."""
        self.tensor = self.tensor.flip(0)

    def __iadd__(self, items: Rows | Iterable[torch.Tensor | float]) -> Rows:
        self.extend(items)
        return self

    def __add__(self, items: Rows | Iterable[torch.Tensor | float]) -> Rows:
        made = Rows(self.tensor, self.kind)
        made.extend(items)
        return made

    def extend(self, items: Rows | Iterable[torch.Tensor | float]) -> None:
        """Add rows."""
        if isinstance(items, Rows):
            self.tensor = torch.cat([self.tensor, items.tensor])
            return
        for item in items:
            self.append(item)

    @property
    def rows_as_tensor(self) -> torch.Tensor:
        """What an index takes it for."""
        return self.tensor

    def __radd__(self, items: Iterable[torch.Tensor | float]) -> Rows:
        before = torch.cat([self._row(item) for item in items] or [self.tensor[:0]])
        return Rows(torch.cat([before, self.tensor]), self.kind)

    def total(self) -> object:
        """``sum(rows)``; of no rows, that would be a number."""
        torch._check(self.length() >= 1, lambda: "there is nothing to add up")
        found = self.tensor.sum(0)
        return found if self.kind == "tensor" else found.item()

    def length(self) -> int | torch.SymInt:
        """The number of rows: a size that varies."""
        return self.tensor.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> Any:
        if isinstance(index, slice) and index == slice(None, None, -1):
            return Rows(self.tensor.flip(0), self.kind)
        found = self.tensor[index]
        if isinstance(index, slice):
            return Rows(found, self.kind)
        return found if self.kind == "tensor" else found.item()

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.tensor.shape[0]))

    def __len__(self) -> int:
        return len(self.tensor)


def stack(rows: Rows, dim: int = 0) -> torch.Tensor:
    """``torch.stack(rows, dim)``."""
    return rows.tensor.movedim(0, dim).contiguous() if dim else rows.tensor


def cat(rows: Rows, dim: int = 0) -> torch.Tensor:
    """``torch.cat(rows, dim)``."""
    tensor = rows.tensor
    dim = dim % (tensor.dim() - 1)
    return tensor.movedim(0, dim).flatten(dim, dim + 1).contiguous()


def tensor(
    rows: Rows, *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> torch.Tensor:
    """``torch.tensor(rows)``."""
    if rows.kind in ("int", "bool") and dtype is None:
        torch._check(rows.length() >= 1, lambda: "torch.tensor of an empty list has floats")
    own = torch.get_default_dtype() if rows.kind == "float" else rows.tensor.dtype
    return rows.tensor.to(dtype=dtype or own, device=device or rows.tensor.device)


OF_ROWS: dict[str, Callable[..., torch.Tensor]] = {
    "stack": stack,
    "cat": cat,
    "concat": cat,
    "tensor": tensor,
    "as_tensor": tensor,
}


def _accepting(name: str, original: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        given = args[0] if args else kwargs.get("tensors")
        if isinstance(given, Rows):
            kwargs.pop("tensors", None)
            return OF_ROWS[name](given, *args[1:], **kwargs)
        return original(*args, **kwargs)

    return call


# Where the program has another name for it (``from torch import stack``).
for _function in (torch.stack, torch.cat, torch.concat, *MAKERS):
    called_instead(_function, _accepting(_function.__name__, instead_of(_function)))


@contextlib.contextmanager
def accepted() -> Iterator[None]:
    """Torch's functions of lists accept rows."""
    before = {name: getattr(torch, name) for name in OF_ROWS}
    try:
        for name, original in before.items():
            setattr(torch, name, _accepting(name, original))
        yield
    finally:
        for name, original in before.items():
            setattr(torch, name, original)


def rows_like(recorder: Recorder, items: Sequence[object], sample: Group, name: str) -> Rows:
    """``items`` as rows that look like the last of ``sample``.

    Raises:
        ControlFlowError: MG-C114, where the items are not of one kind and shape.
    """
    found = sample.found[-1]
    kind = found.kind()
    sizes = found.value.spec.shape if found.value is not None else ()
    kinds = {f.kind() for f in sample.found}
    shapes = {f.value.spec.shape for f in sample.found if f.value is not None}
    own = {
        a.name
        for size in sizes
        if isinstance(size, Expr)
        for a in size.symbols()
        if a.name not in recorder.sizes.bindings
    }
    if kind == "other" or len(kinds) > 1 or len(shapes) > 1 or own:
        different = [describe(f) for f in sample.found]
        raise ControlFlowError(
            f"{name} becomes a list of unknown length, of items that cannot be stacked: "
            + ", ".join(dict.fromkeys(different)),
            code="MG-C114",
            where=recorder.here(),
            hint="append tensors of one shape, or write into a tensor of fixed size with a mask.",
        )
    if found.value is None:
        dtype = _DTYPES[kind]
        made = torch.tensor(list(items), dtype=dtype) if items else torch.zeros(0, dtype=dtype)
        return Rows(made, kind)
    if items:
        return Rows(torch.stack([as_item(item) for item in items]), kind)
    spec: TensorSpec = found.value.spec
    shape = [symbolic(recorder.sizes.env, size) for size in spec.shape]
    return Rows(torch.zeros((0, *shape), dtype=spec.dtype, device=spec.device), kind)


def rows_of(items: Sequence[object], count: int | torch.SymInt) -> Rows:
    """``items``, as often as ``count`` says.

    Raises:
        ControlFlowError: MG-C114, where the items are not of one kind and shape.
    """
    kinds = {int if isinstance(item, torch.SymInt) else type(item) for item in items}
    shapes = {item.shape for item in items if isinstance(item, torch.Tensor)}
    kind = next((name for name, dtype in _NUMBERS.items() if kinds == {dtype}), None)
    if kind is None and len(kinds) == len(shapes) == 1:
        kind = "tensor"
    if kind is None:
        raise ControlFlowError(
            "a list as long as a size, of items that cannot be stacked",
            code="MG-C114",
            hint="fill a tensor, or append tensors of one shape to an empty list.",
        )
    rows = torch.stack([as_item(item) for item in items])
    return Rows(rows.repeat(count, *(1 for _ in rows.shape[1:])), kind)


def as_item(item: object) -> torch.Tensor:
    """One item of a list as a tensor."""
    if isinstance(item, torch.SymInt):
        return torch.full((), item, dtype=torch.int64)  # type: ignore[call-overload]
    return item if isinstance(item, torch.Tensor) else torch.tensor(item)
