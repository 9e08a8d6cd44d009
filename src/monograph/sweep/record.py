"""The record of a sweep: what came of each model, sorted, in a file that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from monograph.sweep.results import Outcome, Row

__all__ = ["read_record", "write_record"]

_MOST_TEXT = 300


def write_record(rows: Iterable[Row], path: Path) -> None:
    """Write rows sorted, without what changes from run to run."""
    lines = []
    for row in sorted(rows, key=lambda row: row.key):
        o = row.outcome
        data = {
            "library": row.library, "name": row.name, "exporter": row.exporter, "form": row.form,
            "kind": o.kind, "step": o.step, "code": o.code, "where": o.where, "text": o.text,
            "message": _without_rest(o.message), "content": row.content,
            "details": {k: v for k, v in o.details.items() if k in ("varying", "calls")},
        }  # fmt: skip
        lines.append(json.dumps({k: v for k, v in data.items() if v}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _without_rest(message: str) -> str:
    lines = message.split("\n")
    kept = [lines[0], *(line for line in lines[1:] if line.startswith("  - "))]
    return "\n".join(line[:_MOST_TEXT] for line in kept[:2])


def read_record(path: Path) -> list[Row]:
    """The rows of a record."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        own = {k: data.pop(k, "") for k in ("library", "name", "exporter", "form", "content")}
        rows.append(Row(**own, outcome=Outcome(**data)))
    return rows
