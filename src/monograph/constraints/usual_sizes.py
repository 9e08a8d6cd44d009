"""Sizes that are 1 in the example are taken for usual ones first, where the program allows it.

A batch of 1 is on the rare side of the questions that are asked of a batch. The program is captured
as if there were more, and that is the program if it holds for all sizes: for the example's, too.
Where it is one for fewer sizes, it is captured for the example. See docs/notes/0006.
"""

from __future__ import annotations

from collections.abc import Callable

from monograph.capture.declare import Declaration, declare, read_specification
from monograph.capture.inputs import Root, flatten_arguments
from monograph.capture.restarts import Restart
from monograph.capture.session import Captured
from monograph.diagnostics import MonographError
from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import holds

__all__ = ["captured_for_all"]

Sizes = dict[str, float]  # by the names of their symbols

_USUAL = (2, 3, 5, 7)  # what is none of the example's sizes: that would raise questions


def captured_for_all(
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
    attempt: Callable[[Sizes], Captured],
) -> tuple[Captured, Sizes] | None:
    """The capture with usual sizes in place of each 1 that varies, if it holds for all sizes.

    And these sizes; None where it does not, or there is no such 1. ``attempt`` captures the program
    as if the example had the sizes it is given, and gives up where it narrows them.
    """
    example, changed = _ones_that_vary(root, args, kwargs, shapes)
    if not changed:
        return None
    usual = next((size for size in _USUAL if size not in example.values()), _USUAL[0])
    sizes = example | dict.fromkeys(changed, usual)
    try:
        captured = attempt(sizes)
    except (Exception, Restart):  # it holds for fewer, or raises an error for such sizes
        return None
    env = captured.recorder.sizes.env
    if env.definitions or env.numbers_refused or not _is_for_all(env, example):
        return None
    for name in changed:
        env.values[name] = env.decider.hints[name] = env.symbols[name].hint = 1
    return captured, sizes


def _ones_that_vary(
    root: Root, args: tuple[object, ...], kwargs: dict[str, object], shapes: object
) -> tuple[Sizes, list[str]]:
    """The sizes of the example that vary, and the names of those that are 1 and may be more."""
    if shapes is None:
        return {}, []
    env = ShapeEnv()
    arguments = flatten_arguments(root, args, kwargs)
    try:
        _, declared = declare(env, arguments, read_specification(root, arguments, shapes), {})
    except MonographError:  # the capture will say it
        return {}, []
    return env.values, [
        name
        for name, size in env.values.items()
        if size == 1 and name not in env.sets and _may_be_more(declared[name])
    ]


def _may_be_more(declaration: Declaration) -> bool:
    is_size = all(dim is not None for _, dim, _, _ in declaration.places)
    return is_size and (declaration.hi is None or declaration.hi >= _USUAL[-1])


def _is_for_all(env: ShapeEnv, example: Sizes) -> bool:
    """Whether nothing narrows the sizes but what is demanded of them, and the example has it."""
    for guard in env.guards:
        is_demanded = guard.kind == "precondition" or guard.excludes_zero_alone()
        if guard.is_narrowing and not is_demanded:
            return False
        if example.keys() >= set(guard.symbols) and not holds(guard.test, example):
            return False
    return True
