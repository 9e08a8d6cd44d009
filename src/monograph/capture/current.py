"""Which capture the current thread is in the middle of."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["running", "running_recorder"]

_running: dict[int, Recorder] = {}  # by thread


def running_recorder() -> Recorder | None:
    """The recorder of the program that runs in this thread; None outside a capture."""
    recorder = _running.get(threading.get_ident())
    return recorder if recorder is not None and recorder.context.is_running else None


@contextlib.contextmanager
def running(recorder: Recorder) -> Iterator[None]:
    """The program of ``recorder`` runs."""
    thread = threading.get_ident()
    before = _running.get(thread)
    _running[thread], recorder.context.is_running = recorder, True
    try:
        yield
    finally:
        recorder.context.is_running = False
        if before is None:
            del _running[thread]
        else:
            _running[thread] = before
