"""Whether the program itself would catch an exception: then a ``raise`` is no assertion."""

from __future__ import annotations

import dis
import functools
from types import CodeType, FrameType

from monograph.capture.python.frames import frames_of_user

__all__ = ["may_be_caught"]


def may_be_caught(raised_at: tuple[FrameType, int] | None = None) -> bool:
    """Whether an ``except`` of the program surrounds what runs.

    ``raised_at``: a frame, and the offset in it at which the exception would be raised.
    """
    for frame in frames_of_user(2):
        offset = frame.f_lasti
        if raised_at is not None and raised_at[0] is frame:
            offset = raised_at[1]
        if any(first <= offset < last for first, last in _caught(frame.f_code)):
            return True
    return False


@functools.lru_cache(maxsize=1024)
def _caught(code: CodeType) -> tuple[tuple[int, int], ...]:
    """The ranges that an ``except`` covers; ``with`` and ``finally`` pass exceptions on."""
    bytecode = dis.Bytecode(code)
    instructions = list(bytecode)
    index = {ins.offset: i for i, ins in enumerate(instructions)}
    found = []
    for entry in bytecode.exception_entries:  # type: ignore[attr-defined]
        for ins in instructions[index[entry.target] :]:
            if ins.opname in ("WITH_EXCEPT_START", "RERAISE"):
                break
            if ins.opname in ("POP_EXCEPT", "CHECK_EXC_MATCH"):
                if not _is_cleanup(instructions, index[entry.target]):
                    found.append((entry.start, entry.end))
                break
    return tuple(found)


def _is_cleanup(instructions: list[dis.Instruction], at: int) -> bool:
    """``COPY; POP_EXCEPT; RERAISE``: what Python adds after a handler."""
    return instructions[at].opname == "COPY"
