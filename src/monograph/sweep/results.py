"""What came of tasks, kept as lines of JSON: a sweep that was cut off goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from monograph.sweep.tasks import Task

__all__ = ["KINDS", "Outcome", "Row", "Store"]

KINDS = {  # from good to bad
    "right": "right with all sizes that were tried",
    "narrowed": "exports, and refuses sizes that eager mode takes",
    "refused": "refused, with a code and the line",
    "fails": "the export fails",
    "cannot run": "exports, and fails on its own example",
    "hangs": "does not end within the limit",
    "crashes": "the process dies",
    "as exported": "what the model computes where it asks whether it is exported, told; eager "
    "mode gives another result",
    "wrong": "silently wrong",
    "not repeatable": "eager mode gives another result the second time",
    "eager cannot": "eager mode fails, too",
}


@dataclass
class Outcome:
    """``kind``: a key of ``KINDS``. ``step``: where it went wrong; ``code``: of our errors, or the
    type of another; ``where`` and ``text``: the line of the user's that it names.
    """

    kind: str
    step: str = ""
    code: str = ""
    message: str = ""
    where: str = ""
    text: str = ""
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Row:
    """An outcome of a task; ``content``: of what the task depended on."""

    library: str
    name: str
    exporter: str
    form: str
    content: str
    outcome: Outcome
    source: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What was done."""
        return self.library, self.name, self.exporter, self.form


class Store:
    """A file of lines; of several for one task, the last counts. Without a file: in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.rows: dict[tuple[str, str, str, str], Row] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = _read(line)
                if row is not None:
                    self.rows[row.key] = row

    def note(self, task: Task, content: str, outcome: Outcome, source: str = "") -> Row:
        """Keep an outcome, in the file at once."""
        row = Row(*task.key, content, outcome, source)
        self.rows[row.key] = row
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        return row

    def known(self, task: Task, content: str) -> Row | None:
        """What came of the task before, if nothing that it depends on has changed."""
        row = self.rows.get(task.key)
        return row if row is not None and row.content == content else None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())


def _read(line: str) -> Row | None:
    """None for a line that was cut off."""
    try:
        data = json.loads(line)
        return Row(**{**data, "outcome": Outcome(**data["outcome"])})
    except (ValueError, TypeError, KeyError):
        return None
