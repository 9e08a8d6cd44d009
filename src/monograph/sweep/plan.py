"""What is left to do of a sweep, and doing it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import monograph
from monograph.sweep.catalogue import Catalogue, Listing, is_chosen
from monograph.sweep.executors import Executor, done
from monograph.sweep.results import LOST, RIGHT, Outcome, Row
from monograph.sweep.servers import Work
from monograph.sweep.store import Store
from monograph.sweep.tasks import EAGER, FORMS, Ask, Limits, Task, exports_of, stages_of

__all__ = ["Plan", "source_digest"]

_BESIDE = ("sweep", "exportdb", "cli", "web", "pictures")  # what no program depends on


@dataclass
class Plan:
    """A catalogue, what is known of it already, and what to find out.

    ``patterns``: ``LIBRARY`` or ``LIBRARY/NAME``; ``part``: the Ith of N parts of all models;
    ``most``: so many models of each library; ``pythons``: interpreters with a torch of their own,
    "" for this one. Again are measured: with ``again`` all, with ``failing`` what was not right,
    with ``stale`` what was measured with another source of Monograph. ``problems``: the libraries
    that cannot be read, and why.
    """

    catalogue: Catalogue
    store: Store
    exporters: tuple[str, ...]
    forms: tuple[str, ...] = tuple(FORMS)
    stages: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ("*",)
    part: tuple[int, int] = (1, 1)
    most: int | None = None
    pythons: tuple[str, ...] = ("",)
    again: bool = False
    failing: bool = False
    stale: bool = False
    limits: Limits = field(default_factory=Limits)
    problems: dict[str, str] = field(default_factory=dict)
    _content: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _stages: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def models(self, executor: Executor) -> Iterator[Task]:
        """The models that were chosen, as the tasks that run them in eager mode."""
        for ask, answer in done(executor, self._asks(), lambda work, answer: ()):
            assert isinstance(ask, Ask)
            assert isinstance(answer, Listing)
            yield from self._listed(ask, answer)

    def run(self, executor: Executor) -> Iterator[Row]:
        """The results as they come, about library after library."""
        for work, _ in done(executor, self._asks(), self._following):
            if isinstance(work, Task):
                yield self.store.rows[work.key]

    def _asks(self) -> list[Work]:
        return [
            Ask(str(self.catalogue.path), library, python)
            for library in self.catalogue.libraries()
            if any(is_chosen(library, "*", [p.partition("/")[0]]) for p in self.patterns)
            for python in self.pythons
        ]

    def _following(self, work: Work, answer: Listing | Outcome) -> Iterator[Task]:
        """What an answer brings with it, after it was noted."""
        if isinstance(work, Ask):
            assert isinstance(answer, Listing)
            yield from self._due(self._listed(work, answer))
            return
        assert isinstance(answer, Outcome)
        content = self._content[work.python, work.library, work.name]
        self.store.note(work, content, answer, source_digest())
        yield from self._due(self._after(work))

    def _listed(self, ask: Ask, listing: Listing) -> list[Task]:
        """The models of a library that were chosen, and what each depends on."""
        if listing.problem:
            self.problems[f"{ask.library} {ask.python}".strip()] = listing.problem
            return []
        names = [name for name in listing.content if self._is_chosen(ask.library, name)]
        made = f"{ask.library} {listing.version}".strip()
        for name in names:
            content = f"{listing.content[name]} {made} torch {listing.torch}"
            self._content[ask.python, ask.library, name] = content
        self._stages[ask.python, ask.library] = tuple(s for s in self.stages if s in listing.stages)
        torch = listing.torch.partition("+")[0]
        return [
            Task(ask.folder, ask.library, name, limits=self.limits, python=ask.python, torch=torch)
            for name in names[: self.most]
        ]

    def _is_chosen(self, library: str, name: str) -> bool:
        part, parts = self.part
        digest = hashlib.sha256(f"{library}/{name}".encode()).hexdigest()[:8]
        return int(digest, 16) % parts == part - 1 and is_chosen(library, name, self.patterns)

    def _after(self, task: Task) -> Iterator[Task]:
        """What is worth doing when a task has come out right."""
        row = self.store.rows[task.key]
        if row.outcome.kind != RIGHT or task.stage:
            return iter(())
        if task.exporter == EAGER:
            return exports_of(task, row.outcome.details, self.exporters, self.forms)
        return stages_of(task, self._stages[task.python, task.library])

    def _due(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Those that are not done, and what is not done of those that follow from what is."""
        for task in tasks:
            if self._is_left(task):
                yield task
            else:
                yield from self._due(self._after(task))

    def _is_left(self, task: Task) -> bool:
        known = self.store.known(task, self._content[task.python, task.library, task.name])
        if known is None or known.outcome.kind == LOST:
            return True
        if task.exporter == EAGER:
            return False
        return (
            self.again
            or (self.failing and known.outcome.kind != RIGHT)
            or (self.stale and known.source != source_digest())
        )


@cache
def source_digest() -> str:
    """A digest of Monograph's own source: which one an outcome was measured with."""
    root, digest = Path(monograph.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] in _BESIDE:
            continue
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
