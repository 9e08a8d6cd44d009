"""The process that exports, as the server sees it: requests go in, messages come out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from monograph.workbench.requests import Request

__all__ = ["Message", "Worker"]

_LONGEST_LINE = 1 << 30  # bytes: a program is one line


@dataclass(frozen=True)
class Message:
    """What comes of a request: see ``serving``. ``text`` is JSON."""

    kind: str
    text: str


class Worker:
    """One process that has torch loaded; started again where it has ended."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Message]] = {}
        self._is_ready = asyncio.Event()
        self._starting = asyncio.Lock()
        self.versions = ""

    async def start(self) -> None:
        """Have a process that is ready.

        Raises:
            ChildProcessError: it has ended before it was.
        """
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                self._is_ready.clear()
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "monograph.workbench.serving",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=_LONGEST_LINE,
                )
                self._reader = asyncio.create_task(self._read(self._process))
        await self._is_ready.wait()
        if self._process is None or self._process.returncode is not None:
            raise ChildProcessError("the process that exports has ended before it was ready")

    async def ask(self, request: Request, seconds: float) -> AsyncIterator[Message]:
        """What comes of a request, which is given so much time. Who stops listening stops it."""
        await self.start()
        number = next(self._numbers)
        queue = self._waiting[number] = asyncio.Queue()
        try:
            self._send({"number": number, "seconds": seconds, "request": request.as_dict()})
            while True:
                message = await queue.get()
                yield message
                if message.kind == "end":
                    return
        finally:
            del self._waiting[number]
            self._send({"number": number, "stop": True})

    async def close(self) -> None:
        """End the process, and those that it has started."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 2.0)
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader

    def _send(self, message: dict[str, object]) -> None:
        process = self._process
        if process is not None and process.returncode is None and process.stdin is not None:
            process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            number, kind, text = line.decode().rstrip("\n").split(" ", 2)
            if kind == "ready":
                self.versions = json.loads(text)
                self._is_ready.set()
            elif int(number) in self._waiting:
                self._waiting[int(number)].put_nowait(Message(kind, text))
        await process.wait()
        self._is_ready.set()
        for queue in self._waiting.values():
            queue.put_nowait(Message("end", json.dumps("the process that exports has ended")))
