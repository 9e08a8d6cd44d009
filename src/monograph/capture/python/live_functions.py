"""The functions of a file that are alive: whose code is exchanged where it is rewritten."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from types import FunctionType

__all__ = ["live_functions"]

_known: dict[str, list[weakref.ref[FunctionType]]] = {}  # by file
_age = (-1, -1, -1)
_mark: list[object] = []  # made at the last look
_marks: list[list[object] | None] = [None, None, None]  # of earlier looks, in each generation now


def live_functions(file: str) -> Iterator[FunctionType]:
    """Every Python function of a file, as its code names it.

    To look at all objects takes a tenth of a second for each half million, and an export or a
    search for fixes looks dozens of times. Objects become older in collections alone. Until their
    generation is collected itself, those that come to it stand after those that were there: what
    was found before, and what stands after the marks, are all there are. (From 3.14 on there are
    no generations to tell them apart by.)
    """
    global _age, _mark
    stats = gc.get_stats()
    now = (stats[0]["collections"], stats[1]["collections"], stats[2]["collections"])
    collected = [i for i in range(3) if _age[i] != now[i]]
    if 2 in collected or sys.version_info >= (3, 14):
        _known.clear()
        _marks[:] = [None, None, None]
        _note(gc.get_objects())
    else:
        oldest = max(collected, default=-1) + 1  # where the last mark is now
        _note(_after(_marks[oldest] if collected else _mark, oldest))
        for generation in range(oldest):
            _note(gc.get_objects(generation))
        _marks[oldest] = _mark
        _marks[:oldest] = [None] * oldest
    _age, _mark = now, []
    seen: set[int] = set()
    for reference in list(_known.get(file, ())):
        function = reference()
        if function is not None and id(function) not in seen:
            seen.add(id(function))
            yield function


def _after(mark: object, generation: int) -> list[object]:
    """The objects of a generation that stand after ``mark``."""
    objects = gc.get_objects(generation)
    at = next((i for i in range(len(objects) - 1, -1, -1) if objects[i] is mark), -1)
    return objects[at + 1 :]


def _note(objects: list[object]) -> None:
    for function in [item for item in objects if type(item) is FunctionType]:
        _known.setdefault(function.__code__.co_filename, []).append(weakref.ref(function))
