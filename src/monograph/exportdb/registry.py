"""Finding the cases: those of the catalogue, or of a folder of the user's."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from monograph.exportdb.case import SECTIONS, Call, Case, Expect
from monograph.exportdb.sources import program_text

__all__ = ["CASES", "CaseError", "Entry", "cases", "files_in", "get", "load"]

CASES = Path(__file__).parent / "cases"


class CaseError(Exception):
    """A file that is no case; says what is missing."""


@dataclass(frozen=True)
class Entry:
    """A case that was loaded: its parts, and its text."""

    name: str
    area: str
    file: Path
    text: str
    case: Case
    expect: Expect
    model: Callable[[], Any]
    inputs: Callable[[], Call]
    more_inputs: Callable[[], list[Call]]
    bad_inputs: Callable[[], list[Call]]
    dynamic_shapes: Callable[[], Any] | None
    more_sizes: Callable[[], list[Call]]
    bad_sizes: Callable[[], list[Call]]
    use: Callable[[Any], Any] | None
    shapes_instead: Callable[[], Any] | None
    namespace: dict[str, Any]
    rewrites: dict[str, Callable[[], Any]]
    title: str
    sections: dict[str, str]

    @property
    def digest(self) -> str:
        """Of the file's text: a record of another text is stale."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def anchor(self) -> str:
        """The name in addresses."""
        return self.name.replace("_", "-")

    def marked_lines(self) -> list[int]:
        """The 1-based lines that are refused."""
        lines = self.text.splitlines()
        return [i for i, line in enumerate(lines, 1) if re.search(r"# refused: MG-\w+", line)]

    def source_of(self, rewrite: str = "") -> str:
        """The program, or a rewrite of it, without the prose and the data of the case."""
        return program_text(self.text, f"rewrite_{rewrite}" if rewrite else "model")


def files_in(folder: Path) -> list[Path]:
    """The case files below ``folder``, sorted by name."""
    found = [p for p in folder.rglob("*.py") if not p.stem.startswith(("_", "test_", "conftest"))]
    return sorted(found, key=lambda p: p.stem)


def load(file: Path) -> Entry:
    """Import a case file, once for each text of it.

    Raises:
        CaseError: it lacks a part, or its sections are not those of a case.
    """
    return _loaded(file, file.read_text(encoding="utf-8"))


@cache
def _loaded(file: Path, text: str) -> Entry:
    module = _module(file)
    names = vars(module)
    missing = {"CASE", "model", "inputs"} - names.keys()
    if missing:
        raise CaseError(f"{file}: it lacks {', '.join(sorted(missing))}")
    title, sections = _prose(file, module.__doc__ or "")

    def nothing() -> list[Call]:
        return []

    return Entry(
        name=file.stem,
        area=file.parent.name,
        file=file,
        text=text,
        case=names["CASE"],
        expect=names.get("EXPECT", Expect()),
        model=names["model"],
        inputs=names["inputs"],
        more_inputs=names.get("more_inputs", nothing),
        bad_inputs=names.get("bad_inputs", nothing),
        dynamic_shapes=names.get("dynamic_shapes"),
        more_sizes=names.get("more_sizes", nothing),
        bad_sizes=names.get("bad_sizes", nothing),
        use=names.get("use"),
        namespace=names,
        shapes_instead=names.get("dynamic_shapes_instead"),
        rewrites={
            n.removeprefix("rewrite_"): f for n, f in names.items() if n.startswith("rewrite_")
        },
        title=title,
        sections=sections,
    )


def cases(folder: Path | None = None) -> Iterator[Entry]:
    """All cases, sorted by their names."""
    for file in files_in(CASES if folder is None else folder):
        yield load(file)


@cache
def _files() -> dict[str, Path]:
    return {file.stem: file for file in files_in(CASES)}


def get(name: str) -> Entry:
    """The case of this name; dashes may stand for underscores.

    Raises:
        KeyError: there is none.
    """
    return load(_files()[name.replace("-", "_")])


def _module(file: Path) -> ModuleType:
    name = f"monograph_case_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CaseError(f"{file}: it cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module


def _prose(file: Path, text: str) -> tuple[str, dict[str, str]]:
    """The title, and the sections by their headings."""
    lines = inspect.cleandoc(text).splitlines()
    if not lines or not lines[0].endswith("."):
        raise CaseError(f"{file}: the docstring begins with a title line")
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines[1:]:
        if line in SECTIONS:
            current = sections.setdefault(line, [])
        elif line.strip("-"):
            current.append(line)
        elif not line:
            current.append("")
    if list(sections) != [s for s in SECTIONS if s in sections]:
        raise CaseError(f"{file}: sections out of order: {list(sections)}")
    for needed in ("What it shows", "What Monograph does"):
        if needed not in sections:
            raise CaseError(f"{file}: the section {needed!r} is missing")
    return lines[0].rstrip("."), {name: "\n".join(s).strip() for name, s in sections.items()}
