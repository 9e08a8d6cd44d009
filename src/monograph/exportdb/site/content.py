"""What the page of a case shows, computed from its file and from what was recorded."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from monograph.diagnostics import MonographError
from monograph.diagnostics.rendering import Line
from monograph.exportdb.case import Support
from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.outcomes import Outcome, seeded
from monograph.exportdb.registry import Entry
from monograph.exportdb.runner import refusal
from monograph.exportdb.table import Table
from monograph.exporting import export
from monograph.pictures import Picture, pictures_of

__all__ = ["Cell", "Page", "Rewrite", "page_of"]


@dataclass(frozen=True)
class Cell:
    """One outcome in a table."""

    exporter: str
    title: str
    version: str
    outcome: Outcome | None

    @property
    def kind(self) -> str:
        """The kind of the outcome, as a class of the page."""
        return "unknown" if self.outcome is None else self.outcome.kind.replace(" ", "-")


@dataclass(frozen=True)
class Rewrite:
    """A rewrite: its program, and the changes to get there."""

    name: str
    source: str
    diff: str


@dataclass(frozen=True)
class Page:
    """All of a case."""

    entry: Entry
    source: str
    refused: list[int]  # 1-based lines of ``source``
    message: list[Line]
    program: str
    pictures: list[Picture]
    rewrites: list[Rewrite]
    cells: list[Cell]


def page_of(entry: Entry, tables: list[Table]) -> Page:
    """Export the case, or let it be refused, and gather the rest."""
    error = refusal(entry, entry.expect.code) if entry.expect.code else None
    program, pictures = _exported(entry)
    source = entry.source_of()
    lines = source.splitlines()
    return Page(
        entry=entry,
        source=source,
        refused=[i for i, line in enumerate(lines, 1) if "# refused: MG-" in line],
        message=[] if error is None else _message(error, entry),
        program=program,
        pictures=pictures,
        rewrites=[_rewrite(entry, source, name) for name in entry.rewrites],
        cells=[
            Cell(
                exporter.name,
                exporter.title,
                table.version,
                table.outcome(entry.name, exporter.name),
            )
            for table in tables
            for exporter in EXPORTERS.values()
        ],
    )


def _exported(entry: Entry) -> tuple[str, list[Picture]]:
    """The program of the mode that captures it, and its pictures."""
    modes = [
        strict
        for strict in (False, True)
        if entry.case.support_in(strict=strict) is not Support.UNSUPPORTED
    ]
    if not modes:
        return "", []
    given = seeded(entry.inputs)
    shapes = None if entry.dynamic_shapes is None else entry.dynamic_shapes()
    program = export(
        seeded(entry.model), given.args, given.kwargs, dynamic_shapes=shapes, strict=modes[0]
    )
    signature = program.graph_signature
    state = [s.arg.name for s in signature.input_specs if s.target is not None]
    pictures = [
        Picture(p.name, _placeless(p.svg, entry)) for p in pictures_of(program.graph, state)
    ]
    return _placeless(str(program), entry), pictures


def _message(error: MonographError, entry: Entry) -> list[Line]:
    return [Line(line.kind, _placeless(line.text, entry)) for line in error.lines()]


def _placeless(text: str, entry: Entry) -> str:
    """Without what depends on where the files lie."""
    text = re.sub(rf"\S*{re.escape(entry.file.name)}", entry.file.name, text)
    text = re.sub(r"/\S*/(?=[\w.]+\.py\b)", "", text)
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)


def _rewrite(entry: Entry, source: str, name: str) -> Rewrite:
    text = entry.source_of(name)
    changes = difflib.unified_diff(
        source.splitlines(), text.splitlines(), entry.name, name, lineterm="", n=2
    )
    return Rewrite(name, text, "\n".join(changes))
