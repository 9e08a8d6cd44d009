"""Parts of a source file, read without parsing the rest of it."""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Collection

__all__ = ["Excerpts"]

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_STARTS = re.compile(r"[A-Za-z_@]")
_GOES_ON = re.compile(r"(else|elif|except|finally)\b")
_IMPORTS = re.compile(r"(import|from)\b|(if|try|with)\b(.|\n)*\bimport\b")


class Excerpts:
    """A file in chunks, each from one line that begins at the margin to the next.

    A string with lines at the margin may cut a chunk short: what is read must be compared with
    what is wanted, and ``read_whole`` parses all of the file.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_whole = False
        self._parsed: dict[int, list[ast.stmt]] = {}

    def read_whole(self) -> None:
        """Parse all of the file from now on."""
        self.is_whole = True

    def part(self, lines: Collection[int], *, taken: bool = False) -> ast.Module:
        """The functions around these lines, and all imports: Python compiles an attribute of an
        imported module in a way of its own. ``taken``: the caller changes what it gets.

        Raises:
            SyntaxError: where the file is no Python.
        """
        body = self._whole if self.is_whole else self._read(lines)
        if taken:  # what is kept must stay as it was read
            self._parsed.clear()
            self.__dict__.pop("_whole", None)
        return ast.Module([*_imports(body), *_around(body, lines)], [])

    def _read(self, lines: Collection[int]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for i, (first, last, text) in enumerate(self._chunks):
            if _IMPORTS.match(text) or any(first <= line <= last for line in lines):
                try:
                    found += self._statements(i)
                except SyntaxError:
                    self.is_whole = True
                    return self._whole
        return found

    @functools.cached_property
    def _whole(self) -> list[ast.stmt]:
        return ast.parse(self.text).body

    @functools.cached_property
    def _chunks(self) -> list[tuple[int, int, str]]:
        """First line, last line and text of each chunk."""
        lines = self.text.splitlines(keepends=True)
        starts: list[int] = []
        is_decorated = False
        for i, line in enumerate(lines):
            if _STARTS.match(line) and not _GOES_ON.match(line):
                if not is_decorated:
                    starts.append(i)
                is_decorated = line.startswith("@")
        ends = [*starts[1:], len(lines)]
        return [
            (start + 1, end, "".join(lines[start:end]))
            for start, end in zip(starts, ends, strict=True)
        ]

    def _statements(self, i: int) -> list[ast.stmt]:
        if i not in self._parsed:
            first, _, text = self._chunks[i]
            self._parsed[i] = ast.parse("\n" * (first - 1) + text).body
        return self._parsed[i]


def _imports(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    stack = list(reversed(body))
    while stack:
        statement = stack.pop()
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.append(statement)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            stack += [s for block in _blocks(statement) for s in block]
    return found


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement."""
    blocks = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    return [*blocks, *(handler.body for handler in getattr(statement, "handlers", ()))]


def _around(body: list[ast.stmt], lines: Collection[int]) -> list[ast.stmt]:
    """The statements that hold one of the lines; of classes and blocks, only such parts."""
    found: list[ast.stmt] = []
    for statement in body:
        decorators = getattr(statement, "decorator_list", ())
        first = min([statement.lineno, *(d.lineno for d in decorators)])
        if not any(first <= line <= (statement.end_lineno or first) for line in lines):
            continue
        if isinstance(statement, ast.ClassDef):
            shell = copy.copy(statement)
            shell.bases, shell.keywords, shell.decorator_list = [], [], []
            shell.body = _around(statement.body, lines) or [ast.copy_location(ast.Pass(), shell)]
            found.append(shell)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            inside = [s for block in _blocks(statement) for s in _around(block, lines)]
            found += inside if any(isinstance(s, _NAMED) for s in inside) else [statement]
        else:
            found.append(statement)
    return found
