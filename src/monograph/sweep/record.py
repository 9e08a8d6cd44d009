"""The record of a sweep: what came of each model, sorted, as lines of JSON: a text that is kept
beside the source, so that what changed is seen where changes are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from monograph.sweep.results import Outcome, Row

__all__ = ["read_record", "write_record"]

_MOST_TEXT = 300
_OWN = ("library", "name", "exporter", "form", "stage", "content", "source")


def write_record(rows: Iterable[Row], path: Path) -> None:
    """Write rows sorted, without what changes from run to run."""
    lines = []
    for row in sorted(rows, key=lambda row: row.key):
        o = row.outcome
        data = {
            "library": row.library, "name": row.name, "exporter": row.exporter, "form": row.form,
            "stage": row.stage, "kind": o.kind, "step": o.step, "code": o.code, "where": o.where,
            "text": o.text, "message": _without_rest(o.message), "content": row.content,
            "details": {k: v for k, v in o.details.items() if k in ("varying", "calls")},
        }  # fmt: skip
        lines.append(json.dumps({k: v for k, v in data.items() if v}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _without_rest(message: str) -> str:
    lines = message.split("\n")
    kept = [lines[0], *(line for line in lines[1:] if line.startswith("  - "))]
    return "\n".join(line[:_MOST_TEXT] for line in kept[:2])


def read_record(path: Path) -> list[Row]:
    """The rows of a record, or of results that were kept as lines of JSON: of several for one task
    the last one. A line that begins as one, and was cut off, is none.

    Raises:
        ValueError: for any other line.
    """
    rows = {}
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        try:
            row = _row(json.loads(line))
        except (ValueError, TypeError):
            if line.startswith("{"):
                continue
            raise ValueError(f"{path}, line {i + 1} is no result") from None
        rows[row.key] = row
    return list(rows.values())


def _row(data: dict[str, Any]) -> Row:
    own = {key: data.pop(key, "") for key in _OWN}
    return Row(**own, outcome=Outcome(**data.pop("outcome", data)))
