"""``python -m monograph.workbench.serving``: has imported everything, and forks for each request.

Requests are lines of JSON on standard input, ``{"number", "seconds", "request"}`` or
``{"number", "stop": true}``. What comes of them are lines on standard output, ``NUMBER KIND JSON``:
``news`` (a message of ``trial.attempt``), ``printed`` (text), ``imported`` (files of the user's),
``end`` (how the process has ended; empty where it did as it should).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import TextIO

import torch
from torch import nn

import monograph
from monograph.workbench.contents import Data
from monograph.workbench.requests import Request
from monograph.workbench.trial import attempt, imported_since

__all__ = ["serve"]

_MOST_PRINTED = 100_000  # characters
_PART = 1 << 16
_IMPORTED = b'{"imported"'


@dataclass
class _Child:
    """A process with a request: its pipes, and when its time is over."""

    number: int
    process: int
    answers: int
    printed: int
    seconds: float
    end: float
    received: bytes = b""
    shown: int = 0
    is_late: bool = False
    open: set[int] = field(default_factory=set)
    libraries: list[str] = field(default_factory=list)


class _Server:
    def __init__(self, answers: TextIO) -> None:
        self.answers = answers
        self.selector = selectors.DefaultSelector()
        self.children: dict[int, _Child] = {}
        self.asked = b""
        self.is_over = False

    def run(self) -> None:
        """Answer until the input ends."""
        self.selector.register(0, selectors.EVENT_READ)
        while not self.is_over:
            ends = [child.end for child in self.children.values() if not child.is_late]
            wait = max(min(ends) - time.monotonic(), 0.0) if ends else None
            for key, _ in self.selector.select(wait):
                if key.fd == 0:
                    self._read_requests()
                elif isinstance(key.data, _Child) and key.fd in key.data.open:
                    self._read_child(key.data, key.fd)
            for child in list(self.children.values()):
                if not child.is_late and time.monotonic() >= child.end:
                    child.is_late = True
                    _kill(child)
        for child in self.children.values():
            _kill(child)

    def tell(self, number: int, kind: str, message: object) -> None:
        """A line for whoever asks."""
        self._write(number, kind, json.dumps(message))

    def _write(self, number: int, kind: str, message: str) -> None:
        self.answers.write(f"{number} {kind} {message}\n")
        self.answers.flush()

    def _read_requests(self) -> None:
        part = os.read(0, _PART)
        self.is_over = not part
        *lines, self.asked = (self.asked + part).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            number = asked["number"]
            if not asked.get("stop"):
                self._start(number, asked["seconds"], asked["request"])
            elif number in self.children:
                _kill(self.children[number])

    def _start(self, number: int, seconds: float, given: dict[str, object]) -> None:
        answers, answering = os.pipe()
        printed, printing = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                os.setsid()
                self.selector.close()
                os.close(self.answers.fileno())
                nothing = os.open(os.devnull, os.O_RDONLY)
                os.dup2(nothing, 0)
                os.dup2(printing, 1)
                os.dup2(printing, 2)
                os.set_inheritable(answering, False)
                _answer(given, answering)
            finally:
                _flush()
                os._exit(0)
        os.close(answering)
        os.close(printing)
        end = time.monotonic() + seconds
        child = _Child(number, process, answers, printed, seconds, end, open={answers, printed})
        self.children[number] = child
        for pipe in child.open:
            self.selector.register(pipe, selectors.EVENT_READ, child)

    def _read_child(self, child: _Child, pipe: int) -> None:
        part = os.read(pipe, _PART)
        if not part:
            self.selector.unregister(pipe)
            os.close(pipe)
            child.open.discard(pipe)
            if pipe == child.answers:
                self._end(child)
        elif pipe == child.printed:
            left = max(_MOST_PRINTED - child.shown, 0)
            child.shown += len(part)
            if left:
                self.tell(child.number, "printed", part[:left].decode(errors="replace"))
        else:
            *lines, child.received = (child.received + part).split(b"\n")
            for line in lines:
                if line.startswith(_IMPORTED):
                    found = json.loads(line)["imported"]
                    child.libraries = found["libraries"]
                    self.tell(child.number, "imported", found["own"])
                else:
                    self._write(child.number, "news", line.decode())

    def _end(self, child: _Child) -> None:
        """What it has printed last, and how it has ended."""
        for pipe in child.open:  # whatever the program has started may hold it open
            self.selector.unregister(pipe)
            os.set_blocking(pipe, False)
            with contextlib.suppress(BlockingIOError):
                while part := os.read(pipe, _PART):
                    left = max(_MOST_PRINTED - child.shown, 0)
                    child.shown += len(part)
                    if left:
                        self.tell(child.number, "printed", part[:left].decode(errors="replace"))
            os.close(pipe)
        child.open.clear()
        _kill(child)  # and what it has started
        _, status = os.waitpid(child.process, 0)
        del self.children[child.number]
        self.tell(child.number, "end", _how(child, status))
        _warm_libraries(child.libraries)


def _how(child: _Child, status: int) -> str:
    if child.is_late:
        return f"no end within {child.seconds:g} s"
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else f"left with exit status {code}"


def _kill(child: _Child) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.process, signal.SIGKILL)


# In the child -------------------------------------------------------------------------------------


def _answer(given: dict[str, object], pipe: int) -> None:
    def tell(news: Data) -> None:
        data = json.dumps(news).encode() + b"\n"
        while data:
            data = data[os.write(pipe, data) :]

    before = set(sys.modules)
    logging.disable(logging.NOTSET)
    warnings.resetwarnings()
    sys.dont_write_bytecode = True  # two saves within a second look the same to what is compiled
    try:
        attempt(Request.of(given, str(given["path"])), tell)
    except BaseException as error:  # a program may leave: SystemExit, KeyboardInterrupt
        tell(
            {
                "outcome": "fails",
                "error": {"type": type(error).__name__, "text": str(error), "lines": []},
            }
        )
    tell({"imported": imported_since(before)})


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


# Warm before the first request --------------------------------------------------------------------


class _Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin() if x.sum() > 0 else x.cos()


def warm() -> None:
    """Whatever is imported or computed once, when a program is exported, is here afterwards."""
    layers = [
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4)),
        nn.TransformerEncoderLayer(4, 2, 4, batch_first=True),
    ]
    for layer in layers:
        program = monograph.export(layer.eval(), (torch.ones(2, 3, 4),))
        program.run_decompositions()
        str(program)
    monograph.check(_Branching(), (torch.ones(2),))


def _warm_libraries(names: list[str]) -> None:
    """Import what a program has imported of libraries: the next one finds it here."""
    for name in names:
        with contextlib.suppress(Exception):
            if name not in sys.modules:
                importlib.import_module(name)


def serve() -> None:
    """Be ready, and answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.set_inheritable(answers.fileno(), False)
    os.dup2(2, 1)  # what is printed here is no answer
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    warm()
    gc.collect()
    gc.freeze()  # forked processes share the pages of what is there
    server = _Server(answers)
    server.tell(0, "ready", f"torch {torch.__version__}, monograph {monograph.__version__}")
    server.run()


if __name__ == "__main__":
    serve()
