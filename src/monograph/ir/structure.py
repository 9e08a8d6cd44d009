"""Nested Python values taken apart into a flat list of leaves, and put together again.

Containers are tuple, list, dict and their standard relatives, dataclasses and plain objects (by
reflection), and whatever is registered with torch's pytree. Leaves are tensors and constants.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from enum import Enum
from typing import Any

import torch

from monograph.diagnostics import InputError, PythonFeatureError
from monograph.ir import reflection
from monograph.torch_internals import NodeDef, pytree_node, registered_key_paths

__all__ = [
    "LEAF",
    "Key",
    "Structure",
    "flatten",
    "in_code",
    "is_constant",
    "is_registered",
    "met_twice",
    "registered",
    "taken_apart",
]

Key = tuple[str, str]  # as written in a path ("['mask']"), and as part of a name ("mask")

_CONSTANT_TYPES = (
    int, float, complex, bool, str, bytes, type(None), Enum, slice, range, type,
    torch.device, torch.dtype, torch.layout, torch.memory_format, torch.Generator,
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.EllipsisType,
)  # fmt: skip
_IN_CODE = (
    int, float, complex, str, bytes, slice, range,
    torch.device, torch.dtype, torch.layout, torch.memory_format,
)  # fmt: skip
_LEAVES = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)
_FAST_CONSTANTS = frozenset(
    {int, float, bool, str, type(None), torch.device, torch.dtype, torch.memory_format}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a nested value: what flattening it gives and how to rebuild it.

    ``kind`` is the container's type, ``None`` for a leaf; ``context`` is what else rebuilding
    needs (a dict's keys, say). ``ordered`` are keys of a dictionary that must come in this order:
    the program goes through them.
    """

    kind: type | None
    context: Any = None
    keys: tuple[Key, ...] = ()
    children: tuple[Structure, ...] = ()
    ordered: tuple[Key, ...] = ()

    @property
    def num_leaves(self) -> int:
        """How many leaves a value of this structure has."""
        return 1 if self.kind is None else sum(child.num_leaves for child in self.children)

    def kinds(self) -> Iterator[type]:
        """The types of all containers."""
        if self.kind is not None:
            yield self.kind
        for child in self.children:
            yield from child.kinds()

    def paths(self, prefix: str = "") -> Iterator[str]:
        """The path of each leaf, ``[0]['mask'].keys``."""
        if self.kind is None:
            yield prefix
        for (suffix, _), child in zip(self.keys, self.children, strict=True):
            yield from child.paths(prefix + suffix)

    def names(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """The parts of each leaf's name: ``("past", "0", "keys")``."""
        if self.kind is None:
            yield prefix
        for (_, name), child in zip(self.keys, self.children, strict=True):
            yield from child.names((*prefix, name))

    def dictionaries(self, prefix: str = "") -> Iterator[tuple[str, tuple[Key, ...]]]:
        """The path of each dictionary with several keys, and these."""
        if self.kind is not None and issubclass(self.kind, dict) and len(self.items) > 1:
            yield prefix, self.items
        for (suffix, _), child in zip(self.keys, self.children, strict=True):
            yield from child.dictionaries(prefix + suffix)

    def with_order(self, ordered: Mapping[str, tuple[Key, ...]], prefix: str = "") -> Structure:
        """The same, with the keys that are ``ordered`` in the dictionaries at these paths."""
        children = tuple(
            child.with_order(ordered, prefix + suffix)
            for (suffix, _), child in zip(self.keys, self.children, strict=True)
        )
        return dataclasses.replace(self, children=children, ordered=ordered.get(prefix, ()))

    def ordered_keys(self, prefix: str = "") -> Iterator[tuple[str, tuple[Key, ...]]]:
        """The path of each dictionary whose keys must come in an order, and these."""
        if self.ordered:
            yield prefix, self.ordered
        for (suffix, _), child in zip(self.keys, self.children, strict=True):
            yield from child.ordered_keys(prefix + suffix)

    def turn_round(self, value: Any, paths: Collection[str], prefix: str = "") -> None:
        """Put the keys of the dictionaries at ``paths`` in ``value`` in the opposite order."""
        if self.kind is None:
            return
        parts, _, _ = _known(self.kind).take(value)
        for (suffix, _), child, part in zip(self.keys, self.children, parts, strict=True):
            child.turn_round(part, paths, prefix + suffix)
        if prefix in paths:
            reflection.turn_round(value)

    @property
    def items(self) -> tuple[Key, ...]:
        """The keys of a dictionary, without the attributes that one of another class may have."""
        held = self.context
        return self.keys[: held.number] if isinstance(held, reflection.Held) else self.keys

    @property
    def is_built_by_others(self) -> bool:
        """Whether registered functions, which may compute with tensors, build a part of it."""
        return any(child.is_built_by_others for child in self.children) or (
            self.kind is not None and is_registered(self.kind)
        )

    def by_key(self) -> tuple[Structure, list[int]]:
        """The same with the keys of dictionaries sorted, and where each leaf of it was before."""
        if self.kind is None:
            return self, [0]
        found: list[tuple[Key, Structure, list[int]]] = []
        start = 0
        for key, child in zip(self.keys, self.children, strict=True):
            made, places = child.by_key()
            found.append((key, made, [start + place for place in places]))
            start += child.num_leaves
        context = self.context
        if issubclass(self.kind, dict):
            found.sort(key=lambda each: each[0])
            context = None
        children = tuple(made for _, made, _ in found)
        same = Structure(self.kind, context, tuple(key for key, _, _ in found), children)
        return same, [place for _, _, places in found for place in places]

    def unflatten(self, leaves: Iterable[object]) -> Any:
        """The nested value again."""
        return _built(self, iter(leaves))

    def match(self, value: object, path: str) -> list[Any]:
        """The leaves of ``value``, which must have this structure.

        Raises:
            InputError: naming the first place, below ``path``, that differs.
        """
        leaves: list[Any] = []
        _match(self, value, path, leaves)
        return leaves

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        inner = ", ".join(
            f"{name}: {child!r}" for (_, name), child in zip(self.keys, self.children, strict=True)
        )
        return f"{self.kind.__name__}({inner})"


def _built(structure: Structure, leaves: Iterator[object]) -> object:
    if structure.kind is None:
        return next(leaves)
    children = [_built(child, leaves) for child in structure.children]
    return _known(structure.kind).build(structure.kind, children, structure.context)


def _match(structure: Structure, value: object, path: str, leaves: list[Any]) -> None:
    if structure.kind is None:
        if not isinstance(value, torch.Tensor) and not is_constant(value):
            raise InputError(
                f"Expected {path} to be a tensor or a constant, but got {_describe(value)}",
                code="MG-I101",
                hint=_AS_TENSOR if hasattr(value, "__array__") else _ANOTHER_STRUCTURE,
            )
        leaves.append(value)
        return
    if type(value) is not structure.kind:
        raise InputError(
            f"Expected {path} to be a {structure.kind.__name__}, but got {_describe(value)}",
            code="MG-I101",
            hint=_converted(value, structure.kind),
        )
    children, keys, context = _known(structure.kind).take(value)
    if isinstance(value, dict) and keys != structure.keys and set(keys) == set(structure.keys):
        _require_order(structure, keys, path)
        by_key = dict(zip(keys, children, strict=True))
        children, keys = [by_key[k] for k in structure.keys], structure.keys
        context = structure.context
    is_same = len(keys) == len(structure.keys) and _same(context, structure.context)
    if not is_same or (keys != structure.keys and not is_registered(structure.kind)):
        wanted, given = {k for k, _ in structure.keys}, {k for k, _ in keys}
        missing = ", ".join(path + key for key in sorted(wanted - given))
        extra = ", ".join(path + key for key in sorted(given - wanted))
        detail = "; ".join(
            text
            for text in (missing and f"missing {missing}", extra and f"unexpected {extra}")
            if text
        )
        raise InputError(
            f"Expected {path} to have the structure it was exported with"
            + (f": {detail}" if detail else ""),
            code="MG-I101",
            hint=_ANOTHER_STRUCTURE,
        )
    for (suffix, _), child, given_child in zip(keys, structure.children, children, strict=True):
        _match(child, given_child, path + suffix, leaves)


_AS_TENSOR = "make a tensor of it: torch.as_tensor(...)."
_ANOTHER_STRUCTURE = "for calls of another structure, a variant of their own: export_variants."


def _converted(value: object, kind: type) -> str:
    """What to pass in the place of ``value``, where a ``kind`` is wanted."""
    if {type(value), kind} <= {list, tuple}:
        return f"pass it as {kind.__name__}(...)."
    return _ANOTHER_STRUCTURE


def _require_order(structure: Structure, keys: tuple[Key, ...], path: str) -> None:
    ordered = frozenset(structure.ordered)
    given = [name for key in keys if key in ordered for name in key[1:]]
    wanted = [name for _, name in structure.ordered]
    if given != wanted:
        raise InputError(
            f"Expected the keys of {path} in the order {', '.join(wanted)}, in which the program "
            f"goes through them, but got {', '.join(given)}",
            code="MG-I101",
            hint="pass them in that order: the program has computed with the first one first.",
        )


LEAF = Structure(None)


def is_registered(kind: type) -> bool:
    """Whether functions that somebody has registered with torch's pytree build such values."""
    return kind not in _HANDLERS and pytree_node(kind) is not None


def taken_apart(value: object) -> list[Any]:
    """The children of a container."""
    return _known(type(value)).take(value)[0]


def met_twice(value: object, path: str, seen: dict[int, str]) -> tuple[str, str] | None:
    """The paths of the first object that can be changed and is in ``value`` twice, if there is one.

    ``seen``: the paths of the objects met so far, by their identity.
    """
    if isinstance(value, _LEAVES) or is_constant(value):
        return None
    if not isinstance(value, tuple):
        before = seen.setdefault(id(value), path)
        if before != path:
            return before, path
    if is_registered(type(value)):  # its parts may be made when they are asked for
        return None
    children, keys, _ = _known(type(value)).take(value)
    found = (
        met_twice(child, path + suffix, seen)
        for (suffix, _), child in zip(keys, children, strict=True)
    )
    return next(filter(None, found), None)


def is_constant(value: object) -> bool:
    """Whether ``value`` may be a leaf that is not a tensor."""
    if type(value) in _FAST_CONSTANTS or isinstance(value, _CONSTANT_TYPES):
        return True
    # A module without state is a function; one with state would be frozen unseen.
    return isinstance(value, torch.nn.Module) and not [*value.parameters(), *value.buffers()]


def in_code(constant: Any) -> Any:
    """How a constant result stands in a graph: None for what the graph's code has no words for.

    (A class, a function, a member of an enumeration.) The signature holds it, and a call returns
    it.
    """
    return constant if isinstance(constant, _IN_CODE) else None


_ENDLESS = "leave out the reference to itself: it has no end."


def _instead_of(value: object) -> str:
    """What to write instead of a value that is not taken apart."""
    for kinds, text in _INSTEAD.items():
        if isinstance(value, kinds):
            return text
    if hasattr(value, "__array__"):
        return _AS_TENSOR
    return (
        "pass what the program reads of it in tuples, lists, dicts or dataclasses, or register "
        "it:\n"
        f"torch.utils._pytree.register_pytree_node({type(value).__name__}, flatten, unflatten)"
    )


_INSTEAD: dict[type | tuple[type, ...], str] = {
    io.IOBase: "read it before, and pass what was read.",
    Iterator: "make a list of it: list(...).",
    (set, frozenset): "a set has no order: make a list of it, list(...).",
    Awaitable: "export a function that is not async: nothing waits while a program runs.",
    torch.nn.Module: (
        "a module with parameters is no argument: make it an attribute of the module that is\n"
        "exported, or use it from the function without passing it."
    ),
}


def flatten(value: object, path: str = "") -> tuple[list[Any], Structure]:
    """The leaves of ``value`` and its structure.

    Raises:
        PythonFeatureError: MG-P101, naming the path of a value that cannot be taken apart.
    """
    leaves: list[Any] = []
    return leaves, _flatten(value, path, leaves, ())


def _flatten(value: object, path: str, leaves: list[Any], above: tuple[int, ...]) -> Structure:
    if isinstance(value, _LEAVES) or is_constant(value):
        leaves.append(value)
        return LEAF
    handler = _handler(type(value))
    if handler is None or id(value) in above:
        raise PythonFeatureError(
            f"{path or 'the value'} is a {type(value).__qualname__}, which cannot be taken apart"
            + (" because it contains itself" if id(value) in above else ""),
            hint=_ENDLESS if id(value) in above else _instead_of(value),
        )
    children, keys, context = handler.take(value)
    above = (*above, id(value))
    return Structure(
        type(value),
        context,
        keys,
        tuple(
            _flatten(child, path + suffix, leaves, above)
            for (suffix, _), child in zip(keys, children, strict=True)
        ),
    )


def registered(kind: type, context: object, children: tuple[Structure, ...]) -> Structure:
    """The structure of the values that torch's pytree makes as a ``kind`` of ``children``.

    A value made of numbers tells its keys. Where none can be made, because the constructor computes
    with tensors, the children are numbered.

    Raises:
        ValueError: one of Python's own containers has another number of parts.
    """
    definition = pytree_node(kind)
    assert definition is not None
    count = len(children)
    if kind in _HANDLERS or kind is namedtuple:
        leaves, found = flatten(definition.unflatten_fn(list(range(count)), context))
        if leaves != list(range(count)):
            raise ValueError(f"a {kind.__name__} does not have {count} parts")
        return dataclasses.replace(found, children=children)
    with contextlib.suppress(Exception):
        counter = itertools.count()
        parts = [_built(child, counter) for child in children]
        leaves, found = flatten(definition.unflatten_fn(parts, context))
        if leaves == list(range(sum(child.num_leaves for child in children))):
            return found
    return Structure(kind, context, _index_keys(count), children)


def _same(left: object, right: object) -> bool:
    try:
        return bool(left == right)
    except Exception:  # a context whose comparison fails is another context
        return False


def _describe(value: object) -> str:
    text = repr(value)
    return f"a {type(value).__name__}" + (f" ({text})" if len(text) < 40 else "")


# How each kind of container is taken apart ---------------------------------------------------

Parts = tuple[list[Any], tuple[Key, ...], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Handler:
    take: Callable[[Any], Parts]
    build: Callable[[Any, list[Any], Any], object]


def _index_keys(count: int) -> tuple[Key, ...]:
    return tuple((f"[{i}]", str(i)) for i in range(count))


def _dict_keys(keys: Iterable[object]) -> tuple[Key, ...]:
    return tuple((f"[{key!r}]", str(key)) for key in keys)


def _attribute_keys(names: Iterable[str]) -> tuple[Key, ...]:
    return tuple((f".{name}", name) for name in names)


def _take_sequence(value: Sequence[Any]) -> Parts:
    return list(value), _index_keys(len(value)), None


def _take_dict(value: dict[Any, Any]) -> Parts:
    held = tuple(map(_settled_key, value))
    return list(value.values()), _dict_keys(held), held


def _settled_key(key: object) -> object:
    """A key of a container that a program takes or gives: a size is the number of the example."""
    if isinstance(key, tuple) and any(map(_varies, key)):
        return tuple(map(_settled_key, key))
    if not _varies(key):
        return key
    node = key.node  # type: ignore[attr-defined]
    return node.env.fix(node.content, "a size is a key of a dictionary that is returned")


def _varies(key: object) -> bool:
    return isinstance(key, torch.SymInt) and hasattr(key.node, "env")


def _take_defaultdict(value: defaultdict[Any, Any]) -> Parts:
    children, keys, context = _take_dict(value)
    return children, keys, (value.default_factory, context)


def _take_deque(value: deque[Any]) -> Parts:
    return list(value), _index_keys(len(value)), value.maxlen


def _take_proxy(value: Mapping[Any, Any]) -> Parts:
    return list(value.values()), _dict_keys(value), tuple(value)


def _take_object(value: object) -> Parts:
    parts, held = reflection.take(value)
    names = getattr(value, "_fields", None) if isinstance(value, tuple) else None
    if names is not None and len(names) == held.items:
        keys = _attribute_keys(names)
    else:
        items = held.items
        keys = _index_keys(items) if isinstance(items, int) else _dict_keys(items)
    return parts, keys + _attribute_keys(held.names), held


def _registered(definition: NodeDef) -> _Handler:
    def take(value: object) -> Parts:
        children, context = definition.flatten_fn(value)
        entries = registered_key_paths(definition, value)
        if entries is None:
            return list(children), _index_keys(len(children)), context
        keys = tuple((str(entry), _name_of(entry)) for entry in entries)
        return list(children), keys, context

    def build(_kind: type, children: list[Any], context: object) -> object:
        return definition.unflatten_fn(children, context)

    return _Handler(take, build)


def _name_of(entry: object) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


_SEQUENCE = _Handler(_take_sequence, lambda kind, children, _: kind(children))
_DICT = _Handler(_take_dict, lambda kind, children, keys: kind(zip(keys, children, strict=True)))
_OBJECT = _Handler(_take_object, reflection.build)
_HANDLERS: dict[type, _Handler] = {
    tuple: _SEQUENCE,
    list: _SEQUENCE,
    torch.Size: _SEQUENCE,
    dict: _DICT,
    OrderedDict: _DICT,
    defaultdict: _Handler(
        _take_defaultdict,
        lambda kind, children, ctx: kind(ctx[0], zip(ctx[1], children, strict=True)),
    ),
    deque: _Handler(_take_deque, lambda kind, children, maxlen: kind(children, maxlen)),
    types.SimpleNamespace: _Handler(
        _take_object,
        lambda kind, children, held: kind(**dict(zip(held.names, children, strict=True))),
    ),
    types.MappingProxyType: _Handler(
        _take_proxy, lambda kind, children, keys: kind(dict(zip(keys, children, strict=True)))
    ),
}


def _known(kind: type) -> _Handler:
    """The handler of a kind that was taken apart before."""
    found = _HANDLERS.get(kind) or _handler(kind)
    assert found is not None
    return found


def _handler(kind: type) -> _Handler | None:
    found = _HANDLERS.get(kind)
    if found is not None:
        return found
    definition = pytree_node(kind)
    if definition is not None:
        return _registered(definition)
    is_container = issubclass(kind, (tuple, list, dict, deque))
    is_known = is_container or dataclasses.is_dataclass(kind) or reflection.is_plain(kind)
    return _OBJECT if is_known else None
