"""What strict mode guarantees: no side effect outlives the call, no value is accidental.

| in the program | default mode | strict mode |
| --- | --- | --- |
| an attribute, a global, a variable, a container goes on changing | MG-M107 | MG-M107 |
| a container of the arguments is changed | listed | listed if returned, else MG-M107 |
| a file is opened for writing | done while capturing, listed | MG-M107 |
| ``random`` | fixed, listed | MG-P108 |
| ``time``, ``id(tensor)`` | fixed, listed | MG-P108 if it decides anything, else listed |
| ``os.environ``, the machine, settings (``torch.is_grad_enabled()``) | fixed, listed | the same |
| the order of a set of strings decides | order of this run | MG-P108 (a library: listed) |
| a Python value decides (``if self.flag``, a loop over layers) | fixed | fixed, listed |
| ``print``, ``logging`` | done while capturing | listed; the exported program does not do it |
| a file is read | fixed, listed | fixed, listed |
| a tensor in an attribute or a buffer is changed | part of the program | part of the program |
"""

from __future__ import annotations

import builtins
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, ParamSpec

from monograph.capture.current import running_recorder
from monograph.capture.kept import side_effect
from monograph.capture.python import outside
from monograph.capture.python.frames import is_of_user
from monograph.capture.python.importing import is_importing
from monograph.capture.python.redirect import InPlaceOf
from monograph.capture.python.saved import Change, Saved
from monograph.capture.python.snapshot import Snapshot
from monograph.capture.recorder import Recorder
from monograph.diagnostics import PythonFeatureError, SourceLine

if TYPE_CHECKING:
    from _typeshed import TraceFunction

P = ParamSpec("P")

__all__ = ["Culprit", "audited", "side_effect", "unstable"]


def unstable(
    what: str,
    where: SourceLine | None,
    instead: str = "pass the value to the program, or use a tensor operator (torch.rand)",
) -> PythonFeatureError:
    """The error for a value that is another one in each run."""
    return PythonFeatureError(
        f"{what} gives another value in each run",
        code="MG-P108",
        where=where,
        hint=f"{instead}; strict=False takes the value of this run.",
    )


class Culprit:
    """Finds the line that makes a change: the program runs again, looked at line by line."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.where: SourceLine | None = None
        self._watched: list[Saved] = []
        self._tracer_before: TraceFunction | None = None
        self._before: SourceLine | None = None

    def start(self, snapshot: Snapshot) -> None:
        """Begin to look."""
        self._watched = snapshot.again()
        self._tracer_before = sys.gettrace()
        sys.settrace(self._on_call)

    def stop(self) -> None:
        """Look no more."""
        sys.settrace(self._tracer_before)

    def _has_happened(self) -> bool:
        return any(
            (change.path, change.field) == (self.change.path, self.change.field)
            for saved in self._watched
            if not saved.is_unchanged()
            for part in saved.parts()
            for change in part.changes()
        )

    def _on_call(self, frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        return self._on_line if is_of_user(frame.f_code) else None

    def _on_line(self, frame: FrameType, event: str, argument: object) -> TraceFunction:
        if self.where is None and self._has_happened():
            self.where = self._before
        code = frame.f_code
        self._before = SourceLine(code.co_filename, frame.f_lineno, code.co_name)
        return self._on_line


@contextlib.contextmanager
def audited() -> Iterator[None]:
    """``print``, ``open`` and ``logging`` are seen."""
    replaced: list[tuple[object, str, Callable[..., object]]] = [
        (builtins, "print", InPlaceOf(builtins.print, _print(builtins.print))),
        (builtins, "open", InPlaceOf(builtins.open, _open(builtins.open))),
        (logging.Logger, "handle", _handle(logging.Logger.handle)),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    try:
        for owner, name, replacement in replaced:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


def _caller(depth: int = 2) -> tuple[Recorder, SourceLine | None] | None:
    """The capture and the user's line, if the user's program is what calls."""
    recorder = running_recorder()
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_code.co_filename in _STEPS:
        frame = frame.f_back
    if recorder is None or is_importing() or not is_of_user(frame.f_code):
        return None
    return recorder, recorder.here()


_STEPS = (logging.__file__, outside.__file__)


def _print(original: Callable[P, None]) -> Callable[P, None]:
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        found = _caller()
        if found is None:
            original(*args, **kwargs)
        else:
            found[0].assume("print", "print: the exported program does not print", found[1])

    return call


def _open(original: Callable[..., object]) -> Callable[..., object]:
    def call(file: object, mode: str = "r", *args: object, **kwargs: object) -> object:
        found = _caller()
        if found is not None and set(mode) & set("wax+"):
            raise side_effect(f"the file {file}", "file", found[1])
        if found is not None:
            text = f"the file {file} is read: what was in it is part of the program"
            found[0].assume("file", text, found[1])
        return original(file, mode, *args, **kwargs)

    return call


def _handle(
    original: Callable[[logging.Logger, logging.LogRecord], None],
) -> Callable[[logging.Logger, logging.LogRecord], None]:
    def handle(self: logging.Logger, record: logging.LogRecord) -> None:
        found = _caller()
        if found is not None:
            text = "logging: the exported program does not log"
            found[0].assume("logging", text, found[1])
        original(self, record)

    return handle
