"""The whole program on both sides of a question about sizes whose sides fit in no statement.

One side of a branch gives ``None`` and the other a mask, one leaves a dimension out: the rest of
the program goes on with what it was given. What the program returns in the end may be of one kind
all the same, so that each side is the program from its first line to its last.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from monograph.capture.recorder import Recorder
from monograph.control.operators import on_both_sides
from monograph.control.state import State
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import Test, with_sizes
from monograph.shapes.text import format_expr, parse
from monograph.torch_internals import without_modes

__all__ = ["on_all_sides"]


def on_all_sides(
    recorder: Recorder, questions: Sequence[Test], program: Callable[[], object]
) -> object:
    """What ``program()`` gives on both sides of ``questions``, which another capture has asked."""
    env = recorder.sizes.env
    for i, asked in enumerate(questions):
        question = _asked_here(env, asked)
        if env.known(question) is None:
            one_side = functools.partial(_one_side, recorder, questions[i + 1 :], program)
            with without_modes():
                state = State(recorder, (program,))
                return on_both_sides(recorder, question, (one_side, one_side), state)
    return program()


def _one_side(
    recorder: Recorder, questions: Sequence[Test], program: Callable[[], object]
) -> object:
    with recorder:
        return on_all_sides(recorder, questions, program)


def _asked_here(env: ShapeEnv, question: Test) -> Test:
    """``question``, about the sizes of the same names in ``env``."""
    names: dict[str, Int] = {
        name: symbol.expr for name, symbol in env.symbols.items() if isinstance(symbol.expr, Expr)
    }
    return with_sizes(question, lambda size: parse(format_expr(size), env.scope, names))
