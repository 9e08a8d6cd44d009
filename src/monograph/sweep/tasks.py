"""What a sweep has to do: tasks, each for a process of its own, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["EAGER", "FORMS", "Limits", "Task", "tasks_of"]

EAGER = "eager"
FORMS = {
    "static": "all sizes fixed",
    "dynamic": "sizes that vary, exported from a batch of 2",
    "dynamic-1": "sizes that vary, exported from a batch of 1",
}


@dataclass(frozen=True)
class Limits:
    """What a task may use: seconds of processor time, and bytes of memory of its own."""

    seconds: float = 60.0
    gigabytes: float = 6.0


@dataclass(frozen=True)
class Task:
    """One model with one exporter in one form; ``eager``, without a form, finds out its sizes.

    ``varying``: the names of the sizes that eager mode can vary; ``calls``: the sizes of the calls
    that it takes, by the names of the calls.
    """

    folder: str
    library: str
    name: str
    exporter: str = EAGER
    form: str = ""
    varying: tuple[str, ...] = ()
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    limits: Limits = Limits()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def of(data: dict[str, Any]) -> Task:
        """From what JSON gives."""
        limits = Limits(**data["limits"])
        return Task(**{**data, "limits": limits, "varying": tuple(data["varying"])})

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is that is done."""
        return self.library, self.name, self.exporter, self.form


def tasks_of(
    eager: Task, found: dict[str, Any], exporters: Iterable[str], forms: Iterable[str]
) -> Iterator[Task]:
    """The exports that a model is worth, after what was found out about it in eager mode."""
    varying = tuple(found.get("varying", ()))
    calls = found.get("calls", {})
    forms = list(forms)
    for exporter in exporters:
        for form in forms:
            if form != "static" and not varying:
                continue
            if form == "dynamic-1" and "batch 1" not in calls:
                continue
            yield Task(
                eager.folder, eager.library, eager.name, exporter, form, varying, calls,
                eager.limits,
            )  # fmt: skip
