"""Whether values are of the types that schemas ask for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.fx import Node

from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some

__all__ = ["fits", "misfit", "takes"]

_TESTS = (Compare, OneOf, CompareFloats, All, Some)
_INTEGERS = (int, Expr, *_TESTS)
_NUMBERS = (float, FloatExpr, *_INTEGERS)
# What is no number in Python, and one in a schema's older spelling.
_WORDS = (torch.dtype, torch.layout, torch.memory_format, torch.device)
_KINDS: dict[str, tuple[type, ...]] = {
    "TensorType": (TensorSpec, complex, *_NUMBERS),  # a number stands for a tensor
    "IntType": (*_INTEGERS, *_WORDS),
    "SymIntType": _INTEGERS,
    "FloatType": _NUMBERS,
    "NumberType": (complex, *_NUMBERS),
    "ComplexType": (complex, *_NUMBERS),
    "BoolType": _INTEGERS,
    "SymBoolType": _INTEGERS,
    "StringType": (str,),
    "DeviceObjType": (torch.device, str),
    "ScalarTypeType": (torch.dtype, int),
    "LayoutType": (torch.layout, int),
    "MemoryFormatType": (torch.memory_format, int),
}


def fits(kind: Any, value: Any) -> bool:
    """Whether a value (a spec for a tensor, an expression for a number) is of a schema's type."""
    name = kind.kind()
    if name == "OptionalType":
        return value is None or fits(kind.getElementType(), value)
    if name == "ListType":
        element = kind.getElementType()
        if isinstance(value, (list, tuple)):
            return all(fits(element, item) for item in value)
        return element.kind() in ("IntType", "SymIntType", "FloatType") and fits(element, value)
    found = _KINDS.get(name)
    return found is None or isinstance(value, found)


def misfit(
    target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], content: Callable[[Node], Any]
) -> str | None:
    """Why an operator cannot be called so; None where it can. ``content``: what a node gives."""
    arguments = target._schema.arguments
    by_position = [argument for argument in arguments if not argument.kwarg_only]
    if len(args) > len(by_position):
        return f"it takes {len(by_position)} arguments by position, and gets {len(args)}"
    given = {argument.name: value for argument, value in zip(by_position, args, strict=False)}
    for name, value in kwargs.items():
        if name in given:
            return f"it gets {name} twice"
        given[name] = value
    for argument in arguments:
        if argument.name not in given:
            if not argument.has_default_value():
                return f"it does not get {argument.name}"
            continue
        value = _contents(given.pop(argument.name), content)
        if not fits(argument.real_type, value):
            return f"{argument.name} is a {argument.real_type}, and it gets {value!r}"
    return f"it takes no {next(iter(given))}" if given else None


class _Held:
    """What only an attribute of the graph gives: a generator, an object of a C++ class."""


def _contents(value: Any, content: Callable[[Node], Any]) -> Any:
    if isinstance(value, Node):
        return _Held() if value.op == "get_attr" else content(value)
    if isinstance(value, (list, tuple)):
        return [_contents(item, content) for item in value]
    return value


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:  # some of C's say nothing
        return None


def takes(function: Callable[..., Any], count: int, names: tuple[str, ...]) -> bool:
    """Whether a function of Python's may be called with so many arguments, and these by name."""
    signature = _signature(function)
    if signature is None:
        return True
    try:
        signature.bind(*range(count), **dict.fromkeys(names))
    except TypeError:
        return False
    return True
