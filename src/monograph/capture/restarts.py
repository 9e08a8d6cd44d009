"""Reasons to capture again, and what the program asks for that only its source can tell."""

from __future__ import annotations

import ast
import logging
import sys
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, NoReturn

from torch.nn.modules import container

from monograph.capture.python.frames import frames_of_user, is_of_python, is_of_user, is_ours
from monograph.capture.python.keys import text_as_key
from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.shown_texts import is_shown_by
from monograph.diagnostics import ExportError, SourceLine

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder
    from monograph.shapes.env import ShapeEnv
    from monograph.shapes.expr import Expr

__all__ = [
    "Branch",
    "NarrowedError",
    "NeedsAnotherLook",
    "NeedsAutograd",
    "NeedsCalls",
    "NeedsConversion",
    "NeedsIndexing",
    "NeedsKinds",
    "NeedsNumbers",
    "NeedsRows",
    "NeedsTables",
    "NeedsTexts",
    "Restart",
    "asking_frame",
    "is_asked_by_program",
    "is_printed",
    "is_printed_as_number",
    "key_wanted",
    "refused",
    "restart",
]


# File, kind of statement, first and last line, first and last column.
Branch = tuple[str, str, int, int, int, int]


class Restart(BaseException):
    """Capture again, in another way. Not an ``Exception``: no handler of the program's takes it."""


class NeedsAnotherLook(Restart):
    """Strict mode looks for something while the program runs: the same capture, watched."""


class NarrowedError(Restart):
    """The program holds for fewer sizes than were declared, where that is of no use."""


class NeedsAutograd(Restart):
    """The program differentiates inside itself: capture it above autograd."""


class NeedsIndexing(Restart):
    """A number that is not known indexes a tensor of torch's own: redirect their indexing."""


class NeedsRows(Restart):
    """An operator under ``vmap`` takes no strides that vary: map over the rows of a copy."""


class NeedsTables(Restart):
    """What Python asks for follows from buffers that no state dict holds: they are constants."""


class NeedsTexts(Restart):
    """A text has a number where others have what stands for it: all of them have the numbers."""


class NeedsKinds(Restart):
    """A number is an integer for some sizes and a float for others, where that is seen.

    Which of them ``min(n / 2, 3)`` is, is asked then, and branches that give one each are two.
    """


class NeedsCalls(Restart):
    """A call ends in C, which would make a plain number of a size.

    ``code``: of the function that makes the call, whose callees are to be chosen; ``function``
    is that function, where it was at hand.
    """

    def __init__(self, code: CodeType, function: FunctionType | None) -> None:
        super().__init__()
        self.code = code
        self.function = function


class NeedsNumbers(NeedsCalls):
    """A call of ``refusing`` takes no number that varies: give it the very number."""

    def __init__(self, code: CodeType, function: FunctionType | None, refusing: object) -> None:
        super().__init__(code, function)
        self.refusing = refusing


class NeedsConversion(Restart):
    """Strict mode: convert the statement at ``instruction`` of ``code``.

    ``ending``: or a branch, whose end what follows is to be moved into; ``loop``: or a loop, whose
    first iteration is to be apart. ``error`` is what to raise where that is no help.
    """

    def __init__(
        self,
        error: ExportError,
        code: CodeType | None = None,
        instruction: int = 0,
        ending: Branch | None = None,
        loop: SourceLine | None = None,
    ) -> None:
        super().__init__()
        self.error = error
        self.code = code
        self.instruction = instruction
        self.ending = ending
        self.loop = loop


def restart(recorder: Recorder, reason: Restart) -> NoReturn:
    """Raise ``reason``, which holds even if the program catches everything."""
    recorder.context.pending = reason
    raise reason


_TEXT = ("on_text", "_graph_repr", "__repr__", "__str__", "__format__", "format_number")


def refused(recorder: Recorder, error: ExportError) -> BaseException:
    """What to raise for ``error``: in strict mode, see first what the source makes of it."""
    frames = frames_of_user(2)
    found: BaseException = error
    strict = recorder.context.strict
    if strict is not None and frames and strict.converts(frames[0].f_code):
        found = NeedsConversion(error, frames[0].f_code, frames[0].f_lasti)
    recorder.context.pending = found
    return found


def _frame_that_wants_text() -> FrameType | None:
    """The frame of the user's code (else of ours, or torch's), by way of Python's library.

    Or that of a logger, whose text steers nothing.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and (frame.f_code.co_name in _TEXT or is_of_python(frame.f_code)):
        if frame.f_code.co_filename == logging.__file__:
            break
        frame = frame.f_back
    return frame


def is_asked_by_program() -> bool:
    """Whether the user's own code wants the text of what now runs, or a list of modules does."""
    frame = _frame_that_wants_text()
    if frame is None:
        return False
    # ``layers[n % 3]``: what is in such a list is found by the text of its number.
    return is_of_user(frame.f_code) or frame.f_code.co_filename == container.__file__


def is_printed() -> bool:
    """Whether the text that is wanted is only shown, or made for an exception."""
    frame = _frame_that_wants_text()
    syntax = None if frame is None else syntax_of(frame.f_code)
    if frame is None or syntax is None:
        return False
    node = syntax.node_at(frame.f_lasti)
    return node is not None and is_shown_by(frame, node)


def key_wanted(env: ShapeEnv, size: Expr) -> str | None:
    """What stands for a size in the text that is wanted, if that is a key: see ``text_as_key``."""
    frame = _frame_that_wants_text()
    syntax = None if frame is None else syntax_of(frame.f_code)
    if frame is None or syntax is None:
        return None
    node = syntax.node_at(frame.f_lasti)
    return None if node is None else text_as_key(env, size, frame, node)


def is_printed_as_number(frame: FrameType) -> bool:
    """Whether ``frame`` makes a text of a number by ``"%d" % n`` that is only shown."""
    if frame.f_code.co_filename == logging.__file__:
        return True
    syntax = syntax_of(frame.f_code) if is_of_user(frame.f_code) else None
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    if syntax is None or not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mod):
        return False
    is_text = isinstance(node.left, ast.JoinedStr) or (
        isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    )
    return is_text and is_shown_by(frame, node)


def asking_frame() -> FrameType | None:
    """The innermost frame that is not ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    return frame
