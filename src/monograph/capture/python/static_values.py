"""What an expression means in a frame, found without running any of the program's code."""

from __future__ import annotations

import ast
import inspect
from types import FrameType, ModuleType

__all__ = ["UNKNOWN", "value_of"]

UNKNOWN = object()


def value_of(node: ast.expr, frame: FrameType) -> object:
    """The value of a name, a constant, or attributes and items of these; ``UNKNOWN`` otherwise."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if node.id in names:
                return names[node.id]
        return UNKNOWN
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, frame)
        return UNKNOWN if owner is UNKNOWN else _attribute(owner, node.attr)
    if isinstance(node, ast.Subscript):
        items, index = value_of(node.value, frame), _index(node.slice)
        if index is not None and isinstance(items, (tuple, list)):
            return items[index] if -len(items) <= index < len(items) else UNKNOWN
    return UNKNOWN


def _index(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        found = _index(node.operand)
        return None if found is None else -found
    is_number = isinstance(node, ast.Constant) and type(node.value) is int
    return node.value if is_number else None  # type: ignore[attr-defined]


def _attribute(owner: object, name: str) -> object:
    if isinstance(owner, ModuleType):
        return vars(owner).get(name, UNKNOWN)
    found = inspect.getattr_static(owner, name, UNKNOWN)
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    if inspect.isgetsetdescriptor(found) or inspect.ismemberdescriptor(found):
        return found.__get__(owner)  # kept in C, as ``x.shape`` is
    return UNKNOWN if isinstance(found, property) else found
