"""Whether a program asks if two objects are one: ``is``, and ``id()``, which nobody overrides."""

from __future__ import annotations

import dis
import sys
from types import CodeType, FrameType, FunctionType, ModuleType

from monograph.capture.python.frames import is_entry, is_of_user

__all__ = ["is_identity_asked"]

_MOST_KEPT = 4096
_id = id  # a program that is captured gets another function under this name
_Asks = bool | frozenset[str]  # or where such a variable of the function around it is a tensor
_known: dict[int, tuple[CodeType, _Asks | None]] = {}


def is_identity_asked() -> bool:
    """Whether a function of the program that runs now compares objects that may be tensors."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        found = _known.get(_id(frame.f_code)) or _looked_at(frame.f_code)
        asks = found[1]
        if asks is None:
            return False
        if asks and (asks is True or _may_be_tensors(frame, asks)):
            return True
        frame = frame.f_back
    return False


def _looked_at(code: CodeType) -> tuple[CodeType, _Asks | None]:
    """``code``, which is kept, and whether it asks; None where the program is called from."""
    if len(_known) >= _MOST_KEPT:
        _known.clear()
    asks = None if is_entry(code) else is_of_user(code) and _is_asking(code)
    found = _known[_id(code)] = code, asks
    return found


def _may_be_tensors(frame: FrameType, names: frozenset[str]) -> bool:
    return not all(isinstance(frame.f_locals.get(name), _NO_TENSORS) for name in names)


_NO_TENSORS = (FunctionType, ModuleType, type)


def _is_asking(code: CodeType) -> _Asks:
    instructions = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    written = {each.argval for each in instructions if each.opname.startswith("STORE")}
    variables = set()
    for at, each in enumerate(instructions):
        if each.opname == "LOAD_GLOBAL" and each.argval == "id":
            return True
        if each.opname == "IS_OP" and not _is_of_a_name(instructions, at - 1):
            other = instructions[at - 1]
            if other.opname != "LOAD_DEREF" or other.argval in {*written, *code.co_cellvars}:
                return True
            variables.add(other.argval)
    return frozenset(variables) if variables else False


def _is_of_a_name(instructions: list[dis.Instruction], at: int) -> bool:
    """Whether a constant or a global (``None``, ``torch.float32``, a class) ends at ``at``."""
    while instructions[at].opname in ("LOAD_ATTR", "LOAD_METHOD"):
        at -= 1
    return instructions[at].opname in ("LOAD_CONST", "LOAD_GLOBAL", "RETURN_CONST")
