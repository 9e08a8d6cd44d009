"""Objects of any class, taken apart by what they hold: items of a container, then attributes.

They are put together without their constructors, which may want other arguments than these.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import MemberDescriptorType, ModuleType
from typing import Any, NamedTuple

import torch

__all__ = ["Held", "attributes_of", "build", "is_plain", "take", "turn_round"]

_CONTAINERS = (OrderedDict, defaultdict, dict, list, deque, tuple)  # a class before its base
_ARGUMENTS: dict[type | None, str] = {defaultdict: "default_factory", deque: "maxlen"}
_LARGEST = 64  # bytes of an object beside its slots; larger ones hold what Python does not see


class Held(NamedTuple):
    """What putting an object together needs beside its parts.

    ``items``: the keys of a dictionary, or how many items a sequence has. ``names``: those of
    attributes, each a part of its own. ``shared``: attributes that are one of the parts, and which.
    ``argument``: what the container itself is made with (a factory of defaults, a greatest length).
    """

    items: tuple[Any, ...] | int = 0
    names: tuple[str, ...] = ()
    shared: tuple[tuple[str, int], ...] = ()
    argument: Callable[..., object] | int | None = None

    @property
    def number(self) -> int:
        """How many items there are."""
        return self.items if isinstance(self.items, int) else len(self.items)


def take(value: object) -> tuple[list[Any], Held]:
    """The parts of an object: its items, and its attributes in the order of their fields."""
    base = _base_of(type(value))
    parts: list[Any] = []
    items: tuple[Any, ...] | int = 0
    if isinstance(value, dict) and base is not None:
        items = tuple(base.keys(value))
        parts = list(base.values(value))
    elif base is not None:
        parts = list(base.__iter__(value))
        items = len(parts)
    argument = getattr(value, _ARGUMENTS[base]) if base in _ARGUMENTS else None
    names, shared = [], []
    places = {id(part): i for i, part in enumerate(parts)}
    for name, attribute in attributes_of(value).items():
        place = places.get(id(attribute))
        if place is not None and isinstance(attribute, torch.Tensor):
            shared.append((name, place))
        else:
            names.append(name)
            parts.append(attribute)
    return parts, Held(items, tuple(names), tuple(shared), argument)


def build(kind: type, parts: list[Any], held: Held) -> object:
    """The object again."""
    items, attributes = parts[: held.number], parts[held.number :]
    base = _base_of(kind)
    made = object.__new__(kind) if base is None else _container(kind, base, items, held)
    for name, attribute in zip(held.names, attributes, strict=True):
        object.__setattr__(made, name, attribute)  # also for a frozen dataclass
    for name, place in held.shared:
        object.__setattr__(made, name, parts[place])
    return made


def _container(kind: type, base: type[Any], items: list[Any], held: Held) -> object:
    if base is tuple:
        return tuple.__new__(kind, items)
    create: Callable[..., object] = base.__new__
    fill: Callable[..., None] = base.__init__
    made = create(kind)
    if issubclass(base, (deque, list)):
        fill(made, items, *([held.argument] if base is deque else []))
    elif base is defaultdict:
        fill(made, held.argument)
    if isinstance(held.items, tuple):
        for key, item in zip(held.items, items, strict=True):
            base.__setitem__(made, key, item)
    return made


def turn_round(value: dict[Any, Any]) -> None:
    """Put the keys of a dictionary in the opposite order, whatever its class makes of that."""
    base = _base_of(type(value)) or dict
    for key, item in [(key, base.pop(value, key)) for key in reversed(list(base.keys(value)))]:
        base.__setitem__(value, key, item)


def attributes_of(value: object) -> dict[str, Any]:
    """All attributes of an object: the fields of a dataclass first, then slots and the others."""
    names = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    names += _slots_of(type(value))
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return found | getattr(value, "__dict__", {})


def is_plain(kind: type) -> bool:
    """Whether all that values of a class hold is in sight of Python: no module, nothing of C's."""
    if kind.__module__ == "builtins" or issubclass(
        kind, (torch.nn.Module, ModuleType, set, frozenset)
    ):
        return False
    slots = len(_slots_of(kind))
    has_attributes = slots > 0 or getattr(kind, "__dictoffset__", 0) != 0
    return has_attributes and kind.__basicsize__ - 8 * slots <= _LARGEST


def _slots_of(kind: type) -> list[str]:
    """The attributes that Python's classes keep outside of ``__dict__``."""
    return [
        name
        for each in reversed(kind.__mro__)
        if "__slots__" in vars(each)
        for name, member in vars(each).items()
        if isinstance(member, MemberDescriptorType)
    ]


def _base_of(kind: type) -> type[Any] | None:
    """The container of Python's own that a class extends."""
    return next((base for base in _CONTAINERS if issubclass(kind, base)), None)
