"""Whether a program asks if two objects are one: ``is``, and ``id()``, which nobody overrides."""

from __future__ import annotations

import dis
from types import CodeType, FrameType, FunctionType, ModuleType

from monograph.capture.python.frames import frames_of_user

__all__ = ["is_identity_asked"]

_MOST_KEPT = 4096
_id = id  # a program that is captured gets another function under this name
_Asks = bool | frozenset[str]  # or where such a variable of the function around it is a tensor
_known: dict[int, tuple[CodeType, _Asks]] = {}


def is_identity_asked() -> bool:
    """Whether a function of the program that runs now compares objects that may be tensors."""
    return any(map(_asks, frames_of_user(2)))


def _asks(frame: FrameType) -> bool:
    code = frame.f_code
    found = _known.get(_id(code))
    if found is None:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        found = _known[_id(code)] = code, _is_asking(code)
    asks = found[1]
    if isinstance(asks, bool):
        return asks
    return not all(isinstance(frame.f_locals.get(name), _NO_TENSORS) for name in asks)


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
