"""Whether the tests notice mistakes: one change at a time in a file that decides what is right.

``python tests/mutants.py --count 20 --seed 0`` draws changes of the files below (a comparison, a
truth, a number, a condition) and runs the tests next to each in a copy of the sources. A change
that no test notices is printed. ``--record FILE`` adds what came of it to the record of
``monograph.testing.trust``.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monograph.testing.trust import Tried, note

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "monograph"
# Files with the tests that are to notice a mistake in them.
FILES = {
    "capture/aliases.py": ("capture/test_mutation.py",),
    "capture/aliasing.py": ("capture/test_mutation.py", "capture/test_views_generated.py"),
    "capture/layouts.py": ("capture/test_layouts.py", "capture/test_asked_of_gradients.py"),
    "ir/layouts.py": ("capture/test_layouts.py", "capture/test_asked_of_gradients.py"),
    "ir/size_checks.py": ("ir/test_calls.py", "constraints"),
    "module.py": ("ir/test_calls.py", "capture/test_mutation.py"),
    "shapes/decide.py": ("shapes",),
    "shapes/constraints.py": ("constraints",),
    "shapes/layout.py": ("shapes", "capture/test_layouts.py"),
}
_LIMIT = 600  # seconds: a change that makes the tests go on forever is noticed
_OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of one file, and its new text."""

    file: str
    line: int
    what: str
    text: str


def mutant(file: str, number: int) -> Mutant:
    """One of the changes of a file, of which there are as many as ``places``."""
    tree = ast.parse((PACKAGE / file).read_text())
    node, change = list(places(tree))[number]
    before = ast.unparse(node).splitlines()[0]
    change()
    text = ast.unparse(ast.fix_missing_locations(tree))
    after = ast.unparse(node).splitlines()[0]
    return Mutant(file, node.lineno, f"{before} -> {after}", text)


def places(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, Callable[[], None]]]:
    """What can be changed in a file, and what changes it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
            yield node, lambda n=node: n.ops.__setitem__(0, _OTHER[type(n.ops[0])]())
        elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in _OTHER:
            yield node, lambda n=node: setattr(n, "op", _OTHER[type(n.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) in (bool, int):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            yield node, lambda n=node, value=other: setattr(n, "value", value)
        elif isinstance(node, (ast.If, ast.IfExp)):
            yield node, lambda n=node: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))


def is_noticed(mutant: Mutant, folder: Path) -> bool:
    """Whether a test fails, or hangs, with the change; ``folder`` has a copy of the sources."""
    target = folder / "monograph" / mutant.file
    before = target.read_text()
    target.write_text(mutant.text)
    tests = [str(ROOT / "tests" / name) for name in FILES[mutant.file]]
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(before)
    return run.returncode != 0


def main() -> int:
    """Draw changes, and print those that nobody notices."""
    parser = argparse.ArgumentParser(prog="python tests/mutants.py")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", help="add what came of it to this file")
    given = parser.parse_args()
    choose, start = random.Random(given.seed), time.perf_counter()
    unnoticed = []
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(ROOT / "src", name, dirs_exist_ok=True)
        trees = {file: ast.parse((PACKAGE / file).read_text()) for file in FILES}
        every = [(file, i) for file in FILES for i in range(len(list(places(trees[file]))))]
        for number, place in enumerate(choose.sample(every, given.count), 1):
            made = mutant(*place)
            if not is_noticed(made, Path(name)):
                unnoticed.append(f"`{made.file}:{made.line}`: {made.what}")
                print(unnoticed[-1], flush=True)
            print(f"# {number} tried, {len(unnoticed)} not noticed", flush=True)
    seconds = round(time.perf_counter() - start, 1)
    command = f"python tests/mutants.py --count {given.count} --seed {given.seed}"
    note(Tried("changes", command, given.count, tuple(unnoticed), seconds), given.record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
