"""The map in CONTRIBUTING: every file with the first line of its docstring.

``python tests/source_map.py`` writes it; a test holds that it is up to date.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "monograph"
GUIDE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- map: python tests/source_map.py -->\n", "<!-- end of the map -->"
# As data flows; what is not named here follows in the order of the alphabet.
ORDER = [
    "torch_internals.py",
    "shapes",
    "diagnostics",
    "ir",
    "inference",
    "capture",
    "control",
    "source",
    "passes",
    "constraints",
    "module.py",
    "hierarchy.py",
    "assembly.py",
    "stages.py",
    "interop",
    "pictures",
    "web",
    "verification",
    "program.py",
    "edges.py",
    "exporting.py",
    "testing",
    "checking.py",
    "exportdb",
    "cli",
]


def first_line(path: Path) -> str:
    """The first line of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.split("\n")[0].rstrip(".")


def rows(folder: Path, depth: int) -> list[str]:
    """A line for each file and folder."""
    found = []
    names = [p for p in folder.iterdir() if p.is_dir() or p.suffix == ".py"]
    names = [p for p in names if p.name not in ("__pycache__", "__init__.py", "cases", "support")]

    def place(path: Path) -> tuple[int, bool, str]:
        known = depth == 0 and path.name in ORDER
        return (ORDER.index(path.name) if known else len(ORDER), path.is_dir(), path.name)

    for path in sorted(names, key=place):
        file = path / "__init__.py" if path.is_dir() else path
        if not file.exists():
            continue
        name = path.name + ("/" if path.is_dir() else "")
        found.append(f"{'  ' * depth + name:<34} {first_line(file)}".rstrip())
        if path.is_dir():
            found += rows(path, depth + 1)
    return found


def with_map(text: str) -> str:
    """The guide with the map as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n".join(["```text", *rows(PACKAGE, 0), "```", ""]) + END + after


if __name__ == "__main__":
    GUIDE.write_text(with_map(GUIDE.read_text()))
