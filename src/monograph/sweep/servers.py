"""A process that has imported a library and forks for each task, from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from typing import Any

from monograph.sweep.catalogue import Listing
from monograph.sweep.children import PATIENCE
from monograph.sweep.results import Outcome
from monograph.sweep.tasks import Ask, Task

__all__ = ["Answer", "Lost", "Server", "Servers", "Work"]

_IMPORT = 900.0  # wall-clock seconds that a library may take to be imported


class Lost(str):
    """In place of an answer: why there is none. It is worth another try elsewhere."""


Work = Ask | Task
Answer = Listing | Outcome | Lost


class Server:
    """The process for one library in one interpreter."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        serving = [ask.python or sys.executable, "-m", "monograph.sweep.serving"]
        self._process = subprocess.Popen(
            [*serving, ask.folder, ask.library],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._read = b""
        found = self._answer(_IMPORT)
        self.listing = None if found is None else Listing(**found)

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """The next line, or nothing: the process has died, or there is none in time."""
        pipe, end = self._process.stdout, time.monotonic() + seconds
        assert pipe is not None
        while b"\n" not in self._read:
            ready, _, _ = select.select([pipe], [], [], max(end - time.monotonic(), 0.0))
            part = os.read(pipe.fileno(), 1 << 16) if ready else b""
            if not part:
                return None
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return json.loads(line)

    def do(self, task: Task) -> Outcome | Lost:
        """The outcome of a task."""
        asks = self._process.stdin
        assert asks is not None
        found = None
        with contextlib.suppress(OSError):
            asks.write(json.dumps(task.as_dict()).encode() + b"\n")
            asks.flush()
            found = self._answer(task.limits.seconds * PATIENCE + _IMPORT)
        if found is None:
            return Lost("the process that forks for the task has died")
        return Outcome(**found)

    def end(self) -> None:
        """End the process; whoever waits for its answer gets none."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and let go of it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Servers:
    """At most one process at a time: that of the library which is asked for."""

    def __init__(self) -> None:
        self._server: Server | None = None

    def answer(self, work: Work) -> Answer:
        """Of a new process where there is none for it, or where it has died."""
        ask = work if isinstance(work, Ask) else Ask(work.folder, work.library, work.python)
        if self._server is None or self._server.ask != ask:
            self.close()
            self._server = Server(ask)
        answer = self._server.listing if isinstance(work, Ask) else self._server.do(work)
        if answer is None or isinstance(answer, Lost):
            self.close()
            return answer or Lost("the process that imports the library has died")
        return answer

    def end(self) -> None:
        """End the process from another thread."""
        if (server := self._server) is not None:
            server.end()

    def close(self) -> None:
        """End the process, and let go of it."""
        if self._server is not None:
            self._server.close()
            self._server = None
