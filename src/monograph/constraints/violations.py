"""Sizes declared wider than the program allows: the error, and fixes that have been tried."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from monograph.capture.session import Captured
from monograph.diagnostics import (
    ConstraintViolationError,
    MonographError,
    ShapeError,
    SourceLine,
)
from monograph.shapes.constraints import Violations, compare, refine
from monograph.shapes.dims import AnyDim, DerivedDim, Dim, read_dim

__all__ = ["refine_dynamic_shapes", "refuse_violations", "suggestions_in"]

_ROUNDS = 4
_SUGGESTED = "Suggested fixes:"  # as torch's errors have it


def refuse_violations(
    captured: Captured,
    shapes: object,
    attempt: Callable[[object], Captured],
    refusals: Mapping[tuple[str, int], str],
) -> None:
    """Raise where the capture is narrower than what was declared.

    The fixes that the error suggests have been followed: ``attempt`` captured the program with
    them, and nothing was left to suggest. ``refusals``: why the sides of a question are no one
    operator, by file and line.

    Raises:
        ConstraintViolationError: with a reason for each dimension.
    """
    captured.recorder.sizes.env.summarise()
    found = compare(captured.recorder.sizes.env, captured.declared)
    if not found.names:
        return
    fixes = _verified(found, shapes, attempt)
    lines = [f"Constraints violated ({', '.join(found.names)})!"]
    for text, where in found.lines:
        lines.append(f"  - {text}")
        if where is not None:
            lines.append(f"      {where}   {where.text}")
            line = SourceLine.of(where)
            why = None if line is None else refusals.get((line.file, line.line))
            if why is not None:
                lines.append(f"      its two sides cannot be joined: {why}")
    hint = "use Dim.AUTO for these dimensions to accept what the program allows."
    if any("cannot be joined" in line for line in lines):
        hint = (
            "let both sides give tensors that differ in their sizes alone (torch.cond), or declare "
            "the sizes of one side (min=, max=), or use Dim.AUTO."
        )
    if fixes:
        lines += ["", _SUGGESTED]
        lines += [f"  {name} = {_spelled(name, fix)}" for name, fix in fixes.items()]
        hint = (
            "these were tried: the program exports with them. "
            "refine_dynamic_shapes(dynamic_shapes, error) applies them."
        )
    first = next((where for _, where in found.lines if where is not None), None)
    error = ConstraintViolationError("\n".join(lines), where=SourceLine.of(first), hint=hint)
    error.suggested_fixes = dict(fixes)
    raise error


def _verified(
    found: Violations, shapes: object, attempt: Callable[[object], Captured]
) -> dict[str, AnyDim | int]:
    """The fixes with which the program exports; none where they do not help."""
    fixes = dict(found.fixes)
    for _ in range(_ROUNDS):
        if not fixes:
            return {}
        try:
            again = attempt(refine(shapes, fixes))
        except MonographError:
            return {}
        left = compare(again.recorder.sizes.env, again.declared)
        if not left.names:
            return _with_roots(fixes)
        if left.fixes.items() <= fixes.items():
            return {}  # the next round would be this one
        fixes |= left.fixes
    return {}


def _with_roots(fixes: dict[str, AnyDim | int]) -> dict[str, AnyDim | int]:
    """Dimensions that others are derived from come first."""
    found: dict[str, AnyDim | int] = {}
    for fix in fixes.values():
        if isinstance(fix, (Dim, DerivedDim)):
            root = fix.line()[0]
            if root.__name__ not in fixes:
                found.setdefault(root.__name__, root)
    plain = {name: fix for name, fix in fixes.items() if not isinstance(fix, DerivedDim)}
    return found | plain | fixes


def _spelled(name: str, fix: AnyDim | int) -> str:
    if isinstance(fix, Dim) and fix.__name__ != name:
        return fix.__name__
    return repr(fix)


def refine_dynamic_shapes(dynamic_shapes: object, error: ShapeError) -> Any:
    """``dynamic_shapes`` with the suggestions of ``error`` followed.

    Raises:
        ValueError: the error has no suggestions.
    """
    if not isinstance(error, ShapeError):
        raise TypeError(f"error must be the ShapeError of an export, not a {type(error).__name__}")
    if not error.suggested_fixes:
        raise ValueError("the error suggests no fixes")
    return refine(dynamic_shapes, error.suggested_fixes)


def suggestions_in(text: str) -> dict[str, AnyDim | int]:
    """The suggestions that the text of an error makes, ours or torch's, by the dimensions' names.

    Raises:
        ValueError: it makes none.
    """
    found: dict[str, AnyDim | int] = {}
    for line in text.partition(_SUGGESTED)[2].splitlines():
        name, _, value = line.strip().partition(" = ")
        if name.isidentifier() and value:
            fix = _read(value.partition("  #")[0])
            if fix is not None:
                found[name] = fix
    if not found:
        raise ValueError("the text suggests no fixes: pass str(error)")
    return found


def _read(text: str) -> AnyDim | int | None:
    """What ``_spelled`` has written."""
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Call):
        more = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
        return Dim(*map(ast.literal_eval, node.args), **more)
    if isinstance(node, ast.Attribute):
        return {"AUTO": Dim.AUTO, "DYNAMIC": Dim.DYNAMIC}.get(node.attr)
    return read_dim(text)
