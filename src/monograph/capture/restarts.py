"""The program asks for what only the values can tell: strict mode reads its source then."""

from __future__ import annotations

import re
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from monograph.capture.python.frames import frames_of_user, is_of_user, is_ours
from monograph.diagnostics import ExportError, SourceLine

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = [
    "NeedsAnotherLook",
    "NeedsConversion",
    "asking_frame",
    "is_asked_by_program",
    "is_printed",
    "refused",
]


# Statements whose text does not steer the program.
_PRINTS = re.compile(r"\b(print|warn|debug|info|warning|error|log_\w+|_check)\(|\b(assert|raise) ")
_TEXT = ("_as_text", "_graph_repr", "__repr__", "__str__", "__format__", "format_number")


class NeedsConversion(BaseException):
    """Capture again, with the statement at ``instruction`` of ``code`` converted.

    ``ending``: a branch, whose end what follows is to be moved into. ``error`` is what to raise
    where that is no help. Not an ``Exception``, so that no handler of the program's takes it.
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


class NeedsAnotherLook(BaseException):
    """Capture again, to find the line that does something."""


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
