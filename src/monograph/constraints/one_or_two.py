"""Whether a tensor that was passed twice has to be one tensor in every call.

A program that asks if two arguments are one (``query is key``) is captured with one tensor for
both. Its code tells that it asks, not of which tensors. So it is captured once more, with two
tensors: if it is the same program, nothing was asked of them, and callers may give two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from monograph.capture.session import Captured

__all__ = ["Twins"]

Begun = list[tuple[Captured, dict[str, float] | None]]


class Twins:
    """``are_two``: arguments that are one tensor in the example are two for the program."""

    def __init__(self) -> None:
        self.are_two = False

    def attempted(self, attempt: Callable[[], Captured], begun: Begun) -> Captured:
        """What ``attempt`` captures; it puts the program as it was to begin with in ``begun``."""
        captured = attempt()
        if captured.recorder.entrance.one_tensor is None or not _pairs(captured):
            return captured
        self.are_two = True
        with contextlib.suppress(Exception):  # with two, it may be no program
            other = attempt()
            if _holds_for_two(begun[0][0], begun[1][0]):
                del begun[0]
                return other
        self.are_two = False
        return captured


def _holds_for_two(one: Captured, two: Captured) -> bool:
    """Whether ``one``, captured with one tensor, computes what ``two`` does with two of them."""
    inside = {node.name: node for node in one.graph.nodes if node.op == "placeholder"}
    given = {node.name: node for node in two.graph.nodes if node.op == "placeholder"}
    found = {given[again]: inside[first] for first, again in _pairs(one)}
    written = {origin.node for origin in one.mutations}
    if not written.isdisjoint(found.values()):
        return False
    from monograph.constraints.same_program import is_same_program

    return is_same_program(one, two, two.recorder.sizes.env.values, found=found)


def _pairs(captured: Captured) -> list[tuple[str, str]]:
    return captured.recorder.aliases.twins
