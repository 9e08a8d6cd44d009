"""The support table: what was measured, for each torch version, as JSON.

``support/torch-2.13.json`` holds for each case the digest of its file and the outcome of each
exporter; nothing in it is typed by hand.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from monograph.exportdb.case import Support
from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.outcomes import KINDS, Outcome
from monograph.exportdb.recording import Measurement
from monograph.exportdb.registry import Entry

__all__ = ["OLDEST_TORCH", "SCHEMA", "Table", "headline", "merged", "problems_of", "recorded"]

SCHEMA = 1
OLDEST_TORCH = (2, 13)  # that Monograph supports; what is declared need not hold of older ones
_FOLDER = Path(__file__).parent / "support"


class Table:
    """What was recorded with one torch version: by case, by exporter."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @classmethod
    def empty(cls) -> Table:
        """For the torch that is installed."""
        return cls(
            {
                "schema": SCHEMA,
                "torch": torch.__version__.partition("+")[0],
                "python": platform.python_version(),
                "cases": {},
            }
        )

    @property
    def version(self) -> str:
        """``2.13``."""
        return ".".join(self.data["torch"].split(".")[:2])

    @property
    def number(self) -> tuple[int, ...]:
        """``(2, 13)``."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return _FOLDER / f"torch-{self.version}.json"

    def outcome(self, name: str, exporter: str) -> Outcome | None:
        """What was recorded of one case and one exporter."""
        found = self.data["cases"].get(name, {}).get("outcomes", {}).get(exporter)
        return None if found is None else Outcome(**found)

    def is_fresh(self, entry: Entry, exporter: str) -> bool:
        """Whether the case is the one that was measured."""
        row = self.data["cases"].get(entry.name)
        return row is not None and row["digest"] == entry.digest and exporter in row["outcomes"]

    def note(self, measurement: Measurement) -> None:
        """Record an outcome; those of another text of the case are dropped."""
        entry, rows = measurement.entry, self.data["cases"]
        row = rows.get(entry.name)
        if row is None or row["digest"] != entry.digest:
            row = rows[entry.name] = {"digest": entry.digest, "outcomes": {}}
        row["outcomes"][measurement.exporter] = measurement.outcome.as_dict()

    def write(self) -> Path:
        """To its file, the same bytes for the same content."""
        self.file.parent.mkdir(exist_ok=True)
        text = json.dumps(self.data, indent=1, sort_keys=True, ensure_ascii=False)
        self.file.write_text(text + "\n", encoding="utf-8")
        return self.file

    def counts(self, names: Iterable[str]) -> dict[str, dict[str, int]]:
        """How many cases end in which way, by exporter."""
        chosen = list(names)
        found = {}
        for exporter in EXPORTERS:
            kinds = [o.kind for n in chosen if (o := self.outcome(n, exporter)) is not None]
            found[exporter] = {kind: kinds.count(kind) for kind in KINDS}
        return found


def headline(tables: Iterable[Table], entries: Iterable[Entry]) -> str:
    """How many cases end in which way, in Markdown: here, and beside other versions of torch."""
    tables, chosen = list(tables), list(entries)
    here = Table.empty().version
    parts = [_by_outcome(table, chosen) for table in tables if table.version == here]
    return "\n\n".join([*parts, _by_version(tables, chosen)])


def _by_version(tables: list[Table], entries: list[Entry]) -> str:
    found = [table.counts(entry.name for entry in entries) for table in tables]
    names = " | ".join(f"torch {table.data['torch']}" for table in tables)
    lines = [f"| right / silently wrong | {names} |", f"| --- |{' --- |' * len(tables)}"]
    for exporter in EXPORTERS.values():
        cells = [f"{c[exporter.name]['right']} / {c[exporter.name]['wrong']}" for c in found]
        lines.append(f"| {exporter.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_outcome(table: Table, entries: list[Entry]) -> str:
    counts = table.counts(entry.name for entry in entries)
    columns = {
        "right": ("right",),
        "refuses inputs that eager mode takes": ("limited",),
        "refused or failing": ("refused", "fails", "cannot run", "hangs", "crashes"),
        "silently wrong": ("wrong",),
    }
    lines = [
        f"| torch {table.data['torch']} | {' | '.join(columns)} |",
        f"| --- |{' --- |' * len(columns)}",
    ]
    for exporter in EXPORTERS.values():
        numbers = [sum(counts[exporter.name][k] for k in kinds) for kinds in columns.values()]
        lines.append(f"| {exporter.title} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def recorded() -> list[Table]:
    """All tables, the newest torch last."""
    found = [Table(json.loads(file.read_text())) for file in _FOLDER.glob("torch-*.json")]
    return sorted(found, key=lambda table: table.number)


def merged(entries: Iterable[Entry]) -> dict[str, Any]:
    """The whole catalogue with all that was recorded: for other tools."""
    tables = recorded()
    return {
        "schema": SCHEMA,
        "exporters": {e.name: e.title for e in EXPORTERS.values()},
        "outcomes": KINDS,
        "cases": [
            {
                "name": entry.name,
                "area": entry.area,
                "title": entry.title,
                "tags": list(entry.case.tags),
                "support": entry.case.support.value,
                "strict": entry.case.support_in(strict=True).value,
                "since": entry.case.since,
                "code": entry.expect.code,
                "prose": entry.sections,
                "source": entry.source_of(),
                "rewrites": {name: entry.source_of(name) for name in entry.rewrites},
                "measured": {
                    f"torch {table.version}": table.data["cases"]
                    .get(entry.name, {})
                    .get("outcomes", {})
                    for table in tables
                },
            }
            for entry in entries
        ],
    }


def problems_of(table: Table, entries: list[Entry]) -> list[str]:
    """What is wrong with a table: rows that are stale or missing, and verdicts that differ."""
    found = []
    names = {entry.name for entry in entries}
    found += [f"{name}: there is no such case" for name in table.data["cases"] if name not in names]
    for entry in entries:
        row = table.data["cases"].get(entry.name)
        if row is None:
            found.append(f"{entry.name}: it was not measured")
        elif row["digest"] != entry.digest:
            found.append(f"{entry.name}: it has changed since it was measured")
        else:
            found += _verdicts(table, entry)
    return found


def _verdicts(table: Table, entry: Entry) -> list[str]:
    found = []
    for exporter in EXPORTERS.values():
        outcome = table.outcome(entry.name, exporter.name)
        if outcome is None:
            found.append(f"{entry.name}: it was not measured with {exporter.title}")
        elif exporter.is_ours and table.number >= OLDEST_TORCH:
            support = entry.case.support_in(strict=exporter.is_strict)
            is_refused = outcome.kind != "right"
            if is_refused is not (support is Support.UNSUPPORTED):
                found.append(
                    f"{entry.name}: declared {support.value}, but {outcome.kind} "
                    f"with {exporter.title}"
                )
    return found
