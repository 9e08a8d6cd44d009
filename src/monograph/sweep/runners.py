"""Who does the tasks of a sweep: processes of this machine, or whatever maps tasks to outcomes."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol

from monograph.sweep.catalogue import Listing
from monograph.sweep.results import Outcome
from monograph.sweep.tasks import Task

__all__ = ["LocalRunner", "Runner", "Server"]


class Runner(Protocol):
    """Maps tasks to their outcomes, in any order, as they come."""

    def listing(self, folder: str, library: str) -> Listing | None:
        """The entries of a library; None where it is not installed."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Each task with its outcome; all are of one library."""


class Server:
    """A process that has imported a library, and does tasks with its models one by one."""

    def __init__(self, folder: str, library: str) -> None:
        command = [sys.executable, "-m", "monograph.sweep.serving", folder, library]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="utf-8", env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        found = self._answer()
        self.listing = None if found is None else Listing(**found)

    def _answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        try:
            return json.loads(self._process.stdout.readline())
        except ValueError:
            return None

    def do(self, task: Task) -> Outcome:
        """The outcome of a task."""
        asks = self._process.stdin
        assert asks is not None
        try:
            asks.write(json.dumps(task.as_dict()) + "\n")
            asks.flush()
            found = self._answer()
        except OSError:
            found = None
        if found is None:
            return Outcome("crashes", code="server", message="the process that forks has died")
        return Outcome(**found)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class LocalRunner:
    """Processes of this machine, ``jobs`` at a time, library after library."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs
        self._servers: list[Server] = []
        self._library: tuple[str, str] | None = None

    def listing(self, folder: str, library: str) -> Listing | None:
        """The entries of a library; None where it is not installed."""
        return self._server(folder, library, 0).listing

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Each task with its outcome; all are of one library."""
        if self.jobs == 1:
            for task in tasks:
                yield task, self._server(task.folder, task.library, 0).do(task)
            return
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Task, Outcome]] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)

        def work(server: Server) -> None:
            while True:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                done.put((task, server.do(task)))

        for i in range(min(self.jobs, len(tasks))):
            server = self._server(tasks[0].folder, tasks[0].library, i)
            threading.Thread(target=work, args=(server,), daemon=True).start()
        for _ in tasks:
            yield done.get()

    def _server(self, folder: str, library: str, at: int) -> Server:
        if self._library != (folder, library):
            self.close()
            self._library = folder, library
        while len(self._servers) <= at:
            self._servers.append(Server(folder, library))
        return self._servers[at]

    def close(self) -> None:
        """End the processes."""
        for server in self._servers:
            server.close()
        self._servers, self._library = [], None

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
