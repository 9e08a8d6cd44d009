"""Which line of the user's program is running, for a microsecond."""

from __future__ import annotations

import dis
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

from monograph.diagnostics import ExportError, SourceLine

__all__ = [
    "caller_line",
    "current_source_line",
    "frames_of_user",
    "is_asked_by_user",
    "is_entry",
    "is_of_python",
    "is_of_user",
    "is_ours",
    "is_raised_by_program",
    "is_raised_by_us",
    "is_raised_in_program",
    "line_of_frame",
    "source_line_of_traceback",
]

_PYTHON, _SKIP, _USER, _STOP = -1, 0, 1, 2  # Python's own library; ours, and torch's
_id = id  # a program that is captured gets another function under this name, which costs more
_PACKAGE = str(Path(__file__).parents[2])
_CASES = os.path.join(_PACKAGE, "exportdb", "cases") + os.sep
# Whoever calls from here has no line of a user's: the command line, and what runs the cases.
_COMMANDS = tuple(os.path.join(_PACKAGE, name) + os.sep for name in ("cli", "exportdb"))
_OURS = _PACKAGE + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_TORCH_NN = os.path.join(_TORCH, "nn") + os.sep
_FOR_NUMBERS = (_TORCH_NN, os.path.join(_TORCH, "distributions") + os.sep)
_MADE = "<string>"  # by ``exec``: the user's, or a dataclass's
_CALLING = ("_call_impl", "_wrapped_call_impl")  # how torch calls a module
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

_MOST_KEPT = 100_000  # functions

# By identity: equal code may stand in several files.
_kinds: dict[int, int] = {}
_lines: dict[tuple[int, int], SourceLine] = {}
_kept: dict[int, CodeType] = {}


def mark_entry(code: CodeType) -> None:
    """The frame of ``code`` is where the user's program is called from: look no further."""
    _keep(code, _STOP)


def _keep(code: CodeType, kind: int) -> None:
    if len(_kept) >= _MOST_KEPT:
        _forget()
    _kinds[_id(code)] = kind
    _kept[_id(code)] = code


def _forget() -> None:
    """All code but the entries, of which none is found again: code that was made once and ran."""
    entries = [_kept[key] for key, kind in _kinds.items() if kind == _STOP]
    for table in (_kinds, _kept, _lines):
        table.clear()
    for code in entries:
        _keep(code, _STOP)


def _kind_of(code: CodeType) -> int:
    name = code.co_filename
    if name.startswith(_CASES):
        kind = _USER
    elif name.startswith((_OURS, _TORCH, "<string")):
        kind = _SKIP
    elif is_of_python(code):
        kind = _PYTHON
    else:
        kind = _USER
    _keep(code, kind)
    return kind


def current_source_line(depth: int = 1) -> SourceLine | None:
    """The innermost line of the user's program that is running.

    Where only ``torch.nn`` runs (a bare ``nn.Linear`` is exported), or code that ``exec`` has made,
    its line; None outside.
    """
    frame: FrameType | None = sys._getframe(depth)
    start = frame
    while frame is not None:
        key = _id(frame.f_code)
        try:
            kind = _kinds[key]
        except KeyError:
            kind = _kind_of(frame.f_code)
        if kind > _SKIP:
            if kind == _STOP:
                break
            line = (key, frame.f_lasti)
            return _lines[line] if line in _lines else _line_at(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return _line_in_torch_nn(start)


def _line_in_torch_nn(frame: FrameType | None) -> SourceLine | None:
    while frame is not None and _kinds.get(_id(frame.f_code)) != _STOP:
        code = frame.f_code
        is_of_nn = code.co_filename.startswith(_TORCH_NN) and code.co_name not in _CALLING
        if is_of_nn or (code.co_filename == _MADE and not code.co_name.startswith("__")):
            return _line_at(code, frame.f_lasti)
        frame = frame.f_back
    return None


def caller_line() -> SourceLine | None:
    """The line outside the package that has called it; None where the command line has,

    or what runs the cases of the catalogue.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _kind_of(frame.f_code) != _USER:
        if frame.f_code.co_filename.startswith(_COMMANDS):
            return None
        frame = frame.f_back
    return None if frame is None else _line_at(frame.f_code, frame.f_lasti)


def frames_of_user(depth: int = 1) -> list[FrameType]:
    """The running frames of the user's program, innermost first."""
    found = []
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        kind = _kinds.get(_id(frame.f_code))
        if kind is None:
            kind = _kind_of(frame.f_code)
        if kind == _STOP:
            break
        if kind == _USER:
            found.append(frame)
        frame = frame.f_back
    return found


def is_entry(code: CodeType) -> bool:
    """Whether the program is called from here."""
    return _kinds.get(_id(code)) == _STOP


def is_of_user(code: CodeType) -> bool:
    """Whether it is the user's program (or a library's) that runs."""
    kind = _kinds.get(_id(code))
    return (_kind_of(code) if kind is None else kind) == _USER


def is_asked_by_user() -> bool:
    """Whether the user's program has called who asks this, or Python's own library for it.

    Or a layer or a distribution of torch's: they are written for plain numbers, too.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        kind = _kinds.get(_id(frame.f_code))
        if kind is None:
            kind = _kind_of(frame.f_code)
        if kind != _PYTHON:
            return kind == _USER or frame.f_code.co_filename.startswith(_FOR_NUMBERS)
        frame = frame.f_back
    return False


def is_of_python(code: CodeType) -> bool:
    """Whether it is a module of Python's own library that runs."""
    name = code.co_filename
    return name.startswith(("<frozen", _STANDARD)) and "site-packages" not in name


def is_ours(code: CodeType) -> bool:
    """Whether the package's own code runs."""
    name = code.co_filename
    return name.startswith(_OURS) and not name.startswith(_CASES)


def stands_in(code: CodeType) -> None:
    """``code`` calls what the program has called: its exceptions are the program's own."""
    _standing_in[_id(code)] = code


_standing_in: dict[int, CodeType] = {}


def is_caught_by_program(error: BaseException) -> bool:
    """Whether it was the program, or torch, that has caught ``error``, and none of our own code."""
    step = error.__traceback__  # the frame that has caught it, or in which C has
    if step is None:
        return False
    code = step.tb_frame.f_code
    return not is_ours(code) or code.co_name in ("__torch_dispatch__", "__torch_function__")


def is_raised_by_us(error: BaseException) -> bool:
    """Whether the innermost frame of an exception's traceback is the package's own code."""
    found = None
    step = error.__traceback__
    while step is not None:
        if _id(step.tb_frame.f_code) not in _standing_in:
            found = step.tb_frame.f_code
        step = step.tb_next
    return found is not None and is_ours(found)


def is_raised_by_program(error: BaseException) -> bool:
    """Whether a ``raise`` statement of the user's program has raised ``error``.

    Or a check of torch's that it has called (``torch._assert``).
    """
    found = None
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if is_of_user(code):
            found = step
        elif found is not None and _is_check(code):
            return True
        step = step.tb_next
    if found is None or found.tb_next is not None:
        return False
    step = found
    code = step.tb_frame.f_code
    opcode = code.co_code[step.tb_lasti]
    return dis.opname[opcode] in ("RAISE_VARARGS", "RERAISE")


def is_raised_in_program(error: BaseException) -> bool:
    """Whether it says that a line of the user's asks for what is not there: an item, a quotient.

    That is so whatever is captured: ``x.shape[3]`` of a matrix, ``table["name"]``, ``a, b = (1,)``,
    ``None.shape``.
    """
    is_missing = isinstance(error, (IndexError, KeyError, ZeroDivisionError))
    if not is_missing and not re.search("values to unpack|'NoneType' object", str(error)):
        return False
    innermost, step = None, error.__traceback__
    while step is not None:
        if _id(step.tb_frame.f_code) not in _standing_in:
            innermost = step.tb_frame.f_code
        step = step.tb_next
    return innermost is not None and is_of_user(innermost)


def _is_check(code: CodeType) -> bool:
    return code.co_filename == torch.__file__ and code.co_name.startswith(("_assert", "_check"))


def source_line_of_traceback(error: BaseException) -> SourceLine | None:
    """The innermost user line in the traceback of an exception."""
    found = None
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        kind = _kinds.get(_id(code))
        if (kind if kind is not None else _kind_of(code)) == _USER:
            found = _line_at(code, step.tb_lasti)
        step = step.tb_next
    return found


def lines_of_traceback(error: BaseException) -> list[SourceLine]:
    """The user's lines that have led to an exception, after those that have called us."""
    found: list[SourceLine] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if is_ours(code):
            found = []
        elif is_of_user(code):
            found.append(_line_at(code, step.tb_lasti))
        step = step.tb_next
    return found


def place(error: ExportError) -> None:
    """Note where a refusal comes from: the user's line, and the calls that have led there."""
    lines = []
    step = error.__traceback__
    while step is not None:
        if is_of_user(step.tb_frame.f_code):
            lines.append(_line_at(step.tb_frame.f_code, step.tb_lasti))
        step = step.tb_next
    if error.where is None and lines:
        error.where = lines[-1]
    if not error.calls and lines and lines[-1] == error.where:
        error.calls = lines


def _asked_before(positions: list[Any], at: int) -> tuple[int | None, int | None]:
    """The columns of what a statement asks: ``if x.any():`` jumps as a whole."""
    number, until = positions[at][:2]
    told = 2 if number != until else 4  # of several lines: what is on other ones
    for place in reversed(positions[:at]):
        if place[:told] != positions[at][:told]:
            first, last, start, end = place
            return (start, end) if first == last == number else (None, None)
    return None, None


def _is_whole_statement(line: SourceLine) -> bool:
    """Whether the marked columns are a statement on one line: ``if x.any(): return x``."""
    return (line.expression() or "").startswith(("if ", "elif ", "while ", "assert "))


def line_of_frame(frame: FrameType) -> SourceLine:
    """The line that runs in ``frame``."""
    return _line_at(frame.f_code, frame.f_lasti)


def _line_at(code: CodeType, instruction: int) -> SourceLine:
    key = (_id(code), instruction)
    line = _lines.get(key)
    if line is None:
        if len(_lines) > 200_000:
            _lines.clear()
        positions = list(code.co_positions())
        place = number, last, start, end = positions[instruction // 2]
        span = None if None in place else place
        if last != number:
            start, end = _asked_before(positions, instruction // 2)
        first = number or code.co_firstlineno
        line = SourceLine(code.co_filename, first, code.co_name, start, end, span)  # type: ignore[arg-type]
        if last == number and _is_whole_statement(line):
            start, end = _asked_before(positions, instruction // 2)
            line = replace(line, start=start, end=end)
        _lines[key] = line
        _kept[_id(code)] = code
    return line
