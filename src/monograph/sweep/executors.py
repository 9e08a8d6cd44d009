"""Who does the work of a sweep, and how it is handed out: nothing is lost, nothing told twice."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from monograph.sweep.catalogue import Listing
from monograph.sweep.results import LOST, Outcome
from monograph.sweep.servers import Answer, Lost, Servers, Work
from monograph.sweep.tasks import Ask

__all__ = ["Executor", "LocalExecutor", "done"]

_TRIES = 4


class Executor(Protocol):
    """Takes work, and gives answers in any order. It may lose work, and say so with ``Lost``."""

    @property
    def room(self) -> int:
        """How much work is worth having at a time."""

    def submit(self, work: Work) -> None:
        """Take work."""

    def answers(self) -> list[tuple[Work, Answer]]:
        """Waits for at least one."""

    def close(self) -> None:
        """End what was started."""


def done(
    executor: Executor,
    first: Iterable[Work],
    then: Callable[[Work, Listing | Outcome], Iterable[Work]],
) -> Iterator[tuple[Work, Listing | Outcome]]:
    """All work with its answer, as answers come: ``first``, and what each answer brings with it.

    What follows from an answer comes before what is waiting: one library after another. Work that
    is lost is handed out again, a few times; an answer that comes twice counts once.
    """
    waiting: deque[Work] = deque(first)
    losses: dict[tuple[str, ...], int] = {}  # of the work that is out
    while waiting or losses:
        while waiting and len(losses) < max(executor.room, 1):
            work = waiting.popleft()
            losses[work.key] = 0
            executor.submit(work)
        for work, answer in executor.answers():
            if work.key not in losses:
                continue
            if isinstance(answer, Lost):
                losses[work.key] += 1
                if losses[work.key] < _TRIES:
                    executor.submit(work)
                    continue
                answer = _given_up(work, answer)
            del losses[work.key]
            waiting.extendleft(reversed(list(then(work, answer))))
            yield work, answer


def _given_up(work: Work, last: Lost) -> Listing | Outcome:
    told = f"lost {_TRIES} times, at last: {last}"
    return Listing(problem=told) if isinstance(work, Ask) else Outcome(LOST, message=told)


class LocalExecutor:
    """Processes of this machine, ``jobs`` at a time."""

    def __init__(self, jobs: int = 1) -> None:
        self.room = jobs
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Work, Answer]] = queue.SimpleQueue()
        self._servers = [Servers() for _ in range(jobs)]
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(servers,), daemon=True)
            for servers in self._servers
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self, servers: Servers) -> None:
        while (work := self._waiting.get()) is not None and not self._is_closed:
            self._answers.put((work, servers.answer(work)))
        servers.close()

    def submit(self, work: Work) -> None:
        """Take work."""
        self._waiting.put(work)

    def answers(self) -> list[tuple[Work, Answer]]:
        """The next one."""
        return [self._answers.get()]

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._is_closed = True
        for servers in self._servers:
            self._waiting.put(None)
            servers.end()
        for thread in self._threads:
            thread.join()
