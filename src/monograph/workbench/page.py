"""The page: served, or as one file that needs nothing else."""

from __future__ import annotations

import importlib.resources
import json
from functools import cache

import jinja2
from markupsafe import Markup

from monograph.web.report import style_sheet

__all__ = ["page", "report", "static"]

_KINDS = {".css": "text/css", ".js": "text/javascript"}
_EDITOR = "codemirror.js"
_SCRIPTS = (_EDITOR, "lists.js", "source.js", "graph.js", "panels.js", "page.js")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("monograph.workbench", "static"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2")


@cache
def _read(name: str) -> str:
    folder = "codemirror" if name == _EDITOR else "static"
    return importlib.resources.files("monograph.workbench").joinpath(folder, name).read_text()


@cache
def static(name: str) -> tuple[str, str] | None:
    """A file of the page, and its type; None where there is none of this name."""
    if name == "page.css":
        return style_sheet() + _read(name), _KINDS[".css"]
    return (_read(name), _KINDS[".js"]) if name in _SCRIPTS else None


def page(title: str, start: dict[str, object]) -> str:
    """The page as it is served; ``start``: what it begins with."""
    return _template().render(
        title=title, start=_embedded(start), is_static=False, scripts=_SCRIPTS, style="", code=[]
    )


def report(title: str, start: dict[str, object]) -> str:
    """The page as one file: ``start`` has all that there is to be seen."""
    style, _ = static("page.css") or ("", "")
    code = [Markup(_read(name).replace("</script", "<\\/script")) for name in _SCRIPTS]
    return _template().render(
        title=title,
        start=_embedded(start),
        is_static=True,
        scripts=_SCRIPTS,
        style=Markup(style),
        code=code,
    )


def _embedded(data: dict[str, object]) -> Markup:
    """JSON inside a ``<script>``."""
    text = json.dumps(data).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return Markup(text.replace("\u2029", "\\u2029"))
