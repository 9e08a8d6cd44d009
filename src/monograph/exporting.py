"""From a program to an ``ExportedProgram``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import torch

from monograph.capture.inputs import Root, by_name, positional, root_of
from monograph.capture.python.frames import caller_line, is_of_user, is_ours
from monograph.capture.session import Captured, capture
from monograph.diagnostics import (
    ControlFlowError,
    DataDependentError,
    ExportError,
    MonographError,
    PythonFeatureError,
    UndecidedError,
    drop_frames,
    shows_all,
    users_part,
)
from monograph.diagnostics.watching import watching
from monograph.ir.statistics import times_of
from monograph.program import ExportedProgram
from monograph.stages import exported, mode_of

if TYPE_CHECKING:
    from monograph.source.strict import Strict

__all__ = ["assume_constant_result", "export", "export_methods", "program_of"]

F = TypeVar("F", bound=Callable[..., object])


def export(
    mod: Callable[..., object],
    args: tuple[object, ...] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    dynamic_shapes: object = None,
    strict: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> ExportedProgram:
    """Turn ``mod(*args, **kwargs)`` into one graph.

    Args:
        mod: a module, a function, a bound method or a ``functools.partial``.
        args: example positional arguments, a tuple (or a named tuple, or a list); any nesting of
            containers.
        kwargs: example keyword arguments.
        dynamic_shapes: which sizes vary: a dict from argument names (or path patterns such as
            ``"past.*"``) or a tuple in the order of the arguments; for each tensor a dict from
            dimension to ``Dim``, a list of them, or text (``"batch, 2*seq, _"``). What is not
            mentioned is static. Also a ``ShapesCollection`` or ``AdditionalInputs``.
        strict: read the program's source: branches and loops that depend on data become operators,
            side effects and unstable values are refused.
        preserve_module_call_signature: dotted names of modules whose calls are described in
            ``ExportedProgram.module_call_graph``.
        prefer_deferred_runtime_asserts_over_guards: taken for scripts that were written for
            ``torch.export``; what a program demands of sizes is checked when it is called anyhow.

    Returns:
        The program. ``mod`` and all that it refers to are left as they were.

    Raises:
        ExportError: what stands in the way, with the user's line and what to write instead;
            a ``ConstraintViolationError`` where the program holds for fewer sizes than declared.
        Exception: whatever the program itself raises on these arguments.
    """
    if isinstance(mod, ExportedProgram):
        raise PythonFeatureError(
            "an ExportedProgram is exported already",
            where=caller_line(),
            hint="take it as it is; or export what it computes again: export(ep.module(), args).",
        )
    return program_of(
        root_of(mod),
        positional(args),
        by_name(kwargs),
        dynamic_shapes,
        strict=strict,
        preserved=tuple(preserve_module_call_signature),
    )


def program_of(
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
    *,
    strict: bool,
    preserved: tuple[str, ...] = (),
    is_one_side: bool = False,
) -> ExportedProgram:
    """``export`` of what has been looked at.

    ``is_one_side``: the program may hold for fewer sizes than were declared.
    """
    try:
        with watching() as watch:
            parts = exported(
                root,
                args,
                kwargs,
                shapes,
                strict=strict,
                preserved=preserved,
                is_one_side=is_one_side,
            )
            program = ExportedProgram(parts)
            program.times = times_of(watch)
            return program
    except ExportError as error:
        if isinstance(error, (DataDependentError, ControlFlowError)) and not strict:
            _advise(error, root, args, kwargs, shapes)
        if isinstance(error, UndecidedError):
            tried = [
                check
                for check, answer in error.checks.items()
                if _exports(root, args, kwargs, shapes, {error.asked: answer})
            ]
            error.with_verified(tried)
        cause = error.__cause__ if shows_all() else None
        raise error.with_traceback(users_part(error.__traceback__, is_of_user)) from cause
    except MonographError:
        raise
    except Exception as error:
        drop_frames(error, is_ours)
        raise


def export_methods(
    methods: Mapping[str, Callable[..., object]],
    args: Mapping[str, tuple[object, ...]],
    kwargs: Mapping[str, Mapping[str, object]] | None = None,
    *,
    dynamic_shapes: Mapping[str, object] | None = None,
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
def _mode(name: str, method: Callable[..., object]) -> Iterator[None]:
    """A module that is called "train" or "eval" is in that mode."""
    modules = list(method.modules()) if isinstance(method, torch.nn.Module) else []
    before = [(module, module.training) for module in modules]
    try:
        if isinstance(method, torch.nn.Module) and name in ("train", "eval"):
            method.train(name == "train")
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _advise(
    error: ExportError,
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
) -> None:
    """Add to ``error`` a patch that exports, and whether strict mode captures the program."""

    def again(strict: Strict | None = None) -> Captured:
        mode = strict or mode_of(strict=False)
        return capture(root, args, kwargs, dynamic_shapes=shapes, strict=mode)

    try:
        error.is_captured_in_strict_mode = again(mode_of(strict=True)) is not None
    except Exception:
        error.is_captured_in_strict_mode = False
    from monograph.source.advice import find_fix  # what only a refusal needs

    error.patch = find_fix(error, again)


def _exports(
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
    answers: dict[str, bool],
) -> bool:
    """Whether the program would export if it asserted these answers."""
    try:
        capture(root, args, kwargs, dynamic_shapes=shapes, pretended=answers)
    except Exception:
        return False
    return True


def assume_constant_result(function: F) -> F:
    """Mark a function whose result, computed for the example inputs, is part of the program.

    The mark is the one of ``torch._dynamo.assume_constant_result``, which works as well.
    """
    from monograph.torch_internals import mark_constant

    mark_constant(function)
    return function
