"""What the side of a branch changes of Python's objects that no operator joins.

Variables, lists, dicts, sets and attributes are followed (``state.py``). An iterator that is one
item further, bytes, an array of numpy's, a class or module that the program has made, an attribute
of a tensor, the mode that gradients are in: for one side it is as the other one has left it.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

import torch
from torch import nn

from monograph.capture.abstract import AbstractTensor
from monograph.capture.python.saved import CONTAINERS, PLAIN, Saved, SavedClass, SavedNames
from monograph.capture.python.walk import Walk
from monograph.diagnostics import ControlFlowError, SourceLine
from monograph.torch_internals import without_modes

__all__ = ["Unseen", "refuse_as_unseen"]

_DEEPEST = 6
_FOLLOWED = (*CONTAINERS, frozenset, torch.Tensor)


class _Thing(NamedTuple):
    path: str
    value: object
    form: object


def refuse_as_unseen(path: str, where: SourceLine | None) -> NoReturn:
    """Refuse a change of ``path``.

    Raises:
        ControlFlowError: MG-C115.
    """
    raise ControlFlowError(
        f"one way through the program changes {path}, which cannot be joined with what it is on "
        "the other",
        code="MG-C115",
        where=where,
        hint="let the branch choose a value, and change the object after it.",
    )


class Unseen:
    """Some objects as they are now: by what they would give to ``pickle``."""

    def __init__(self, things: Iterable[tuple[str, object]], seen: set[int]) -> None:
        walk = Walk(set(seen))
        self._things: list[_Thing] = []
        for path, value in things:
            if isinstance(value, (nn.Module, type)):
                walk.add(value, path, "variable")
            elif value.__class__ not in PLAIN and not isinstance(value, CONTAINERS):
                self._things.append(_Thing(path, value, _form(value)))
                if hasattr(type(value), "__slots__") and not isinstance(value, _FOLLOWED):
                    walk.add(value, path, "variable")
        walk.run()
        self._saved = [each for each in walk.saved if type(each) is not Saved]
        self._modes = _modes()

    def require_unchanged(self, followed: Iterable[Saved], where: SourceLine | None) -> None:
        """Refuse what has changed, the order of the keys in ``followed`` dicts among it.

        Raises:
            ControlFlowError: MG-C115.
        """
        reordered = (f"the order of {saved.path}" for saved in followed if _is_reordered(saved))
        for path in itertools.chain(self._changed(), reordered):
            refuse_as_unseen(path, where)

    def _changed(self) -> Iterator[str]:
        if _modes() != self._modes:
            yield "the mode that gradients, or operators, are in"
        for thing in self._things:
            if _form(thing.value) != thing.form:
                yield f"{thing.path}, a {type(thing.value).__name__}"
        for saved in self._saved:
            if isinstance(saved, SavedNames) and not isinstance(saved, SavedClass):
                continue  # a slot is seen by its form
            changes = [] if saved.is_unchanged() else list(saved.changes())
            # A tensor there is one that leaves the branch: that is told where it is read.
            yield from (each.path for each in changes if not isinstance(each.new, torch.Tensor))


def _is_reordered(saved: Saved) -> bool:
    """Whether the entries that are still there come in another order."""
    now, before = saved.container, saved.copy
    if not isinstance(now, dict):
        return False
    return [key for key in now if key in before] != [key for key in before if key in now]


def _modes() -> tuple[object, ...]:
    return torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.get_default_dtype()


def _form(value: object, depth: int = 0) -> object:
    """Something that is equal as long as ``value`` is as it is."""
    kind = type(value)
    if kind in PLAIN:
        return kind, value
    if isinstance(value, torch.Tensor):
        return _form_of_tensor(value)
    if isinstance(value, torch.Generator):
        with without_modes():
            return id(value), bytes(value.get_state().tolist())
    if isinstance(value, tuple) and depth < _DEEPEST:
        return kind, tuple(_form(item, depth + 1) for item in value)
    is_ours = kind.__module__.startswith("monograph.")
    if isinstance(value, _FOLLOWED) or callable(value) or is_ours or depth >= _DEEPEST:
        return kind, id(value)
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        made = value.__reduce_ex__(4)
        if isinstance(made, tuple):
            arguments, state, *items = (*made[1:], None)[:4]
            if hasattr(value, "__dict__"):  # attributes are followed
                state = state[1:] if isinstance(state, tuple) else None
            given = [list(each) for each in items if isinstance(each, Iterator)]
            parts = (arguments, state, *(tuple(each) for each in given))
            return kind, id(value), tuple(_form_of_state(part, depth + 1) for part in parts)
    return kind, id(value), _form_of_frame(value, depth)


def _form_of_state(state: object, depth: int) -> object:
    if type(state) is dict:  # made anew, as the object's own may be
        return {key: _identity(item) for key, item in state.items()}
    if type(state) is tuple and depth < _DEEPEST:  # with slots: what is in a dict, and in these
        return tuple(_form_of_state(item, depth + 1) for item in state)
    return _form(state, depth)


def _identity(item: object) -> object:
    return (type(item), item) if type(item) in PLAIN else id(item)


def _form_of_tensor(tensor: torch.Tensor) -> object:
    """What Python can change of it."""
    of_ours = ("value",) if isinstance(tensor, AbstractTensor) else ()
    attributes = {
        name: _identity(item) for name, item in vars(tensor).items() if name not in of_ours
    }
    return id(tensor), tensor.requires_grad, attributes


def _form_of_frame(value: object, depth: int) -> object:
    """Where a generator is, and what it holds: its variables, and what it goes through."""
    frame = getattr(value, "gi_frame", None)
    if frame is None:
        return None
    return frame.f_lasti, [_form(each, depth + 1) for each in gc.get_referents(value)]
