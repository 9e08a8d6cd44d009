"""Sizes as keys: a number that varies is looked up in a dictionary or a set.

Python finds a key by its hash, so there the number would have to be that of the example. Where the
container is seen in the program's source and the number is only looked up, it is enough to know
which of the keys it is, or that it is none of them: these are questions like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from types import FrameType

import torch

from monograph.capture.python.nodes import Syntax, syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of
from monograph.shapes.symnode import FloatNode, IntNode

__all__ = ["is_counted", "is_looked_up"]

_MOST_KEYS = 16
_LOOK_UPS = ("get", "pop", "__getitem__", "__contains__")
_CONTAINERS = (dict, set, frozenset)
_NUMBERS = (int, float, torch.SymInt, torch.SymFloat)


def is_looked_up(number: torch.SymInt | torch.SymFloat, frame: FrameType) -> bool:
    """Ask which of the keys ``number`` is, where ``frame`` looks it up in a container.

    Returns whether it does: the hash may then be that of the example. A number that no example
    gives has none.
    """
    if number.node.env.hint(number.node.content) is None:
        return False
    keys = _keys_at(frame)
    numbers = None if keys is None else _numbers_in(keys)
    if numbers is None:
        return False
    node: IntNode | FloatNode = number.node
    for key in numbers:
        if isinstance(node, IntNode) and isinstance(key, int):
            equal = node.eq(node.wrap_int(key))
        else:
            number_node = node.sym_float()
            equal = number_node._compare("eq", number_node.wrap_float(key))
        if equal.guard_bool("", 0):
            break
    return True


def is_counted(frame: FrameType) -> bool:
    """Whether of what ``frame`` makes now nothing but its ``len`` is asked."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    return syntax is not None and node is not None and _is_measured(syntax, node)


def _is_measured(syntax: Syntax, node: ast.AST, through: str = "") -> bool:
    user = syntax.around(node)
    if isinstance(user, ast.Call):
        return isinstance(user.func, ast.Name) and user.func.id == "len" and node in user.args
    if through or not isinstance(user, ast.Assign) or len(user.targets) > 1:
        return False
    target = user.targets[0]
    if not isinstance(target, ast.Name):
        return False
    readers = syntax.readers_of(target.id)
    return bool(readers) and all(_is_measured(syntax, each, target.id) for each in readers)


def _numbers_in(keys: Iterable[object]) -> list[float] | None:
    """The numbers among the keys, and in those that are tuples; None if there are too many."""
    found: dict[float, None] = {}
    for key in _leaves(keys):
        if isinstance(key, (torch.SymInt, torch.SymFloat)):
            return None
        found[key] = None
        if len(found) > _MOST_KEYS:
            return None
    return list(found)


def _leaves(keys: Iterable[object]) -> Iterator[float | torch.SymInt | torch.SymFloat]:
    for key in keys:
        if isinstance(key, (tuple, frozenset)):
            yield from _leaves(key)
        elif isinstance(key, _NUMBERS):
            yield key


def _keys_at(frame: FrameType) -> Iterable[object] | None:
    """The keys of the container that ``frame`` looks something up in; None where it does not."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    if isinstance(node, ast.Subscript):
        return _keys_of(node.value, frame) if isinstance(node.ctx, ast.Load) else None
    if isinstance(node, ast.Compare):
        is_membership = len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn))
        return _keys_of(node.comparators[0], frame) if is_membership else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _keys_of(node.func.value, frame) if node.func.attr in _LOOK_UPS else None
    return None


def _keys_of(container: ast.expr, frame: FrameType) -> Iterable[object] | None:
    if isinstance(container, (ast.Dict, ast.Set)):
        written = container.keys if isinstance(container, ast.Dict) else container.elts
        keys = [UNKNOWN if key is None else _written(key, frame) for key in written]
        return None if UNKNOWN in keys else keys
    found = value_of(container, frame)
    return found if type(found) in _CONTAINERS else None  # type: ignore[return-value]


def _written(key: ast.expr, frame: FrameType) -> object:
    if isinstance(key, ast.Tuple):
        parts = [_written(each, frame) for each in key.elts]
        return UNKNOWN if UNKNOWN in parts else tuple(parts)
    return value_of(key, frame)
