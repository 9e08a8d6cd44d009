"""A place in the user's program."""

from __future__ import annotations

import linecache
import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SourceLine"]


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of Python: file, 1-based line, function, and 0-based columns where known.

    ``span``: first and last line, first and last column of the whole statement or expression.
    """

    file: str
    line: int
    function: str
    start: int | None = None
    end: int | None = None
    span: tuple[int, int, int, int] | None = field(default=None, compare=False, repr=False)

    @property
    def place(self) -> str:
        """``models/net.py:12``: relative to the working directory where it is below it."""
        try:
            file = Path(self.file).relative_to(Path.cwd())
        except (ValueError, OSError):
            return f"{self.file}:{self.line}"
        return f"{file}:{self.line}"

    @property
    def text(self) -> str:
        """The line's source text without its indentation; empty where there is no source."""
        return linecache.getline(self.file, self.line).strip()

    def caret(self) -> str | None:
        """``^^^^`` under the expression, aligned with ``text``, where its columns are known."""
        raw = linecache.getline(self.file, self.line)
        if not raw.strip() or self.start is None or self.end is None or self.end <= self.start:
            return None
        indent = len(raw) - len(raw.lstrip())
        # Columns count UTF-8 bytes.
        data = raw.encode()
        before = len(data[: self.start].decode(errors="replace")) - indent
        width = len(data[self.start : self.end].decode(errors="replace"))
        return " " * max(before, 0) + "^" * width

    def expression(self) -> str | None:
        """The source text of the marked columns."""
        raw = linecache.getline(self.file, self.line).encode()
        if self.start is None or self.end is None or not raw.strip():
            return None
        return raw[self.start : self.end].decode(errors="replace")

    def value_name(self) -> str | None:
        """What the line calls the value of the marked columns: ``n`` in ``n = k.item()``.

        Else the marked source text itself.
        """
        expression = self.expression()
        if expression:
            named = re.search(rf"(\w+)\s*=\s*{re.escape(expression)}", self.text)
            if named:
                return named[1]
        return expression

    @staticmethod
    def of(place: object) -> SourceLine | None:
        """``place``, where it is one: the shapes do not know what stands for a place."""
        return place if isinstance(place, SourceLine) else None

    def as_dict(self) -> dict[str, str | int | None]:
        """For other tools: 1-based lines and columns."""
        return {
            "file": self.file,
            "line": self.line,
            "column": None if self.start is None else self.start + 1,
            "end_column": None if self.end is None else self.end + 1,
            "function": self.function,
            "text": self.text,
        }

    def stack_trace(self) -> str:
        """The form in which ``torch.fx`` keeps a node's origin."""
        return f'  File "{self.file}", line {self.line}, in {self.function}\n    {self.text}\n'

    def comment(self) -> str:
        """``# File: model.py:12 in forward, code: y = x + 1``, as printed above nodes."""
        place = f"{self.file}:{self.line}"
        return f"# File: {place} in {self.function}, code: {self.text}"

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"
