"""The catalogue as pages of the site, and words to link to it: ``{case}`` and ``{error}``."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.util.display import status_iterator
from sphinx.util.docutils import SphinxDirective, SphinxRole

from monograph import exportdb
from monograph.diagnostics.codes import CODES
from monograph.exportdb.site import Fragment, Page, fragments, page_of
from monograph.exportdb.table import recorded
from monograph.web.report import parts_style

HOME = "exportdb"
_WRITTEN = ("index", "matrix")  # pages of the catalogue that are written by hand around a directive


class Catalogue:
    """The pages of the catalogue, made once for a build."""

    def __init__(self, chosen: str) -> None:
        names = [name for name in chosen.split(",") if name]
        self.entries = [exportdb.get(n) for n in names] if names else list(exportdb.cases())
        self.tables = recorded()
        self.names = {entry.name for entry in exportdb.cases()}
        self._pages: list[Page] = []
        self._fragments: dict[str, Fragment] = {}

    @property
    def pages(self) -> list[Page]:
        """What the page of each case shows: it is exported for it."""
        if not self._pages:
            shown = status_iterator(
                self.entries, "exporting cases... ", length=len(self.entries),
                stringify_func=lambda entry: entry.name,
            )  # fmt: skip
            self._pages = [page_of(entry, self.tables) for entry in shown]
        return self._pages

    @property
    def fragments(self) -> dict[str, Fragment]:
        """The pages by their names."""
        if not self._fragments:
            self._fragments = {f.name: f for f in fragments(self.pages, self.tables)}
        return self._fragments


def catalogue_of(app: Sphinx) -> Catalogue:
    """The catalogue of a build."""
    found = getattr(app, "catalogue", None)
    if found is None:
        found = app.catalogue = Catalogue(app.config.catalogue_cases)
    return found


def _collected(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    for fragment in catalogue_of(app).fragments.values():
        if fragment.name not in _WRITTEN:
            context = {
                "title": fragment.title,
                "body": f'<div class="catalogue">{fragment.html}</div>',
                "toc": _contents(fragment.html),
                "display_toc": True,
            }
            yield f"{HOME}/{fragment.name}", context, "page.html"


def _contents(text: str) -> str:
    """The headings of a page, for the column beside it."""
    found = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', text, re.S)
    items = (
        f'<li><a class="reference internal" href="#{i}">{_plain(t)}</a></li>' for i, t in found
    )
    return (
        f'<ul><li><a class="reference internal" href="#">Top</a><ul>{"".join(items)}</ul></li></ul>'
    )


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text).strip()


class CatalogueDirective(SphinxDirective):
    """``{catalogue} index``: the content of one of the catalogue's pages."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The page without its title, which the document has."""
        fragment = catalogue_of(self.env.app).fragments[self.arguments[0]]
        body = re.sub(r"<h1>.*?</h1>", "", fragment.html, count=1, flags=re.S)
        return [nodes.raw("", f'<div class="catalogue">{body}</div>', format="html")]


class CodesDirective(SphinxDirective):
    """``{codes}``: every error code, with its title, grouped by its letter."""

    def run(self) -> list[nodes.Node]:
        """One list a letter."""
        found: list[nodes.Node] = []
        groups = {
            "D": "data dependence", "S": "sizes", "P": "Python features",
            "M": "mutation and side effects", "C": "control flow", "O": "operators",
            "I": "inputs of a call", "F": "files and other tools", "X": "mistakes of ours",
        }  # fmt: skip
        for letter, words in groups.items():
            rows = "".join(
                f'<li><a href="../{HOME}/code/{c.name}.html"><code>{c.name}</code></a> '
                f"{html.escape(c.title)}</li>"
                for c in CODES.values()
                if c.name[3] == letter
            )
            found.append(
                nodes.raw(
                    "", f"<h2>{letter}: {words}</h2><ul class='codes'>{rows}</ul>", format="html"
                )
            )
        return found


class _Link(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        up = "../" * self.env.docname.count("/")
        literal = nodes.literal(self.text, self.text)
        return [nodes.reference("", "", literal, refuri=f"{up}{HOME}/{self.target()}.html")], []

    def target(self) -> str:
        raise NotImplementedError


class CaseRole(_Link):
    """``{case}`branch_on_value```."""

    def target(self) -> str:
        """The page of the case; a name that is none fails the build."""
        if self.text not in catalogue_of(self.env.app).names:
            raise ValueError(f"there is no case {self.text}")
        return f"case/{self.text.replace('_', '-')}"


class ErrorRole(_Link):
    """``{error}`MG-D101```."""

    def target(self) -> str:
        """The page of the code."""
        return f"code/{CODES[self.text].name}"


def _colours() -> str:
    """Of source code, by the theme that the reader has chosen."""
    light = _rules("friendly", ".catalogue .code")
    dark = _rules("github-dark", 'body[data-theme="dark"] .catalogue .code')
    auto = _rules("github-dark", 'body:not([data-theme="light"]) .catalogue .code')
    return f"{light}\n{dark}\n@media (prefers-color-scheme: dark) {{\n{auto}\n}}\n"


def _rules(style: str, root: str) -> str:
    found = HtmlFormatter(style=style).get_style_defs(root).splitlines()
    return "\n".join(rule for rule in found if rule.startswith(f"{root} ."))


def _write_styles(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    from importlib.resources import files

    inner = files("monograph.exportdb.site").joinpath("site.css").read_text()
    scripts = files("monograph.exportdb.site").joinpath("site.js").read_text()
    static = app.outdir / "_static"
    (static / "catalogue.css").write_text(f".catalogue {{\n{parts_style()}{inner}}}\n{_colours()}")
    (static / "catalogue.js").write_text(scripts)


def setup(app: Sphinx) -> dict[str, Any]:
    """For Sphinx."""
    app.add_config_value("catalogue_cases", "", "env", str)
    app.add_directive("catalogue", CatalogueDirective)
    app.add_directive("codes", CodesDirective)
    app.add_role("case", CaseRole())
    app.add_role("error", ErrorRole())
    app.add_css_file("catalogue.css")
    app.add_js_file("catalogue.js", loading_method="defer", priority=900)
    app.connect("html-collect-pages", _collected)
    app.connect("build-finished", _write_styles)
    return {"parallel_read_safe": False}


__all__ = ["Catalogue", "catalogue_of", "setup"]
