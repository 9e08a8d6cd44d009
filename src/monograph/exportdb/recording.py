"""Measuring all cases with all exporters, each in a process of its own.

A server process imports torch once, and every measurement is a fork of it: nothing of one case is
left for the next, a crash is an outcome (where a process of its own crashes as well), and so is a
case that does not end.
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.outcomes import Outcome, measure
from monograph.exportdb.registry import Entry, load

__all__ = ["Measurement", "measured"]

_SECONDS = 120.0
_BYTES = 24 << 30  # of address space
_MOST_TEXT = 1200  # characters of a message that is kept


@dataclass(frozen=True)
class Measurement:
    """What came of one case in the hands of one exporter."""

    entry: Entry
    exporter: str
    outcome: Outcome


@dataclass
class _Running:
    task: tuple[Entry, str]
    process: BaseProcess
    receives: Connection
    started: float
    is_forked: bool


def measured(
    tasks: Sequence[tuple[Entry, str]], jobs: int = 2, seconds: float = _SECONDS
) -> Iterator[Measurement]:
    """The outcomes of ``(case, name of the exporter)`` as they come."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["monograph.exportdb.warming"])
    left, running = list(reversed(tasks)), list[_Running]()
    while left or running:
        while left and len(running) < jobs:
            running.append(_start(context, left.pop(), True))
        wait([r.process.sentinel for r in running] + [r.receives for r in running], timeout=1.0)
        for each in list(running):
            outcome = _outcome_of(each, seconds)
            if outcome is None:
                continue
            running.remove(each)
            if outcome.kind == "crashes" and each.is_forked:  # threads do not survive a fork
                fresh = multiprocessing.get_context("spawn")
                running.append(_start(fresh, each.task, False))
                continue
            yield Measurement(*each.task, outcome)


def _start(
    context: ForkServerContext | SpawnContext, task: tuple[Entry, str], is_forked: bool
) -> _Running:
    receives, sends = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sends, str(task[0].file), task[1]), daemon=True)
    process.start()
    sends.close()
    return _Running(task, process, receives, time.monotonic(), is_forked)


def _outcome_of(each: _Running, seconds: float) -> Outcome | None:
    """The outcome, if there is one already."""
    if each.receives.poll():
        try:
            found: Outcome | None = each.receives.recv()
        except EOFError:
            found = None
        each.process.join()
        return found or Outcome("crashes", message=f"exit status {each.process.exitcode}")
    if not each.process.is_alive():
        return Outcome("crashes", message=f"exit status {each.process.exitcode}")
    if time.monotonic() - each.started > seconds:
        each.process.kill()
        each.process.join()
        return Outcome("hangs", message=f"no result after {seconds:.0f} seconds")
    return None


def _work(sends: Connection, file: str, exporter: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    _silence()
    entry = load(Path(file))
    outcome = measure(entry, EXPORTERS[exporter])
    sends.send(_without_places(outcome, entry))
    sends.close()


def _silence() -> None:
    import logging
    import os
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115


_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\x1b\[[0-9;]*m", ""),  # colours
    (r"0x[0-9a-f]{6,}", "0x..."),
    (r"/\S*/(?=\w+\.py\b)", ""),
    (r"/tmp/\S+", "/tmp/..."),
    (r"(?m)^\s*@@ .*$", ""),
)


def _without_places(outcome: Outcome, entry: Entry) -> Outcome:
    """The outcome as it would be on any machine."""
    from dataclasses import replace

    text = outcome.message
    for pattern, new in _RULES:
        text = re.sub(pattern, new, text)
    if len(text) > _MOST_TEXT:
        text = text[:_MOST_TEXT].rsplit("\n", 1)[0] + "\n..."
    return replace(outcome, message=text)
