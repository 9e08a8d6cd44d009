"""Lists of unknown length: their items are the rows of a tensor, or pieces of unequal size."""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch.nn.utils.rnn import pad_sequence

from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import ask, called_instead, instead_of
from monograph.capture.python.frames import frames_of_user, is_ours
from monograph.capture.python.made_tensors import MAKERS, TYPES, dtype_of
from monograph.capture.python.redirect import InPlaceOf, copied, redirected
from monograph.capture.recorder import Recorder
from monograph.capture.strictness import OfACapture
from monograph.control.branches import Group
from monograph.control.results import describe
from monograph.diagnostics import ControlFlowError
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import LEAF, Structure, flatten
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal
from monograph.shapes.symnode import expression_of, symbolic

__all__ = [
    "OF_ROWS",
    "Pieces",
    "Records",
    "Rows",
    "Steps",
    "Table",
    "Together",
    "UnknownList",
    "accepted",
    "as_item",
    "has_none",
    "kind_of",
    "put",
    "require_item",
    "rows_in_steps",
    "rows_like",
    "rows_of",
]

_NUMBERS: dict[str, type] = {"int": int, "bool": bool, "float": float}
_DTYPES = {"int": torch.int64, "bool": torch.bool, "float": torch.float64}


class _StandsForA(property):
    """``__class__`` of what stands for an object of another type, which the program asks for."""

    def __init__(self) -> None:
        super().__init__(self._asked)

    @staticmethod
    def _asked(item: UnknownList | Together) -> type:
        return type(item) if is_ours(sys._getframe(1).f_code) else item.stands_for


class UnknownList(OfACapture):
    """What stands for a list of the program, or for another container: ``stands_for``."""

    stands_for: type = list
    __class__ = _StandsForA()

    def __getattr__(self, name: str) -> object:
        if hasattr(list, name):
            raise _unequal(f"{name} of a list whose length is only known when the program runs")
        raise AttributeError(name)

    # What Python answers of any object, of its own accord.

    def __repr__(self) -> str:
        if is_ours(sys._getframe(1).f_code):
            return f"<{type(self).__name__}>"
        raise _unequal("the text of a list whose length is only known when the program runs")

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, (list, UnknownList)):
            return self is other
        if is_ours(sys._getframe(1).f_code):
            return False
        raise _unequal("a comparison of lists whose length is only known when the program runs")

    __hash__ = OfACapture.__hash__

    def length(self) -> int | torch.SymInt:
        """The number of items: a size that varies."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        return bool(self.length() > 0)  # a question that may be settled, where a number is not

    def __setitem__(self, index: object, item: object) -> None:
        raise _unequal("an item is put into a list whose length only a run knows")

    def __delitem__(self, index: object) -> NoReturn:
        raise _unequal("a list whose length only a run knows loses an item")


@dataclass(frozen=True)
class Steps:
    """What is known of a list of integers: some at the front, and others in equal steps.

    ``tensor``: the list that it is known of, as long as that is not another one.
    """

    tensor: torch.Tensor
    front: tuple[int | torch.SymInt, ...]
    start: int | torch.SymInt
    step: int
    count: int | torch.SymInt

    @staticmethod
    def of(rows: Rows) -> Steps | None:
        """What is known of ``rows``."""
        found = _steps.get(rows)
        return found if found is not None and found.tensor is rows.tensor else None

    def are_alike(self) -> bool:
        """Whether all are one number."""
        return not self.front and not self.step

    def item(self, index: int) -> int | torch.SymInt:
        """The number there; where that is counted from the end, it is one of those in steps."""
        ahead = len(self.front)
        if 0 <= index < ahead:
            return self.front[index]
        place = index - ahead if index >= 0 else self.count + index
        is_there = place < self.count if index >= 0 else place >= 0
        require_item(is_there)
        return self.start + place * self.step

    def part(self, index: slice) -> Rows | None:
        """``rows[index]``, where it is in equal steps, too."""
        first, last, each = index.start or 0, index.stop, index.step or 1
        is_plain = all(type(n) is int for n in (first, each, 0 if last is None else last))
        if not is_plain or first < 0 or each < 1 or (last is not None and last >= 0):
            return None
        count = self.count
        if last is not None:
            torch._check(count >= -last, lambda: "a list that is shorter than what is left out")
            count = count + last
        front = self.front[first:]
        left_out = max(first - len(self.front), 0) + -len(front) % each
        count = torch.sym_max((count - left_out + each - 1) // each, 0)
        start = self.start + left_out * self.step
        return rows_in_steps(front[::each], start, self.step * each, count)


_steps: weakref.WeakKeyDictionary[Rows, Steps] = weakref.WeakKeyDictionary()


def rows_in_steps(
    front: Sequence[int | torch.SymInt],
    start: int | torch.SymInt,
    step: int,
    count: int | torch.SymInt,
) -> Rows:
    """A list of ``front``, and of ``count`` numbers from ``start`` on."""
    made = torch.arange(count)  # type: ignore[arg-type]
    made = torch.add(made * step, start)  # type: ignore[arg-type]
    if front:
        made = torch.cat([torch.stack([as_item(item) for item in front]), made])
    rows = Rows(made, "int")
    _steps[rows] = Steps(made, tuple(front), start, step, count)
    return rows


class Rows(UnknownList):
    """What becomes of a list that a branch, or a loop of unknown length, appends to.

    ``tensor`` holds the items along its first dimension. ``kind``: ``tensor``, or ``int``,
    ``bool``, ``float`` for numbers. ``beside``: what was appended to them that may be of another
    size: ``torch.cat`` takes it as it is, and all others as one row more. ``part`` gives an item
    as a part of the tensor that was taken apart, as long as the list is as it was made.
    """

    def __init__(self, tensor: torch.Tensor, kind: str) -> None:
        self.alike = tensor
        self.beside: list[torch.Tensor] = []
        self.kind = kind
        self.part: Callable[[Any], object] | None = None

    @property
    def tensor(self) -> torch.Tensor:
        """The items, which are of one size."""
        return self._with_those_beside()

    @tensor.setter
    def tensor(self, tensor: torch.Tensor) -> None:
        self.alike, self.beside, self.part = tensor, [], None

    def _with_those_beside(self) -> torch.Tensor:
        if self.beside:
            made = torch.cat([self.alike, *map(self._row, self.beside)])
            self.alike = keeping(made, self.alike, *self.beside)
            self.beside = []
        return self.alike

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
        if isinstance(item, torch.Tensor) and (self.beside or self._may_differ(item)):
            self.beside.append(item)
            self.part = None
        else:
            self.tensor = keeping(torch.cat([self.tensor, self._row(item)]), self.tensor, item)

    def _may_differ(self, item: torch.Tensor) -> bool:
        """Whether a tensor may be larger than the rows, or smaller, along a dimension."""
        recorder, shape = running_recorder(), self.alike.shape[1:]
        if recorder is None or self.kind != "tensor" or len(shape) != item.dim():
            return False
        _require_same(item, self.alike, self.kind)
        return not _is_alike(recorder, shape, item.shape)

    def insert(self, index: int, item: torch.Tensor | float) -> None:
        """Add one row in front of the one at ``index``."""
        before, after = self.tensor[:index], self.tensor[index:]
        made = torch.cat([before, self._row(item), after])
        self.tensor = keeping(made, self.tensor, item)

    def __setitem__(self, index: object, item: object) -> None:
        if not isinstance(index, (int, torch.SymInt)) or kind_of(item) != self.kind:
            raise _unequal("an item of another kind is put into a list")
        rows, row, recorder = self._with_those_beside(), as_item(item), running_recorder()
        for is_there in (index >= -self.length(), index < self.length()):
            require_item(is_there)
        _require_same(row, rows, self.kind)
        if recorder is not None and not _is_alike(recorder, rows.shape[1:], row.shape):
            raise _unequal("an item of another size is put into a list")
        self.tensor = keeping(put(rows, index, row.to(rows.dtype)), rows, item)

    def _row(self, item: torch.Tensor | float) -> torch.Tensor:
        row, shape = as_item(item), self.alike.shape[1:]
        _require_same(row, self.alike, self.kind)
        if row.dim() != len(shape):
            raise _unequal("the items of a list have other numbers of dimensions")
        for size, other in zip(row.shape, shape, strict=True):
            torch._check(size == other, lambda: "the items of a list differ in size")
        return row.to(self.alike.dtype).reshape((1, *shape))

    def copy(self) -> Rows:
        """A list of the same items."""
        return self[:]

    def reverse(self) -> None:
        """The last row first."""
        self.tensor = keeping(self.tensor.flip(0), self.tensor)

    def __iadd__(self, items: Rows | Iterable[torch.Tensor | float]) -> Rows:
        if self.stands_for is tuple:
            return self + items
        self.extend(items)
        return self

    def __add__(self, items: Rows | Iterable[torch.Tensor | float]) -> Rows:
        made = self._of_its_type(self.tensor)
        made.extend(items)
        return made

    def _of_its_type(self, tensor: torch.Tensor) -> Rows:
        made = Rows(tensor, self.kind)
        if self.stands_for is not list:
            made.stands_for = self.stands_for
        return made

    def extend(self, items: Rows | Iterable[torch.Tensor | float]) -> None:
        """Add rows."""
        if isinstance(items, Rows):
            _require_same(items.tensor, self.tensor, self.kind)
            made = torch.cat([self.tensor, items.tensor.to(self.tensor.dtype)])
            self.tensor = keeping(made, self.tensor, items.tensor)
            return
        for item in items:
            self.append(item)

    @property
    def rows_as_tensor(self) -> torch.Tensor:
        """What an index takes it for."""
        return self.tensor

    def __radd__(self, items: Iterable[torch.Tensor | float]) -> Rows:
        steps, items = Steps.of(self), list(items)
        if steps is not None and all(kind_of(item) == "int" for item in items):
            front = (*items, *steps.front)
            return rows_in_steps(front, steps.start, steps.step, steps.count)  # type: ignore[arg-type]
        before = torch.cat([self._row(item) for item in items] or [self.tensor[:0]])
        made = keeping(torch.cat([before, self.tensor]), self.tensor, *items)
        return self._of_its_type(made)

    def total(self) -> object:
        """``sum(rows)``; of no rows, that would be a number."""
        if self.kind not in ("int", "bool") and has_none(
            self.length(), "there is nothing to add up"
        ):
            return 0  # an integer, whatever the items would be
        # 0 + row + ... has the rows' dtype; the operator alone would make wider integers of it.
        dtype = torch.int64 if self.tensor.dtype == torch.bool else self.tensor.dtype
        found = self.tensor.sum(0, dtype=dtype)
        return found if self.kind == "tensor" else found.item()

    def extreme(self, is_largest: bool) -> object:
        """``max(rows)`` or ``min(rows)`` of integers."""
        torch._check(self.length() >= 1, lambda: "there is nothing to choose from")
        steps = Steps.of(self)
        if steps is not None and steps.are_alike():
            return steps.start
        return (self.tensor.amax(0) if is_largest else self.tensor.amin(0)).item()

    def length(self) -> int | torch.SymInt:
        """The number of rows: a size that varies."""
        steps = Steps.of(self)
        if steps is not None:
            return len(steps.front) + steps.count
        return self.tensor.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> Any:
        if isinstance(index, slice) and index == slice(None, None, -1):
            return self._of_its_type(keeping(self.tensor.flip(0), self.tensor))
        if self.part is not None and not isinstance(index, slice):
            return self.part(index)
        steps = Steps.of(self)
        if steps is not None and type(index) is int:
            return steps.item(index)
        if steps is not None and steps.are_alike() and isinstance(index, torch.SymInt):
            for is_there in (index >= -steps.count, index < steps.count):
                require_item(is_there)
            return steps.start
        part = steps.part(index) if steps is not None and isinstance(index, slice) else None
        if part is not None:
            return part
        found = self.tensor[index]
        if isinstance(index, slice):
            return self._of_its_type(found)
        return found if self.kind == "tensor" else found.item()

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.tensor.shape[0]))

    def __len__(self) -> int:
        recorder, frames = running_recorder(), frames_of_user()
        if recorder is not None and frames:  # C asks, as ``torch.LongTensor(rows)`` does
            ask(recorder, frames[0], is_number=True)
        return len(self.tensor)


class Records(UnknownList):
    """A list of unknown length whose items are tuples, lists or dictionaries.

    ``stacked`` looks like one of them: each leaf has those of all items along its first dimension.
    ``kinds``: what each leaf is, as in ``Rows``.
    """

    def __init__(self, stacked: object, kinds: Sequence[str], made: Sequence[Rows] = ()) -> None:
        self.stacked = stacked
        self.kinds = tuple(kinds)
        self._made = made  # the rows that it is of, of which more may be known

    as_a_result = Rows.as_a_result

    @property
    def rows(self) -> list[Rows]:
        """For each leaf, those of all items."""
        leaves, _ = flatten(self.stacked)
        if self._made and all(map(operator.is_, leaves, (each.tensor for each in self._made))):
            return list(self._made)
        return [Rows(*each) for each in zip(leaves, self.kinds, strict=True)]

    def length(self) -> int | torch.SymInt:
        """The number of items: a size that varies."""
        return self.rows[0].length()

    def append(self, item: object) -> None:
        """Add one item, which is made as the others are."""
        for each, leaf in self._leaf_by_leaf(item):
            each.append(leaf)
        _note_given(self, item)

    def __setitem__(self, index: object, item: object) -> None:
        for each, leaf in self._leaf_by_leaf(item):
            each[index] = leaf
        _note_given(self, item)

    def _leaf_by_leaf(self, item: object) -> Iterator[tuple[Rows, torch.Tensor]]:
        """For each leaf of ``item`` the rows that it goes to; they are this list's afterwards."""
        leaves, structure = flatten(item)
        _, own = flatten(self.stacked)
        if structure != own:
            raise _unequal("the items of a list are other containers")
        rows = self.rows
        for each, leaf, kind in zip(rows, leaves, self.kinds, strict=True):
            if kind_of(leaf) != kind:
                raise _unequal("the items of a list hold other things")
            yield each, leaf
        self.stacked = own.unflatten([each.tensor for each in rows])

    def __add__(self, items: object) -> object:
        raise _unequal("a list whose length is only known when the program runs is joined")

    __iadd__ = __radd__ = __mul__ = __rmul__ = __add__

    def __getitem__(self, index: int | torch.SymInt | slice) -> object:
        self.require_unchanged()
        if not isinstance(index, slice):
            return self.item(index)
        _, structure = flatten(self.stacked)
        found = [rows[index] for rows in self.rows]
        stacked = structure.unflatten([each.tensor for each in found])
        part = Records(stacked, self.kinds, found)
        _given[part] = _given.setdefault(self, [])  # items of the one are items of the other
        return part

    def item(self, index: int | torch.SymInt) -> object:
        """The item there: a container that is made for it."""
        _, structure = flatten(self.stacked)
        made = structure.unflatten([rows[index] for rows in self.rows])
        _note_given(self, made)
        return made

    def require_unchanged(self) -> None:
        """See to it that the containers which stand for items are as they were.

        Raises:
            ControlFlowError: MG-C114, where the program has changed one, and reads the list again.
        """
        for item, leaves, structure in _given.get(self, ()):
            now, kind = flatten(item)
            if kind != structure or not all(map(operator.is_, now, leaves)):
                raise _unequal("an item of a list is a container, which is changed")

    def __iter__(self) -> Iterator[object]:
        self.require_unchanged()
        return (self.item(i) for i in range(self.length()))

    def __len__(self) -> int:
        return len(self.rows[0])


# What stands for items of such lists in the program, or was appended: as it was then.
_given: weakref.WeakKeyDictionary[Records, list[tuple[object, list[object], Structure]]]
_given = weakref.WeakKeyDictionary()


def _note_given(records: Records, item: object) -> None:
    leaves, structure = flatten(item)
    if not all(issubclass(kind, tuple) for kind in structure.kinds()):
        _given.setdefault(records, []).append((item, leaves, structure))


class Table(UnknownList):
    """A list of unknown length whose items are lists of numbers, all of one length.

    ``tensor``: the numbers, with a row for each list. ``kind``: what they are, as in ``Rows``.
    ``is_shared``: its lists are perhaps one, or those of another table.
    """

    def __init__(self, tensor: torch.Tensor, kind: str, *, is_shared: bool = False) -> None:
        self.tensor, self.kind, self.is_shared = tensor, kind, is_shared

    as_a_result = Rows.as_a_result

    def length(self) -> int | torch.SymInt:
        """The number of lists: a size that varies."""
        return self.tensor.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> Table | Rows:
        if isinstance(index, slice):
            self.is_shared = True
            return Table(self.tensor[index], self.kind, is_shared=True)
        return _OfTable(self, index)

    def __iter__(self) -> Iterator[Table | Rows]:
        return (self[i] for i in range(self.length()))

    def __len__(self) -> int:
        return len(Rows(self.tensor, "tensor"))

    def made(self, dtype: torch.dtype | None) -> torch.Tensor:
        """What ``torch.tensor`` makes of it, which is told no numbers where there are none."""
        if has_none(self.length(), "torch.tensor of an empty list has one dimension"):
            return torch.zeros(0, dtype=dtype or torch.get_default_dtype())
        if dtype is None and has_none(self.tensor.shape[1], "torch.tensor of nothing has floats"):
            dtype = torch.get_default_dtype()
        own = torch.get_default_dtype() if self.kind == "float" else self.tensor.dtype
        return self.tensor.to(dtype or own)


class _OfTable(Rows):
    """One list of a table: what is put there is in the table."""

    def __init__(self, table: Table, index: int | torch.SymInt) -> None:
        self.table, self.index = table, index
        self.beside, self.kind, self.part = [], table.kind, None

    @property
    def alike(self) -> torch.Tensor:
        """The numbers of this list."""
        return self.table.tensor[self.index]

    @alike.setter
    def alike(self, tensor: torch.Tensor) -> None:
        table, recorder = self.table.tensor, running_recorder()
        is_one = recorder is not None and _is_alike(recorder, tensor.shape, table.shape[1:])
        if self.table.is_shared or not is_one or tensor.dtype != table.dtype:
            raise _unequal("a list in a list changes whose length is only known to a run")
        self.table.tensor = put(table, self.index, tensor)


class Pieces(UnknownList):
    """A list that a loop appends tensors to which differ in their sizes along ``dim``.

    ``tensor`` is all of them, one after the other along ``dim``; ``lengths`` are their sizes there.
    ``part`` gives one of them, or some, as parts of the tensor that was taken apart, as long as the
    list is as it was made.
    """

    def __init__(self, tensor: torch.Tensor, lengths: torch.Tensor, dim: int) -> None:
        self.tensor = tensor
        self.lengths = lengths
        self.dim = dim
        self.part: Callable[[Any], object] | None = None

    @property
    def tensor(self) -> torch.Tensor:
        """All of them, one after the other."""
        return self._tensor

    @tensor.setter
    def tensor(self, tensor: torch.Tensor) -> None:
        self._tensor, self.part = tensor, None

    @classmethod
    def as_a_result(cls) -> ControlFlowError:
        """Programs have results of a length that is known."""
        return ControlFlowError(
            "the program returns a list whose length is only known when it runs",
            code="MG-C114",
            hint="return torch.cat(the_list, dim), a tensor with the items one after the other.",
        )

    def append(self, item: torch.Tensor) -> None:
        """Add one piece."""
        if item.dim() != self.tensor.dim():
            raise _unequal("the items of a list have other numbers of dimensions")
        _require_same(item, self.tensor, "tensor")
        size = item.shape[self.dim]
        self.lengths = torch.cat([self.lengths, torch.full((1,), size, dtype=torch.int64)])
        self.tensor = keeping(torch.cat([self.tensor, item], self.dim), self.tensor, item)

    def extend(self, items: Iterable[torch.Tensor]) -> None:
        """Add pieces."""
        if isinstance(items, Pieces) and items.dim == self.dim:
            if items.tensor.dim() != self.tensor.dim():
                raise _unequal("the items of a list have other numbers of dimensions")
            _require_same(items.tensor, self.tensor, "tensor")
            self.lengths = torch.cat([self.lengths, items.lengths])
            made = torch.cat([self.tensor, items.tensor], self.dim)
            self.tensor = keeping(made, self.tensor, items.tensor)
            return
        for item in items:
            self.append(item)

    def __iadd__(self, items: Iterable[torch.Tensor]) -> Pieces:
        self.extend(items)
        return self

    def __add__(self, items: Iterable[torch.Tensor]) -> Pieces:
        made = Pieces(self.tensor, self.lengths, self.dim)
        made.extend(items)
        return made

    def __radd__(self, items: Iterable[torch.Tensor]) -> Pieces:
        tensor = self.tensor.narrow(self.dim, 0, 0)
        made = Pieces(keeping(tensor.clone(), self.tensor), self.lengths[:0], self.dim)
        made.extend(items)
        made.extend(self)
        return made

    def length(self) -> int | torch.SymInt:
        """The number of pieces: a size that varies."""
        return self.lengths.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> object:
        if self.part is not None:
            return self.part(index)
        if isinstance(index, slice):
            raise _unequal("a list of pieces of unequal size is sliced")
        return self.piece(self.owners(), index)

    def __iter__(self) -> Iterator[torch.Tensor]:
        owners = self.owners()
        return (self.piece(owners, i) for i in range(self.lengths.shape[0]))

    def __len__(self) -> int:
        return len(self.lengths)

    def owners(self) -> torch.Tensor:
        """For each place along ``dim``, which piece it is of."""
        size = self.tensor.shape[self.dim]
        return torch.repeat_interleave(self.lengths, output_size=size)

    def piece(self, owners: torch.Tensor, index: int | torch.SymInt) -> torch.Tensor:
        """One of them."""
        if isinstance(index, int) and index < 0:
            index = index + self.length()
        require_item(index >= 0)
        require_item(index < self.length())
        places = torch.eq(owners, index).nonzero().squeeze(1)  # type: ignore[arg-type]
        made = keeping(self.tensor.index_select(self.dim, places), self.tensor)
        recorder = running_recorder()
        if recorder is not None:  # it is a copy, which nobody may write for the piece
            recorder.aliases.overlapping.add(recorder.value_of(made).root)
        return made

    def padded(self, value: float) -> torch.Tensor:
        """All of them as rows of the longest one's size, with ``value`` behind the others."""
        torch._check(self.length() >= 1, lambda: "there is nothing to pad")
        longest = self.lengths.max().item()
        torch._check(longest >= 0, lambda: "sizes are not negative")
        shape = (self.length(), longest, *self.tensor.shape[1:])
        owners = self.owners()
        starts = self.lengths.cumsum(0) - self.lengths
        places = torch.arange(self.tensor.shape[0], device=owners.device) - starts[owners]
        made = torch.full(shape, value, dtype=self.tensor.dtype, device=self.tensor.device)
        return made.index_put((owners, places), self.tensor)

    def joined(self, dim: int = 0) -> torch.Tensor:
        """``torch.cat(pieces, dim)``."""
        if dim % self.tensor.dim() != self.dim:
            raise _unequal(f"tensors that differ along dimension {self.dim} are joined along {dim}")
        return _of_its_own(self.tensor)


class Together:
    """Tensors that are parts of one: a tuple of the program."""

    stands_for: type = tuple
    __class__ = _StandsForA()

    def together(self, name: str, dim: int = 0) -> torch.Tensor:
        """What ``torch.cat`` or ``torch.stack``, by ``name``, makes of them."""
        raise _unequal(f"torch.{name} of pieces of a tensor along dimension {dim}")


def has_none(length: int | torch.SymInt, otherwise: str) -> bool:
    """Whether a list has no items: a question of the program, which goes on in its own way then.

    There have to be some where only a run knows how many there are: ``otherwise`` is the error.
    """
    recorder = running_recorder()
    if recorder is not None:
        env = recorder.sizes.env
        count = env.scope.normal(recorder.size_of(length))
        sizes = count.symbols() if isinstance(count, Expr) else ()
        if any(env.symbols[size.name].is_unbacked for size in sizes):
            torch._check(length >= 1, lambda: otherwise)
            return False
    return bool(length < 1)


def require_item(is_there: bool | torch.SymBool) -> None:
    """An item that is asked for is there.

    Raises:
        IndexError: where it is not, and the program may catch that.
    """
    recorder = running_recorder()
    if recorder is not None and recorder.sizes.is_caught():
        env, test = recorder.sizes.env, is_there
        is_known = type(test) is bool or env.truth(expression_of(test)) is not None
        if is_known and not test:
            raise IndexError("list index out of range")
    torch._check(is_there, lambda: "list index out of range")


def _unequal(what: str) -> ControlFlowError:
    return ControlFlowError(
        what,
        code="MG-C114",
        hint=f"join them where they differ: torch.cat(the_list, dim). {_ONE_SHAPE}",
    )


_ONE_SHAPE = "Append tensors of one shape, or write into a tensor of fixed size with a mask."


def stack(rows: Rows, dim: int = 0) -> torch.Tensor:
    """``torch.stack(rows, dim)``."""
    _require_tensors(rows)
    return _in_order(rows.tensor.movedim(0, dim)) if dim else _of_its_own(rows.tensor)


def cat(rows: Rows, dim: int = 0) -> torch.Tensor:
    """``torch.cat(rows, dim)``."""
    _require_tensors(rows)
    tensor = rows.alike
    dim = dim % (tensor.dim() - 1)
    moved = _in_order(tensor.movedim(0, dim)) if dim else _of_its_own(tensor)
    joined = moved.flatten(dim, dim + 1)
    return torch.cat([joined, *rows.beside], dim) if rows.beside else joined


def hstack(rows: Rows) -> torch.Tensor:
    """``torch.hstack(rows)``: one after the other, or side by side."""
    _require_tensors(rows)
    rank = rows.alike.dim() - 1
    return cat(rows, min(rank - 1, 1)) if rank else stack(rows)


def vstack(rows: Rows) -> torch.Tensor:
    """``torch.vstack(rows)``: each is a row, or some."""
    _require_tensors(rows)
    rank = rows.alike.dim() - 1
    if rank > 1:
        return cat(rows)
    return stack(rows) if rank else stack(rows).unsqueeze(1)


def keeping(made: torch.Tensor, *parts: object) -> torch.Tensor:
    """``made``, in which a list is kept: of all that is in ``parts``, in eager mode no copies."""
    recorder = running_recorder()
    tensors = [part for part in parts if isinstance(part, torch.Tensor)]
    if recorder is not None:
        values = [recorder.value_of(tensor) for tensor in tensors]
        first, items = values[0], values[1:]  # what was kept before is of the same items
        if recorder.aliases.kept_with(first.root):
            items = values
        recorder.aliases.keep(items, recorder.value_of(made))
    return made


def _is_alike(
    recorder: Recorder, shape: Sequence[int | torch.SymInt], other: Sequence[int | torch.SymInt]
) -> bool:
    """Whether two tensors of these shapes are known to be of one."""
    if len(shape) != len(other):
        return False
    pairs = ((recorder.size_of(a), recorder.size_of(b)) for a, b in zip(shape, other, strict=True))
    return all(recorder.sizes.env.is_known(equal(a, b)) for a, b in pairs)


def put(rows: torch.Tensor, index: int | torch.SymInt, item: torch.Tensor) -> torch.Tensor:
    """``rows`` with ``item`` as the one at ``index``."""
    return torch.select_scatter(rows, item, 0, index)


def _of_its_own(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor with the items of a list: a copy, where others have the items as well."""
    recorder = running_recorder()
    if recorder is None or not recorder.aliases.kept_with(recorder.value_of(tensor).root):
        return tensor
    return tensor.clone()


def _in_order(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in which dimensions of one element have the strides of a new tensor, too."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _require_tensors(rows: Rows) -> None:
    if rows.kind != "tensor":
        raise _unequal("a list of numbers is joined as tensors are")


def tensor(
    rows: Rows | Records | Table,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> torch.Tensor:
    """``torch.tensor(rows)``."""
    if isinstance(rows, Table):
        made = rows.made(dtype)
    elif isinstance(rows, Records):
        rows.require_unchanged()
        torch._check(rows.length() >= 1, lambda: "torch.tensor of an empty list has one dimension")
        made = _nested(rows.stacked, iter(rows.kinds), dtype)
    else:
        made = _leaf(rows, dtype)
        if made.dtype != torch.get_default_dtype() and dtype is None:
            torch._check(rows.length() >= 1, lambda: "torch.tensor of an empty list has floats")
    return made.to(dtype=dtype or made.dtype, device=device or made.device).detach()


def _leaf(rows: Rows, dtype: torch.dtype | None) -> torch.Tensor:
    if rows.tensor.dim() != 1:
        raise _unequal("torch.tensor of tensors that have dimensions")
    own = torch.get_default_dtype() if rows.kind == "float" else rows.tensor.dtype
    return rows.tensor.to(dtype or own)


def _nested(stacked: object, kinds: Iterator[str], dtype: torch.dtype | None) -> torch.Tensor:
    """What ``torch.tensor`` makes of items like ``stacked``, whose leaves are of these kinds."""
    if isinstance(stacked, torch.Tensor):
        return _leaf(Rows(stacked, next(kinds)), dtype)
    if not isinstance(stacked, (list, tuple)) or not stacked:
        raise _unequal(f"torch.tensor of a list of a {type(stacked).__name__} each")
    parts = [_nested(item, kinds, dtype) for item in stacked]
    if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        raise _unequal("torch.tensor of lists of other lengths")
    dtype = functools.reduce(torch.promote_types, (part.dtype for part in parts))
    return torch.stack([part.to(dtype) for part in parts], 1)


OF_ROWS: dict[str, Callable[..., torch.Tensor]] = {
    "stack": stack,
    "cat": cat,
    "concat": cat,
    "hstack": hstack,
    "vstack": vstack,
    "tensor": tensor,
    "as_tensor": tensor,
}


_JOINING = ("stack", "cat", "concat", "hstack", "vstack")


def _require_items(items: Rows | Pieces, what: str) -> None:
    if isinstance(items, Pieces) or not items.beside:
        require_any(items.length(), what)


def require_any(count: int | torch.SymInt, what: str) -> None:
    """Nothing is joined of no tensors: that is an error in eager mode."""
    torch._check(count >= 1, lambda: f"{what} of an empty list")


OF_PIECES: dict[str, Callable[..., torch.Tensor]] = {"cat": Pieces.joined, "concat": Pieces.joined}


def _padding(original: Callable[..., object]) -> Callable[..., object]:
    """``pad_sequence(rows)``, also of rows that differ in their first size."""

    @functools.wraps(original)
    def pad(
        sequences: object, batch_first: bool = False, padding_value: float = 0.0, *rest: object
    ) -> object:
        rest = () if rest == ("right",) else rest
        if isinstance(sequences, Together) and not rest:
            sequences = Rows(sequences.together("stack"), "tensor")
        if isinstance(sequences, (Rows, Pieces)):
            _require_items(sequences, "pad_sequence")
        if isinstance(sequences, Rows) and not rest:
            return stack(sequences, 0 if batch_first else 1)
        if isinstance(sequences, Pieces) and sequences.dim == 0 and not rest:
            made = sequences.padded(padding_value)
            return made if batch_first else made.transpose(0, 1).contiguous()
        return original(sequences, batch_first, padding_value, *rest)

    return pad


called_instead(pad_sequence, _padding(instead_of(pad_sequence)))


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise _unequal(f"torch.{name} of tensors of unequal size")

    return refuse


def _accepting(name: str, original: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        given = args[0] if args else kwargs.get("tensors")
        if isinstance(given, (Rows, Pieces)) and name in _JOINING:
            _require_items(given, f"torch.{name}")
        if isinstance(given, Rows):
            kwargs.pop("tensors", None)
            return OF_ROWS[name](given, *args[1:], **kwargs)
        if isinstance(given, (Records, Table)) and OF_ROWS[name] is tensor:
            return tensor(given, *args[1:], **kwargs)  # type: ignore[arg-type]
        if isinstance(given, Together) and name in ("hstack", "vstack"):
            raise _unequal(f"torch.{name} of pieces of a tensor")
        if isinstance(given, Together) and name not in ("tensor", "as_tensor"):
            kwargs.pop("tensors", None)
            return given.together("cat" if name == "concat" else name, *args[1:], **kwargs)  # type: ignore[arg-type]
        if isinstance(given, Pieces):
            kwargs.pop("tensors", None)
            return OF_PIECES.get(name, _refused(name))(given, *args[1:], **kwargs)
        return original(*args, **kwargs)

    return call


# Where the program has another name for it (``from torch import stack``).
for _function in (torch.stack, torch.cat, torch.concat, torch.hstack, torch.vstack, *MAKERS):
    called_instead(_function, _accepting(_function.__name__, instead_of(_function)))


def _typed(kind: Callable[..., torch.Tensor]) -> Callable[..., object]:
    """``torch.LongTensor(rows)`` and its like."""
    original = instead_of(kind)

    def call(*args: object, **kwargs: object) -> object:
        if len(args) == 1 and isinstance(args[0], (Rows, Records, Table)):
            return tensor(args[0], dtype=dtype_of(kind))
        return original(*args, **kwargs)

    return call


for _kind in TYPES:
    called_instead(_kind, _typed(_kind))


_padded = _padding(copied(pad_sequence))  # type: ignore[arg-type]


@contextlib.contextmanager
def accepted() -> Iterator[None]:
    """Torch's functions of lists accept rows."""
    before = {name: getattr(torch, name) for name in OF_ROWS}
    is_capturing = _in_this_thread()
    try:
        for name, original in before.items():
            setattr(torch, name, InPlaceOf(original, _accepting(name, original)))
        with redirected({pad_sequence: _padded}, is_capturing):
            yield
    finally:
        for name, original in before.items():
            setattr(torch, name, original)


def _in_this_thread() -> Callable[[], bool]:
    this = threading.get_ident()
    return lambda: threading.get_ident() == this


def rows_like(
    recorder: Recorder, items: Sequence[object], sample: Group, name: str
) -> Rows | Records | Pieces:
    """``items`` as rows, or as pieces, that look like the last of ``sample``.

    Raises:
        ControlFlowError: MG-C114, where the items are neither.
    """
    if sample.structure.children and sample.structure.children[-1] is not LEAF:
        return _records_like(recorder, items, sample, name)
    found = sample.found[-1]
    kind = found.kind()
    kinds = {f.kind() for f in sample.found}
    shapes = [f.value.spec.shape for f in sample.found if f.value is not None]
    dtypes = {f.value.spec.dtype for f in sample.found if f.value is not None}
    differing = _differing(recorder, shapes)
    if kind == "other" or len(kinds) > 1 or len(differing) > 1 or (differing and len(dtypes) > 1):
        different = [describe(f) for f in sample.found]
        raise ControlFlowError(
            f"{name} becomes a list of unknown length, of items that cannot be stacked: "
            + ", ".join(dict.fromkeys(different)),
            code="MG-C114",
            where=recorder.here(),
            hint="append tensors of one shape, or write into a tensor of fixed size with a mask.",
        )
    given = [as_item(item) for item in items]
    for item in given:
        _require_same(item, given[0] if found.value is not None else _DTYPES[kind], kind)
    if found.value is None:
        dtype = _DTYPES[kind]
        made = torch.tensor(list(items), dtype=dtype) if items else torch.zeros(0, dtype=dtype)
        return Rows(made, kind)
    if items and not differing:
        made = torch.stack(given)
        recorder.aliases.keep([recorder.value_of(item) for item in given], recorder.value_of(made))
        return Rows(made, kind)
    spec: TensorSpec = found.value.spec
    shape = [
        0 if i in differing else symbolic(recorder.sizes.env, size)
        for i, size in enumerate(spec.shape)
    ]
    if not differing:
        return Rows(torch.zeros((0, *shape), dtype=spec.dtype, device=spec.device), kind)
    nothing = torch.zeros(shape, dtype=spec.dtype, device=spec.device)
    pieces = Pieces(nothing, torch.zeros(0, dtype=torch.int64), differing[0])
    pieces.extend(as_item(item) for item in items)
    return pieces


def _records_like(recorder: Recorder, items: Sequence[object], sample: Group, name: str) -> Records:
    """``items``, which are containers as those of ``sample`` are.

    Raises:
        ControlFlowError: MG-C114, where they differ, or hold what cannot be stacked.
    """
    taken = [flatten(item) for item in items]
    structures = [*sample.structure.children, *(structure for _, structure in taken)]
    width = len(sample.found) // len(sample.structure.children)
    is_one = all(structure == structures[0] for structure in structures)
    columns = [
        rows_like(
            recorder,
            [leaves[i] for leaves, _ in taken],
            Group(name, LEAF, sample.found[i::width]),
            name,
        )
        for i in range(width if is_one else 0)
    ]
    rows = [column for column in columns if isinstance(column, Rows)]
    if not rows or len(rows) < len(columns):
        raise ControlFlowError(
            f"{name} becomes a list of unknown length, of containers that are not all alike",
            code="MG-C114",
            where=recorder.here(),
            hint="append tuples of as many numbers and tensors of one shape.",
        )
    stacked = structures[0].unflatten([each.tensor for each in rows])
    made = Records(stacked, [each.kind for each in rows])
    for item in items:
        _note_given(made, item)
    return made


def _differing(recorder: Recorder, shapes: Sequence[tuple[Int, ...]]) -> list[int]:
    """The dimensions in which tensors differ from one another, or from iteration to iteration.

    All of them, and one more, where the tensors have not the same number of dimensions.
    """
    if not shapes:
        return []
    rank = len(shapes[-1])
    if any(len(shape) != rank for shape in shapes):
        return [*range(rank + 1), rank + 1]
    unknown = {
        a.name
        for size in shapes[-1]
        if isinstance(size, Expr)
        for a in size.symbols()
        if a.name not in recorder.sizes.bindings
    }
    return [
        i
        for i, sizes in enumerate(zip(*shapes, strict=True))
        if any(size != sizes[0] for size in sizes)
        or any(a.name in unknown for s in sizes if isinstance(s, Expr) for a in s.symbols())
    ]


def rows_of(items: Sequence[object], count: int | torch.SymInt) -> Rows | Records:
    """``items``, as often as ``count`` says.

    Raises:
        ControlFlowError: MG-C114, where the items are not of one kind and shape.
    """
    if items and all(isinstance(item, (list, tuple)) for item in items):
        taken = [flatten(item) for item in items]
        columns = zip(*(found for found, _ in taken), strict=False)
        leaves = [rows_of(column, count) for column in columns]
        if all(structure == taken[0][1] for _, structure in taken) and leaves:
            made = [each for each in leaves if type(each) is Rows]
            stacked = taken[0][1].unflatten([each.tensor for each in made])
            return Records(stacked, [each.kind for each in made], made)
    kinds = {int if isinstance(item, torch.SymInt) else type(item) for item in items}
    kind = next((name for name, dtype in _NUMBERS.items() if kinds == {dtype}), None)
    recorder, given = running_recorder(), [i for i in items if isinstance(i, torch.Tensor)]
    if recorder is not None and len(kinds) == 1 and len(given) == len(items):
        is_one = all(_is_alike(recorder, given[0].shape, other.shape) for other in given)
        kind = "tensor" if is_one else None
    if kind is None:
        raise ControlFlowError(
            "a list as long as a size, of items that cannot be stacked",
            code="MG-C114",
            hint="fill a tensor, or append tensors of one shape to an empty list.",
        )
    if len(items) == 1 and kind == "int":
        return rows_in_steps((), items[0], 0, count)  # type: ignore[arg-type]
    tensors = [as_item(item) for item in items]
    rows = torch.stack(tensors)
    repeated = rows.repeat(count, *(1 for _ in rows.shape[1:]))
    if recorder is not None and kind == "tensor":
        kept = recorder.value_of(repeated)
        recorder.aliases.keep([recorder.value_of(tensor) for tensor in tensors], kept)
        recorder.aliases.overlapping.add(kept.root)
    return Rows(repeated, kind)


def _require_same(item: torch.Tensor, rows: torch.Tensor | torch.dtype, kind: str) -> None:
    """An item goes into rows as it is: a number may be one of more digits, a tensor none other."""
    dtype = rows if isinstance(rows, torch.dtype) else rows.dtype
    is_kept = torch.promote_types(item.dtype, dtype) == dtype
    if kind == "tensor":
        is_kept = item.dtype == dtype
        is_kept &= isinstance(rows, torch.dtype) or item.device == rows.device
    if not is_kept:
        raise _unequal("the items of a list have other dtypes, or are on other devices")


def kind_of(item: object) -> str:
    """What an item is: a tensor, a number (of which type), or ``other``."""
    if isinstance(item, torch.Tensor):
        return "tensor"
    if isinstance(item, (bool, torch.SymBool)):
        return "bool"
    if isinstance(item, (int, torch.SymInt)):
        return "int"
    return "float" if isinstance(item, (float, torch.SymFloat)) else "other"


def as_item(item: object) -> torch.Tensor:
    """One item of a list as a tensor."""
    if isinstance(item, torch.SymInt):
        return torch.full((), item, dtype=torch.int64)  # type: ignore[call-overload]
    if isinstance(item, torch.Tensor):
        return item
    return torch.tensor(item, dtype=torch.float64 if kind_of(item) == "float" else None)
