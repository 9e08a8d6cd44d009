"""The program asks for what only the values can tell: strict mode reads its source then."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from monograph.capture.location import frames_of_user, is_ours
from monograph.diagnostics import ExportError

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["NeedsAnotherLook", "NeedsConversion", "asking_frame", "refused"]


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


def asking_frame() -> FrameType | None:
    """The innermost frame that is not ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    return frame
