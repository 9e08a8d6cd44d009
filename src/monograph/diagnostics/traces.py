"""Python's tracebacks without the frames that are not the user's, and failures inside graphs."""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable
from types import CodeType, TracebackType

__all__ = ["drop_frames", "note_source", "shows_all", "users_part"]

_GENERATED = "<eval_with_key>"


def shows_all() -> bool:
    """Whether every frame is asked for."""
    return os.environ.get("MONOGRAPH_BACKTRACE") == "1"


def users_part(
    trace: TracebackType | None, is_of_user: Callable[[CodeType], bool]
) -> TracebackType | None:
    """The traceback with the user's frames alone; all of it with ``MONOGRAPH_BACKTRACE=1``."""
    if shows_all():
        return trace
    steps = []
    while trace is not None:
        if is_of_user(trace.tb_frame.f_code):
            steps.append(trace)
        trace = trace.tb_next
    found: TracebackType | None = None
    for step in reversed(steps):
        found = TracebackType(found, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return found


def drop_frames(error: BaseException, is_dropped: Callable[[CodeType], bool]) -> None:
    """An exception of the user's own code, and those that led to it, as eager mode shows them."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = users_part(each.__traceback__, lambda code: not is_dropped(code))
            left += [each.__cause__, each.__context__]


def note_source(error: BaseException) -> None:
    """Add to an exception from inside an exported program the user's line of the node."""
    trace, inner = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_GENERATED):
            inner = trace
        trace = trace.tb_next
    if inner is None:
        return
    frame = inner.tb_frame
    line = linecache.getline(frame.f_code.co_filename, inner.tb_lineno, frame.f_globals)
    name = line.partition("=")[0].partition(":")[0].strip()
    graph = getattr(frame.f_locals.get("self"), "graph", None)
    for node in () if graph is None else graph.nodes:
        source = node.meta.get("stack_trace")
        if node.name == name and source:
            error.add_note(f"The exported program fails at the node {name}, which is this line:")
            error.add_note(source.rstrip())
            return
