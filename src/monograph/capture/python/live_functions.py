"""The functions of a file that are alive: whose code is exchanged where it is rewritten."""

from __future__ import annotations

import gc
import itertools
import sys
import weakref
from collections import defaultdict
from collections.abc import Iterator
from types import FunctionType

__all__ = ["live_functions"]

_Known = dict[str, list[weakref.ref[FunctionType]]]  # by file
_age = (-1, -1)
_known: _Known = {}


def live_functions(file: str) -> Iterator[FunctionType]:
    """Every Python function of a file, as its code names it.

    To look at all objects takes a twentieth of a second for each million, and a search for fixes
    looks dozens of times. Objects become old in collections alone: until the next one, those that
    were found before and the young ones are all there are. (From 3.14 on there are no generations
    to tell them apart by.)
    """
    global _age, _known
    stats = gc.get_stats()
    now = (stats[1]["collections"], stats[2]["collections"])
    if _age != now or sys.version_info >= (3, 14):
        _age, _known = now, _all()
        young: list[FunctionType] = []
    else:
        objects = itertools.chain.from_iterable(map(gc.get_objects, (0, 1)))
        young = [item for item in objects if type(item) is FunctionType]
    for reference in _known.get(file, ()):
        function = reference()
        if function is not None:
            yield function
    yield from (function for function in young if function.__code__.co_filename == file)


def _all() -> _Known:
    found: _Known = defaultdict(list)
    for item in gc.get_objects():
        if type(item) is FunctionType:
            found[item.__code__.co_filename].append(weakref.ref(item))
    return dict(found)
