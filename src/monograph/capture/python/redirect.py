"""Calls of a function sent elsewhere, whatever name it is called by."""

from __future__ import annotations

import contextlib
import copy
import operator
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeGuard

__all__ = [
    "InPlaceOf",
    "MethodInPlaceOf",
    "constant_replaced",
    "copied",
    "identity_of",
    "is_in_place",
    "is_redirectable",
    "redirected",
]

_TARGET = "the function that is called instead"


def _template(*args: object, **kwargs: object) -> object:
    target: Any = "the function that is called instead"
    return target(*args, **kwargs)


def constant_replaced(code: CodeType, old: object, new: object) -> CodeType:
    """``code`` with a constant replaced, also in the functions inside it.

    A constant may be any object: the way to hand one to code without a name for it.
    """
    consts = tuple(
        constant_replaced(c, old, new)
        if isinstance(c, CodeType)
        else (new if type(c) is type(old) and c == old else c)
        for c in code.co_consts
    )
    return code.replace(co_consts=consts)


def copied(function: FunctionType) -> FunctionType:
    """What ``function`` is now, whatever code it is given later."""
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        function.__closure__,
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def is_redirectable(function: object) -> TypeGuard[FunctionType]:
    """Whether it can be given other code: whether it is written in Python."""
    return isinstance(function, FunctionType)


@contextlib.contextmanager
def redirected(targets: dict[Any, Callable[..., Any]], mine: Callable[[], bool]) -> Iterator[None]:
    """Send calls of the keys to the values, for calls that are ``mine``.

    The function objects get other code for a while, so that a name bound to one long ago
    (``from torch import cond``) leads there too.
    """
    used: list[tuple[FunctionType, CodeType, _Sent]] = []
    try:
        for function, target in targets.items():
            code = function.__code__
            sent = _sent.get(function)
            if sent is None or sent.before is not code:  # it is sent elsewhere, or was changed
                sent = _Sent(function)
                if function not in _sent and len(_sent) < _MOST_KEPT:
                    _sent[function] = sent
            used.append((function, code, sent))
            sent.choice[:] = ((target, mine),)
            function.__code__ = sent.code
        yield
    finally:
        for function, code, _ in used:
            function.__code__ = code
        for _, _, sent in used:
            del sent.choice[:]


class _Sent:
    """Code that chooses whom to call, while ``choice`` says so: made once for each function.

    Code is remembered by others, and holds its constants: so it holds nothing of a capture.
    """

    def __init__(self, function: FunctionType) -> None:
        self.before = function.__code__
        self.choice: list[tuple[Callable[..., Any], Callable[[], bool]]] = []
        original, choice = copied(function), self.choice

        def call(*args: object, **kwargs: object) -> object:
            for target, mine in choice:
                if mine():
                    return target(*args, **kwargs)
            return original(*args, **kwargs)

        made = constant_replaced(_template.__code__, _TARGET, call)
        code = function.__code__
        self.code = made.replace(
            co_name=code.co_name, co_qualname=code.co_qualname, co_freevars=code.co_freevars
        )


_MOST_KEPT = 1000
_sent: dict[FunctionType, _Sent] = {}


class _Kind(type):
    """A class whose instances say of themselves what others say: the class has a module, too."""


class InPlaceOf(metaclass=_Kind):
    """What a function of C is replaced by: called instead of it, and otherwise the same for all.

    It is equal to the function, and found where that is a key; its class, its name and its text are
    the function's. Only ``is`` tells them apart, where the one meets the other.
    """

    # A slot, so that the function that is called has the frame of its caller next to its own.
    __slots__ = ("__call__", "function")

    def __init__(self, function: object, called: Callable[..., object]) -> None:
        self.function: object = function.function if is_in_place(function) else function
        self.__call__ = called

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.function)

    def __eq__(self, other: object) -> bool:
        other = other.function if is_in_place(other) else other
        return bool(self.function == other)

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return repr(self.function)

    def __getattr__(self, name: str) -> object:
        return getattr(self.function, name)

    def __copy__(self) -> InPlaceOf:
        return self

    def __deepcopy__(self, memo: object) -> InPlaceOf:
        return self

    def __reduce__(self) -> str | tuple[object, ...]:
        name = str(self.__qualname__)
        module = sys.modules.get(getattr(self.function, "__module__", ""))
        if getattr(module, name, None) is self:  # it is found by its name
            return name
        return copy.copy, (self.function,)  # which gives the function itself


class MethodInPlaceOf(InPlaceOf):
    """The same for a method of C."""

    __slots__ = ()

    def __get__(self, instance: object, owner: object) -> object:
        return self if instance is None else MethodType(self.__call__, instance)


def is_in_place(function: object) -> TypeGuard[InPlaceOf]:
    """Whether it is called instead of another one."""
    return type(function) in (InPlaceOf, MethodInPlaceOf)


def identity_of(function: object) -> int:
    """The identity of a function, whether it is the function itself or what is in its place.

    What is in its place is another object in each attempt of a capture.
    """
    return id(function.function if is_in_place(function) else function)


# What a class has of its own, and would not ask for.
for _kind in (InPlaceOf, MethodInPlaceOf):
    for _name in ("__doc__", "__module__"):
        setattr(_kind, _name, property(operator.attrgetter(f"function.{_name}")))
setattr(_Kind, "__module__", property(lambda kind: __name__))
