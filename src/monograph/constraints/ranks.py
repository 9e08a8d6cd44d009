"""Numbers that only the values tell, as sizes that ``squeeze`` leaves out where they are 1.

``mask.nonzero().squeeze()`` has no dimension left where there is one row, and most programs go on
with it as they do with several. So such a number is taken for another one than 1, and the program
captured once more with it as 1: where that calls the same operators with the same arguments, the
program gives in each case what eager mode gives, whatever number of dimensions is noted (as for a
size of an argument, note 0006). Else it is asserted when the program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from monograph.capture.session import Captured
from monograph.constraints.same_program import is_same_program

__all__ = ["which_matter"]

_MOST = 3  # numbers in one program: all that may be 1 at once are tried


def which_matter(
    captured: Captured, attempt: Callable[[frozenset[str]], Captured]
) -> dict[str, bool]:
    """For each number that was taken for another one than 1, whether that matters.

    ``attempt`` captures the program with such numbers as 1.
    """
    met = captured.recorder.sizes.env.not_single
    free = [name for name in met if _is_same(captured, attempt, (name,))][:_MOST]
    together = (some for count in range(2, len(free) + 1) for some in combinations(free, count))
    if not all(_is_same(captured, attempt, some) for some in together):
        free = []
    return {name: name not in free for name in met}


def _is_same(
    captured: Captured, attempt: Callable[[frozenset[str]], Captured], names: tuple[str, ...]
) -> bool:
    """Whether the program is the same one where ``names`` are 1."""
    try:
        other = attempt(frozenset(names))
    except Exception:  # whatever it is: where they are 1, the program is another one
        return False
    return is_same_program(captured, other, dict.fromkeys(names, 1))
