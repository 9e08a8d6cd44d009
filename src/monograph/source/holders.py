"""Who else holds a list of the program, which is about to become another object in a variable."""

from __future__ import annotations

import gc
import sys
from types import FrameType

from monograph.capture.python.frames import is_ours
from monograph.control.state import State

__all__ = ["is_held"]

_CONTAINERS = (dict, list, tuple)
_DEEPEST_NOTE = 3  # a copy of what is in a container, in a list of such copies, in a list of lists


def is_held(content: object, state: State) -> bool:
    """Whether a variable of a function that runs, or anything that it can reach, is ``content``.

    Our own notes of what the program has are no matter, such as ``state``. Who holds an object is a
    look at all that is alive, a tenth of a second for each half million objects; where the
    references that the interpreter counts are those of ``state``, there is nobody else.
    """
    # One is the caller's, one this function's, and one that of the counting.
    if sys.getrefcount(content) - 3 <= _noted(content, state):
        return False
    running: list[dict[str, object]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_code):
            running.append(dict(frame.f_locals))
        frame = frame.f_back
    named = [id(item) for names in running for item in names.values()]
    if id(content) in named:
        return True
    # What is looked at is in no generator, nor in a function inside this one: such hold it, too.
    # A container that no object but ours holds is a note, too, and one in a variable is none.
    variables, mine = {id(names) for names in running}, {id(running)}
    inside: list[object] = [content]
    for _ in range(_DEEPEST_NOTE):
        holders = gc.get_referrers(*inside)  # one look for all of them: it is at all that is alive
        mine |= {id(inside), id(holders)}
        inside = [each for each in holders if id(each) not in mine and not _is_note(each)]
        if not inside:
            return False
        if any(id(each) in variables or not isinstance(each, _CONTAINERS) for each in inside):
            return True
    return True


def _noted(content: object, state: State) -> int:
    """How many references ``state`` has: to each variable, and to what it has saved."""
    saved = {id(each): each for each in state.saved}.values()
    found = sum(each.container is content for each in saved)
    return found + sum(value is content for value in state.variables.values())


def _is_note(holder: object) -> bool:
    """Whether ``holder`` is a frame, whose variables were looked at, or an object of ours."""
    return isinstance(holder, FrameType) or type(holder).__module__.partition(".")[0] == "monograph"
