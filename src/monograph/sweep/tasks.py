"""What a sweep has to do: tasks, each for a process of its own, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["EAGER", "FORMS", "Ask", "Key", "Limits", "Task", "exports_of", "stages_of"]

EAGER = "eager"
FORMS = {
    "static": "all sizes fixed",
    "dynamic": "sizes that vary, exported from a batch of 2",
    "dynamic-1": "sizes that vary, exported from a batch of 1",
}

Key = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Limits:
    """What a task may use: seconds of processor time, and gigabytes of memory of its own."""

    seconds: float = 60.0
    gigabytes: float = 6.0


@dataclass(frozen=True)
class Ask:
    """What is there of a library? ``python``: the interpreter, of whichever torch, or this one."""

    folder: str
    library: str
    python: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Whom it is that is asked."""
        return self.folder, self.library, self.python


@dataclass(frozen=True)
class Task:
    """One model with one exporter in one form; ``eager``, without a form, finds out its sizes.

    ``stage``: what is made of the program afterwards, or nothing. ``python``, ``torch``: the
    interpreter that does it, and the version that it has. ``varying``: the names of the sizes that
    eager mode can vary; ``calls``: the sizes of the calls that it takes, by the names of the calls.
    """

    folder: str
    library: str
    name: str
    exporter: str = EAGER
    form: str = ""
    varying: tuple[str, ...] = ()
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    limits: Limits = Limits()
    stage: str = ""
    python: str = ""
    torch: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def of(data: dict[str, Any]) -> Task:
        """From what JSON gives."""
        limits = Limits(**data["limits"])
        return Task(**{**data, "limits": limits, "varying": tuple(data["varying"])})

    @property
    def key(self) -> Key:
        """What it is that is done."""
        return self.library, self.name, self.exporter, self.form, self.stage, self.torch


def exports_of(
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
            yield replace(eager, exporter=exporter, form=form, varying=varying, calls=calls)


def stages_of(exported: Task, stages: Iterable[str]) -> Iterator[Task]:
    """What is made of a program that an exporter gave."""
    for stage in stages:
        yield replace(exported, stage=stage)
