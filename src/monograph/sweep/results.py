"""What came of tasks: outcomes, from good to bad, and rows that say of which task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from monograph.sweep.tasks import Key, Task

__all__ = ["KINDS", "LOST", "RIGHT", "Outcome", "Row"]

RIGHT = "right"
LOST = "lost"
KINDS = {  # from good to bad
    RIGHT: "right with all sizes that were tried",
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
    LOST: "not known: each machine that had it was lost before it ended",
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
    """An outcome of a task; ``content``: of what the task depended on, torch's version last;
    ``source``: of Monograph, as it was measured with.
    """

    library: str
    name: str
    exporter: str
    form: str
    content: str
    outcome: Outcome
    source: str = ""
    stage: str = ""

    @property
    def torch(self) -> str:
        """The version, without what it was built for."""
        _, found, version = self.content.rpartition(" torch ")
        return version.partition("+")[0] if found else ""

    @property
    def key(self) -> Key:
        """What was done."""
        return self.library, self.name, self.exporter, self.form, self.stage, self.torch

    @staticmethod
    def of(task: Task, content: str, outcome: Outcome, source: str = "") -> Row:
        """What came of a task."""
        own = task.library, task.name, task.exporter, task.form
        return Row(*own, content, outcome, source, task.stage)
