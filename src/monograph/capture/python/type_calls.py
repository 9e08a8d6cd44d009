"""``type(x)`` in a program's functions, of what only stands for a number or a tensor.

C answers it without asking anybody. So the functions that a program may call and that call
``type`` have, for as long as a capture runs, code that calls a function of ours at these places.
All else that is said of ``type`` (``isinstance(x, type)``) stays as it is.
"""

from __future__ import annotations

import contextlib
import dis
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

from monograph.capture.current import running_recorder
from monograph.capture.python.frames import stands_in
from monograph.capture.python.number_functions import NUMBERS_OF_NUMPY, in_numpy
from monograph.capture.python.reached import Search, is_installed, names_in
from monograph.capture.python.redirect import is_in_place
from monograph.capture.python.sites import note_patched
from monograph.capture.restarts import NeedsCalls

__all__ = ["type_of", "types_as_in_eager_mode"]

_NUMBERS: dict[Any, type] = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}
_LIBRARIES = Search(type)
_MOST_KEPT = 4096
_LOAD, _EXTENDED, _CACHE = (dis.opmap.get(name, 0) for name in
                            ("LOAD_GLOBAL", "EXTENDED_ARG", "CACHE"))  # fmt: skip
# Functions that call what they are given.
_CALLING = frozenset(("map", "filter", "sorted", "sort", "reduce", "groupby", "max", "min"))


@contextlib.contextmanager
def types_as_in_eager_mode(
    called: object, modules: Iterable[nn.Module], is_chosen: Callable[[CodeType], bool]
) -> Iterator[None]:
    """``type(x)`` in functions that ``called``, or a method of ``modules``, may call.

    ``is_chosen``: whether the callees in some code are chosen anyhow, or cannot be.

    Raises:
        NeedsCalls: ``type`` is handed on (``map(type, sizes)``): its callees are to be chosen.
    """
    search = Search(type, _LIBRARIES)
    search.add(called)
    search.add_modules(modules)
    before: list[tuple[FunctionType, CodeType]] = []
    try:
        for function in search.run():
            code = function.__code__
            if _hands_it_on(code, function.__globals__) and not is_chosen(code):
                raise NeedsCalls(code, function)
            made = _patched(code, function.__globals__)
            if made is not code:
                before.append((function, code))
                function.__code__ = made
        yield
    finally:
        for function, code in before:
            function.__code__ = code


def type_of(*args: object, **kwargs: object) -> type:
    """``type``: of a number that varies the type of Python's, of a tensor that of torch's."""
    found: type = type(*args, **kwargs)
    recorder = running_recorder()
    if len(args) != 1 or recorder is None:
        return found
    if is_in_place(args[0]):
        return type(args[0].function)
    if found is torch.SymFloat:
        recorder.sizes.require_kind(args[0])
    if found in NUMBERS_OF_NUMPY:
        return in_numpy(found)
    if found.__module__.startswith("monograph.") and hasattr(found, "stands_for"):
        instead: type = args[0].stands_for  # type: ignore[attr-defined]
        return instead
    said = vars(found).get("__class__")  # what a tensor without data says that it is
    return said if said is torch.Tensor else _NUMBERS.get(found, found)


stands_in(type_of.__code__)

# By identity, with what they were made from: equal code may stand in several files.
_made: dict[int, tuple[CodeType, CodeType]] = {}


def _patched(code: CodeType, names: dict[str, Any]) -> CodeType:
    """``code`` (and all inside it) with calls of ``type`` as calls of ours."""
    found = _made.get(id(code))
    if found is None:
        if len(_made) >= _MOST_KEPT:
            _made.clear()
        found = _made[id(code)] = code, _with_calls(code, names)
        if found[1] is not code:
            note_patched(found[1], code)
    return found[1]


def _with_calls(code: CodeType, names: dict[str, Any]) -> CodeType:
    constants = tuple(
        _patched(constant, names) if type(constant) is CodeType else constant
        for constant in code.co_consts
    )
    is_new = any(new is not old for new, old in zip(constants, code.co_consts, strict=True))
    wanted = _names_of_type(code, names)
    if not wanted:
        return code.replace(co_consts=constants) if is_new else code
    patched = bytearray(code.co_code)
    for start, end, name, is_called in _globals_loaded(code):
        if is_called and name in wanted and not _is_of_self(code, end):
            load = _loading(len(constants))
            room = (end - start - len(load)) // 2
            patched[start:end] = load + bytes((dis.opmap["NOP"], 0)) * room
            is_new = True
    if not is_new:
        return code
    return code.replace(co_code=bytes(patched), co_consts=(*constants, type_of))


def _hands_it_on(code: CodeType, names: dict[str, Any]) -> bool:
    """Whether ``type`` is loaded for more than to be called, and what gets it may call it."""
    found = _handing.get(id(code))
    if found is None:
        if len(_handing) >= _MOST_KEPT:
            _handing.clear()
        found = _handing[id(code)] = (
            code,
            _is_loaded(code, names)
            and (not is_installed(code) or not _CALLING.isdisjoint(names_in(code))),
        )
    return found[1]


_handing: dict[int, tuple[CodeType, bool]] = {}


def _is_loaded(code: CodeType, names: dict[str, Any]) -> bool:
    wanted = _names_of_type(code, names)
    return any(
        type(constant) is CodeType and _is_loaded(constant, names) for constant in code.co_consts
    ) or any(
        not is_called and name in wanted
        for _, _, name, is_called in (_globals_loaded(code) if wanted else ())
    )


def _globals_loaded(code: CodeType) -> Iterator[tuple[int, int, str, bool]]:
    """Where globals are loaded, from and to, with their names, and whether they are to be called.

    As ``dis`` tells it, which takes twenty times as long.
    """
    read, names, start, argument = code.co_code, code.co_names, 0, 0
    for at in range(0, len(read), 2):
        operation = read[at]
        argument |= read[at + 1]
        if operation == _EXTENDED:
            argument <<= 8
            continue
        if operation == _LOAD:
            end = at + 2
            while end < len(read) and read[end] == _CACHE:
                end += 2
            yield start, end, names[argument >> 1], bool(argument & 1)
        start, argument = at + 2, 0


def _names_of_type(code: CodeType, names: dict[str, Any]) -> set[str]:
    return {name for name in code.co_names if names.get(name, name == "type" and type) is type}


def _is_of_self(code: CodeType, offset: int) -> bool:
    """Whether the argument that is loaded at ``offset`` is the object whose method this is."""
    name = dis.opname[code.co_code[offset]]
    return (
        name.startswith("LOAD_FAST")
        and code.co_code[offset + 1] == 0
        and code.co_varnames[0] in ("self", "cls")
    )


def _loading(index: int) -> bytes:
    """Instructions that load a constant to be called: in no more room than a global takes."""
    null = bytes((dis.opmap["PUSH_NULL"], 0))
    load = bytes((dis.opmap["LOAD_CONST"], index & 0xFF))
    if index > 0xFF:
        load = bytes((dis.opmap["EXTENDED_ARG"], index >> 8)) + load
    return load + null if sys.version_info >= (3, 13) else null + load
