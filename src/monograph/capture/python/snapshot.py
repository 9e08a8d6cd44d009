"""The state that a program might change while it runs, remembered and put back.

Watched is what hangs on the program: its modules with all that they hold (hooks too), containers,
plain objects, functions and classes as deep as they go, the globals of the Python modules that
define them, flags of tensors, and the random generators. The thread's and torch's own state are
``process_state``'s.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from monograph.capture.python.libraries import ProgramWalk
from monograph.capture.python.saved import (
    Change,
    Saved,
    SavedClasses,
    SavedDicts,
    SavedGenerator,
    SavedParts,
    SavedTensors,
    SavedTogether,
    changed,
)
from monograph.torch_internals import GLOBAL_HOOKS, put_back_writes, without_modes, writes_to

__all__ = ["Changed", "Snapshot"]


class Changed(NamedTuple):
    """A container as it was, as it is now, and the entries that are other objects."""

    before: Saved
    after: Saved
    changes: list[Change]


class Snapshot:
    """Taken before the program runs; ``changed`` and ``restore`` come after."""

    def __init__(self, modules: list[tuple[str, nn.Module]], function: Any) -> None:
        self._changed: list[Saved] | None = None
        self._torch_state = torch.get_rng_state()
        self._python_state = random.getstate()
        numpy = sys.modules.get("numpy.random")  # which numpy loads when it is first asked for
        self._numpy_state = numpy.get_state() if numpy is not None else None
        walk = ProgramWalk()
        walk.add_modules(modules)
        walk.add(function, "", "closure")
        for name, hooks in GLOBAL_HOOKS.items():
            walk.add(hooks, f"torch.nn.modules.module.{name}", "global")
        walk.run(globals_too=True)
        self._saved, self.unwatched = walk.saved, walk.unwatched
        self._with_defaults, self._partials = walk.with_defaults, walk.partials
        self.tensors = [tensor for tensor, _, _ in walk.tensors]

    def again(self, *, but_for: tuple[type[Saved], ...] = ()) -> list[Saved]:
        """Everything that is watched, as it is now; but for some kinds."""
        return [
            saved.again().but_for(*but_for) if isinstance(saved, SavedTogether) else saved.again()
            for saved in self._saved
            if not isinstance(saved, but_for)
        ]

    def find_changed(self) -> list[Saved]:
        """The containers that hold something else now, each as it was."""
        found: dict[int, Saved] = {}  # what is near comes first, and may be in a library too
        for saved in changed(self._saved):
            for part in saved.parts():
                found.setdefault(id(part.container), part)
        return list(found.values())

    def changed(self) -> list[Changed]:
        """The containers that hold something else now, before ``restore``."""
        self._changed = self.find_changed()
        found = (Changed(saved, saved.again(), list(saved.changes())) for saved in self._changed)
        return [each for each in found if each.changes]

    def identities(self) -> frozenset[int]:
        """Those of all containers that are watched."""
        return frozenset(i for saved in self._saved for i in saved.identities())

    def places_of(self, instead_of: Callable[[Any], Any]) -> Iterator[tuple[Any, Any, Any]]:
        """Where the program holds what is to be replaced: owners, names and what to hold there.

        ``instead_of`` gives None for what stays as it is.
        """
        for saved in self._saved:
            for owner, name, value in saved.functions():
                instead = instead_of(value.__func__ if type(value) is staticmethod else value)
                if instead is not None:
                    is_class = isinstance(owner, type)
                    yield owner, name, staticmethod(instead) if is_class else instead
        for function in self._with_defaults:
            defaults = instead_of(function.__defaults__ or ())
            if defaults is not None:
                yield function, "__defaults__", defaults
            for name, value in (function.__kwdefaults__ or {}).items():
                if (instead := instead_of(value)) is not None:
                    yield function.__kwdefaults__, name, instead
        for partial in self._partials:
            before = partial.func, *partial.args, *partial.keywords.values()
            made = instead_of(before)
            if made is not None:
                count = 1 + len(partial.args)
                keywords = dict(zip(partial.keywords, made[count:], strict=True))
                yield partial, "", (made[0], made[1:count], keywords)

    def namespaces(self) -> Iterator[dict[str, object]]:
        """The globals of the program's own files."""
        for saved in self._saved:
            is_module = saved.field == "global" and type(saved.container) is dict
            if is_module and "__name__" in saved.copy and "hash" not in saved.copy:
                yield saved.container

    def generators(self) -> list[torch.Generator]:
        """Torch's random generators that the program may reach."""
        found = [saved.container for saved in self._saved if isinstance(saved, SavedGenerator)]
        return [each for each in found if isinstance(each, torch.Generator)]

    def holders(self) -> Counter[int]:
        """In how many places each tensor is, by identity."""
        found: Counter[int] = Counter()
        for saved in self._saved:
            copies = saved.copy if isinstance(saved, (SavedDicts, SavedClasses)) else [saved.copy]
            if isinstance(saved, SavedParts):
                copies = saved.copy.values()
            if not isinstance(saved, (SavedTensors, SavedTogether)):
                stack = [item for held in copies for item in _items(held)]
                while stack:
                    item = stack.pop()
                    if isinstance(item, torch.Tensor):
                        found[id(item)] += 1
                    elif isinstance(item, tuple):
                        stack += item
        return found

    def tensor_paths(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Plain tensor attributes, in lists and dicts too, with their dotted paths."""
        watched = (s.each() if isinstance(s, SavedDicts) else (s,) for s in self._saved)
        for saved in itertools.chain.from_iterable(watched):
            if saved.field != "attribute" or saved.__class__ is not Saved:
                continue
            items = saved.copy.items() if isinstance(saved.copy, dict) else enumerate(saved.copy)
            for key, item in items:
                if isinstance(item, torch.Tensor):
                    yield (f"{saved.path}.{key}" if saved.path else str(key)), item

    def drawn_from(self) -> list[str]:
        """The paths of the program's own generators of Python or numpy that are not as before."""
        return [
            saved.path
            for saved in self._saved
            if isinstance(saved, SavedGenerator)
            and not isinstance(saved.container, torch.Generator)
            and not saved.is_unchanged()
        ]

    def drawn(self) -> list[str]:
        """The random generators beside torch's that are not as they were."""
        found = []
        if random.getstate() != self._python_state:
            found.append("random")
        if self._numpy_state is not None:
            now, before = sys.modules["numpy.random"].get_state(), self._numpy_state
            if now[2:] != before[2:] or now[1].tobytes() != before[1].tobytes():
                found.append("numpy.random")
        return found

    @contextmanager
    def without_histories(self) -> Iterator[None]:
        """Above autograd, real tensors note what is written to them: nothing of it afterwards."""
        tensors = [tensor for tensor in self.tensors if not tensor.is_inference()]
        counts = list(map(writes_to, tensors))
        try:
            yield
        finally:
            for saved in self._saved:
                if isinstance(saved, SavedTensors):
                    saved.forget_histories()
            put_back_writes(tensors, counts)

    def restore(self) -> None:
        """Put everything back, the random generators too."""
        for saved in self.find_changed() if self._changed is None else self._changed:
            saved.restore()
        with without_modes():  # one of the user's may be on, for fake tensors
            if not torch.equal(torch.get_rng_state(), self._torch_state):
                torch.set_rng_state(self._torch_state)
        drawn = self.drawn()
        if "random" in drawn:
            random.setstate(self._python_state)
        if "numpy.random" in drawn:
            sys.modules["numpy.random"].set_state(self._numpy_state)
        elif self._numpy_state is None and "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()  # loaded meanwhile: by chance, as it begins


def _items(held: Collection[object]) -> Collection[object]:
    return held.values() if isinstance(held, dict) else held
