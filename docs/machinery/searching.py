"""One search over everything: guide, reference, catalogue, and the error messages of all exporters.

Sphinx's own search wants every word of a query on one page, so that no error message that was
pasted is found. Here a page is worth what its rare words are worth (``monograph.exportdb``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from machinery.catalogue import HOME, catalogue_of
from monograph.diagnostics.codes import CODES
from monograph.exportdb.searching import fields_of, index_of_texts
from monograph.exportdb.site import search_script

_Found = tuple[dict[str, str], dict[str, str]]  # what is shown of a page, and its texts


def _codes(app: Sphinx) -> Iterator[_Found]:
    messages = {
        page.entry.name: " ".join(line.text for line in page.message)
        for page in catalogue_of(app).pages
    }
    for code in CODES.values():
        shown = {"name": code.name, "title": code.title, "page": f"{HOME}/code/{code.name}.html"}
        texts = {"title": code.title, "prose": code.why, "message": messages.get(code.case, "")}
        yield shown, texts


def _cases(app: Sphinx) -> Iterator[_Found]:
    catalogue = catalogue_of(app)
    for entry in catalogue.entries:
        page = f"{HOME}/case/{entry.anchor}.html"
        yield (
            {"name": entry.name, "title": entry.title, "page": page},
            fields_of(entry, catalogue.tables),
        )


def _documents(app: Sphinx) -> Iterator[_Found]:
    for name in sorted(app.env.found_docs):
        tree = app.env.get_doctree(name)
        address = app.builder.get_target_uri(name)
        for signature in tree.findall(addnodes.desc_signature):
            if signature.get("ids"):
                yield from _object(signature, address)
        for section in tree.findall(nodes.section):
            title = section.next_node(nodes.title).astext()
            whole = next(s for s in tree.findall(nodes.section))
            anchor = "" if section is whole else f"#{section['ids'][0]}"
            above = "" if section is whole else f" ({whole.next_node(nodes.title).astext()})"
            yield (
                {"name": "", "title": title + above, "page": address + anchor},
                {"title": title, "prose": _text(section)},
            )


def _object(signature: addnodes.desc_signature, address: str) -> Iterator[_Found]:
    name = signature["ids"][0]
    content = signature.parent.next_node(addnodes.desc_content)
    text = _text(content) if content is not None else ""
    title = re.split(r"(?<=[.])\s", text, maxsplit=1)[0][:120]
    texts = {"name": name.replace("_", " ").replace(".", " "), "prose": text}
    yield {"name": name, "title": title, "page": f"{address}#{name}"}, texts


def _text(node: nodes.Element) -> str:
    """The text of a section without its subsections, and of an object without its members."""
    parts = []
    for child in node.children:
        if isinstance(child, nodes.section | addnodes.desc | nodes.raw | nodes.title):
            continue
        parts.append(child.astext())
    return "\n".join(parts)


def _write_index(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    found = [*_codes(app), *_documents(app), *_cases(app)]
    shown = [page for page, _ in found]
    cases = {entry.name: entry for entry in catalogue_of(app).entries}
    codes = {
        code: [
            number
            for number, page in enumerate(shown)
            if page["name"] == code
            or (page["name"] in cases and code in _codes_of(cases[page["name"]]))
        ]
        for code in CODES
    }
    for number, code in enumerate(codes):
        codes[code].append(number)  # its own page is the first answer
    script = search_script(shown, index_of_texts([texts for _, texts in found]), codes)
    (app.outdir / "_static" / "search-index.js").write_text(script, encoding="utf-8")


def _codes_of(entry: Any) -> tuple[str | None, str | None]:
    return entry.expect.code, entry.expect.strict_code


def _own_search(app: Sphinx) -> None:
    app.builder.search = False  # of Sphinx


def _page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "search", {"title": "Search"}, "search.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """For Sphinx."""
    app.connect("builder-inited", _own_search)
    app.connect("html-collect-pages", _page)
    app.connect("build-finished", _write_index)
    return {"parallel_read_safe": True}
