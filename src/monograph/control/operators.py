"""``cond``, ``while_loop``, ``map``, ``scan``, ``associative_scan``: in a capture, and outside one.

Outside a capture they are plain Python. While a program is captured, torch's functions of these
names come here too, and so do the operators themselves (a captured program can be captured again).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from monograph.capture.current import running_recorder
from monograph.capture.operators.registry import handles, replaces
from monograph.capture.recorder import Recorder
from monograph.control import eager
from monograph.control.branches import branch
from monograph.control.carrying import explain, rebuilt
from monograph.control.loops import loop
from monograph.control.maps import capture_associative_scan, capture_map, capture_scan
from monograph.control.results import Mismatch
from monograph.control.state import State
from monograph.diagnostics import ControlFlowError, ExportError
from monograph.ir.structure import Structure, flatten
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    torch_associative_scan,
    torch_map,
    torch_scan,
    torch_while_loop,
    without_modes,
)

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]

higher_order = torch.ops.higher_order


def _inside_capture(function: Callable[..., Any]) -> Callable[..., Any]:
    """Structures that do not fit are told with the user's line."""

    @functools.wraps(function)
    def call(recorder: Recorder, *args: Any, **kwargs: Any) -> Any:
        try:
            with without_modes():
                return function(recorder, *args, **kwargs)
        except Mismatch as mismatch:
            error = explain(mismatch, ("before", "after"), recorder)
            recorder.note_refusal(error)
            raise error from None
        except ExportError as error:
            recorder.note_refusal(error)
            raise

    return call


def _pure(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, its operators recorded; it must leave all Python objects as they were."""

    def call(*args: Any) -> Any:
        state = State(recorder, (function,))
        try:
            with recorder:
                result = function(*args)
            changed = state.changed()
        finally:
            state.restore()
        for name, _ in changed.values():
            raise ControlFlowError(
                f"{name} is changed by a function that a loop calls",
                code="MG-C113",
                where=recorder.here(),
                hint="carry it: pass it in, and return it.",
            )
        return result

    return call


def _of_user(recorder: Recorder, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, its operators recorded."""

    def call(*args: Any) -> Any:
        with recorder:
            return function(*args)

    return call


@replaces(torch.cond)
def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """``true_fn(*operands) if pred else false_fn(*operands)``, as one operator of the program.

    Args:
        pred: a tensor with one element, a comparison of sizes, or a Python truth value, which is
            then fixed for good (and listed in ``ep.assumptions``).
        true_fn: any callable; what it closes over becomes an operand.
        false_fn: the other side. Both return the same structure; dtypes are promoted, sizes that
            differ become unknown ones.
        operands: a tuple or list of any nested values.

    Raises:
        ControlFlowError: while capturing, where the sides do not fit: MG-C102 (structure), MG-C103
            (None), MG-C104 (number of dimensions), MG-C105 (device), MG-C106 (arguments).
    """
    recorder = running_recorder()
    if recorder is not None:
        return _capture_cond(recorder, pred, true_fn, false_fn, operands)
    if torch.compiler.is_dynamo_compiling():
        return torch.cond(pred, true_fn, false_fn, operands)
    return true_fn(*operands) if pred else false_fn(*operands)


@_inside_capture
def _capture_cond(recorder: Recorder, pred: Any, true_fn: Any, false_fn: Any, operands: Any) -> Any:
    _require_callables(recorder, "cond", true_fn=true_fn, false_fn=false_fn)
    functions = (true_fn, false_fn)
    true_fn, false_fn = _of_user(recorder, true_fn), _of_user(recorder, false_fn)
    if not isinstance(operands, (tuple, list)):
        raise ControlFlowError(
            f"the operands of cond are a {type(operands).__name__}",
            code="MG-C106",
            where=recorder.here(),
            hint="pass a tuple: (x,) for one operand.",
        )
    pred = _predicate(recorder, pred)
    if isinstance(pred, bool):
        return true_fn(*operands) if pred else false_fn(*operands)
    nodes = [recorder.argument(leaf, [], []) for leaf in flatten(operands)[0]
             if isinstance(leaf, torch.Tensor)]  # fmt: skip
    state = State(recorder, functions)

    def body(function: Callable[..., Any]) -> dict[Any, tuple[str, Any]]:
        try:
            result = function(*operands)
            return {**state.changed(), "result": ("the result", result)}
        finally:
            state.restore()

    joined = branch(
        recorder, pred, [lambda: body(true_fn), lambda: body(false_fn)], nodes, state.before
    )
    for key, value in joined.items():
        if isinstance(value, Mismatch):
            raise explain(value, ("true branch", "false branch"), recorder)
        if key != "result":
            state.set(key, value)
    return joined["result"]


def _predicate(recorder: Recorder, pred: Any) -> Any:
    """A tensor, a question about sizes, or (where there is but one answer) a truth value."""
    if isinstance(pred, torch.SymBool):
        test = expression_of(pred)
        known = recorder.sizes.env.known(test)
        return test if known is None else known
    if isinstance(pred, torch.Tensor):
        value = recorder.value_of(pred)
        if value.spec.numel != 1:
            raise ControlFlowError(
                f"the predicate of cond is {value.spec!r}",
                code="MG-C101",
                where=recorder.here(),
                hint="reduce it to one element: .any() or .all().",
            )
        data = recorder.known_value(value)
        return value.abstract() if data is None else bool(data)
    if isinstance(pred, (bool, int, float)):
        recorder.assume(
            "constant-predicate",
            f"the predicate of cond is the Python value {pred!r}: only that branch is captured",
            recorder.here(),
        )
        return bool(pred)
    if isinstance(pred, (torch.SymInt, torch.SymFloat)):
        return _predicate(recorder, pred != 0)  # a SymBool, or a truth
    raise ControlFlowError(
        f"the predicate of cond is a {type(pred).__name__}",
        code="MG-C101",
        where=recorder.here(),
        hint="pass a boolean tensor with one element, or a comparison of sizes.",
    )


def _require_callables(recorder: Recorder, name: str, **functions: Any) -> None:
    for argument, function in functions.items():
        if not callable(function):
            raise ControlFlowError(
                f"{argument} of {name} is a {type(function).__name__}",
                code="MG-C106",
                where=recorder.here(),
                hint="pass a function, a lambda, a method or a module.",
            )


@replaces(torch_while_loop)
def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any
) -> Any:
    """``while cond_fn(*state): state = body_fn(*state)``, as one operator of the program.

    Args:
        cond_fn: returns a tensor with one element, or a comparison of sizes or numbers.
        body_fn: returns the new state, of the structure of ``carried_inputs``. Numbers that change
            go round too; a size that changes becomes an unknown one.
        carried_inputs: the first state, a tuple or list of any nested values.

    Raises:
        ControlFlowError: while capturing: MG-C106 (arguments), MG-C107 (a state that becomes
            another thing), MG-C108 (the condition), MG-C110 (writes).
    """
    recorder = running_recorder()
    if recorder is not None:
        return _capture_while_loop(recorder, cond_fn, body_fn, carried_inputs)
    state = tuple(carried_inputs)
    while cond_fn(*state):
        state = body_fn(*state)
        state = tuple(state) if isinstance(state, (tuple, list)) else (state,)
    return state


@_inside_capture
def _capture_while_loop(recorder: Recorder, cond_fn: Any, body_fn: Any, carried_inputs: Any) -> Any:
    _require_callables(recorder, "while_loop", cond_fn=cond_fn, body_fn=body_fn)
    cond_fn, body_fn = _pure(recorder, cond_fn), _pure(recorder, body_fn)
    if not isinstance(carried_inputs, (tuple, list)):
        raise ControlFlowError(
            f"the carried inputs of while_loop are a {type(carried_inputs).__name__}",
            code="MG-C106",
            where=recorder.here(),
            hint="pass a tuple: (x,) for one tensor.",
        )
    leaves, structure = flatten(tuple(carried_inputs))
    names = ["_".join(parts) or "carried" for parts in structure.names(("carried",))]

    def body(state: Sequence[Any]) -> list[tuple[Structure, list[Any]]]:
        result = body_fn(*structure.unflatten(list(state)))
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        found, new = flatten(result)
        return [(new, found)]

    final = loop(
        recorder, names, leaves, [structure],
        lambda state: cond_fn(*structure.unflatten(list(state))), body,
    )  # fmt: skip
    return rebuilt([structure], final)[0]


@replaces(torch_map)
def map(f: Callable[..., Any], xs: Any, *args: Any) -> Any:  # noqa: A001 - torch's name
    """The results of ``f(row, *args)`` for all rows of ``xs``, stacked.

    Args:
        f: returns a nested value of tensors of one size.
        xs: nested tensors with the same first size; ``f`` gets them without that dimension.
        args: passed on as they are.

    Raises:
        ControlFlowError: while capturing: MG-C106, MG-C111 (lengths), MG-C110 (writes).
    """
    recorder = running_recorder()
    if recorder is not None:
        return _capture_map(recorder, f, xs, args)
    return eager.map_rows(f, xs, args)


@_inside_capture
def _capture_map(recorder: Recorder, f: Any, xs: Any, args: tuple[Any, ...]) -> Any:
    _require_callables(recorder, "map", f=f)
    f = _pure(recorder, f)
    leaves, structure = _tensors(recorder, "map", "xs", xs)
    found, stacked = capture_map(
        recorder, lambda rows: f(structure.unflatten(list(rows)), *args), leaves
    )
    return rebuilt([found], stacked)[0]


def _tensors(recorder: Recorder, name: str, what: str, xs: Any) -> tuple[list[Any], Structure]:
    leaves, structure = flatten(xs)
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor):
            raise ControlFlowError(
                f"{what} of {name} holds a {type(leaf).__name__}",
                code="MG-C106",
                where=recorder.here(),
                hint="pass tensors; the body may close over anything else.",
            )
    if not leaves:
        raise ControlFlowError(
            f"{what} of {name} holds no tensor", code="MG-C106", where=recorder.here(),
            hint="pass at least one tensor.",
        )  # fmt: skip
    return leaves, structure


@replaces(torch_scan)
def scan(
    combine_fn: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any,
    *,
    dim: int = 0,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """``carry, y = combine_fn(carry, x)`` for each slice ``x`` of ``xs`` along ``dim``.

    Args:
        combine_fn: returns the new carry, like ``init``, and one output.
        init: the first carry, nested tensors.
        xs: nested tensors with the same size in ``dim``.
        dim: the dimension to go along; outputs are stacked along it.
        reverse: go from the last slice to the first.

    Returns:
        The last carry, and the stacked outputs.

    Raises:
        ControlFlowError: while capturing: MG-C102, MG-C106, MG-C107 (carry), MG-C110, MG-C111.
    """
    recorder = running_recorder()
    run = eager.scan_rows if recorder is None else functools.partial(_capture_scan, recorder)
    leaves, structure = flatten(xs)
    if not leaves:
        return init, []
    moved = [_along(leaf, dim, reverse) for leaf in leaves]
    carry, out = run(combine_fn, init, structure.unflatten(moved))
    return carry, _back(out, dim, reverse)


def _along(x: Any, dim: int, reverse: bool) -> Any:
    if isinstance(x, torch.Tensor):
        x = x.movedim(dim, 0) if dim else x
        x = x.flip(0) if reverse else x
    return x


def _back(out: Any, dim: int, reverse: bool) -> Any:
    leaves, structure = flatten(out)
    found = []
    for leaf in leaves:
        leaf = leaf.flip(0) if reverse else leaf
        found.append(leaf.movedim(0, dim) if dim and dim < leaf.dim() else leaf)
    return structure.unflatten(found)


@_inside_capture
def _capture_scan(recorder: Recorder, combine_fn: Any, init: Any, xs: Any) -> Any:
    _require_callables(recorder, "scan", combine_fn=combine_fn)
    combine_fn = _pure(recorder, combine_fn)
    first, carry_structure = _tensors(recorder, "scan", "init", init)
    leaves, structure = _tensors(recorder, "scan", "xs", xs)
    carry, out_structure, stacked = capture_scan(
        recorder,
        lambda state, rows: combine_fn(
            carry_structure.unflatten(list(state)), structure.unflatten(list(rows))
        ),
        first, carry_structure, leaves,
    )  # fmt: skip
    return rebuilt([carry_structure], carry)[0], rebuilt([out_structure], stacked)[0]


@replaces(torch_associative_scan)
def associative_scan(
    combine_fn: Callable[[Any, Any], Any],
    xs: Any,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """All partial results of combining the slices of ``xs`` along ``dim``, from the first on.

    Args:
        combine_fn: of two slices; associative, so that the order of evaluation is free.
        xs: nested tensors with the same size in ``dim``.
        dim: the dimension to go along.
        reverse: go from the last slice to the first.
        combine_mode: as in torch (``pointwise`` or ``generic``); both are captured alike.

    Raises:
        ControlFlowError: while capturing: MG-C106, MG-C107, MG-C110, MG-C111.
    """
    recorder = running_recorder()
    leaves, structure = flatten(xs)
    moved = structure.unflatten([_along(leaf, dim, reverse) for leaf in leaves])
    if recorder is not None:
        out = _capture_associative_scan(recorder, combine_fn, moved)
    else:
        out = eager.associative_scan_rows(combine_fn, moved)
    return _back(out, dim, reverse)


@_inside_capture
def _capture_associative_scan(recorder: Recorder, combine_fn: Any, xs: Any) -> Any:
    _require_callables(recorder, "associative_scan", combine_fn=combine_fn)
    combine_fn = _pure(recorder, combine_fn)
    leaves, structure = _tensors(recorder, "associative_scan", "xs", xs)
    stacked = capture_associative_scan(
        recorder,
        lambda left, right: combine_fn(
            structure.unflatten(list(left)), structure.unflatten(list(right))
        ),
        leaves, structure,
    )  # fmt: skip
    return rebuilt([structure], stacked)[0]


# The operators themselves: in a graph that is captured again -----------------------------------


@handles(higher_order.cond)
def _cond_operator(recorder: Recorder, op: Any, args: Any, kwargs: Any) -> Any:
    pred, true_fn, false_fn, operands = args
    return _capture_cond(recorder, pred, true_fn, false_fn, tuple(operands))


@handles(higher_order.while_loop)
def _while_loop_operator(recorder: Recorder, op: Any, args: Any, kwargs: Any) -> Any:
    cond_fn, body_fn, state, more = args
    return _capture_while_loop(
        recorder,
        lambda *s: _single(cond_fn(*s, *more)),
        lambda *s: body_fn(*s, *more),
        tuple(state),
    )


def _single(result: Any) -> Any:
    return result[0] if isinstance(result, (tuple, list)) else result


@handles(higher_order.map_impl)
def _map_operator(recorder: Recorder, op: Any, args: Any, kwargs: Any) -> Any:
    f, xs, more = args
    return _capture_map(recorder, lambda rows: f(*rows, *more), tuple(xs), ())


@handles(higher_order.scan)
def _scan_operator(recorder: Recorder, op: Any, args: Any, kwargs: Any) -> Any:
    combine, init, xs, more = args
    count = len(init)

    def step(carry: Any, rows: Any) -> Any:
        found = tuple(combine(*carry, *rows, *more))
        return found[:count], found[count:]

    carry, out = _capture_scan(recorder, step, tuple(init), tuple(xs))
    return (*carry, *out)


@handles(higher_order.associative_scan)
def _associative_scan_operator(recorder: Recorder, op: Any, args: Any, kwargs: Any) -> Any:
    combine, xs, more = args
    return _capture_associative_scan(
        recorder, lambda left, right: tuple(combine(*left, *right, *more)), tuple(xs)
    )
