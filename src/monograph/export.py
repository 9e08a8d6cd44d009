"""From a program to an ``ExportedProgram``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from monograph.assembly import assembled
from monograph.capture.inputs import Root, root_of
from monograph.capture.session import Captured, capture
from monograph.constraints.both_sides import settle
from monograph.constraints.same_program import refuse_difference
from monograph.constraints.violations import refuse_violations
from monograph.diagnostics import (
    DataDependentError,
    PythonFeatureError,
    UndecidedError,
)
from monograph.program import ExportedProgram
from monograph.source.advice import find_patch
from monograph.source.strict import Strict

__all__ = ["export"]

_MOST_SITES = 20  # statements on sizes that are tried as operators


def export(
    f: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    strict: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
) -> ExportedProgram:
    """Turn ``f(*args, **kwargs)`` into one graph.

    Args:
        f: a module, a function, a bound method or a ``functools.partial``.
        args: example positional arguments, a tuple; any nesting of containers.
        kwargs: example keyword arguments.
        dynamic_shapes: which sizes vary: a dict from argument names (or path patterns such as
            ``"past.*"``) or a tuple in the order of the arguments; for each tensor a dict from
            dimension to ``Dim``, a list of them, or text (``"batch, 2*seq, _"``). What is not
            mentioned is static. Also a ``ShapesCollection`` or ``AdditionalInputs``.
        strict: read the program's source: branches and loops that depend on data become operators,
            side effects and unstable values are refused.
        preserve_module_call_signature: dotted names of modules whose calls are described in
            ``ExportedProgram.module_call_graph``.

    Returns:
        The program. ``f`` and all that it refers to are left as they were.

    Raises:
        ExportError: what stands in the way, with the user's line and what to write instead;
            a ``ConstraintViolationError`` where the program holds for fewer sizes than declared.
        Exception: whatever the program itself raises on these arguments.
    """
    if not isinstance(args, tuple):
        raise PythonFeatureError(
            f"args must be a tuple of the positional arguments, but got {type(args).__name__}",
            hint="for one argument write (x,).",
        )
    kwargs = dict(kwargs or {})
    root = root_of(f)
    mode = Strict() if strict else None
    preserved = tuple(preserve_module_call_signature)

    def attempt(shapes: Any) -> Captured:
        def once(hints: dict[str, int] | None) -> Captured:
            return capture(
                root, args, kwargs, watched=frozenset(preserved), dynamic_shapes=shapes,
                hints=hints,
                strict=mode,
            )  # fmt: skip

        captured = settle(once(None), once)
        return (
            captured if mode is None else _widened(captured, mode, lambda: settle(once(None), once))
        )

    try:
        captured = attempt(dynamic_shapes)
    except DataDependentError as error:
        if mode is None:
            _advise(error, root, args, kwargs, dynamic_shapes)
        if not isinstance(error, UndecidedError):
            raise
        tried = [
            _exports(root, args, kwargs, dynamic_shapes, {error.asked: answer})
            for answer in (True, False)
        ]
        raise error.with_verified(tried) from None
    if os.environ.get("MONOGRAPH_REPEAT") == "1":
        refuse_difference(captured, attempt(dynamic_shapes))
    refuse_violations(captured, dynamic_shapes, attempt)
    return assembled(captured, (args, kwargs), preserved)


def _widened(captured: Captured, mode: Strict, again: Callable[[], Captured]) -> Captured:
    """Where a branch or a loop has narrowed the sizes, both its sides as operators, if they fit."""
    for _ in range(_MOST_SITES):
        place = mode.next_narrowing(captured.recorder.sizes.env.guards)
        if place is None:
            break
        try:
            captured = again()
        except Exception:  # the capture before it stands
            mode.unlearn(*place)
    return captured


def _advise(
    error: DataDependentError,
    root: Root,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
) -> None:
    """Add to ``error`` a patch that exports, and whether strict mode captures the program."""

    def again(strict: Strict | None = None) -> Captured:
        return capture(root, args, kwargs, dynamic_shapes=shapes, strict=strict)

    try:
        error.is_captured_in_strict_mode = again(Strict()) is not None
    except Exception:
        error.is_captured_in_strict_mode = False
    error.patch = find_patch(error, again)


def _exports(
    root: Root, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any, answers: dict[str, bool]
) -> bool:
    """Whether the program would export if it asserted these answers."""
    try:
        capture(root, args, kwargs, dynamic_shapes=shapes, pretended=answers)
    except Exception:
        return False
    return True


def assume_constant_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function whose result, computed for the example inputs, is part of the program.

    The mark is the one of ``torch._dynamo.assume_constant_result``, which works as well.
    """
    from monograph.torch_internals import mark_constant

    mark_constant(function)
    return function
