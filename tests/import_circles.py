"""Circles of imports between the files of the package: ``python tests/import_circles.py``.

Three kinds are told apart: imports that run when a file is loaded, those inside functions, and
those that only the type checker sees. A circle is a strongly connected component of the graph of
files; each kind is counted together with those before it, so a function-level circle is one that
the run-time imports alone do not close.
"""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "monograph"
KINDS = ("run-time", "function-level", "type-only")


def files() -> dict[str, Path]:
    """Module names and files, the catalogue's cases aside."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "cases" not in path.parts:
            parts = ("monograph", *path.relative_to(PACKAGE).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> dict[str, str]:
    """The files of the package that one imports, each with the strongest kind."""
    found: dict[str, str] = {}

    def note(name: str, kind: str) -> None:
        if name in known and KINDS.index(kind) < KINDS.index(found.get(name, KINDS[-1])):
            found[name] = kind
        elif name in known:
            found.setdefault(name, kind)

    def visit(node: ast.AST, kind: str) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                note(alias.name, kind)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                note(inner if inner in known else node.module, kind)
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        in_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            deeper = "type-only" if is_typing else "function-level" if in_function else kind
            visit(child, deeper if KINDS.index(deeper) > KINDS.index(kind) else kind)

    visit(ast.parse(path.read_text()), KINDS[0])
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one file (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def connect(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(edges[name]):
            if other not in index:
                connect(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                found.append(sorted(component))

    for name in sorted(edges):
        if name not in index:
            connect(name)
    return found


def circles_by_kind() -> dict[str, list[list[str]]]:
    """The circles that imports of each kind close, beyond those that stronger kinds close."""
    known = files()
    imports = {name: imports_of(path, known) for name, path in known.items()}
    found: dict[str, list[list[str]]] = {}
    before: list[list[str]] = []
    for i, kind in enumerate(KINDS):
        edges = {
            name: {other for other, k in given.items() if KINDS.index(k) <= i and other != name}
            for name, given in imports.items()
        }
        now = circles(edges)
        found[kind] = [circle for circle in now if circle not in before]
        before = now
    return found


if __name__ == "__main__":
    for kind, each in circles_by_kind().items():
        print(f"{kind}: {len(each)}")
        for circle in each:
            names = (name.removeprefix("monograph.") for name in circle)
            print(f"  {len(circle)} files: {', '.join(names)}")
