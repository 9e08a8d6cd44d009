"""How a message is shown: as plain text, in colour on a terminal, as HTML.

A message is a list of lines, each of a kind: its title, a place, the source, the caret under it,
a line of a change, and so on. The kind alone decides how it looks.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Line", "as_html", "as_text", "changes", "for_notebooks", "styled"]


class Line(NamedTuple):
    """One line, and what it is: a key of ``_STYLES``."""

    kind: str
    text: str = ""


_STYLES = {  # as rich writes them; in HTML the kind is a class
    "title": "bold",
    "place": "cyan",
    "source": "",
    "caret": "bold red",
    "around": "dim",
    "text": "",
    "label": "bold",
    "added": "green",
    "removed": "red",
    "context": "dim",
}
_CODE = re.compile(r"\[MG-\w+\]")


def changes(diff: str, indent: str = "") -> list[Line]:
    """The lines of a unified diff."""
    kinds = {"+": "added", "-": "removed"}
    return [Line(kinds.get(text[:1], "context"), indent + text) for text in diff.split("\n")]


def as_text(lines: Iterable[Line]) -> str:
    """The message without colours."""
    return "\n".join(line.text for line in lines)


def styled(lines: Iterable[Line]) -> Text:
    """The message for ``rich``, which drops the colours where the output is no terminal."""
    from rich.text import Text

    found = Text(no_wrap=False)
    for i, line in enumerate(lines):
        part = Text(line.text, style=_STYLES[line.kind])
        if line.kind == "title":
            part.highlight_regex(_CODE, "bold red")
        found.append("\n" if i else "").append_text(part)
    return found


def as_html(lines: Iterable[Line]) -> str:
    """The message as the content of a ``<pre>``."""
    import html  # what a terminal has no use for

    parts = []
    for line in lines:
        text = html.escape(line.text)
        if line.kind == "title":
            text = _CODE.sub(r'<span class="mg-code">\g<0></span>', text, count=1)
        parts.append(f'<span class="mg-{line.kind}">{text}</span>' if line.text else "")
    return "\n".join(parts)


def for_notebooks(name: str, lines: Iterable[Line], trace: TracebackType | None) -> list[str]:
    """What IPython shows of an exception: the frames that are not its own, then the message."""
    from io import StringIO

    from rich.console import Console

    frames = [f for f in traceback.extract_tb(trace) if not _is_of_notebook(f.filename)]
    written = StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=1000)
    console.print(styled(lines))
    return [*traceback.format_list(frames), f"{name}: {written.getvalue()}"]


def _is_of_notebook(file: str) -> bool:
    return any(f"/{package}/" in file.replace("\\", "/") for package in ("IPython", "ipykernel"))
