"""Whether a program asks if two objects are one: ``is``, and ``id()``, which nobody overrides."""

from __future__ import annotations

import dis
import itertools
import sys
from dataclasses import dataclass
from types import CodeType, FrameType

import torch

from monograph.capture.python.frames import is_entry, is_of_user

__all__ = ["is_identity_asked", "is_one_asked_of_parameters"]

_MOST_KEPT = 4096
_id = id  # a program that is captured gets another function under this name
_LOADS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW")
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_UNBOUND = torch.empty(0)  # what a variable may hold that has no value yet


@dataclass(frozen=True)
class _Question:
    """An ``is``, or an ``id``, in the code of a function.

    It comes up at instructions up to ``last`` (its own, or that of the loop around it), and is of
    tensors where all of ``variables`` are: those that the function does not write.
    """

    last: int
    variables: frozenset[str]


_known: dict[int, tuple[CodeType, list[_Question] | None]] = {}


def is_identity_asked() -> bool:
    """Whether a function of the program that runs now compares objects that may be tensors."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        try:
            questions = _known[_id(frame.f_code)][1]
        except KeyError:
            questions = _looked_at(frame.f_code)[1]
        if questions is None:
            return False
        if questions and any(_is_open(question, frame) for question in questions):
            return True
        frame = frame.f_back
    return False


def _looked_at(code: CodeType) -> tuple[CodeType, list[_Question] | None]:
    """``code``, which is kept, and what it asks; None where the program is called from."""
    if len(_known) >= _MOST_KEPT:
        _known.clear()
    questions = None if is_entry(code) else _questions(code) if is_of_user(code) else []
    found = _known[_id(code)] = code, questions
    return found


def is_one_asked_of_parameters(code: CodeType) -> bool:
    """Whether a function asks if two things that it is called with are one: ``query is key``."""
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(
        len(question.variables) == 2 and question.variables <= {*parameters}
        for question in _questions(code)
    )


def _is_open(question: _Question, frame: FrameType) -> bool:
    """Whether it is still to come, and may be of tensors."""
    if frame.f_lasti >= question.last:
        return False
    names = frame.f_locals if question.variables else {}
    return all(isinstance(names.get(name, _UNBOUND), torch.Tensor) for name in question.variables)


def _questions(code: CodeType) -> list[_Question]:
    instructions = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    written = {each.argval for each in instructions if each.opname.startswith("STORE")}
    loops = [(each.argval, each.offset) for each in instructions
             if each.opname.startswith("JUMP_BACKWARD")]  # fmt: skip
    found = []

    def last_of(offset: int) -> int:
        return max([offset, *(end for start, end in loops if start <= offset)])

    for at, each in enumerate(instructions):
        inner = instructions[at - 1].argval if each.opname == "MAKE_FUNCTION" else None
        if isinstance(inner, CodeType) and _questions(inner):
            is_asked_here = inner.co_name in _COMPREHENSIONS  # else when it is called
            last = last_of(each.offset) if is_asked_here else instructions[-1].offset
            found.append(_Question(last, frozenset()))
        is_id = each.opname == "LOAD_GLOBAL" and each.argval == "id"
        if not is_id and (each.opname != "IS_OP" or _is_of_a_name(instructions, at - 1)):
            continue
        sides = [] if is_id else [instructions[at - 1], instructions[at - 2]]
        variables = itertools.takewhile(lambda side: side.opname in _LOADS, sides)
        names = {variable.argval for variable in variables}
        own = names - {*written, *code.co_cellvars}
        found.append(_Question(last_of(each.offset), frozenset(own)))
    return found


def _is_of_a_name(instructions: list[dis.Instruction], at: int) -> bool:
    """Whether a constant or a global (``None``, ``torch.float32``, a class) ends at ``at``."""
    while instructions[at].opname in ("LOAD_ATTR", "LOAD_METHOD"):
        at -= 1
    return instructions[at].opname in ("LOAD_CONST", "LOAD_GLOBAL", "RETURN_CONST")
