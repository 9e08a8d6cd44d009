"""Whether a program asks if two objects are one: ``is``, and ``id()``, which nobody overrides."""

from __future__ import annotations

import dis
from types import CodeType

from monograph.capture.python.frames import frames_of_user

__all__ = ["is_identity_asked"]

_MOST_KEPT = 4096
_id = id  # a program that is captured gets another function under this name
_known: dict[int, tuple[CodeType, bool]] = {}


def is_identity_asked() -> bool:
    """Whether a function of the program that runs now compares objects that may be tensors."""
    return any(_asks(frame.f_code) for frame in frames_of_user(2))


def _asks(code: CodeType) -> bool:
    found = _known.get(_id(code))
    if found is None:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        found = _known[_id(code)] = code, _is_asking(code)
    return found[1]


def _is_asking(code: CodeType) -> bool:
    instructions = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    for at, each in enumerate(instructions):
        if each.opname == "LOAD_GLOBAL" and each.argval == "id":
            return True
        if each.opname == "IS_OP" and not _is_of_a_name(instructions, at - 1):
            return True
    return False


def _is_of_a_name(instructions: list[dis.Instruction], at: int) -> bool:
    """Whether a constant or a global (``None``, ``torch.float32``, a class) ends at ``at``."""
    while instructions[at].opname in ("LOAD_ATTR", "LOAD_METHOD"):
        at -= 1
    return instructions[at].opname in ("LOAD_CONST", "LOAD_GLOBAL", "RETURN_CONST")
