"""What is left to do of a sweep, and doing it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import torch

import monograph
from monograph.sweep.catalogue import Catalogue
from monograph.sweep.results import Row, Store
from monograph.sweep.runners import Runner
from monograph.sweep.tasks import EAGER, FORMS, Limits, Task, tasks_of

__all__ = ["Plan"]

_BESIDE = ("sweep", "exportdb", "cli", "web", "pictures")  # what no program depends on


@dataclass
class Plan:
    """A catalogue, what is known of it already, and what to find out.

    ``patterns``: ``LIBRARY`` or ``LIBRARY/NAME``; ``part``: the Ith of N parts of all models;
    ``most``: so many models of each library.
    """

    catalogue: Catalogue
    store: Store
    exporters: tuple[str, ...]
    forms: tuple[str, ...] = tuple(FORMS)
    patterns: tuple[str, ...] = ("*",)
    part: tuple[int, int] = (1, 1)
    most: int | None = None
    again: bool = False
    failing: bool = False
    limits: Limits = field(default_factory=Limits)

    def models(self, runner: Runner) -> Iterator[Task]:
        """The models that were chosen, as the tasks that run them in eager mode."""
        for library in self.catalogue.libraries():
            yield from self._of(library, runner)[0]

    def run(self, runner: Runner) -> Iterator[Row]:
        """The results as they come, library after library."""
        for library in self.catalogue.libraries():
            eager, content = self._of(library, runner)
            yield from self._done(eager, content, runner)
            exports = [task for each in eager for task in self._exports(each)]
            yield from self._done(exports, content, runner)

    def _of(self, library: str, runner: Runner) -> tuple[list[Task], dict[str, str]]:
        """The models of a library that were chosen, and what each depends on."""
        if not any(fnmatch(library, p.partition("/")[0]) for p in self.patterns):
            return [], {}
        folder = str(self.catalogue.folder)
        listing = runner.listing(folder, library)
        if listing is None:  # it is not installed
            return [], {}
        content = {
            name: f"{own} {library} {listing.version} torch {torch.__version__}"
            for name, own in listing.content.items()
            if self._is_chosen(library, name)
        }
        names = list(content)[: self.most]
        return [Task(folder, library, name, limits=self.limits) for name in names], content

    def _is_chosen(self, library: str, name: str) -> bool:
        part, parts = self.part
        digest = hashlib.sha256(f"{library}/{name}".encode()).hexdigest()[:8]
        return int(digest, 16) % parts == part - 1 and any(
            fnmatch(library, p.partition("/")[0]) and fnmatch(name, p.partition("/")[2] or "*")
            for p in self.patterns
        )

    def _exports(self, eager: Task) -> Iterator[Task]:
        row = self.store.rows.get(eager.key)
        if row is not None and row.outcome.kind == "right":
            yield from tasks_of(eager, row.outcome.details, self.exporters, self.forms)

    def _done(self, tasks: list[Task], content: dict[str, str], runner: Runner) -> Iterator[Row]:
        left = [task for task in tasks if self._is_left(task, content[task.name])]
        for task, outcome in runner.run(left):
            yield self.store.note(task, content[task.name], outcome, source_digest())

    def _is_left(self, task: Task, content: str) -> bool:
        known = self.store.known(task, content)
        if known is None:
            return True
        if task.exporter == EAGER:
            return False
        return self.again or (self.failing and known.outcome.kind != "right")


@cache
def source_digest() -> str:
    """A digest of Monograph's own source: which one an outcome was measured with."""
    root, digest = Path(monograph.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] in _BESIDE:
            continue
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
