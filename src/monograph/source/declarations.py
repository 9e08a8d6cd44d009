"""``Dim("batch")`` in a file, declared otherwise."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from monograph.capture.python.sites import replaced, span_of
from monograph.shapes.dims import AnyDim, DerivedDim, Dim

__all__ = ["redeclared"]


def redeclared(text: str, dims: Mapping[str, AnyDim | int], keys: Mapping[str, str]) -> str:
    """A file with the dimensions of these names declared so, and keys of dictionaries renamed.

    Calls of ``Dim`` alone are found; the file is as it was where there is none.
    """
    changes = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            owner, name = ast.unparse(node.func), str(node.args[0].value)
            if owner.rpartition(".")[2] == "Dim" and name in dims:
                new = _written(dims[name], owner)
                if new != ast.unparse(node):
                    changes.append((span_of(node), new))
        if isinstance(node, ast.Dict):
            for key in node.keys:
                name = str(key.value) if isinstance(key, ast.Constant) else ""
                if key is not None and name in keys:
                    changes.append((span_of(key), repr(keys[name])))
    return replaced(text, changes)


def _written(dim: AnyDim | int, owner: str) -> str:
    """A dimension as source text; ``owner`` is what the file calls ``Dim``."""
    if isinstance(dim, DerivedDim):
        root = _written(dim.root, owner)
        text = root if dim.slope == 1 else f"{dim.slope} * {root}"
        sign = "+" if dim.offset > 0 else "-"
        return f"{text} {sign} {abs(dim.offset)}" if dim.offset else text
    return f"{owner}{repr(dim).removeprefix('Dim')}" if isinstance(dim, Dim) else repr(dim)
