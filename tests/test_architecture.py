"""Imports point one way, and the door to torch.export is closed."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from import_circles import circles_by_kind
from source_map import BEGIN, GUIDE, with_map

import monograph

ROOT = Path(monograph.__file__).parent
ORDER = [
    ("torch_internals",), ("collection",), ("shapes",), ("diagnostics",), ("ir",), ("inference",),
    ("capture",), ("control",), ("source",), ("passes",), ("constraints",), ("module",),
    ("choice",), ("hierarchy",), ("assembly",), ("stages",), ("interop",), ("graph_module",),
    ("pictures",), ("web",), ("verification",), ("program",), ("variants",), ("edges",),
    ("exporting",), ("exporting_variants",), ("installation",), ("run",), ("testing",),
    ("checking",), ("counterparts",), ("dynamic_shapes",), ("graph_signature",), ("exportdb",),
    ("sweep",), ("target",), ("workbench",), ("cli",), ("__main__",),
]  # fmt: skip
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
FORBIDDEN = (
    "torch.export", "torch._export", "torch._dynamo", "torch._functorch", "torch._inductor",
    "torch.fx.experimental", "functorch",
)  # fmt: skip
DOOR = ("interop", "exportdb/exporters")
SHUT = (
    "torch._export", "torch.fx.experimental.symbolic_shapes",
    "torch.fx.experimental.proxy_tensor",
)  # fmt: skip
FILES = sorted(p for p in ROOT.rglob("*.py") if "cases" not in p.parts)


def imports(path):
    """Every module that a file imports, inside functions too; (name, only for typing)."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) in typing_only


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = room(path)
    if here == "__init__":
        return
    for name, typing_only in imports(path):
        if name.startswith("monograph.") and not typing_only:
            there = name.split(".")[1]
            assert RANK[there] <= RANK[here], f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_door_is_closed(path):
    if str(path.relative_to(ROOT)).startswith(DOOR):
        return
    for name, _ in imports(path):
        assert not name.startswith(FORBIDDEN), f"{path} imports {name}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            assert not text.startswith(FORBIDDEN), f"{path} uses {text}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):  # to be imported by name
            assert node.value not in SHUT, f"{path} names {node.value}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_private_names_of_torch_stay_in_one_module(path):
    if path.name == "torch_internals.py" or path.parts[-2:] == ("interop", "private.py"):
        return
    allowed = ("torch._ops.OpOverload", "torch._ops.HigherOrderOperator")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text.startswith(("torch._C", "torch._sub", "torch._py", "torch._lib", "torch._ops")):
                assert text.startswith(allowed) or text == "torch._ops", f"{path}: {text}"
    for name, _ in imports(path):
        private = name.startswith("torch.") and any(
            part.startswith("_") for part in name.split(".")[1:]
        )
        assert not private, f"{path} imports {name}"


def test_imports_close_no_circles():
    """One circle is known to the type checker alone; CONTRIBUTING says why."""
    found = circles_by_kind()
    assert found["run-time"] == []
    assert found["function-level"] == []
    assert len(found["type-only"]) <= 1, found["type-only"]


# Lines that say of a value no more than that it is one. The number may only fall.
MOST_UNTYPED = 150


def test_values_have_types():
    untyped = re.compile(r"(: |-> )Any\b")
    lines = {p: sum(map(bool, map(untyped.search, p.read_text().splitlines()))) for p in FILES}
    count = sum(lines.values())
    rooms = {r: sum(n for p, n in lines.items() if room(p) == r) for r in map(room, FILES)}
    most = sorted(((n, r) for r, n in rooms.items() if n), reverse=True)[:5]
    assert count <= MOST_UNTYPED, f"{count} lines with Any, and {MOST_UNTYPED} are allowed: {most}"


def test_the_shape_core_is_sealed():
    for path in (ROOT / "shapes").glob("*.py"):
        if path.name != "symnode.py":
            for name, _ in imports(path):
                assert not name.startswith(("torch", "monograph")) or name.startswith(
                    "monograph.shapes."
                ), f"{path} imports {name}"


def test_all_is_what_is_public():
    for name in ("monograph", "monograph.diagnostics", "monograph.exportdb", "monograph.testing"):
        module = importlib.import_module(name)
        assert sorted(module.__all__) == sorted(set(module.__all__))
        for public in module.__all__:
            assert hasattr(module, public)


def test_every_module_has_a_docstring():
    for path in ROOT.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def loaded_after(statements):
    """The modules that are loaded by ``statements``, beyond those that torch loads."""
    code = (
        "import sys, torch; before = set(sys.modules); import monograph;"
        f"{statements};print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_an_import_loads_nothing_but_the_names():
    assert [name for name in loaded_after("pass") if name.startswith("monograph")] == ["monograph"]


def test_the_engine_does_not_load_the_compiler():
    used = loaded_after("[getattr(monograph, name) for name in monograph.__all__]")
    assert "monograph.exporting" in used
    assert not {"torch._dynamo", "sympy"} & set(used)
    packages = {name.split(".")[0] for name in used}
    assert not packages & {"rich", "typer", "hypothesis", "pytest", "transformers", "jinja2"}
    assert not [n for n in used if n.startswith(("monograph.exportdb", "monograph.cli"))]


def test_a_pooling_layer_does_not_load_the_compiler():
    used = loaded_after("monograph.export(torch.nn.AvgPool2d(2), (torch.ones(1, 2, 4, 4),))")
    assert "monograph.exporting" in used
    assert not {"torch._dynamo", "sympy"} & set(used)


def test_public_names_are_no_files():
    """Importing a file binds its name in the package, over a function of the same name."""
    assert not {path.stem for path in ROOT.iterdir()} & set(monograph.__all__)
    assert set(monograph.__dir__()) >= set(monograph.__all__)


def test_the_shape_core_computes_with_integers():
    """Floats and fractions stay out, but for the simplex method and trees of Python's floats."""
    for name in ("expr.py", "decide.py", "solve.py", "env.py"):
        tree = ast.parse((ROOT / "shapes" / name).read_text())
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Div), name
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), name
            assert not (isinstance(node, ast.Name) and node.id == "Fraction"), name


def test_the_map_names_every_file():
    """``python tests/source_map.py`` writes it."""
    text = GUIDE.read_text()
    assert with_map(text) == text
    assert text.count(BEGIN) == 1
