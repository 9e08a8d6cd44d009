"""Who else holds a list of the program, which is about to become another object in a variable."""

from __future__ import annotations

import gc
import sys
from types import FrameType

from monograph.capture.python.frames import is_ours

__all__ = ["is_held"]


def is_held(content: object) -> bool:
    """Whether a variable of a function that runs, or anything that it can reach, is ``content``.

    Our own notes of what the program has are no matter.
    """
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
    holders = gc.get_referrers(content)
    known = {id(holders), *map(id, running)}
    for holder in holders:  # noqa: SIM110
        if id(holder) not in known and not _is_note(holder, holders):
            return True
    return False


def _is_note(holder: object, holders: object) -> bool:
    """Whether ``holder`` is an object of ours, or a container that no object but such holds."""
    if isinstance(holder, FrameType) or _is_of_ours(holder):
        return True
    if not isinstance(holder, (dict, list, tuple)):
        return False
    others = [each for each in gc.get_referrers(holder) if each is not holders]
    return all(isinstance(each, FrameType) or _is_of_ours(each) for each in others)


def _is_of_ours(holder: object) -> bool:
    return type(holder).__module__.partition(".")[0] == "monograph"
