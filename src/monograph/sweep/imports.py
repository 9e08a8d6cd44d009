"""Which files of a folder a Python file is made of: itself, and what it imports of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["files_behind"]


def files_behind(file: Path, root: Path) -> set[Path]:
    """``file``, and the files that it imports, directly or not, as far as they are found beside it
    or below ``root``. What is imported by a computed name is not seen.
    """
    found, waiting = set[Path](), [file.resolve()]
    roots = [file.resolve().parent, root.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        waiting += _imported(path, roots)
    return found


def _imported(path: Path, roots: list[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name, roots)
        elif isinstance(node, ast.ImportFrom):
            bases = [path.parents[node.level - 1]] if node.level else roots
            module = node.module or ""
            yield from _files(module, bases)
            for alias in node.names:  # which may be modules
                yield from _files(f"{module}.{alias.name}".strip("."), bases)


def _files(module: str, roots: list[Path]) -> Iterator[Path]:
    """Of a module, and of the packages around it."""
    parts = module.split(".") if module else []
    for root in roots:
        for n in range(len(parts) + 1):
            base = root.joinpath(*parts[:n])
            if n:
                yield base.with_suffix(".py")
            if n or root not in roots:
                yield base / "__init__.py"
