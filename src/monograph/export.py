"""From a program to an ``ExportedProgram``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from monograph.assembly import assembled
from monograph.capture.inputs import Root, root_of
from monograph.capture.python.frames import caller_line, is_of_user
from monograph.capture.session import Captured, capture
from monograph.constraints.both_sides import settle
from monograph.constraints.same_program import refuse_difference
from monograph.constraints.violations import refuse_violations
from monograph.diagnostics import (
    ControlFlowError,
    DataDependentError,
    ExportError,
    MutationError,
    PythonFeatureError,
    ShapeError,
    SourceLine,
    UndecidedError,
    shows_all,
    users_part,
)
from monograph.diagnostics.watching import Watch, current_watch, watching
from monograph.ir.statistics import times_of
from monograph.program import ExportedProgram
from monograph.source.advice import find_fix
from monograph.source.audit import Culprit
from monograph.source.convert import Converting, convert, is_used
from monograph.source.strict import Strict

__all__ = ["assume_constant_result", "convert", "export", "export_methods", "exported"]

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
    preserved = tuple(preserve_module_call_signature)
    try:
        with watching() as watch:
            program = exported(
                root, args, kwargs, dynamic_shapes, strict=strict, preserved=preserved
            )
            program.times = times_of(watch)
            return program
    except ExportError as error:
        if isinstance(error, (DataDependentError, ControlFlowError)) and not strict:
            _advise(error, root, args, kwargs, dynamic_shapes)
        if isinstance(error, UndecidedError):
            tried = [
                _exports(root, args, kwargs, dynamic_shapes, {error.asked: answer})
                for answer in (True, False)
            ]
            error.with_verified(tried)
        cause = error.__cause__ if shows_all() else None
        raise error.with_traceback(users_part(error.__traceback__, is_of_user)) from cause


def exported(
    root: Root,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
    *,
    strict: bool,
    preserved: tuple[str, ...] = (),
    collected: list[ExportError] | None = None,
) -> ExportedProgram:
    """``export``, without advice in its errors.

    ``collected`` gets the refusals after which the capture goes on with what holds for the example
    inputs.
    """
    mode = Strict() if strict else Converting() if is_used() else None
    watch = current_watch() or Watch()

    def attempt(shapes: Any) -> Captured:
        def once(hints: dict[str, int] | None) -> Captured:
            return capture(
                root, args, kwargs, watched=frozenset(preserved), dynamic_shapes=shapes,
                hints=hints, strict=mode, collected=collected,
            )  # fmt: skip

        with watch.during("capture"):
            captured = once(None)
        with watch.during("both sides of questions"):
            captured = settle(captured, once)
        if mode is None or not mode.audits:
            return captured
        with watch.during("branches on sizes"):
            return _widened(captured, mode, lambda: settle(once(None), once))

    try:
        captured = attempt(shapes)
    except ShapeError as error:
        error.where = error.where or caller_line()
        raise
    except MutationError as error:
        if error.where is None and error.change is not None:
            error.where = _line_of(error.change, root, args, kwargs, shapes)
        raise
    if os.environ.get("MONOGRAPH_REPEAT") == "1":
        refuse_difference(captured, attempt(shapes))
    with watch.during("ranges of sizes"):
        refuse_violations(captured, shapes, attempt)
    with watch.during("assembly"):
        return assembled(captured, (args, kwargs), preserved)


def export_methods(
    methods: Mapping[str, Callable[..., Any]],
    args: Mapping[str, tuple[Any, ...]],
    kwargs: Mapping[str, dict[str, Any]] | None = None,
    *,
    dynamic_shapes: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> dict[str, ExportedProgram]:
    """Capture several methods (or modules, or functions) as programs over the same tensors.

    All arguments are by the names of the methods. A module called ``"train"`` or ``"eval"`` is
    captured in that mode. ``save_methods`` writes the programs to one file.

    Raises:
        ExportError: what stands in the way of one of them.
    """
    unknown = {*args, *(kwargs or {}), *(dynamic_shapes or {})} - set(methods)
    missing = set(methods) - set(args)
    if unknown or missing:
        raise PythonFeatureError(
            f"the methods are {', '.join(methods)}, but arguments are given for {', '.join(args)}",
            hint="name each method in args: {'encode': (ids,), 'decode': (x,)}.",
        )
    found = {}
    for name, method in methods.items():
        shapes = (dynamic_shapes or {}).get(name)
        with _mode(name, method):
            found[name] = export(
                method, args[name], (kwargs or {}).get(name), dynamic_shapes=shapes, strict=strict
            )
    return found


@contextlib.contextmanager
def _mode(name: str, method: Any) -> Iterator[None]:
    """A module that is called "train" or "eval" is in that mode."""
    modules = list(method.modules()) if isinstance(method, torch.nn.Module) else []
    before = [(module, module.training) for module in modules]
    try:
        if modules and name in ("train", "eval"):
            method.train(name == "train")
        yield
    finally:
        for module, mode in before:
            module.training = mode


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


def _line_of(
    change: Any, root: Root, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any
) -> SourceLine | None:
    """The line that makes a change: the program runs once more, and is watched."""
    looking = Converting()
    looking.culprit = Culprit(change)
    with contextlib.suppress(ExportError):
        capture(root, args, kwargs, dynamic_shapes=shapes, strict=looking)
    return looking.culprit.where


def _advise(
    error: ExportError,
    root: Root,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: Any,
) -> None:
    """Add to ``error`` a patch that exports, and whether strict mode captures the program."""

    def again(strict: Strict | None = None) -> Captured:
        mode = strict or (Converting() if is_used() else None)
        return capture(root, args, kwargs, dynamic_shapes=shapes, strict=mode)

    try:
        error.is_captured_in_strict_mode = again(Strict()) is not None
    except Exception:
        error.is_captured_in_strict_mode = False
    error.patch = find_fix(error, again)


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
