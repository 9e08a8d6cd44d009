"""Watching an export: which phase it is in, how far it is, and where its time goes.

Phases are always timed, modules and operators where ``timings()`` asks for them. While an export
takes long, the logger ``monograph`` says how far it is, if it is on for INFO.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch.fx import Graph

__all__ = ["Clock", "Watch", "current_watch", "timings", "watching"]

LOGGER = logging.getLogger("monograph")
_SECONDS = 2.0  # between two lines of the log
_START = "start"

_now = time.perf_counter
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Clock:
    """Seconds by what goes on; of nested activities the innermost is counted."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        self._running: list[str] = []
        self._mark = _now()

    def enter(self, name: str, before: str = "") -> None:
        """``name`` begins; the time before it, where nothing was running, belongs to ``before``."""
        self._pass(before)
        self._running.append(name)
        self.calls[name] += 1

    def leave(self) -> None:
        """What has begun last ends."""
        self._pass("")
        self._running.pop()

    def _pass(self, otherwise: str) -> None:
        now = _now()
        name = self._running[-1] if self._running else otherwise
        if name:
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._mark
        self._mark = now


class Place(Protocol):
    """A module that is running."""

    @property
    def path(self) -> str:
        """Its dotted name."""


class Writing(Protocol):
    """A capture that is going on: what it has written, and where it is."""

    @property
    def graph(self) -> Graph:
        """The graph so far."""

    @property
    def scope(self) -> Place | None:
        """The module."""


@dataclass
class Watch:
    """One export.

    ``recorder``: of the capture that is running; ``captures``: how many there were. ``operators``
    and ``modules`` are timed where ``is_close``.
    """

    is_close: bool = False
    started: float = field(default_factory=_now)
    ended: float | None = None
    phase: str = _START
    phases: dict[str, float] = field(default_factory=dict)
    captures: int = 0
    recorder: Writing | None = None
    operators: Clock = field(default_factory=Clock)
    modules: Clock = field(default_factory=Clock)

    @property
    def seconds(self) -> float:
        """How long it took, or has been taking."""
        return (_now() if self.ended is None else self.ended) - self.started

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        """``name`` is going on; what is part of another phase is not told apart."""
        if self.phase != _START:
            yield
            return
        start, self.phase = _now(), name
        try:
            yield
        finally:
            self.phase = _START
            self.phases[name] = self.phases.get(name, 0.0) + _now() - start

    def progress(self) -> str:
        """``capture: 1,234 operators, in layers.3.attn, 2.1 s``."""
        parts = []
        if self.recorder is not None:
            parts.append(f"{len(self.recorder.graph.nodes):,} nodes")
            scope = self.recorder.scope
            if scope is not None and scope.path:
                parts.append(f"in {scope.path}")
        if self.captures > 1:
            parts.append(f"run {self.captures}")
        return f"{self.phase}: {', '.join([*parts, f'{self.seconds:.1f} s'])}"

    def __rich__(self) -> str:
        return f"[dim]{self.progress()}[/]"


def current_watch() -> Watch | None:
    """The export that is going on here."""
    return _watch.get()


@contextlib.contextmanager
def watching(watch: Watch | None = None) -> Iterator[Watch]:
    """An export: in the watch that is there already, or in its own."""
    outer = _watch.get()
    if outer is not None and watch is None:
        yield outer
        return
    watch = watch or Watch()
    token = _watch.set(watch)
    try:
        with _logged(watch):
            yield watch
    finally:
        watch.ended = _now()
        watch.recorder = None
        _watch.reset(token)


def timings() -> contextlib.AbstractContextManager[Watch]:
    """``with timings(): ep = export(...)``: ``ep.statistics`` has the time of each module, too."""
    return watching(Watch(is_close=True))


@contextlib.contextmanager
def _logged(watch: Watch) -> Iterator[None]:
    if not LOGGER.isEnabledFor(logging.INFO):
        yield
        return
    done = threading.Event()

    def tell() -> None:
        while not done.wait(_SECONDS):
            LOGGER.info("%s", watch.progress())

    thread = threading.Thread(target=tell, name="monograph-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        times = ", ".join(f"{name} {s * 1e3:.0f} ms" for name, s in watch.phases.items())
        LOGGER.info("export: %.0f ms (%s)", watch.seconds * 1e3, times)
