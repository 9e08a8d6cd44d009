"""Reasons to capture again, and what the program asks for that only its source can tell."""

from __future__ import annotations

import re
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from monograph.capture.python.frames import frames_of_user, is_of_user, is_ours
from monograph.diagnostics import ExportError, SourceLine

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = [
    "NeedsAnotherLook",
    "NeedsAutograd",
    "NeedsCalls",
    "NeedsConversion",
    "NeedsIndexing",
    "Restart",
    "asking_frame",
    "is_asked_by_program",
    "is_printed",
    "refused",
    "restart",
]


class Restart(BaseException):
    """Capture again, in another way. Not an ``Exception``: no handler of the program's takes it."""


class NeedsAnotherLook(Restart):
    """Strict mode looks for something while the program runs: the same capture, watched."""


class NeedsAutograd(Restart):
    """The program differentiates inside itself: capture it above autograd."""


class NeedsIndexing(Restart):
    """A number that is not known indexes a tensor of torch's own: redirect their indexing."""


class NeedsCalls(Restart):
    """A call ends in C, which would make a plain number of a size.

    ``code``: the function that makes the call; its callees are to be chosen.
    """

    def __init__(self, code: CodeType) -> None:
        super().__init__()
        self.code = code


class NeedsConversion(Restart):
    """Strict mode: convert the statement at ``instruction`` of ``code``.

    ``ending``: or a branch, whose end what follows is to be moved into. ``error`` is what to raise
    where that is no help.
    """

    def __init__(
        self,
        error: ExportError,
        code: CodeType | None = None,
        instruction: int = 0,
        ending: Any = None,
    ) -> None:
        super().__init__()
        self.error = error
        self.code = code
        self.instruction = instruction
        self.ending = ending


def restart(recorder: Recorder, reason: Restart) -> NoReturn:
    """Raise ``reason``, which holds even if the program catches everything."""
    recorder.pending = reason
    raise reason


# Statements whose text does not steer the program.
_PRINTS = re.compile(r"\b(print|warn|debug|info|warning|error|log_\w+|_check)\(|\b(assert|raise) ")
_TEXT = ("_as_text", "_graph_repr", "__repr__", "__str__", "__format__", "format_number")


def refused(recorder: Recorder, error: ExportError) -> BaseException:
    """What to raise for ``error``: in strict mode, see first what the source makes of it."""
    frames = frames_of_user(2)
    found: BaseException = error
    strict = recorder.strict
    if strict is not None and frames and strict.converts(frames[0].f_code):
        found = NeedsConversion(error, frames[0].f_code, frames[0].f_lasti)
    recorder.pending = found
    return found


def is_asked_by_program() -> bool:
    """Whether the user's own code has called what now runs, by way of torch at most."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name in _TEXT:
        frame = frame.f_back
    return frame is not None and is_of_user(frame.f_code)


def is_printed(where: SourceLine | None) -> bool:
    """Whether a line only shows text, or makes it for an assertion."""
    return where is None or _PRINTS.search(where.text) is not None


def asking_frame() -> FrameType | None:
    """The innermost frame that is not ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    return frame
