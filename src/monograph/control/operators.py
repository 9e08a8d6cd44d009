"""``cond``, ``while_loop``, ``map``, ``scan``, ``associative_scan``: in a capture, and outside one.

Outside a capture they are plain Python. While a program is captured, torch's functions of these
names come here too, and so do the operators themselves (a captured program can be captured again).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch

from monograph.capture.current import running_recorder
from monograph.capture.operators.registry import handles, replaces
from monograph.capture.recorder import Recorder
from monograph.control import eager
from monograph.control.branches import RESULT, Result, Same, Side, branch, side
from monograph.control.carrying import explain
from monograph.control.loops import loop
from monograph.control.maps import capture_associative_scan, capture_map, capture_scan
from monograph.control.results import Mismatch
from monograph.control.state import State
from monograph.diagnostics import ControlFlowError
from monograph.ir.structure import Structure, flatten
from monograph.shapes.questions import Test
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    torch_associative_scan,
    torch_map,
    torch_scan,
    torch_while_loop,
    without_modes,
)

__all__ = ["associative_scan", "cond", "map", "map_noted", "scan", "while_loop"]

higher_order = torch.ops.higher_order

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C")  # a carry
X = TypeVar("X")  # a nested value of tensors
Predicate = torch.Tensor | torch.SymBool | torch.SymInt | torch.SymFloat | bool | int | float
Operator = torch._ops.HigherOrderOperator
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def _inside_capture(
    function: Callable[Concatenate[Recorder, P], R],
) -> Callable[Concatenate[Recorder, P], R]:
    """Structures that do not fit are told with the user's line."""

    @functools.wraps(function)
    def call(recorder: Recorder, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with without_modes():
                return function(recorder, *args, **kwargs)
        except Mismatch as mismatch:
            raise explain(mismatch, ("before", "after"), recorder) from None

    return call


def _pure(recorder: Recorder, function: Callable[P, R]) -> Callable[P, R]:
    """``function``, its operators recorded; it must leave all Python objects as they were."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        state = State(recorder, (function,))
        try:
            with recorder:
                result = function(*args, **kwargs)
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


def _of_user(recorder: Recorder, function: Callable[P, R]) -> Callable[P, R]:
    """``function``, its operators recorded."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with recorder:
            return function(*args, **kwargs)

    return call


@replaces(torch.cond)
def cond(
    pred: Predicate,
    true_fn: Callable[..., R],
    false_fn: Callable[..., R],
    operands: tuple[Any, ...] | list[Any] = (),
) -> R:
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
        made: R = torch.cond(pred, true_fn, false_fn, operands)  # type: ignore[arg-type]
        return made
    return true_fn(*operands) if pred else false_fn(*operands)


@_inside_capture
def _capture_cond(
    recorder: Recorder,
    pred: object,
    true_fn: Callable[..., object],
    false_fn: Callable[..., object],
    operands: Sequence[object],
) -> Any:
    _require_callables(recorder, "cond", true_fn=true_fn, false_fn=false_fn)
    functions = (true_fn, false_fn)
    true_fn, false_fn = _of_user(recorder, true_fn), _of_user(recorder, false_fn)
    if not isinstance(operands, (tuple, list)):
        raise ControlFlowError(
            f"the operands of cond are a {_kind_of(operands)}",
            code="MG-C106",
            where=recorder.here(),
            hint="pass a tuple: (x,) for one operand.",
        )
    asked = _predicate(recorder, pred)
    if isinstance(asked, bool):
        return true_fn(*operands) if asked else false_fn(*operands)
    tensors = [leaf for leaf in flatten(operands)[0] if isinstance(leaf, torch.Tensor)]
    nodes = [recorder.argument(tensor, [], []) for tensor in tensors]
    state = State(recorder, functions)

    def body(function: Callable[..., object]) -> Side:
        try:
            result = function(*operands)
            return side(state, "the result", result)
        finally:
            state.restore()

    joined = branch(
        recorder, asked, [lambda: body(true_fn), lambda: body(false_fn)], state.before, nodes
    )
    for key, value in joined.items():
        if isinstance(value, Mismatch):
            raise explain(value, ("true branch", "false branch"), recorder)
        if not isinstance(key, (Result, Same)):
            state.set(key, value)
    return joined[RESULT]


def _predicate(recorder: Recorder, pred: object) -> torch.Tensor | Test:
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
        data = recorder.knowledge.value(value)
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


def _kind_of(value: object) -> str:
    return "tensor" if isinstance(value, torch.Tensor) else type(value).__name__


def _require_callables(recorder: Recorder, name: str, **functions: object) -> None:
    for argument, function in functions.items():
        if not callable(function):
            raise ControlFlowError(
                f"{argument} of {name} is a {_kind_of(function)}",
                code="MG-C106",
                where=recorder.here(),
                hint="pass a function, a lambda, a method or a module.",
            )


@replaces(torch_while_loop)
def while_loop(
    cond_fn: Callable[..., object],
    body_fn: Callable[..., object],
    carried_inputs: Sequence[object],
) -> tuple[Any, ...]:
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
        new = body_fn(*state)
        state = tuple(new) if isinstance(new, (tuple, list)) else (new,)
    return state


@_inside_capture
def _capture_while_loop(
    recorder: Recorder,
    cond_fn: Callable[..., object],
    body_fn: Callable[..., object],
    carried_inputs: Sequence[object],
) -> tuple[Any, ...]:
    _require_callables(recorder, "while_loop", cond_fn=cond_fn, body_fn=body_fn)
    cond_fn, body_fn = _pure(recorder, cond_fn), _pure(recorder, body_fn)
    if not isinstance(carried_inputs, (tuple, list)):
        raise ControlFlowError(
            f"the carried inputs of while_loop are a {_kind_of(carried_inputs)}",
            code="MG-C106",
            where=recorder.here(),
            hint="pass a tuple: (x,) for one tensor.",
        )
    leaves, structure = flatten(tuple(carried_inputs))
    names = ["_".join(parts) or "carried" for parts in structure.names(("carried",))]

    def test(state: Sequence[object]) -> object:
        return cond_fn(*structure.unflatten(list(state)))

    def body(state: Sequence[object]) -> list[tuple[Structure, list[object]]]:
        result = body_fn(*structure.unflatten(list(state)))
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        found, new = flatten(result)
        return [(new, found)]

    final: tuple[Any, ...] = structure.unflatten(
        loop(recorder, names, leaves, [structure], test, body)
    )
    return final


@replaces(torch_map)
def map(f: Callable[..., object], xs: object, *args: object) -> Any:  # noqa: A001 - torch's name
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
def _capture_map(
    recorder: Recorder,
    f: Callable[..., object],
    xs: object,
    args: tuple[object, ...],
    note: Callable[[object], object] | None = None,
) -> Any:
    """``note`` gets what the body returns, and gives what is stacked of it."""
    _require_callables(recorder, "map", f=f)
    f = _pure(recorder, f)
    leaves, structure = _tensors(recorder, "map", "xs", xs)

    def body(rows: Sequence[torch.Tensor]) -> object:
        result = f(structure.unflatten(list(rows)), *args)
        return result if note is None else note(result)

    found, stacked = capture_map(recorder, body, leaves)
    return found.unflatten(stacked)


def map_noted(
    recorder: Recorder,
    f: Callable[[torch.Tensor], object],
    xs: torch.Tensor,
    note: Callable[[object], object],
) -> object:
    """``map``; ``note`` gets what ``f`` returns, and gives what is stacked of it."""
    return _capture_map(recorder, f, xs, (), note)


def _tensors(
    recorder: Recorder, name: str, what: str, xs: object
) -> tuple[list[torch.Tensor], Structure]:
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
            f"{what} of {name} holds no tensor",
            code="MG-C106",
            where=recorder.here(),
            hint="pass at least one tensor.",
        )
    return leaves, structure


@replaces(torch_scan)
def scan(
    combine_fn: Callable[[C, X], tuple[C, object]],
    init: C,
    xs: X,
    *,
    dim: int = 0,
    reverse: bool = False,
) -> tuple[C, Any]:
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
    leaves, structure = flatten(xs)
    if not leaves:
        return init, []
    moved: X = structure.unflatten([_along(leaf, dim, reverse) for leaf in leaves])
    if recorder is None:
        carry, out = eager.scan_rows(combine_fn, init, moved)
    else:
        carry, out = _capture_scan(recorder, combine_fn, init, moved)
    return carry, _back(out, dim, reverse)


def _along(x: T, dim: int, reverse: bool) -> T | torch.Tensor:
    if not isinstance(x, torch.Tensor):
        return x
    moved = x.movedim(dim, 0) if dim else x
    return moved.flip(0) if reverse else moved


def _back(out: object, dim: int, reverse: bool) -> Any:
    leaves, structure = flatten(out)
    found = []
    for leaf in leaves:
        leaf = leaf.flip(0) if reverse else leaf
        found.append(leaf.movedim(0, dim) if dim and dim < leaf.dim() else leaf)
    return structure.unflatten(found)


@_inside_capture
def _capture_scan(
    recorder: Recorder, combine_fn: Callable[[C, X], object], init: C, xs: X
) -> tuple[C, object]:
    _require_callables(recorder, "scan", combine_fn=combine_fn)
    combine_fn = _pure(recorder, combine_fn)
    first, carry_structure = _tensors(recorder, "scan", "init", init)
    leaves, structure = _tensors(recorder, "scan", "xs", xs)
    carry, out_structure, stacked = capture_scan(
        recorder,
        lambda state, rows: combine_fn(
            carry_structure.unflatten(list(state)), structure.unflatten(list(rows))
        ),
        first,
        carry_structure,
        leaves,
    )
    return carry_structure.unflatten(carry), out_structure.unflatten(stacked)


@replaces(torch_associative_scan)
def associative_scan(
    combine_fn: Callable[[X, X], X],
    xs: X,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> X:
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
    back: X = _back(out, dim, reverse)
    return back


@_inside_capture
def _capture_associative_scan(
    recorder: Recorder, combine_fn: Callable[[X, X], object], xs: X
) -> Any:
    _require_callables(recorder, "associative_scan", combine_fn=combine_fn)
    combine_fn = _pure(recorder, combine_fn)
    leaves, structure = _tensors(recorder, "associative_scan", "xs", xs)
    stacked = capture_associative_scan(
        recorder,
        lambda left, right: combine_fn(
            structure.unflatten(list(left)), structure.unflatten(list(right))
        ),
        leaves,
        structure,
    )
    return structure.unflatten(stacked)


# The operators themselves: in a graph that is captured again -----------------------------------


@handles(higher_order.cond)
def _cond_operator(recorder: Recorder, op: Operator, args: Args, kwargs: Kwargs) -> object:
    pred, true_fn, false_fn, operands = args
    return _capture_cond(recorder, pred, true_fn, false_fn, tuple(operands))


@handles(higher_order.while_loop)
def _while_loop_operator(recorder: Recorder, op: Operator, args: Args, kwargs: Kwargs) -> object:
    cond_fn, body_fn, state, more = args
    return _capture_while_loop(
        recorder,
        lambda *s: _single(cond_fn(*s, *more)),
        lambda *s: body_fn(*s, *more),
        tuple(state),
    )


def _single(result: object) -> object:
    return result[0] if isinstance(result, (tuple, list)) else result


@handles(higher_order.map_impl)
def _map_operator(recorder: Recorder, op: Operator, args: Args, kwargs: Kwargs) -> object:
    f, xs, more = args
    return _capture_map(recorder, lambda rows: f(*rows, *more), tuple(xs), ())


@handles(higher_order.scan)
def _scan_operator(recorder: Recorder, op: Operator, args: Args, kwargs: Kwargs) -> object:
    combine, init, xs, more = args
    count = len(init)

    def step(carry: Args, rows: Args) -> tuple[Args, Args]:
        found = tuple(combine(*carry, *rows, *more))
        return found[:count], found[count:]

    carry, out = _capture_scan(recorder, step, tuple(init), tuple(xs))
    assert isinstance(out, tuple)
    return (*carry, *out)


@handles(higher_order.associative_scan)
def _associative_scan_operator(
    recorder: Recorder, op: Operator, args: Args, kwargs: Kwargs
) -> object:
    combine, xs, more = args
    return _capture_associative_scan(
        recorder, lambda left, right: tuple(combine(*left, *right, *more)), tuple(xs)
    )
