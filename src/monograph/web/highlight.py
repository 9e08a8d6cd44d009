"""Source text in colours."""

from __future__ import annotations

from functools import cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

__all__ = ["diff_html", "python_html", "python_lines", "style_rules"]

_LIGHT, _DARK = "friendly", "github-dark"


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)


def _highlighted(text: str, language: str) -> str:
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=True)
    return highlight(text, lexer, _formatter())


def python_html(text: str) -> str:
    """Python source, as the content of a ``<pre class="code">``."""
    return _highlighted(text, "python").rstrip("\n")


def diff_html(text: str) -> str:
    """A unified diff, as the content of a ``<pre class="code">``."""
    return _highlighted(text, "diff").rstrip("\n")


def python_lines(text: str) -> list[str]:
    """Python source line by line, each with its own tags."""
    lines = _highlighted(text, "python").split("\n")
    return lines[: len(text.splitlines())]


@cache
def style_rules() -> str:
    """The colours, for light pages and dark ones."""

    def rules(style: str, root: str) -> str:
        found = HtmlFormatter(style=style).get_style_defs(f"{root} .code").splitlines()
        return "\n".join(r for r in found if r.startswith(f"{root} .code .") and "{" in r)

    dark = rules(_DARK, ":root")
    return f"{rules(_LIGHT, ':root')}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
