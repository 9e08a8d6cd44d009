"""What to write instead of an expression that asks for data, by what it is."""

from __future__ import annotations

import ast

__all__ = ["instead_of"]

_TABLE = (
    "keep the table in a tensor and the number as it is: table[number] takes a row of it.\n"
    "modules in a ModuleList may be indexed by it: export(..., strict=True)."
)
_TEXT = (
    "a text is no part of a graph: return the tensor, and write the text outside of the program."
)
_ORDER = "torch.stack(items).sort() orders tensors inside of a graph."
# Functions that compute the same in torch and in numpy.
_OF_BOTH = {
    "abs", "arccos", "arcsin", "arctan", "arctan2", "ceil", "concatenate", "cos", "cosh", "exp",
    "expm1", "floor", "hypot", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2",
    "logical_and", "logical_not", "logical_or", "maximum", "mean", "minimum", "prod", "sign", "sin",
    "sinh", "sqrt", "square", "stack", "sum", "tan", "tanh", "trunc", "where",
}  # fmt: skip
_GENERAL = {
    "MG-D101": "compute both sides and choose with torch.where(condition, a, b).",
    "MG-D102": "keep the number a tensor, or pass it to the program as a Python number.",
    "MG-D103": "keep the values in a tensor, or pass them to the program as Python numbers.",
    "MG-D104": "compute with a mask of fixed size (torch.where), or outside the program.",
}


def instead_of(expression: str | None, code: str) -> str:
    """What to write in the place of ``expression``, which is refused with ``code``."""
    return _particular(_parsed(expression)) or _GENERAL[code]


def _parsed(expression: str | None) -> ast.expr | None:
    try:
        return ast.parse(expression, mode="eval").body if expression else None
    except SyntaxError:
        return None


def _particular(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return _TEXT
    if isinstance(node, ast.Subscript):
        return _TABLE
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("str", "repr", "format"):
            return _TEXT
        if isinstance(function, ast.Attribute) and function.attr == "format":
            return _TEXT
        if isinstance(function, ast.Name) and function.id == "sorted":
            return _ORDER
        if isinstance(function, ast.Attribute) and function.attr == "sort":
            return _ORDER
        return _of_numpy(node)
    return None


def _of_numpy(call: ast.Call) -> str | None:
    """Torch's function of the same name, for a call of a function of numpy's."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    is_both = function.value.id in ("np", "numpy") and function.attr in _OF_BOTH
    if not is_both:
        return None
    return f"torch.{function.attr} computes it inside of a graph, of tensors."
