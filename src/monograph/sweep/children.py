"""A task in a forked process, under limits: a crash is an outcome, and so is no end."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import select
import signal
import sys
import time
import warnings
from dataclasses import asdict

from monograph.sweep.catalogue import Catalogue
from monograph.sweep.results import Outcome
from monograph.sweep.tasks import Limits, Task
from monograph.sweep.trials import attempt

__all__ = ["PATIENCE", "end_with_parent", "in_a_child"]

_PR_SET_PDEATHSIG = 1
PATIENCE = 10.0  # wall-clock seconds for one of processor time: others use the machine, too


def in_a_child(catalogue: Catalogue, task: Task) -> Outcome:
    """What comes of a task in a process of its own, which inherits all that is imported here."""
    receives, sends = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(receives)
        os.setpgid(0, 0)  # compilers that it starts end with it
        end_with_parent()
        try:
            _restrict(task.limits)
            _silence()
            outcome = attempt(catalogue, task)
            os.write(sends, json.dumps(asdict(outcome)).encode())
        finally:
            os._exit(0)
    os.close(sends)
    with os.fdopen(receives, "rb") as pipe:
        data = _received(pipe.fileno(), process, task.limits.seconds * PATIENCE)
    _, status, usage = os.wait4(process, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    outcome = _outcome(data, status, task.limits)
    outcome.details["memory"] = usage.ru_maxrss >> 10
    return outcome


def end_with_parent() -> None:
    """Have Linux end this process when the one that started it ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _restrict(limits: Limits) -> None:
    seconds = int(limits.seconds + time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    most = int(limits.gigabytes * (1 << 30))
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _silence() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _received(pipe: int, process: int, patience: float) -> bytes:
    """What the child writes until it closes its end; it is killed when patience ends."""
    parts, end = list[bytes](), time.monotonic() + patience
    while True:
        ready, _, _ = select.select([pipe], [], [], max(end - time.monotonic(), 0.0))
        if not ready:
            os.kill(process, signal.SIGKILL)
            return b""
        part = os.read(pipe, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _outcome(data: bytes, status: int, limits: Limits) -> Outcome:
    try:
        return Outcome(**json.loads(data))
    except ValueError:
        pass
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        if name in ("SIGXCPU", "SIGKILL"):
            return Outcome("hangs", code=name, message=f"no end within {limits.seconds:.0f} s")
        return Outcome("crashes", code=name, message=f"ended by {name}")
    return Outcome(
        "crashes", code="exit", message=f"exit status {os.waitstatus_to_exitcode(status)}"
    )
