"""Iterables of unknown length, and indices that vary."""

from __future__ import annotations

import builtins
import functools
import itertools
import operator
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from types import GeneratorType
from typing import Any, NoReturn, Protocol, TypeVar, cast

import torch
from torch import nn

from monograph.capture.aliasing import Value
from monograph.capture.current import running_recorder
from monograph.capture.python.arrays import tensor_of as tensor_of_array
from monograph.capture.python.builtin_functions import choose
from monograph.capture.recorder import Recorder
from monograph.control.carrying import tensor_of
from monograph.control.operators import cond, map_noted
from monograph.diagnostics import ControlFlowError
from monograph.ir.structure import flatten
from monograph.shapes.expr import Expr
from monograph.shapes.questions import not_less
from monograph.shapes.symnode import expression_of
from monograph.source.rows import (
    OF_ROWS,
    Pieces,
    Records,
    Rows,
    Steps,
    Table,
    Together,
    UnknownList,
    has_none,
    kind_of,
    require_any,
    require_item,
    rows_in_steps,
    rows_of,
)
from monograph.source.unfilled import Entries, Numbered, Unfilled

__all__ = [
    "Chain", "Ordered", "Unknown", "iterator", "joined", "listed", "numbered", "numbers", "pieces",
    "repeated", "rows", "subscript", "unfilled", "unknown_length", "yielded",
]  # fmt: skip


T = TypeVar("T")
_ASSERT = torch.ops.aten._assert_scalar.default


class Unknown:
    """``length`` items, a size that varies; ``item(i)`` is the one at ``i``."""

    def __init__(self, length: int | torch.SymInt, item: Callable[[Any], object]) -> None:
        self.length = length
        self.item = item

    def __iter__(self) -> Iterator[object]:
        return (self.item(i) for i in range(self.length))

    def __len__(self) -> int:
        return operator.index(self.length)

    def __next__(self) -> NoReturn:
        raise ControlFlowError(
            "next() of something whose length is only known when the program runs",
            code="MG-C114",
            hint="go over it in a loop, or take items of it by their index.",
        )

    def __getitem__(self, index: int | slice | torch.SymInt) -> object:
        if isinstance(index, slice):
            return self._sliced(index)
        if isinstance(index, int) and index < 0:
            index = index + self.length
        require_item(index >= 0)
        require_item(index < self.length)
        return self.item(index)

    def _sliced(self, index: slice) -> object:
        if index == _BACKWARDS:
            return self.backwards()
        bounds = (0 if index.start is None else index.start, index.stop, index.step or 1)
        if any(type(bound) not in (int, type(None)) for bound in bounds) or bounds[2] < 1:
            return list(self)[index]
        start, step = self._bound(bounds[0]), bounds[2]
        stop = self.length if bounds[1] is None else self._bound(bounds[1])
        return self.part(start, torch.sym_max((stop - start + step - 1) // step, 0), step)

    def _bound(self, index: int) -> int | torch.SymInt:
        if index < 0:
            return torch.sym_max(self.length + index, 0)
        return torch.sym_min(index, self.length)

    def part(self, start: int | torch.SymInt, length: int | torch.SymInt, step: int) -> Unknown:
        """``length`` of them: the one at ``start``, and each that is ``step`` further."""
        return Unknown(length, lambda i: self.item(start + i * step))

    def backwards(self) -> Unknown:
        """The last one first."""
        return Unknown(self.length, lambda i: self.item(self.length - 1 - i))


_BACKWARDS = slice(None, None, -1)


class Ordered(Unknown):
    """Items that are made one after the other, each once: a state goes from one to the next.

    ``functions``: those whose variables are that state.
    """

    def __init__(
        self,
        length: int | torch.SymInt,
        item: Callable[[Any], object],
        functions: Sequence[Callable[..., object]],
    ) -> None:
        super().__init__(length, item)
        self.functions = tuple(functions)
        self._is_taken = False

    def take(self) -> None:
        """Somebody goes over it, which nobody can once more."""
        if self._is_taken:
            raise _out_of_order("what gives its items once is gone over twice")
        self._is_taken = True

    def __getitem__(self, index: object) -> NoReturn:
        raise _out_of_order("an item is taken of what gives them one after the other")

    def part(self, start: int | torch.SymInt, length: int | torch.SymInt, step: int) -> Unknown:
        """Its first items only: to leave some out, they would have to be made."""
        if type(start) is not int or start or step != 1:
            raise _out_of_order("some are left out of items that are made one after the other")
        return Ordered(length, self.item, self.functions)

    def backwards(self) -> NoReturn:
        """Not that: the last one comes of all others."""
        raise _out_of_order("items that are made one after the other are gone over backwards")


def _out_of_order(what: str) -> ControlFlowError:
    return ControlFlowError(what, code="MG-C114", hint="keep the items in a list: list(...).")


class Once:
    """Items that a generator gives, none of which knows of another: gone over once, in any way."""

    def __init__(self, items: Unknown) -> None:
        self._items: Unknown | None = items

    def take(self) -> Unknown:
        """The items, for the one who goes over them."""
        items, self._items = self._items, None
        if items is None:
            raise _out_of_order("what gives its items once is gone over twice")
        return items

    def __iter__(self) -> Iterator[object]:
        return iter(self.take())


def taken(iterable: T) -> T:
    """``iterable``, which somebody goes over now."""
    array = None if running_recorder() is None else tensor_of_array(iterable)
    if array is not None and array.dim() == 1 and array.dtype in (torch.int64, torch.float64):
        return cast("T", _Numbers(array))  # numpy's own have as many digits as those of Python
    return cast("T", iterable.take()) if isinstance(iterable, (Once, Chain)) else iterable


class Chain:
    """Several iterables, one after the other."""

    def __init__(self, parts: Iterable[Iterable[object]]) -> None:
        self.parts = tuple(parts)
        self._is_taken = False

    def take(self) -> Chain:
        """The same for the one who goes over them, which nobody can once more."""
        if self._is_taken:
            raise _out_of_order("what gives its items once is gone over twice")
        self._is_taken = True
        return Chain(self.parts)

    def __iter__(self) -> Iterator[object]:
        return itertools.chain.from_iterable(self.parts)


class _Endless:
    """``itertools.count(start, step)``."""

    def __init__(self, start: int | torch.SymInt, step: int | torch.SymInt) -> None:
        self.start, self.step = start, step

    def __iter__(self) -> Iterator[Any]:
        return itertools.count(self.start, self.step)

    def item(self, i: int | torch.SymInt) -> int | torch.SymInt:
        """The number there."""
        return self.start + i * self.step


def _of(
    parts: Iterable[Unknown | _Endless],
    length: int | torch.SymInt,
    item: Callable[[Any], object],
) -> Unknown:
    """Items that are made of those of ``parts``: in order, where these are."""
    states = [part for part in parts if isinstance(part, Ordered)]
    if not states:
        return Unknown(length, item)
    for part in states:
        part.take()
    return Ordered(length, item, [each for part in states for each in part.functions])


def yielded(
    step: Callable[[Any], object], iterable: Iterable[object], has_state: bool
) -> Iterable[object]:
    """``step`` of each item, one after the other: what a generator gives."""
    iterable = taken(iterable)
    found = None if running_recorder() is None else unknown_length(iterable)
    if found is None:
        return (step(item) for item in iterable)
    if not has_state:
        item = found.item
        made = _of([found], found.length, lambda i: step(item(i)))
        return made if isinstance(made, Ordered) else Once(made)
    states = found.functions if isinstance(found, Ordered) else ()
    return Ordered(found.length, lambda i: step(found.item(i)), (step, *states))


class _Parts(Unknown, Together):
    """What a tensor is taken apart into along ``dim``: rows, or pieces of it."""

    def __init__(
        self,
        tensor: torch.Tensor,
        dim: int,
        length: int | torch.SymInt,
        item: Callable[[Any], object],
        *,
        each: int | torch.SymInt | None = None,
    ) -> None:
        super().__init__(length, item)
        self.tensor = tensor
        self.dim = dim % tensor.dim()
        self.each = each  # how much of the tensor a piece is, but the last; None: these are rows
        self.are_rows = each is None
        self.is_backwards = False

    def are_pieces_in_order(self) -> bool:
        """Whether they may be of other sizes, and are one after the other in the tensor."""
        return not self.are_rows and not self.is_backwards

    def backwards(self) -> Unknown:
        """The last one first: each of them is still a part of the tensor."""
        last, item = self.length - 1, self.item
        found = _Parts(self.tensor, self.dim, self.length, lambda i: item(last - i), each=self.each)
        found.is_backwards = not self.is_backwards
        return found

    def part(self, start: int | torch.SymInt, length: int | torch.SymInt, step: int) -> Unknown:
        """Some of them: parts of a part of the tensor."""
        made = super().part(start, length, step)
        if self.is_backwards or (not self.are_rows and step != 1):
            return made
        each = 1 if self.each is None else self.each
        size = self.tensor.shape[self.dim]
        stop = torch.sym_min((start + (length - 1) * step + 1) * each, size)
        index = slice(torch.sym_min(start * each, size), torch.sym_max(stop, 0), step)
        tensor = self.tensor[(*(slice(None),) * self.dim, index)]
        return _Parts(tensor, self.dim, length, made.item, each=self.each)

    def together(self, name: str, dim: int = 0) -> torch.Tensor:
        """``torch.stack`` or ``torch.cat`` of them: a new tensor."""
        if self.are_rows:
            require_any(self.length, f"torch.{name}")
            rows = self.tensor.movedim(self.dim, 0)
            made = OF_ROWS[name](Rows(rows.flip(0) if self.is_backwards else rows, "tensor"), dim)
        elif name == "stack" or dim % self.tensor.dim() != self.dim:
            return super().together(name, dim)
        else:
            require_any(self.length, f"torch.{name}")
            made = self.tensor
            if self.is_backwards:
                made = made.index_select(self.dim, self._order())
        return made.clone(memory_format=torch.contiguous_format)

    def _order(self) -> torch.Tensor:
        """Where each row of all pieces together comes from, the last piece first."""
        sizes: list[Any] = [self.tensor.shape[self.dim], self.each, self.length - 1]
        size, each, last = sizes
        behind = torch.arange(size, device=self.tensor.device) - (size - last * each)
        pieces = torch.div(behind, each, rounding_mode="floor")
        in_others = (last - 1 - pieces) * each + behind - pieces * each
        return torch.where(behind < 0, size + behind, in_others)


class _Range(Unknown):
    """``range(start, ..., step)`` of ``length`` numbers."""

    def __init__(self, start: int | torch.SymInt, step: int, length: int | torch.SymInt) -> None:
        super().__init__(length, lambda i: start + i * step)
        self.start = start
        self.step = step


def unknown_length(value: object) -> Unknown | None:
    """``value`` as an iterable whose length varies, if it is one."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Numbered):
        return _Range(0, 1, value.numbers())
    if isinstance(value, Entries):
        entries = unknown_length(value.owner.made)
        assert entries is not None
        return Unknown(value.owner.numbers(), lambda i: (i, entries.item(i)))
    if isinstance(value, Rows):
        steps = Steps.of(value)
        if steps is not None and not steps.front:
            return _Range(steps.start, steps.step, steps.count)
        if value.part is not None:
            return Unknown(value.tensor.shape[0], value.part)
        value = value.tensor if value.kind == "tensor" else _Numbers(value.tensor)
    if isinstance(value, Records):
        value.require_unchanged()
        return Unknown(value.length(), value.item)
    if isinstance(value, Table):
        return Unknown(value.length(), lambda i: value[i])
    if isinstance(value, Pieces):
        if value.part is not None:
            return Unknown(value.length(), value.part)
        return Unknown(value.length(), functools.partial(value.piece, value.owners()))
    if isinstance(value, _Numbers):
        tensor = value.tensor
        if isinstance(tensor.shape[0], torch.SymInt):
            return Unknown(tensor.shape[0], lambda i: tensor[i].item())
    if isinstance(value, torch.Tensor) and value.dim() and isinstance(value.shape[0], torch.SymInt):
        return _Parts(value, 0, value.shape[0], lambda i: value[i])
    return None


class HasNumbers(Protocol):
    """A tensor, an array: what has ``tolist``."""

    def tolist(self) -> object:
        """Its numbers, nested."""


class _Numbers:
    """``tensor.tolist()`` of unknown length."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def listed(self) -> Rows:
        """The numbers as a list; those of Python have more digits than the floats of tensors."""
        kind = "float" if self.tensor.is_floating_point() else "int"
        kind = "bool" if self.tensor.dtype == torch.bool else kind
        return Rows(self.tensor.double() if kind == "float" else self.tensor.clone(), kind)


def numbers(value: HasNumbers) -> object:
    """``value.tolist()``."""
    if isinstance(value, torch.Tensor) and value.dim() == 1:
        size: object = value.shape[0]
        if isinstance(size, torch.SymInt):
            return _Numbers(value)
    return value.tolist()


def numbered(made: object) -> object:
    """``range(n)`` or ``x.tolist()`` where the numbers become a tensor: a list of them."""
    if isinstance(made, _Numbers):
        return made.listed()
    return listed(builtins.list, made) if isinstance(made, _Range) else made


def pieces(name: str, owner: object, *args: object, **kwargs: object) -> object:
    """``owner.unbind(...)``, ``split`` or ``chunk``, of a tensor or as a function of ``torch``."""
    tensor, rest = (args[0], args[1:]) if owner is torch and args else (owner, args)
    if running_recorder() is not None and isinstance(tensor, torch.Tensor):
        found = _PIECES[name](tensor, *rest, **kwargs)
        if found is not None:
            return found
    return getattr(owner, name)(*args, **kwargs)


def _unbound(tensor: torch.Tensor, *args: object, **kwargs: object) -> Unknown | None:
    dim = _dimension(args, kwargs)
    if dim is None or not isinstance(tensor.shape[dim], torch.SymInt):
        return None
    return _Parts(tensor, dim, tensor.shape[dim], lambda i: tensor.select(dim, i))


def _split(tensor: torch.Tensor, *args: object, **kwargs: object) -> Unknown | None:
    """Pieces of one size; the last is what is left, and of nothing there is one piece."""
    dim = _dimension(args[1:], kwargs)
    if dim is None or not args or not isinstance(tensor.shape[dim], torch.SymInt):
        return None
    each = args[0]
    if type(each) is int and each == 1:
        return _in_ones(tensor, dim)
    return _in_pieces(tensor, dim, each) if isinstance(each, (int, torch.SymInt)) else None


def _chunk(tensor: torch.Tensor, *args: object, **kwargs: object) -> Unknown | None:
    dim, recorder = _dimension(args[1:], kwargs), running_recorder()
    if dim is None or recorder is None or not args:
        return None
    count, size = args[0], tensor.shape[dim]
    if not isinstance(count, int | torch.SymInt) or not isinstance(size, torch.SymInt):
        return None
    if recorder.size_of(count) == recorder.size_of(size):
        return _in_ones(tensor, dim)
    torch._check(count >= 1, lambda: "chunk takes a positive number of pieces")
    each = torch.sym_max((size + count - 1) // count, 1)
    without_rows = 1 - torch.sym_min(size, 1)  # then as many pieces as are asked for
    return _in_pieces(tensor, dim, each, more=without_rows * (count - 1))


def _in_pieces(
    tensor: torch.Tensor, dim: int, each: int | torch.SymInt, more: int | torch.SymInt = 0
) -> Unknown | None:
    """``more``: how many there are besides, without rows."""
    size = tensor.shape[dim]
    if isinstance(each, torch.SymInt):
        torch._check(each >= 1, lambda: "the pieces of a tensor have at least one row")
    elif type(each) is not int or each < 1:
        return None

    before = (slice(None),) * (dim % tensor.dim())

    def piece(i: int | torch.SymInt) -> torch.Tensor:
        return tensor[(*before, slice(i * each, i * each + each))]

    count = torch.sym_max((size + each - 1) // each, 1) + more
    return _Parts(tensor, dim, count, piece, each=each)


def _in_ones(tensor: torch.Tensor, dim: int) -> Unknown | None:
    """Pieces of one row each; a tensor without rows would be one piece, without rows."""
    size: object = tensor.shape[dim]
    if not isinstance(size, torch.SymInt):
        return None
    torch._check(size >= 1, lambda: "there are no rows to take apart")
    dim = dim % tensor.dim()
    rows = tensor.unsqueeze(dim + 1)
    return _Parts(rows, dim, size, lambda i: rows.select(dim, i))


def _dimension(args: tuple[object, ...], kwargs: dict[str, object]) -> int | None:
    """The dimension that is taken apart; None where the call says more, or something else."""
    given = [*args, *kwargs.values()]
    if len(given) > 1 or kwargs.keys() - {"dim"}:
        return None
    dim = given[0] if given else 0
    return dim if type(dim) is int else None


_PIECES: dict[str, Callable[..., Unknown | None]] = {
    "unbind": _unbound,
    "split": _split,
    "chunk": _chunk,
}


_LISTS = (builtins.list, builtins.tuple)
_INTEGERS = (int, torch.SymInt)
_LARGEST = (builtins.max, builtins.min)


def iterator(function: Callable[..., object], *args: Any, **options: Any) -> object:
    """``range``, ``enumerate``, ``zip``, ``reversed`` or ``len`` of something of unknown length."""
    if running_recorder() is None:
        return function(*args, **options)
    if function is builtins.range:
        return _range(*args)
    if function is builtins.len and isinstance(args[0], UnknownList):
        return args[0].length()
    if function is builtins.len and isinstance(args[0], Unknown):
        return args[0].length
    first = unknown_length(args[0]) if args else None
    if function is builtins.len and first is not None:
        return first.length
    if first is not None and len(args) == 1 and function in (builtins.sum, *_LARGEST, *_LISTS):
        return _taken(function, args[0], first)
    if function is itertools.count and all(type(each) in _INTEGERS for each in args):
        return _Endless(*args, *(0, 1)[len(args) :]) if not options else function(*args, **options)
    made_of = _ITERTOOLS.get(function) if isinstance(function, Hashable) else None
    if made_of is not None:
        made = made_of(*args, **options)
        return function(*args, **options) if made is None else made
    if function in (builtins.zip, builtins.map):
        return _together(function, args, options)
    if function is builtins.iter and first is not None:
        return first
    if function is builtins.enumerate and first is not None:
        start = args[1] if len(args) > 1 else options.get("start", 0)
        return _of([first], first.length, lambda i: (start + i, first.item(i)))
    if function is builtins.reversed and isinstance(first, Ordered):
        return first.backwards()
    if function is builtins.reversed and first is not None:
        return Unknown(first.length, lambda i: first.item(first.length - 1 - i))
    return function(*args, **options)


def _together(
    function: Callable[..., object], args: tuple[Any, ...], options: Mapping[str, Any]
) -> object:
    """``zip`` or ``map`` of several things."""
    others = [
        each if isinstance(each, _Endless) else unknown_length(each)
        for each in args[function is builtins.map :]
    ]
    found = [unknown for unknown in others if unknown is not None]
    if found and len(found) == len(others):
        combine = args[0] if function is builtins.map else _in_a_tuple
        return _side_by_side(found, combine, bool(options.get("strict")))
    return function(*(map(_begun, args) if found else args), **options)


def _begun(items: object) -> object:
    """A generator that has begun, and has asked what it goes over: before others are asked."""
    if not isinstance(items, GeneratorType):
        return items
    return itertools.chain(list(itertools.islice(items, 1)), items)


def _taken(function: Callable[..., object], given: object, found: Unknown) -> object:
    """``list``, ``tuple``, ``sum``, ``max`` or ``min`` of what is of unknown length."""
    if function in _LISTS and not isinstance(given, (Rows, Records)):
        return _kept(function, found)
    made = given if isinstance(given, (Rows, Records)) else rows(found, lambda item: item)
    if function in _LISTS:
        if function is builtins.tuple and isinstance(made, UnknownList):  # of a generator
            made.stands_for = builtins.tuple
        return made
    if function not in _LARGEST:
        return made.total() if isinstance(made, Rows) else function(given)
    if isinstance(made, Rows) and made.kind == "int":
        return made.extreme(function is builtins.max)
    return function(given)  # type: ignore[call-overload]


def _in_a_tuple(*items: object) -> tuple[object, ...]:
    return items


def _side_by_side(
    found: list[Unknown | _Endless], combine: Callable[..., object], strict: bool
) -> object:
    """``zip`` or ``map`` of several: as long as the shortest; with ``strict``, as all of them."""
    ending = [inner for inner in found if isinstance(inner, Unknown)]
    if not ending or (strict and len(ending) < len(found)):
        raise _out_of_order("zip() or map() of what has no end")
    length = functools.reduce(torch.sym_min, [inner.length for inner in ending])
    for inner in ending if strict else ():
        torch._check(inner.length == length, lambda: "zip() of unequal lengths")
    return _of(found, length, lambda i: combine(*(inner.item(i) for inner in found)))


def _chained(*parts: Iterable[object]) -> Chain | None:
    """``itertools.chain(x, y)``."""
    is_any = any(
        isinstance(part, (Chain, Once)) or unknown_length(part) is not None for part in parts
    )
    return Chain(parts) if is_any else None


def _chained_from(parts: object) -> Chain | None:
    return _chained(*parts) if isinstance(parts, (list, tuple)) else None


def _pairwise(items: object) -> Unknown | None:
    """``itertools.pairwise(x)``: each item with the next one."""
    found = unknown_length(items)
    if found is None or isinstance(found, Ordered):
        return None
    item = found.item
    return Unknown(torch.sym_max(found.length - 1, 0), lambda i: (item(i), item(i + 1)))


def _part_of(items: object, *bounds: int | torch.SymInt | None) -> Unknown | None:
    """``itertools.islice(x, stop)``, or with a start and a step."""
    found = unknown_length(items)
    start, stop, step = (None, *bounds, None) if len(bounds) == 1 else (*bounds, None)[:3]
    start, step = 0 if start is None else start, 1 if step is None else step
    if found is None or type(step) is not int or step < 1:
        return None
    for bound in (start, stop):
        torch._check(bound is None or bound >= 0, lambda: "islice() takes no negative numbers")
    stop = found.length if stop is None else torch.sym_min(stop, found.length)
    return found.part(start, torch.sym_max((stop - start + step - 1) // step, 0), step)


def _accumulated(
    items: object, combine: Callable[[Any, Any], object] | None = None, *, initial: object = None
) -> object:
    """``itertools.accumulate(x, f)``: the first item, and what comes of each further one."""
    found, combine = unknown_length(items), choose(operator.add if combine is None else combine)
    if found is None:
        return None
    if initial is None and has_none(found.length, "there is nothing to accumulate"):
        return ()
    total = found.item(0) if initial is None else initial
    left_out = 1 if initial is None else 0
    first, item = total, found.item

    def step(i: int | torch.SymInt) -> object:
        nonlocal total
        total = combine(total, item(i + left_out))
        return total

    states = found.functions if isinstance(found, Ordered) else ()
    return Chain([(first,), Ordered(found.length - left_out, step, (step, *states))])


_ITERTOOLS: dict[object, Callable[..., object]] = {
    itertools.chain: _chained,
    itertools.chain.from_iterable: _chained_from,
    itertools.pairwise: _pairwise,
    itertools.islice: _part_of,
    itertools.accumulate: _accumulated,
}


def _range(*args: Any) -> range | Unknown:
    bounds: list[Any] = [arg.item() if isinstance(arg, torch.Tensor) else arg for arg in args]
    if not any(isinstance(bound, torch.SymInt) for bound in bounds):
        return range(*bounds)
    start, stop, step = 0, bounds[0], 1
    if len(bounds) > 1:
        start, stop = bounds[:2]
    if len(bounds) > 2:
        step = bounds[2]
    if isinstance(step, torch.SymInt) or step == 0:
        return range(*bounds)  # says what is wrong
    length = (stop - start + step - 1) // step if step > 0 else (start - stop - step - 1) // -step
    return _Range(start, step, torch.sym_max(length, 0))


class _NeedsItemsError(BaseException):
    """Without items a body is run for the shapes of its results: it would find no item there."""


def rows(iterable: Iterable[object], body: Callable[[Any], object]) -> object:
    """``[body(item) for item in iterable]``."""
    found, recorder = unknown_length(iterable), running_recorder()
    if found is None or recorder is None:
        return [body(item) for item in iterable]
    if isinstance(found, Ordered):  # a loop makes them, one after the other
        raise ControlFlowError("the items have an order", code="MG-C111", where=recorder.here())
    kinds: list[str] = []
    alike: dict[int, int | torch.SymInt] = {}  # numbers that are the same for all items
    of_lists: list[str] = []
    outside: list[Value] = []  # what is of tensors that others have as well
    known = frozenset(recorder.sizes.env.symbols)
    has_items = recorder.sizes.env.is_known(not_less(recorder.size_of(found.length), 1))

    def note(item: object) -> object:
        if isinstance(item, Rows) and item.kind != "tensor":
            of_lists[:], item = [item.kind], item.tensor
        leaves, structure = flatten(item)
        kinds[:] = map(kind_of, leaves)
        alike.clear()
        alike.update((i, leaf) for i, leaf in enumerate(leaves) if _is_known(leaf, known))
        region = recorder.aliases.region
        assert region is not None  # it is the body of ``map``
        values = [recorder.value_of(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor)]
        for value in values:
            recorder.read(value)  # a view is made where it is read
        asserts = any(node.target is _ASSERT for node in recorder.emission.graph.nodes)
        if asserts and not has_items:
            raise _NeedsItemsError
        outside.extend(value for value in values if region.is_outside(value))
        return structure.unflatten([_precise(recorder, leaf) for leaf in leaves])

    numbers = torch.arange(found.length)  # type: ignore[arg-type]
    try:
        made = map_noted(recorder, lambda i: body(found.item(i.item())), numbers, note)
    except _NeedsItemsError:
        is_empty = has_none(found.length, "there is nothing to go over")
        return [] if is_empty else rows(iterable, body)
    for leaf in flatten(made)[0] if outside else ():
        assert isinstance(leaf, torch.Tensor)
        kept = recorder.value_of(leaf)
        recorder.aliases.keep(outside, kept)
        recorder.aliases.overlapping.add(kept.root)
    if of_lists and isinstance(made, torch.Tensor):
        return Table(made, of_lists[0], is_shared=bool(outside))
    tensors, structure = flatten(made)
    columns = [
        rows_in_steps((), alike[i], 0, found.length) if i in alike else Rows(tensor, kinds[i])
        for i, tensor in enumerate(tensors)
    ]
    if isinstance(made, torch.Tensor):
        return columns[0]
    return Records(structure.unflatten([each.tensor for each in columns]), kinds, columns)


def _is_known(item: object, names: Collection[str]) -> bool:
    """Whether an integer is made of sizes of these ``names`` alone."""
    if type(item) is int:
        return True
    size = expression_of(item) if isinstance(item, torch.SymInt) else None
    return isinstance(size, Expr) and all(atom.name in names for atom in size.symbols())


def _precise(recorder: Recorder, item: object) -> object:
    """A number of Python as it is: it has more digits than the floats of tensors."""
    return tensor_of(recorder, item, torch.float64) if kind_of(item) == "float" else item


def listed(function: Callable[..., object], iterable: Iterable[object]) -> object:
    """``list(iterable)``."""
    found = unknown_length(iterable)
    if found is None or running_recorder() is None or function not in _LISTS:
        return function(iterable)
    if isinstance(iterable, _Numbers):
        return iterable.listed()
    if isinstance(found, _Range):
        return rows_in_steps((), found.start, found.step, found.length)
    return _kept(function, found)


def _kept(function: Callable[..., object], found: Unknown) -> object:
    """``list`` or ``tuple`` of them; those of a tuple are parts of the tensor for good."""
    recorder = running_recorder()
    is_outside = recorder is not None and recorder.aliases.region is None
    if function is builtins.tuple and isinstance(found, _Parts) and is_outside:
        return found
    if recorder is not None and isinstance(found, _Parts) and found.are_pieces_in_order():
        return _list_of_pieces(recorder, found)
    if recorder is not None and isinstance(found, _Parts) and found.are_rows:
        return _list_of_rows(recorder, found)
    made = rows(found, lambda item: item)
    if function is builtins.tuple and isinstance(made, UnknownList):
        made.stands_for = builtins.tuple
    return made


def _list_of_rows(recorder: Recorder, found: _Parts) -> Rows:
    """The rows of a tensor in a list, which the program may change afterwards."""
    rows = found.tensor.movedim(found.dim, 0)
    rows = rows.flip(0) if found.is_backwards else rows
    together = rows.clone(memory_format=torch.contiguous_format)
    kept = recorder.value_of(together)
    recorder.aliases.keep([recorder.value_of(found.tensor)], kept)
    recorder.aliases.overlapping.add(kept.root)
    made = Rows(together, "tensor")
    made.part = found.__getitem__
    return made


def _list_of_pieces(recorder: Recorder, found: _Parts) -> Pieces:
    """The pieces of a tensor in a list, which the program may change afterwards."""
    each, size = found.each, found.tensor.shape[found.dim]
    assert each is not None
    starts = torch.arange(found.length) * each  # type: ignore[arg-type]
    lengths = torch.clamp(size - starts, max=each)  # type: ignore[arg-type]
    together = found.tensor.clone()
    kept = recorder.value_of(together)
    recorder.aliases.keep([recorder.value_of(found.tensor)], kept)
    recorder.aliases.overlapping.add(kept.root)
    made = Pieces(together, lengths, found.dim)

    def part(index: int | torch.SymInt | slice) -> object:
        some = found[index]
        return _kept(builtins.list, some) if isinstance(some, Unknown) else some

    made.part = part
    return made


def joined(kind: str, *parts: Iterable[object]) -> object:
    """``[*part, *another]``, or a tuple: rows, where one of the parts is of unknown length."""
    is_running = running_recorder() is not None
    if not is_running or not any(map(_is_unknown, parts)):
        items = [item for part in parts for item in part]
        return items if kind == "list" else tuple(items)
    rows = [_taken_whole(part) if _is_unknown(part) else tuple(part) for part in parts]
    made: object = functools.reduce(operator.add, rows)
    if any(made is part for part in parts):  # another list of the same items
        made = made[:] if isinstance(made, Records) else operator.add(made, ())
    if kind == "tuple" and isinstance(made, UnknownList):
        made.stands_for = builtins.tuple
    return made


def _is_unknown(part: object) -> bool:
    """Whether it is of unknown length, if only by and by: before a loop there may be no rows."""
    return isinstance(part, (Rows, Records)) or unknown_length(part) is not None


def _taken_whole(part: Iterable[object]) -> object:
    return part if isinstance(part, (Rows, Records, Pieces)) else listed(builtins.list, part)


def repeated(left: object, right: object) -> object:
    """``[x, y] * n``: a list as long as a size; ``(x,) * n`` is a tuple of one thing."""
    items, count = (left, right) if isinstance(left, list | tuple) else (right, left)
    if isinstance(items, list | tuple) and isinstance(count, torch.Tensor):
        count = operator.index(count) if running_recorder() is None else _index(count)
    if isinstance(items, tuple) and len(items) == 1 and isinstance(count, torch.SymInt):
        return Unknown(torch.sym_max(count, 0), lambda i: items[0])
    if isinstance(items, list) and isinstance(count, torch.SymInt) and running_recorder():
        if len(items) == 1 and items[0] is None:
            return Unfilled(None, torch.sym_max(count, 0))
        return rows_of(items, torch.sym_max(count, 0))
    return operator.mul(items, count) if items is left else operator.mul(count, items)


def unfilled(iterable: Iterable[object]) -> list[None] | Unfilled:
    """``[None for _ in iterable]``."""
    found = unknown_length(iterable)
    return [None for _ in iterable] if found is None else Unfilled(None, found.length)


def _index(number: torch.Tensor) -> object:
    """What ``operator.index`` asks of a tensor, left in the program."""
    if number.is_floating_point() or number.is_complex() or number.numel() != 1:
        return operator.index(number)  # refused, as in eager mode
    return number.to(torch.int64).item()


# Indices -------------------------------------------------------------------------------------


def subscript(container: Any, index: Any) -> Any:
    """``container[index]``; one of several Python objects, where the index varies."""
    if isinstance(index, torch.Tensor) and not isinstance(container, torch.Tensor):
        index = index.item()
    if isinstance(container, torch.Tensor) and isinstance(index, torch.Tensor):
        is_number = index.dim() == 0 and index.dtype in (torch.int64, torch.int32)
        return container.select(0, _number(index)) if is_number else container[index]
    is_plain = isinstance(container, (list, tuple, nn.ModuleList, nn.ParameterList, nn.Sequential))
    if not isinstance(index, torch.SymInt) or not is_plain:
        return container[index]
    require_item(index >= -len(container))
    require_item(index < len(container))
    return Choice(list(container), index).settled()


def _number(index: torch.Tensor) -> int | torch.SymInt:
    number: object = index.item()
    assert isinstance(number, (int, torch.SymInt))
    return number


class Choice:
    """One of several Python objects; which one is only known when the program runs."""

    def __init__(self, options: list[Any], index: torch.SymInt) -> None:
        self.options = options
        self.index = index

    def settled(self) -> object:
        """A tensor or a number, where the options are tensors or numbers."""
        values = (torch.Tensor, int, float, bool, torch.SymInt, torch.SymFloat)
        if all(isinstance(option, values) for option in self.options):
            return self._of(lambda option: option)
        return self

    def _of(self, function: Callable[[Any], object], first: int = 0) -> object:
        if first == len(self.options) - 1:
            return function(self.options[first])
        here = (self.index == first) | (self.index == first - len(self.options))
        return cond(
            here,
            lambda: function(self.options[first]),
            lambda: self._of(function, first + 1),
        )

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._of(lambda option: option(*args, **kwargs))

    def __getattr__(self, name: str) -> object:
        return Choice([getattr(option, name) for option in self.options], self.index).settled()

    def __getitem__(self, index: object) -> object:
        return Choice([option[index] for option in self.options], self.index).settled()
