"""Containers and objects as they were: compared with what they are now, and put back."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    CellType,
    GeneratorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
)
from typing import Any
from weakref import ref

import torch
from torch import nn

from monograph.torch_internals import without_modes

__all__ = [
    "CONTAINERS",
    "MISSING",
    "OF_ANY_MODULE",
    "OWNED",
    "PARTS",
    "PLAIN",
    "REGISTRY",
    "Change",
    "Saved",
    "SavedClasses",
    "SavedNames",
    "SavedTogether",
    "Together",
    "are_unchanged",
    "changed",
    "is_watched",
    "slots_of",
]

CONTAINERS = (list, dict, set, deque)
OWNED = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}
# What every module has that is a container.
OF_ANY_MODULE = frozenset(nn.Module().__dict__)
PARTS = tuple(n for n, value in nn.Module().__dict__.items() if isinstance(value, CONTAINERS))
_KINDS_OF_PARTS = frozenset({dict, OrderedDict, set})


@dataclass(frozen=True)
class Change:
    """One entry of a watched container that is another object now.

    ``path`` is dotted, ``field`` says where it stands (``buffer``, ``parameter``, ``module``,
    ``attribute``, ``global``, ``closure`` or ``class``), ``key`` is its key there; ``old`` is
    ``MISSING`` for a new entry, ``new`` for one that is gone.
    """

    path: str
    field: str
    old: Any
    new: Any
    key: Any = None


MISSING = object()
# Where Python remembers, among the globals of who warns, what it has warned of: no state of his.
REGISTRY = "__warningregistry__"


class Saved:
    """One container, and the objects that were in it."""

    __slots__ = ("container", "copy", "field", "path")

    def __init__(self, container: Any, path: str, field: str) -> None:
        self.container = container
        self.path = path
        self.field = field
        self.copy: Any = self.content()

    def content(self) -> Any:
        """What is in it now: a dict by keys, else a list in its order."""
        return _content(self.container)

    def is_unchanged(self) -> bool:
        """Whether it holds the same objects."""
        return _holds(self.container, self.copy)

    def again(self) -> Saved:
        """The same container as it is now."""
        if self.is_unchanged():
            return self
        return self.__class__(self.container, self.path, self.field)

    def parts(self) -> Iterator[Saved]:
        """The containers in it that have changed, where it stands for several."""
        yield self

    def find(self, container: int) -> Saved | None:
        """The one with this identity, where it stands for several."""
        return self if id(self.container) == container else None

    def identities(self) -> Iterable[int]:
        """Those of its containers."""
        return (id(self.container),)

    def changes(self) -> Iterator[Change]:
        """The entries that are other objects now."""
        if isinstance(self.container, set):
            yield Change(self.path, self.field, self.copy, self.container)
            return
        before, after = self.copy, self.content()
        if not isinstance(before, dict):
            before, after = dict(enumerate(before)), dict(enumerate(after))
        for i, (key, newest) in enumerate({**before, **after}.items()):
            is_new = i >= len(before)  # such a key may be a size, which has no hash by now
            old = MISSING if is_new else before[key]
            new = newest if is_new else after.get(key, MISSING)
            if old is not new and not (type(key) is str and key == REGISTRY):
                yield Change(self.path_of(key), self.field, old, new, key)

    def path_of(self, key: object) -> str:
        """The dotted name of an entry."""
        name = "tensor" if isinstance(key, torch.Tensor) else key
        return f"{self.path}.{name}" if self.path else str(name)

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        """Who holds functions of C, or lists, under which name, and which."""
        return _functions_in(self.container, self.copy) if type(self) is Saved else ()

    def restore(self) -> None:
        """Hold the same objects again, in the same order."""
        container = self.container
        if isinstance(container, dict):
            kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
            if list(self.content()) != list(self.copy):
                kind.clear(container)
            for key, value in self.copy.items():
                kind.__setitem__(container, key, value)
        elif isinstance(container, list):
            list.__setitem__(container, slice(None), self.copy)
        elif isinstance(container, set):
            set.clear(container)
            set.update(container, self.copy)
        else:
            deque.clear(container)
            deque.extend(container, self.copy)


class SavedWeak(Saved):
    """The entries of a weak dictionary or set: one that is gone has died, which is no change."""

    __slots__ = ()

    def is_unchanged(self) -> bool:
        return not any(True for _ in self._others())

    def changes(self) -> Iterator[Change]:
        for key, old, new in self._others():
            yield Change(self.path, self.field, old, new, key)

    def restore(self) -> None:
        for key, old, _ in list(self._others()):
            if isinstance(self.container, set):
                self.container.discard(key)
            elif old is MISSING:
                self.container.pop(key, None)
            else:
                self.container[key] = old

    def _others(self) -> Iterator[tuple[object, object, object]]:
        """The entries that were not there: keys, what was there, and what is."""
        now = self.content()
        if isinstance(self.container, set):
            before = set(self.copy)
            yield from ((item, MISSING, item) for item in now if item not in before)
            return
        for key, new in now.items():
            old = self.copy.get(key, MISSING)
            if old is not new and not (isinstance(new, ref) and old == new):
                yield key, old, new


class SavedSeveral(Saved):
    """Several containers at once."""

    __slots__ = ()

    def parts(self) -> Iterator[Saved]:
        raise NotImplementedError

    def changes(self) -> Iterator[Change]:
        return (change for saved in self.parts() for change in saved.changes())

    def restore(self) -> None:
        for saved in self.parts():
            saved.restore()


class SavedParts(SavedSeveral):
    """The containers that every module has: parameters, buffers, modules, and hooks of all kinds.

    Those of all modules in one list, one module after the other: most are empty, and one look at
    all their lengths is ten times as fast. ``copy`` has the contents of the others, by places.
    ``owned``: the modules are the program's own.
    """

    __slots__ = ("lengths", "owned", "paths")

    def __init__(self, containers: list[Any], paths: list[str], field: str, owned: bool) -> None:
        self.paths = paths
        self.owned = owned
        super().__init__(containers, "", field)

    def content(self) -> dict[int, Any]:
        containers = self.container
        self.lengths = list(map(len, containers))
        places = itertools.compress(range(len(containers)), self.lengths)
        return {i: _content(containers[i]) for i in places}

    def add(self, held: list[Any], paths: list[str]) -> Iterator[tuple[str, str, Any]]:
        """Modules more; gives the path, the name and the content of each container with content."""
        first, lengths = len(self.container), list(map(len, held))
        self.container += held
        self.lengths += lengths
        self.paths += paths
        count = len(PARTS)
        for i in itertools.compress(range(len(held)), lengths):
            container = held[i]
            found = container.copy() if container.__class__ is dict else _content(container)
            self.copy[first + i] = found
            yield paths[i // count], PARTS[i % count], found

    def is_unchanged(self) -> bool:
        containers = self.container
        if list(map(len, containers)) != self.lengths:
            return False
        places, dicts = self.copy, [i for i in self.copy if containers[i].__class__ is dict]
        if len(dicts) < len(places) and not all(
            _holds(containers[i], before)
            for i, before in places.items()
            if containers[i].__class__ is not dict
        ):
            return False
        return _are_same([containers[i] for i in dicts], [places[i] for i in dicts])

    def again(self) -> Saved:
        if self.is_unchanged():
            return self
        return SavedParts(self.container, self.paths, self.field, self.owned)

    def identities(self) -> Iterable[int]:
        return map(id, self.container)

    def find(self, container: int) -> Saved | None:
        return next(
            (self._part(i) for i, each in enumerate(self.container) if id(each) == container), None
        )

    def parts(self) -> Iterator[Saved]:
        for i, container in enumerate(self.container):
            before = self.copy.get(i)
            if len(container) != self.lengths[i] or not (
                before is None or _holds(container, before)
            ):
                yield self._part(i)

    def _part(self, i: int) -> Saved:
        module, place = divmod(i, len(PARTS))
        name, path = PARTS[place], self.paths[module]
        is_owned = name in OWNED
        if not is_owned:
            path = f"{path}.{name}" if path else name
        field = OWNED[name] if is_owned and self.owned else self.field
        saved = Saved(self.container[i], path, field)
        before = self.copy.get(i)
        saved.copy = type(saved.copy)() if before is None else before
        return saved


class SavedDicts(SavedSeveral):
    """Several dicts, each with its path: the attributes of all modules.

    ``holding``: the entries in which something may be held, with their dicts and paths.
    """

    __slots__ = ("holding", "paths")

    def __init__(self, field: str) -> None:
        self.paths: list[str] = []
        self.holding: list[tuple[dict[str, Any], str, str, object]] = []
        super().__init__([], "", field)

    def content(self) -> list[dict[str, Any]]:
        return list(map(dict.copy, self.container))

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        return [(each, name, value) for each, _, name, value in self.holding
                if type(value) in _HOLDING]  # fmt: skip

    def add(
        self, dicts: list[dict[str, Any]], paths: list[str]
    ) -> list[tuple[dict[str, Any], str, str, object]]:
        """Dicts more; gives their entries in which something may be held.

        Those are looked for once, and for all who ask: most are numbers and tuples of numbers.
        """
        self.container += dicts
        self.copy += map(dict.copy, dicts)
        self.paths += paths
        found = [
            (each, path, name, value)
            for each, path in zip(dicts, paths, strict=True)
            for name, value in each.items()
            if (kind := type(value)) not in PLAIN
            and not (kind in _KINDS_OF_PARTS and name in OF_ANY_MODULE)
            and not (kind is tuple and PLAIN.issuperset(map(type, value)))
        ]
        self.holding += found
        return found

    def is_unchanged(self) -> bool:
        return _are_same(self.container, self.copy)

    def again(self) -> Saved:
        if self.is_unchanged():
            return self
        now = SavedDicts(self.field)
        now.add(self.container, self.paths)
        return now

    def identities(self) -> Iterable[int]:
        return map(id, self.container)

    def find(self, container: int) -> Saved | None:
        return next((one for one in self.each() if id(one.container) == container), None)

    def parts(self) -> Iterator[Saved]:
        return (one for one in self.each() if not one.is_unchanged())

    def each(self) -> Iterator[Saved]:
        """One after the other."""
        for state, path, before in zip(self.container, self.paths, self.copy, strict=True):
            saved = Saved(state, path, self.field)
            saved.copy = before
            yield saved


class SavedVariable(Saved):
    """A variable that a function closes over."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        """Nothing where it is not assigned."""
        try:
            return {"": self.container.cell_contents}
        except ValueError:
            return {}

    def is_unchanged(self) -> bool:
        return _is_same(self.content(), self.copy)

    def path_of(self, key: object) -> str:
        return self.path

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        return _functions_in(self.container, self.copy)

    def restore(self) -> None:
        if self.copy:
            self.container.cell_contents = self.copy[""]
        elif self.content():
            del self.container.cell_contents


class SavedNames(Saved):
    """What an object holds under names but in no dict of its own."""

    __slots__ = ()

    def is_unchanged(self) -> bool:
        """Whether each name stands for what it stood for."""
        return _is_same(self.content(), self.copy)

    def restore(self) -> None:
        """Let each name stand for it again."""
        now = self.content()
        for name in now:
            if name not in self.copy:
                self.delete(name)
        for name, value in self.copy.items():
            if now.get(name, MISSING) is not value:
                self.set(name, value)

    def set(self, name: str, value: object) -> None:
        """Give a name its object."""
        setattr(self.container, name, value)

    def delete(self, name: str) -> None:
        """Take a name away."""
        delattr(self.container, name)


class SavedClass(SavedNames):
    """A class's own attributes, but for those with two underscores: Python itself adds some."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = type.__getattribute__(self.container, "__dict__").copy()
        return found

    def is_unchanged(self) -> bool:
        now = self.content()
        return _is_same(now, self.copy) or _is_same(
            _without_special(now), _without_special(self.copy)
        )

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        return _functions_in(self.container, _without_special(self.copy))

    def changes(self) -> Iterator[Change]:
        return (change for change in super().changes() if change.key[:2] != "__")

    def set(self, name: str, value: object) -> None:
        if name[:2] != "__":
            type.__setattr__(self.container, name, value)

    def delete(self, name: str) -> None:
        if name[:2] != "__":
            type.__delattr__(self.container, name)


class SavedClasses(SavedSeveral):
    """The classes of the program's files: one look at many. What they hold is not followed."""

    __slots__ = ()

    def content(self) -> list[dict[str, Any]]:
        """The attributes of each."""
        return [type.__getattribute__(kind, "__dict__").copy() for kind in self.container]

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        """The functions in all of them."""
        return _flat(map(_functions_in, self.container, map(_without_special, self.copy)))

    def is_unchanged(self) -> bool:
        """Whether no class has another attribute."""
        return all(map(_is_same, self.content(), self.copy))

    def parts(self) -> Iterator[Saved]:
        """The classes that have."""
        for kind, before in zip(self.container, self.copy, strict=True):
            saved = SavedClass(kind, kind.__qualname__, "class")
            saved.copy = before
            if not saved.is_unchanged():
                yield saved


def _without_special(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name[:2] != "__"}


class SavedSlots(SavedNames):
    """The attributes of an object whose class names them in ``__slots__``."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        found = {}
        for name in slots_of(type(self.container)):
            value = getattr(self.container, name, MISSING)
            if value is not MISSING:
                found[name] = value
        return found

    def set(self, name: str, value: object) -> None:
        object.__setattr__(self.container, name, value)

    def delete(self, name: str) -> None:
        object.__delattr__(self.container, name)


class SavedTensor(SavedNames):
    """What Python can change of a tensor; its values are written by operators only."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        tensor = self.container
        grad = tensor.grad if tensor.is_leaf else None
        return {"requires_grad": tensor.requires_grad, "grad": grad, **tensor.__dict__}

    def set(self, name: str, value: object) -> None:
        if name == "requires_grad":
            if not self.container.is_leaf:  # what was written to it has a history
                self.container.detach_()
            self.container.requires_grad_(value)
        else:
            setattr(self.container, name, value)


class SavedTensors(SavedSeveral):
    """All tensors, each with its path: one look at many is ten times as fast."""

    __slots__ = ()

    def content(self) -> list[tuple[Any, ...]]:
        return [
            (t.requires_grad, t.grad if t.is_leaf else None, {**t.__dict__} if t.__dict__ else None)
            for t, _, _ in self.container
        ]

    def is_unchanged(self) -> bool:
        return not [
            None
            for (t, _, _), (flag, grad, attributes) in zip(self.container, self.copy, strict=True)
            if t.requires_grad is not flag
            or (t.is_leaf and t.grad is not grad)
            or (t.__dict__ if attributes is None else not _is_same(t.__dict__, attributes))
        ]

    def forget_histories(self) -> None:
        """What is written to state above autograd has a history, which no call finds again."""
        for (tensor, _, _), (flag, *_) in zip(self.container, self.copy, strict=True):
            if not flag and not tensor.is_leaf:
                tensor.detach_()

    def parts(self) -> Iterator[Saved]:
        for (tensor, path, field), (flag, grad, attributes) in zip(
            self.container, self.copy, strict=True
        ):
            saved = SavedTensor(tensor, path, field)
            saved.copy = {"requires_grad": flag, "grad": grad, **(attributes or {})}
            if not saved.is_unchanged():
                yield saved


class SavedGenerator(Saved):
    """A random generator of Python, of numpy or of torch."""

    __slots__ = ()

    def content(self) -> Any:
        generator = self.container
        if isinstance(generator, random.Random):
            return generator.getstate()
        if isinstance(generator, torch.Generator):
            return generator.get_state()
        return copy.deepcopy(generator.bit_generator.state)

    def is_unchanged(self) -> bool:
        if isinstance(self.container, torch.Generator):
            with without_modes():
                return torch.equal(self.content(), self.copy)
        return repr(self.content()) == repr(self.copy)

    def changes(self) -> Iterator[Change]:
        """Where numbers are drawn is told there; operators of torch draw none while capturing, so

        that a generator of its has been seeded.
        """
        if isinstance(self.container, torch.Generator):
            yield Change(self.path, self.field, self.copy, self.container)

    def restore(self) -> None:
        if isinstance(self.container, random.Random):
            self.container.setstate(self.copy)
        elif isinstance(self.container, torch.Generator):
            with without_modes():
                self.container.set_state(self.copy)
        else:
            self.container.bit_generator.state = self.copy


class SavedIterator(Saved):
    """Something that gives one item after another, and knows how far it is: no copy is made of it.

    A program that takes an item has changed it for good.
    """

    __slots__ = ()

    def content(self) -> tuple[object, ...]:
        if isinstance(self.container, GeneratorType):
            frame = self.container.gi_frame
            return () if frame is None else (frame.f_lasti, frame.f_lineno)
        _, given, *state = self.container.__reduce__()
        return tuple(each for each in (*given, *state) if type(each) is int)

    def is_unchanged(self) -> bool:
        return self.content() == self.copy

    def changes(self) -> Iterator[Change]:
        """What it was, and what it is."""
        yield Change(self.path, self.field, self.copy, self.container)

    def restore(self) -> None:
        """Set it back, if it can be: not a generator, a counter, nor what has come to its end."""
        if self.copy and hasattr(self.container, "__setstate__"):
            self.container.__setstate__(self.copy[-1])


class SavedCache(Saved):
    """What a function under ``functools.lru_cache`` remembers: a program may leave tensors there.

    A cache with new entries is emptied, which changes no result of the function.
    """

    __slots__ = ()

    def content(self) -> tuple[int, int]:
        info = self.container.cache_info()
        return info.misses, info.currsize

    def is_unchanged(self) -> bool:
        return self.content() == (self.copy[0], self.copy[1])

    def changes(self) -> Iterator[Change]:
        """None: a cache is no state of the program."""
        return iter(())

    def restore(self) -> None:
        self.container.cache_clear()


class SavedChoices(SavedWeak):
    """What ``functools.singledispatch`` has chosen for types before: it would choose it again."""

    __slots__ = ()

    def changes(self) -> Iterator[Change]:
        """None: it is no state of the program."""
        return iter(())


class Together:
    """Saved containers laid out flat: one look tells whether all hold what they held.

    ``saved``: the same one by one, for a look at what has changed.
    """

    __slots__ = ("dicts", "empty", "functions", "kinds", "others", "saved")

    def __init__(self, saved: list[Saved]) -> None:
        self.saved = saved
        held = _flat(each.functions() for each in saved)
        self.functions = [each for each in held if type(each[2]) in _FUNCTIONS]
        self.empty: list[object] = []
        self.dicts = Mappings()
        self.kinds = Mappings()  # classes, which hold their attributes
        self.others: list[Saved] = []  # asked one by one
        for each in saved:
            kind, container = each.__class__, each.container
            if kind is SavedClass:
                self.kinds.add(container, each.copy)
            elif kind is SavedClasses:
                for one, attributes in zip(container, each.copy, strict=True):
                    self.kinds.add(one, attributes)
            elif kind is Saved and container.__class__ is dict and each.copy:
                self.dicts.add(container, each.copy)
            elif kind is Saved and container.__class__ in _EXACT_CONTAINERS and not each.copy:
                self.empty.append(container)
            elif kind is not SavedTensors or container:
                self.others.append(each)


class Mappings:
    """Dicts or classes, and what they held: lengths, keys and values of all in one list each."""

    __slots__ = ("keys", "lengths", "owners", "values")

    def __init__(self) -> None:
        self.owners: list[Any] = []
        self.lengths: list[int] = []
        self.keys: list[object] = []
        self.values: list[object] = []

    def add(self, owner: object, held: dict[object, object]) -> None:
        """One more."""
        self.owners.append(owner)
        self.lengths.append(len(held))
        self.keys += held
        self.values += held.values()


def changed(saved: list[Saved]) -> list[Saved]:
    """Those that hold something else now."""
    dicts: list[Saved] = []
    others: list[Saved] = []
    for each in saved:
        is_dict = each.__class__ is Saved and each.container.__class__ is dict
        (dicts if is_dict else others).append(each)
    is_same = _are_same([each.container for each in dicts], [each.copy for each in dicts])
    return [each for each in (others if is_same else saved) if not each.is_unchanged()]


def are_unchanged(groups: Sequence[Together]) -> bool:
    """Whether all of them hold the same objects: False too where a class has a special new name."""
    kinds = [group.kinds for group in groups]
    dicts = [group.dicts for group in groups]
    attributes = map(_attributes_of, _flat([each.owners for each in kinds]))
    now = [*_flat([each.owners for each in dicts]), *attributes]
    before = [*dicts, *kinds]
    return (
        not any(_flat([group.empty for group in groups]))
        and list(map(len, now)) == list(_flat([each.lengths for each in before]))
        and all(map(operator.is_, _flat(map(_values_of, now)), _flat([e.values for e in before])))
        and list(_flat(now)) == list(_flat([each.keys for each in before]))
        and all(map(_is_unchanged, _flat([group.others for group in groups])))
    )


_attributes_of = type.__dict__["__dict__"].__get__
_flat = itertools.chain.from_iterable
_values_of = operator.methodcaller("values")
_is_unchanged = operator.methodcaller("is_unchanged")


class SavedTogether(SavedSeveral):
    """Several ``Together``. ``skipped``: kinds of what is neither told of nor put back."""

    __slots__ = ("skipped",)

    def __init__(self, groups: list[Together], skipped: tuple[type[Saved], ...] = ()) -> None:
        self.skipped = skipped
        super().__init__(groups, "", "global")

    def content(self) -> None:
        """The groups have it."""

    def is_unchanged(self) -> bool:
        """Whether nothing has changed, skipped or not."""
        return are_unchanged(self.container)

    def again(self) -> SavedTogether:
        """As it is now."""
        if self.is_unchanged():
            return self
        now = [Together([saved.again() for saved in group.saved]) for group in self.container]
        return SavedTogether(now, self.skipped)

    def functions(self) -> Iterable[tuple[Any, Any, Any]]:
        """Those in all groups."""
        return _flat(group.functions for group in self.container)

    def but_for(self, *kinds: type[Saved]) -> SavedTogether:
        """The same without some kinds."""
        return SavedTogether(self.container, kinds)

    def parts(self) -> Iterator[Saved]:
        """What has changed."""
        for group in self.container:
            if not are_unchanged([group]):
                for saved in changed(group.saved):
                    if not isinstance(saved, self.skipped):
                        yield from saved.parts()

    def identities(self) -> Iterable[int]:
        """Those of the containers in all groups."""
        return _flat(saved.identities() for group in self.container for saved in group.saved)

    def find(self, container: int) -> Saved | None:
        """The one with this identity."""
        each = (saved.find(container) for group in self.container for saved in group.saved)
        return next(filter(None, each), None)


_EXACT_CONTAINERS = frozenset({*CONTAINERS, OrderedDict})
_attributes_of = type.__dict__["__dict__"].__get__
_flat = itertools.chain.from_iterable
_values_of = operator.methodcaller("values")


def _functions_in(
    owner: object, held: dict[Any, object] | list[object]
) -> Iterable[tuple[Any, Any, Any]]:
    values = held.values() if isinstance(held, dict) else held
    if _HOLDING.isdisjoint(map(type, values)) or not isinstance(owner, _NAMING):
        return ()
    entries = held.items() if isinstance(held, dict) else enumerate(held)
    return [
        (owner, name, value)
        for name, value in entries
        if type(value) in _HOLDING
        and not (type(value) is tuple and PLAIN.issuperset(map(type, value)))
    ]


PLAIN = frozenset({
    int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.Size,
})  # fmt: skip
"""The classes of what holds nothing."""
_Cached = type(functools.lru_cache(lambda: None))
_FUNCTIONS = frozenset({BuiltinFunctionType, MethodDescriptorType, MethodType, _Cached})
_HOLDING = _FUNCTIONS | {staticmethod, tuple, list}  # `sys.argv` is a list
_NAMING = (dict, list, type, CellType)


def _content(container: Any) -> Any:
    # By the methods of the built-in kinds: a class of the user's may have others.
    kind = container.__class__
    if kind is dict or kind is list:
        return container.copy()
    if isinstance(container, OrderedDict):
        return dict(OrderedDict.items(container))
    if isinstance(container, dict):
        if kind.__iter__ is dict.__iter__:  # else it is copied by methods of its own
            return dict.copy(container)  # which asks no key for its hash: a size would be fixed
        return dict(dict.items(container))
    if isinstance(container, list):
        return list.copy(container)
    # A scripted module has wrappers of its own.
    return dict(container.items()) if hasattr(container, "items") else list(container)


def _holds(container: Any, before: Any) -> bool:
    """Whether a container holds what ``_content`` has given before."""
    kind = container.__class__
    return _is_same(container if kind is dict or kind is list else _content(container), before)


def _are_same(now: list[dict[Any, Any]], before: list[dict[Any, Any]]) -> bool:
    """``_is_same`` of each two plain dicts: ten times as fast for many."""
    return (
        list(map(len, now)) == list(map(len, before))
        and all(map(operator.is_, _flat(map(dict.values, now)), _flat(map(dict.values, before))))
        and list(_flat(now)) == list(_flat(before))
    )


def _is_same(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    if isinstance(before, dict):
        return all(map(operator.is_, now.values(), before.values())) and list(now) == list(before)
    return all(map(operator.is_, now, before))


def is_watched(name: object) -> bool:
    """Whether classes and globals of this Python module are the program's: not Python's, torch's

    or our own.
    """
    package, _, rest = str(name).partition(".")
    if package == "monograph":
        return rest.startswith("exportdb.cases.")
    return package != "torch" and package not in sys.stdlib_module_names


def slots_of(kind: type) -> tuple[str, ...]:
    """The names that classes of the user's have for attributes outside of ``__dict__``.

    Not what a class written in C shows of its structure, which may be read-only, or made anew for
    each who asks (``numpy.random.RandomState``).
    """
    return tuple(
        name
        for each in kind.__mro__
        if is_watched(each.__module__) and "__slots__" in vars(each)
        for name, member in vars(each).items()
        if isinstance(member, MemberDescriptorType)
    )
