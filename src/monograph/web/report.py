"""What ``check`` found, as one page that needs nothing else."""

from __future__ import annotations

import importlib.resources
import linecache
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import jinja2
import torch
from markupsafe import Markup

from monograph.diagnostics import SourceLine
from monograph.diagnostics.rendering import as_html
from monograph.ir.assumptions import Assumption
from monograph.ir.printing import format_program
from monograph.ir.program import Parts
from monograph.ir.report import Problem
from monograph.ir.statistics import Times, statistics_of
from monograph.pictures import pictures_of
from monograph.web.highlight import diff_html, python_html, python_lines, style_rules

__all__ = ["parts_style", "program_fragment", "report_fragment", "report_page", "style_sheet"]


class Changes(Protocol):
    """Changes of the user's files."""

    @property
    def patches(self) -> Sequence[object]: ...
    def diff(self) -> str: ...


class Report(Protocol):
    """What ``check`` found, as far as a page shows it."""

    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def fix(self) -> Changes | None: ...
    @property
    def parts(self) -> Parts | None: ...
    @property
    def assumptions(self) -> Sequence[Assumption]: ...
    @property
    def suggested(self) -> dict[str, Any]: ...
    @property
    def times(self) -> Times | None: ...
    @property
    def promise(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def is_clean(self) -> bool: ...


_AROUND = 12  # lines shown above and below those that matter
_MOST_ROWS = 15


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("monograph", "web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def style_sheet() -> str:
    """The style of all pages, that of source code included."""
    return _rules("frame.css") + _rules("style.css") + style_rules()


def parts_style() -> str:
    """The style of what is inside pages: for pages that another site frames."""
    return _rules("style.css")


def _rules(file: str) -> str:
    return importlib.resources.files("monograph.web").joinpath(file).read_text()


def report_page(report: Report, title: str) -> str:
    """A self-contained HTML page; ``title``: the name of the program."""
    program, times = report.parts, report.times
    anchors = _anchors(report)
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            title=title,
            report=report,
            style=Markup(style_sheet()),
            versions=f"torch {torch.__version__}, Python {platform.python_version()}",
            problems=[
                {
                    "message": Markup(as_html(problem.lines())),
                    "anchor": anchors.get(_key(problem.where)),
                }
                for problem in report.problems
            ],
            suggested="\n".join(f"{name} = {dim!r}" for name, dim in report.suggested.items()),
            diff=Markup(diff_html(report.fix.diff())) if report.fix and report.fix.patches else "",
            listings=_listings(report, anchors),
            assumptions=[
                {
                    "kind": a.kind,
                    "text": a.text,
                    "where": a.where,
                    "anchor": anchors.get(_key(a.where)),
                }
                for a in report.assumptions
            ],
            **_graph(program),
            phases=_phases(times),
            tables=_tables(times),
        )
    )


def report_fragment(report: Report) -> str:
    """The problems and the summary, for a notebook."""
    parts = [f'<pre class="message">{as_html(p.lines())}</pre>' for p in report.problems]
    if report.fix is not None and report.fix.patches:
        parts.append(f"<p>{report.promise}</p>")
        parts.append(f'<pre class="code">{diff_html(report.fix.diff())}</pre>')
    kind = "good" if report.is_clean else "bad"
    parts.append(f'<p><span class="badge {kind}">{report.summary}</span></p>')
    return _fragment(parts)


def program_fragment(program: Parts) -> str:
    """An exported program, for a notebook."""
    counts = str(statistics_of(program, None)).split("\n")[0]
    code = python_html(format_program(program))
    return _fragment(
        [f'<p class="soft">ExportedProgram: {counts}</p>', f'<pre class="code">{code}</pre>']
    )


def _fragment(parts: list[str]) -> str:
    # A shadow root keeps the style away from the notebook's own.
    inner = "\n".join([f"<style>{style_sheet()}</style>", *parts])
    inner = inner.replace(":root", ":host")
    return f'<div><template shadowrootmode="open">{inner}</template></div>'


def _graph(program: Parts | None) -> dict[str, Any]:
    if program is None:
        return {"pictures": [], "code": "", "statistics": ""}
    state = [s.arg.name for s in program.signature.input_specs if s.target is not None]
    return {
        "pictures": [
            {"name": picture.name, "svg": Markup(picture.svg)}
            for picture in pictures_of(program.readable_graph(), state)
        ],
        "code": Markup(python_html(format_program(program))),
        "statistics": str(statistics_of(program, None)).split("\n")[0] + ".",
    }


# Source ------------------------------------------------------------------------------------------


def _key(where: SourceLine | None) -> tuple[str, int] | None:
    return None if where is None else (where.file, where.line)


def _anchors(report: Report) -> dict[tuple[str, int] | None, str]:
    """The lines that are shown with a note, each with its place in the page."""
    places = [p.where for p in report.problems] + [a.where for a in report.assumptions]
    lines = [where for where in places if where is not None and linecache.getlines(where.file)]
    files = list(dict.fromkeys(where.file for where in lines))
    return {_key(where): f"line-{files.index(where.file) + 1}-{where.line}" for where in lines}


def _listings(report: Report, anchors: dict[Any, str]) -> list[dict[str, Any]]:
    notes: dict[tuple[str, int], list[dict[str, str]]] = {}
    for problem in report.problems:
        if problem.where is not None:
            fix = f" Fix: {problem.fix}." if problem.fix else ""
            what = problem.error.what.split("\n")[0]
            text = f"[{problem.code}] {what}.{fix}"
            notes.setdefault((problem.where.file, problem.where.line), []).append(
                {"kind": "bad", "text": text}
            )
    for assumption in report.assumptions:
        if assumption.where is not None:
            notes.setdefault((assumption.where.file, assumption.where.line), []).append(
                {"kind": "warn", "text": f"{assumption.kind}: {assumption.text}"}
            )
    files = dict.fromkeys(key[0] for key in anchors if key is not None)
    return [{"file": _short(file), "rows": _rows(file, notes, anchors)} for file in files]


def _rows(
    file: str, notes: dict[tuple[str, int], list[dict[str, str]]], anchors: dict[Any, str]
) -> list[dict[str, Any]]:
    """The lines around those with notes."""
    lines = python_lines("".join(linecache.getlines(file)))
    marked = [line for name, line in notes if name == file]
    shown = sorted(
        n for n in range(1, len(lines) + 1) if any(abs(n - m) <= _AROUND for m in marked)
    )
    rows: list[dict[str, Any]] = []
    for i, number in enumerate(shown):
        if number != 1 and (i == 0 or number != shown[i - 1] + 1):
            rows.append({"gap": True})
        found = notes.get((file, number), [])
        kinds = {note["kind"] for note in found}
        rows.append(
            {
                "gap": False,
                "number": number,
                "code": Markup(lines[number - 1]),
                "anchor": anchors.get((file, number), ""),
                "kind": "refused" if "bad" in kinds else "assumed" if kinds else "",
                "notes": found,
            }
        )
    return rows


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


# Time --------------------------------------------------------------------------------------------


def _phases(times: Times | None) -> list[dict[str, Any]]:
    found = [] if times is None else list(times.phases.items())
    return [
        {"name": name, "ms": f"{s * 1e3:.1f}", "share": f"{s * 1e3:.3f}", "hue": 210 + 47 * i}
        for i, (name, s) in enumerate(found)
    ]


def _tables(times: Times | None) -> list[dict[str, Any]]:
    if times is None:
        return []
    tables = (("module", times.modules), ("operator", times.operators))
    return [
        {
            "name": name,
            "rows": [(n, f"{s * 1e3:.1f}", c) for n, (s, c) in list(rows.items())[:_MOST_ROWS]],
        }
        for name, rows in tables
        if rows
    ]
