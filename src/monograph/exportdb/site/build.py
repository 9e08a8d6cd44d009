"""Writing the pages. The same cases and records give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from monograph.diagnostics.codes import CODES, Code
from monograph.diagnostics.rendering import as_html
from monograph.exportdb.case import TAGS, Support
from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.outcomes import KINDS
from monograph.exportdb.registry import Entry
from monograph.exportdb.searching import index_of
from monograph.exportdb.site.content import Page, page_of
from monograph.exportdb.table import Table
from monograph.web.highlight import diff_html, python_html, python_lines
from monograph.web.report import style_sheet

__all__ = ["Fragment", "build", "environment", "fragments", "search_script"]

_HERE = Path(__file__).parent
_MARKDOWN = MarkdownIt()
_TABLES = MarkdownIt(options_update={"html": False}).enable("table")
_ASSETS = ("site.css", "site.js")


@cache
def environment(autoescape: bool) -> jinja2.Environment:
    """The templates."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(
        markdown=lambda text: Markup(_MARKDOWN.render(text)),
        tables=lambda text: Markup(_TABLES.render(text)),
        inline=lambda text: Markup(_MARKDOWN.renderInline(text)),
        python=lambda text: Markup(python_html(text)),
        diff=lambda text: Markup(diff_html(text)),
        message=lambda lines: Markup(as_html(lines)),
        markup=Markup,
        rst=_as_rst,
        with_links=_with_links,
        anchor=lambda name: name.replace("_", "-"),
    )
    return made


def _as_rst(text: str) -> str:
    """Markdown's code spans as RST's literals."""
    return re.sub(r"`+([^`]+)`+(?=(\w)?)", lambda m: f"``{m[1]}``" + "\\ " * bool(m[2]), text)


def _with_links(text: str, anchors: dict[str, str], link: str, everywhere: bool) -> str:
    """Names of cases as links: those in code spans, ``everywhere`` others too.

    ``link``: how one is written, with ``{name}`` and ``{anchor}``.
    """

    def linked(match: re.Match[str]) -> str:
        anchor = anchors.get(match[1])
        return match[0] if anchor is None else link.format(name=match[1], anchor=anchor)

    pattern = r"\b([a-z0-9_]+)\b" if everywhere else r"<code>([a-z0-9_]+)</code>"
    found = re.sub(pattern, linked, str(text))
    return Markup(found) if isinstance(text, Markup) else found


def build(
    folder: Path,
    entries: list[Entry],
    tables: list[Table],
    *,
    form: str = "html",
    prose: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda name: None,
) -> list[Path]:
    """Write the catalogue to ``folder``; ``form``: "html" or "rst". Returns the files.

    ``prose``: further pages by their names, in Markdown, for HTML. ``tell`` is called with the
    name of each case before its page is made.
    """
    pages = []
    for entry in entries:
        tell(entry.name)
        pages.append(page_of(entry, tables))
    site = _Site(folder, pages, tables, form, prose or {})
    return site.write()


@dataclass(frozen=True)
class Fragment:
    """The content of a page, to be framed by another site: its name, title and HTML."""

    name: str
    title: str
    html: str


def fragments(pages: list[Page], tables: list[Table]) -> Iterator[Fragment]:
    """The pages of the catalogue without their frames; links are those between the files."""
    for template, name, root, title, values in _Site(Path(), pages, tables, "html", {}).pages():
        yield Fragment(name, title, _rendered(template, "html", root, "fragment", values))


def _rendered(template: str, form: str, root: str, frame: str, values: dict[str, Any]) -> str:
    made = environment(form == "html").get_template(f"{template}.{form}.j2")
    return made.render(root=root, frame=f"{frame}.{form}.j2", **values)


class _Site:
    def __init__(
        self,
        folder: Path,
        pages: list[Page],
        tables: list[Table],
        form: str,
        prose: Mapping[str, str],
    ) -> None:
        self.folder, self.tables, self.form = folder, tables, form
        self.written: list[Path] = []
        self.shared: dict[str, Any] = {
            "tags": {t: TAGS[t] for t in TAGS if any(t in p.entry.case.tags for p in pages)},
            "codes": CODES,
            "kinds": KINDS,
            "exporters": EXPORTERS,
            "prose": prose,
            "tables": tables,
            "pages": pages,
            "supports": [s.value for s in Support],
            "anchors": {page.entry.name: page.entry.anchor for page in pages},
            "counts": [table.counts([p.entry.name for p in pages]) for table in tables],
        }

    def write(self) -> list[Path]:
        """Every page."""
        for template, name, root, _, values in self.pages():
            self._put(f"{name}.{self.form}", _rendered(template, self.form, root, "base", values))
        if self.form == "html":
            self._put("style.css", style_sheet() + (_HERE / "site.css").read_text())
            self._put("site.js", (_HERE / "site.js").read_text())
            self._put("search.js", _search_script(self.shared["pages"], self.tables))
        return self.written

    def pages(self) -> Iterator[tuple[str, str, str, str, dict[str, Any]]]:
        """Of each page: its template, its name, the way to the root, its title, and its values."""

        def page(
            template: str, name: str, heading: str, /, **values: object
        ) -> tuple[str, str, str, str, dict[str, Any]]:
            return template, name, "../" * name.count("/"), heading, self.shared | values

        pages = self.shared["pages"]
        yield page("index", "index", "ExportDB")
        for shown in pages:
            entry = shown.entry
            values = {"page": shown, "listing": _listing(shown)}
            yield page("case", f"case/{entry.anchor}", entry.name, **values)
        for tag in self.shared["tags"]:
            chosen = [p for p in pages if tag in p.entry.case.tags]
            yield page("tag", f"tag/{tag}", tag, tag=tag, chosen=chosen)
        if self.form != "html":
            return
        yield page("matrix", "matrix", "Support table")
        for name, text in self.shared["prose"].items():
            yield page("prose", name.replace(" ", "-"), name, title=name, text=text)
        for code in CODES.values():
            yield page("code", f"code/{code.name}", code.name, **_of_code(code, pages))
        for exporter in EXPORTERS.values():
            yield page("exporter", f"exporter/{exporter.name}", exporter.title, exporter=exporter)

    def _put(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
        self.written.append(file)


def _of_code(code: Code, pages: Iterable[Page]) -> dict[str, Any]:
    """What the page of an error code shows."""
    chosen = [p for p in pages if code.name in (p.entry.expect.code, p.entry.expect.strict_code)]
    example = next((p for p in chosen if p.entry.name == code.case), None)
    return {
        "code": code,
        "chosen": chosen,
        "example": example,
        "listing": [] if example is None else _listing(example),
        "related": [c for c in CODES.values() if c.name[:4] == code.name[:4] and c is not code],
    }


def _listing(page: Page) -> list[dict[str, Any]]:
    """The lines of the program, with those that are refused."""
    return [
        {"number": i, "code": Markup(line), "is_refused": i in page.refused}
        for i, line in enumerate(python_lines(page.source), 1)
    ]


def _search_script(pages: Iterable[Page], tables: list[Table]) -> str:
    """The index as a script: a page that was opened from a disk may not fetch."""
    chosen = list(pages)
    found = [
        {"name": p.entry.name, "title": p.entry.title, "page": f"case/{p.entry.anchor}.html"}
        for p in chosen
    ]
    codes = {
        code: [
            i
            for i, p in enumerate(chosen)
            if code in (p.entry.expect.code, p.entry.expect.strict_code)
        ]
        for code in CODES
    }
    return search_script(found, index_of([p.entry for p in chosen], tables), codes)


def search_script(
    pages: list[dict[str, str]],
    words: Mapping[str, Mapping[int, float]],
    codes: Mapping[str, list[int]],
) -> str:
    """What ``site.js`` searches: pages, and by words and error codes which of them fit."""
    data = {"cases": pages, "words": words, "codes": codes}
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"window.EXPORTDB = {text};\n"
