"""What ``torch.export`` noted that its program needs of sizes: read, and checked at the door."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from monograph.diagnostics import FileError
from monograph.interop.expressions import Reader
from monograph.interop.layouts import fact_of_code
from monograph.ir.layouts import LayoutFact
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import Guard
from monograph.shapes.expr import Expr, Scope
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import Test, symbols_of, text_of

__all__ = ["demands"]

_SIZE = re.compile(r"\.(size|stride)\(\)\[(\d+)\]")
_ROOT = re.compile(r"L\['(\w+)'\]")
_STEP = re.compile(r"\[\d+\]|\['\w+'\]|\.(?!size\b|stride\b|storage_offset\b)\w+")


def demands(
    lines: Sequence[Any], leaves: dict[str, Any], scope: Scope
) -> tuple[list[Guard], list[LayoutFact], list[str]]:
    """The tests that ``lines`` write (``L['x'].size()[0] % 2 == 0``); what they say of layouts,
    for the ways to arguments; and the lines not understood.

    ``leaves``: what the arguments are, by the way to them: ``L['x'][0]``.
    """
    guards, layouts, unread = [], [], []
    for line in lines:
        fact = fact_of_code(str(line), leaves)
        if fact is not None:
            layouts.append(fact)
            continue
        try:
            test = _test(str(line), leaves, scope)
        except (FileError, KeyError, IndexError, TypeError):
            unread.append(str(line))
            continue
        if test is True:
            continue
        if test is False:
            raise FileError(f"the program demands {line[:100]}, which its sizes are not")
        message = f"torch.export found that the program needs it: {line}."
        guards.append(
            Guard(test, "precondition", None, text_of(test), True, message, symbols_of(test))
        )
    return guards, layouts, unread


def _test(line: str, leaves: dict[str, Any], scope: Scope) -> Test:
    """``line`` as a test; each way to a size becomes a name of its own for the reader."""
    values: dict[str, Any] = {}
    text, at = "", 0
    while (root := _ROOT.search(line, at)) is not None:
        end = root.end()
        size = _SIZE.match(line, end)
        while size is None and (step := _STEP.match(line, end)) is not None:
            end = step.end()
            size = _SIZE.match(line, end)
        value = leaves[line[root.start() : end]]
        if size is not None:
            if not isinstance(value, TensorSpec):
                raise TypeError(line)
            value = (value.shape if size[1] == "size" else value.strides)[int(size[2])]
            end = size.end()
        elif isinstance(value, TensorSpec):
            raise KeyError(line)
        name = f"_{len(values)}"
        values[name] = value
        text += line[at : root.start()] + name
        at = end
    text = (text + line[at:]).replace("max(", "Max(").replace("min(", "Min(")
    found = Reader(scope, values.__getitem__).read(text)
    if isinstance(found, bool) or not isinstance(found, (int, float, Expr, FloatExpr)):
        return found
    raise TypeError(line)
