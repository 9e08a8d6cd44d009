"""Where a call of a program starts: what its objects hold then, and what of it is lifted.

The first call starts from what the user has. What it leaves behind in attributes, containers,
variables and classes is where the second one starts: a capture of that has real tensors in place
of the abstract ones, which have no values until somebody reads them (``StandIn``), and plain
numbers in place of sizes that vary. Containers of the user's are only filled; those that the
program has made, with all that hangs on them, are copied.
"""

from __future__ import annotations

import contextlib
import copy
import math
import operator
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor
from monograph.capture.python.keys import with_numbers
from monograph.capture.python.saved import CONTAINERS, MISSING, Change, Saved
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import truth
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import without_modes

__all__ = [
    "NUMBERS", "Counted", "Leaving", "Left", "Place", "StandIn", "Start", "abstract_leaves",
    "leaf_pairs", "place_of",
]  # fmt: skip

NUMBERS = (bool, int, float)
_INERT = frozenset({*NUMBERS, str, bytes, type(None), type, types.ModuleType})
# What an abstract tensor stands for; whether it shares its memory with something that stays.
Content = tuple[Node, TensorSpec, bool]
_MOST_LARGE = 1 << 26  # elements of a stand-in; or it is not so much larger than in the example
_MOST_LARGER = 4
_MOST_ZEROS = 1 << 16  # a larger stand-in has the values that its memory happens to have
_VARYING = (torch.SymInt, torch.SymFloat, torch.SymBool)
Place = tuple[int, object]  # the identity of a container, and a key in it


def place_of(saved: Saved, change: Change) -> Place:
    """Where a change has happened."""
    return id(saved.container), _hashable(change.key)


def _hashable(key: object) -> object:
    if isinstance(key, torch.Tensor):  # a dictionary knows it by its identity
        return torch.Tensor, id(key)
    if isinstance(key, tuple):
        return tuple(map(_hashable, key))
    try:
        hash(key)
    except TypeError:  # a size that varies
        return str(key)
    return key


@dataclass(eq=False, slots=True)
class StandIn:
    """A real tensor in place of what ``node`` of the capture before gives; its values come later.

    ``shares``: the memory is a parameter's, a buffer's or another stand-in's. ``is_filled``: it has
    its values.
    """

    tensor: torch.Tensor
    node: Node
    shares: bool
    is_filled: bool = False


@dataclass(slots=True)
class Counted:
    """Numbers in one place that enter the graph as tensors: state that goes on changing.

    ``value`` is a number, or a tuple of them; ``is_known``: it is what the user has there, else
    only the form is known, and the values must not matter. ``path`` is its dotted name.
    """

    saved: Saved
    key: object
    path: str
    field: str
    value: object
    is_known: bool

    def put(self, value: object) -> None:
        """Hold ``value`` there."""
        _put(self.saved, self.key, value)


@dataclass(slots=True)
class Left:
    """One place that holds something else after the call than before it.

    ``saved`` has what was there before, ``after`` what is there now. ``varies``: a size that
    varies is in it. ``is_read``: a tensor that was there is an operand of the program. ``forms``:
    of a tensor, which has another one now.
    """

    change: Change
    saved: Saved
    after: Saved
    varies: bool = False
    is_read: bool = False
    forms: tuple[str, str] | None = None

    @property
    def place(self) -> Place:
        """The container and the key."""
        return place_of(self.saved, self.change)


@dataclass(eq=False, slots=True)
class Start:
    """What is put in place before a call, and taken away after it.

    ``contents`` and ``before``: the same containers, as they are then and as the user has them.
    """

    contents: list[Saved] = field(default_factory=list)
    before: list[Saved] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    stand_ins: dict[int, StandIn] = field(default_factory=dict)  # by identity of the real tensor

    def counts(self, place: Place) -> bool:
        """Whether the numbers there are lifted."""
        return any((id(c.saved.container), _hashable(c.key)) == place for c in self.counted)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, the program's objects hold that."""
        try:
            for saved in self.contents:
                saved.restore()
            for counted in self.counted:
                counted.put(counted.value)
            yield
        finally:
            for saved in self.before:
                saved.restore()


@dataclass(eq=False)
class Leaving:
    """What a call has left behind that is not what was there before.

    ``lefts``: place by place; ``parts``: container by container, before and after. ``known``:
    identities of all containers that are watched. ``sizes``: the sizes that vary, in the example.
    """

    lefts: list[Left]
    parts: list[tuple[Saved, Saved]]
    known: frozenset[int]
    sizes: Mapping[str, float]
    contents: dict[int, Content] = field(default_factory=dict)

    def next_start(self, sizes: Mapping[str, float]) -> Start:
        """Where the next call starts, if these were the sizes of this one.

        Raises:
            MemoryError: other sizes than the example's would take too much.
        """
        values = _Sizes(sizes), _Sizes(self.sizes)
        copies = _Copies(self.known, *values, lambda tensor: self.contents[id(tensor)])
        contents = []
        for saved, after in self.parts:
            keys = {left.place[1] for left in self.lefts if left.saved is saved}
            contents.append(copies.content(saved, after, keys))
        return Start(contents, [saved for saved, _ in self.parts], [], copies.stand_ins)

    def given(self, left: Left) -> object:
        """What the user has at a place that a later call has changed; ``MISSING`` for nothing."""
        container = left.saved.container
        for saved, _ in self.parts:
            if saved.container is container:
                if isinstance(saved.copy, dict):
                    return saved.copy.get(left.change.key, MISSING)
                return dict(enumerate(saved.copy)).get(left.change.key, MISSING)
        return left.change.old if id(container) in self.known else MISSING


class _Sizes(dict[str, float]):
    """Of what is only known when the program runs any number does: nobody may read it."""

    def __missing__(self, name: str) -> float:
        return 3


def _put(saved: Saved, key: object, value: object) -> None:
    """One entry of one container, where the rest stays."""
    now = saved.__class__(saved.container, saved.path, saved.field)
    if isinstance(now.copy, dict):
        now.copy[key] = value
    else:
        now.copy = list(now.copy)
        now.copy[key] = value
    now.restore()


def leaf_pairs(old: object, new: object) -> list[tuple[object, object]] | None:
    """The tensors and numbers of two things of one form, side by side; None for other forms.

    Numbers that are equal, and what is compared by its value, are left out.
    """
    found: list[tuple[object, object]] = []
    return found if _pair(old, new, found, set()) else None


def _pair(
    old: object, new: object, found: list[tuple[object, object]], seen: set[tuple[int, int]]
) -> bool:
    if old is new or (id(old), id(new)) in seen:
        return True
    seen.add((id(old), id(new)))
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        found.append((old, new))
        return True
    if _is_number(old) and _is_number(new):
        if _kind_of_number(old) is not _kind_of_number(new):
            return False
        if isinstance(old, _VARYING) or isinstance(new, _VARYING) or old != new:
            found.append((old, new))
        return True
    if type(old) is not type(new):
        return False
    if isinstance(old, (set, frozenset)) and isinstance(new, (set, frozenset)):
        tensors = [{t for t in each if isinstance(t, torch.Tensor)} for each in (old, new)]
        return len(tensors[0]) == len(tensors[1]) and old - tensors[0] == new - tensors[1]
    before, after = _parts_of(old), _parts_of(new)
    if before is None or after is None:
        return _is_equal(old, new)
    return list(before) == list(after) and all(
        _pair(before[key], after[key], found, seen) for key in before
    )


def _parts_of(value: object) -> dict[object, object] | None:
    """What a thing is made of; None for what is compared by its value."""
    if isinstance(value, dict):
        return dict(dict.items(value))
    if isinstance(value, (list, tuple, deque)):
        return dict(enumerate(value))
    if isinstance(value, types.FunctionType):
        return {"code": value.__code__, **_contents(value)}
    if isinstance(value, types.MethodType):
        return {"function": value.__func__, "owner": value.__self__}
    state = getattr(value, "__dict__", None)
    is_plain = isinstance(state, dict) and not isinstance(value, (type, types.ModuleType))
    return dict(state) if is_plain and isinstance(state, dict) else None


def _contents(function: types.FunctionType) -> dict[object, object]:
    """What the cells of a function hold, by their number; an empty one holds nothing."""
    found: dict[object, object] = {}
    for i, cell in enumerate(function.__closure__ or ()):
        with contextlib.suppress(ValueError):
            found[i] = cell.cell_contents
    return found


def _is_number(value: object) -> bool:
    return value.__class__ in NUMBERS or isinstance(value, _VARYING)


def _kind_of_number(value: object) -> type:
    if isinstance(value, torch.SymInt):
        return int
    if isinstance(value, torch.SymFloat):
        return float
    return bool if isinstance(value, torch.SymBool) else type(value)


def _is_equal(old: object, new: object) -> bool:
    try:
        return bool(old == new)
    except Exception:  # a comparison of the user's
        return False


class _Copies:
    """What a call has left behind, without anything abstract.

    ``known``: identities of the user's own containers. ``values``: of the sizes that vary, and
    in the ``example``.
    ``content_of``: what an abstract tensor stands for.
    """

    def __init__(
        self,
        known: Container[int],
        values: Mapping[str, float],
        example: Mapping[str, float],
        content_of: Callable[[AbstractTensor], Content],
    ) -> None:
        self.known = known
        self.values = values
        self.example = example
        self.content_of = content_of
        self.stand_ins: dict[int, StandIn] = {}
        self._made: dict[int, object] = {}
        self._kept: list[object] = []  # what identities in ``_made`` are of

    def content(self, saved: Saved, after: Saved, left: Container[object]) -> Saved:
        """What a container of the user's holds: at the keys that are ``left`` what is there now."""
        made = saved.__class__.__new__(saved.__class__)
        for name in ("container", "path", "field"):
            setattr(made, name, getattr(saved, name))
        old, new = saved.copy, after.copy
        if isinstance(new, dict):
            made.copy = {}
            for key, value in new.items():
                plain = self._key(key)
                is_kept = plain is key and key in old and _hashable(key) not in left
                made.copy[plain] = old[key] if is_kept else self.replaced(value)
        elif isinstance(saved.container, set):
            made.copy = [self.replaced(item) for item in new]
        else:
            made.copy = [
                old[i] if i < len(old) and i not in left else self.replaced(item)
                for i, item in enumerate(new)
            ]
        return made

    def _key(self, key: object) -> object:
        """A key of a dictionary: the numbers in it are those of the call."""
        if isinstance(key, tuple):
            items = [self._key(item) for item in key]
            return key if all(map(operator.is_, items, key)) else tuple(items)
        if isinstance(key, str):
            plain = with_numbers(key, self.values)
            return key if plain == key else plain
        return _plain(key, self.values) if isinstance(key, _VARYING) else key

    def replaced(self, value: object) -> object:
        """``value``, or a copy of it in which nothing is abstract."""
        if isinstance(value, _VARYING):
            return _plain(value, self.values)
        if id(value) in self.known or value.__class__ in _INERT:
            return value
        if id(value) in self._made:
            return self._made[id(value)]
        self._kept.append(value)
        self._made[id(value)] = value  # a circle ends here
        made = self._made[id(value)] = self._copied(value)
        return made

    def _copied(self, value: object) -> object:
        if isinstance(value, AbstractTensor):
            return self._tensor(value)
        if isinstance(value, (tuple, frozenset)):
            return self._tuple(value)
        if isinstance(value, CONTAINERS):
            return self._container(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return self._method(value)
        state = getattr(value, "__dict__", None)
        if isinstance(value, (type, types.ModuleType, torch.Tensor)) or id(state) in self.known:
            return value
        return self._object(value, state) if isinstance(state, dict) else value

    def _tensor(self, value: AbstractTensor) -> torch.Tensor:
        node, spec, shares = self.content_of(value)
        shape, strides = ([int(_plain(n, self.values)) for n in each] for each in
                          (spec.shape, spec.strides))  # fmt: skip
        in_example = math.prod(int(_plain(n, self.example)) for n in spec.shape)
        if math.prod(shape) > max(_MOST_LARGE, _MOST_LARGER * in_example):
            raise MemoryError
        with without_modes(), torch.no_grad():
            made = torch.empty_strided(shape, strides, dtype=spec.dtype, device=spec.device)
            if made.numel() <= _MOST_ZEROS:
                made.zero_()
            if getattr(value, "_is_param", False):
                made = nn.Parameter(made, requires_grad=value.requires_grad)
        self.stand_ins[id(made)] = StandIn(made, node, shares)
        return made

    def _tuple(self, value: tuple[object, ...] | frozenset[object]) -> object:
        items = [self.replaced(item) for item in value]
        if all(map(operator.is_, items, value)):
            return value
        named = getattr(type(value), "_make", type(value))
        return named(items)

    def _container(self, value: Container[object]) -> object:
        before = _content_of(value)
        items = [self.replaced(item) for item in before]
        attributes = getattr(value, "__dict__", {})
        now = {name: self.replaced(item) for name, item in attributes.items()}
        if all(map(operator.is_, [*items, *now.values()], [*before, *attributes.values()])):
            return value
        made = copy.copy(value)
        if isinstance(made, dict):
            kind: type[dict[object, object]] = (
                OrderedDict if isinstance(made, OrderedDict) else dict
            )
            kind.clear(made)
            kind.update(made, zip(items[::2], items[1::2], strict=True))
        elif isinstance(made, set):
            made.clear()
            made.update(items)
        elif isinstance(made, (list, deque)):
            made.clear()
            made.extend(items)
        if attributes:
            made.__dict__.update(now)
        return made

    def _function(self, value: types.FunctionType) -> types.FunctionType:
        contents = _contents(value)
        items = {i: self.replaced(item) for i, item in contents.items()}
        if all(items[i] is item for i, item in contents.items()):
            return value
        cells = enumerate(value.__closure__ or ())
        closure = tuple(types.CellType(items[i]) if i in items else cell for i, cell in cells)
        made = types.FunctionType(
            value.__code__, value.__globals__, value.__name__, value.__defaults__, closure
        )
        made.__dict__.update(value.__dict__)
        made.__kwdefaults__ = value.__kwdefaults__
        return made

    def _method(self, value: types.MethodType) -> object:
        owner = self.replaced(value.__self__)
        return value if owner is value.__self__ else types.MethodType(value.__func__, owner)

    def _object(self, value: object, state: dict[str, object]) -> object:
        items = {name: self.replaced(item) for name, item in state.items()}
        if all(items[name] is item for name, item in state.items()):
            return value
        made = object.__new__(type(value))
        made.__dict__.update(items)
        return made


def _content_of(container: Container[object]) -> list[object]:
    """Its items; of a dict, keys and values in turn."""
    if isinstance(container, OrderedDict):
        return [part for entry in OrderedDict.items(container) for part in entry]
    if isinstance(container, dict):
        return [part for entry in dict.items(container) for part in entry]
    assert isinstance(container, (list, set, deque))
    return list(container)


def _plain(item: object, values: Mapping[str, float]) -> float:
    found = expression_of(item)
    if isinstance(found, Expr):
        found = found.scope.normal(found)
    if isinstance(found, (Expr, FloatExpr)):
        return found.evaluate(values)
    if isinstance(item, torch.SymBool):
        return truth(expression_of(item), values)
    assert isinstance(found, NUMBERS)
    return found


class _Leaves(_Copies):
    """Looks for what is abstract, and copies nothing."""

    def __init__(self, known: Container[int]) -> None:
        super().__init__(known, {}, {}, self._content)
        self.tensors: list[AbstractTensor] = []
        self.varies = False

    def _content(self, tensor: AbstractTensor) -> Content:
        raise NotImplementedError

    def replaced(self, value: object) -> object:
        if isinstance(value, _VARYING):
            self.varies = True
            return value
        return super().replaced(value)

    def _tensor(self, value: AbstractTensor) -> torch.Tensor:
        self.tensors.append(value)
        return value


def abstract_leaves(value: object, known: Container[int]) -> tuple[list[AbstractTensor], bool]:
    """The abstract tensors in ``value``, and whether there are numbers that vary."""
    leaves = _Leaves(known)
    leaves.replaced(value)
    return leaves.tensors, leaves.varies
