"""Fast inference rules for the common operators.

A rule gets the operator's arguments with a ``TensorSpec`` for each tensor, and returns the specs
of the results: a ``TensorSpec`` for memory of its own, a ``View`` for the memory of the first
argument, a list or tuple of them, or None when it does not know, errors included (then the
operator is run on fake tensors). Rules must agree with the kernels, strides included: every
graph that the test-suite runs is compared, node by node, with what the kernels return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, TypeVar

import torch

from monograph.inference.registry import RULES, Found, View
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.env import TAKEN_AS_EQUAL, ShapeEnv
from monograph.shapes.expr import Expr, Int, interval
from monograph.shapes.questions import Test, equal, not_less
from monograph.torch_internals import Operator

__all__ = [
    "RULES",
    "VIEWS",
    "Found",
    "View",
    "ViewRow",
    "Written",
    "are_strides_channels_last",
    "broadcast",
    "broadcast_or_tied",
    "channels_last",
    "describe",
    "fresh",
    "has_rows",
    "is_canonical",
    "is_row_at_most",
    "is_row_of",
    "is_size",
    "lies_channels_last",
    "lies_with_channels_last",
    "must_hold",
    "must_hold_if_varies",
    "resolve",
    "rule",
    "steps_channels_last",
    "tied",
    "view",
]

aten = torch.ops.aten


@dataclass(frozen=True)
class Written:
    """A write to a view, to be carried over to the tensor that it is a view of.

    ``call`` records an operator on ``tensor`` (what the view was made of) and ``content`` (what
    the view holds now). ``args`` and ``kwargs`` are those of the view operator after its tensor;
    where it gives several views, ``pieces`` are their specs and ``index`` says which was written.
    """

    call: Callable[..., torch.Tensor]
    tensor: torch.Tensor
    content: torch.Tensor
    spec: TensorSpec
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    pieces: tuple[TensorSpec, ...] = ()
    index: int = 0


@dataclass(frozen=True)
class ViewRow:
    """All that is known of one view operator besides its rule; the rule stands beside it.

    ``undo``: the tensor after a write to the view; None where the view only picks elements, which
    are then found by what the operator does to their positions. ``order``: for a view that permutes
    dimensions, which dimension of the tensor each of its own is, from the rank and the arguments.
    ``in_order``: the elements are those of the tensor, in the same order, in another shape.
    ``flips``: the bits that it changes (the conjugate bit of complex tensors alone).
    ``may_copy``: what decides whether it shares memory, if anything does: how the tensor lies
    (``layout``; ``format``: where a memory format is asked for), or its bits. ``itself``: where
    nothing is to be done, eager mode returns the very tensor. ``addresses``: it reads memory by
    address, whatever the tensor's own elements are.
    """

    undo: Callable[[Written], torch.Tensor] | None = None
    order: Callable[..., list[int]] | None = None
    in_order: bool = False
    flips: int = 0
    may_copy: Literal["", "layout", "format", "bits"] = ""
    itself: bool = False
    addresses: bool = False


rule = RULES.registers  # decorates the rule of the operators that it is given
VIEWS: dict[object, ViewRow] = {}
Rule = TypeVar("Rule", bound=Callable[..., Found])


def view(*operators: Operator, **known: Any) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of view operators, with their row."""
    describe(*operators, **known)
    return rule(*operators)


def describe(*operators: Operator, **known: Any) -> None:
    """The row of view operators that have no rule."""
    row = ViewRow(**known)
    for operator in operators:
        VIEWS[operator] = row


def fresh(spec: TensorSpec, shape: Sequence[Int], dtype: torch.dtype | None = None) -> TensorSpec:
    """A row-major result on the device of ``spec``."""
    sizes = tuple(map(named, shape))
    return TensorSpec.of(sizes, contiguous_strides(sizes), dtype or spec.dtype, spec.device)


def named(size: Int) -> Int:
    """``size``, or a name for it: strides are products of sizes, which multiply what is long."""
    return size.scope.shortened(size) if isinstance(size, Expr) else size


def is_canonical(spec: TensorSpec) -> bool:
    """Whether the strides are exactly those that torch gives a new row-major tensor."""
    return spec.strides == contiguous_strides(spec.shape)


def resolve(spec: TensorSpec, dim: int) -> int | None:
    """A dimension counted from the front; None where there is no such dimension."""
    rank = len(spec.shape)
    return dim % rank if -rank <= dim < rank else None


def is_size(size: Int) -> bool:
    """Whether ``size`` is not negative; of one that varies, the operator demands it."""
    if isinstance(size, Expr):
        return must_hold(size, not_less(size, 0))
    return size >= 0


def must_hold(size: Expr, test: Test) -> bool:
    """The operator raises an error unless ``test``, which is about ``size``, holds."""
    found: bool = size.scope.owner.require(test)
    return found


def must_hold_if_varies(size: Int, test: Test) -> bool:
    """``must_hold``, or the plain truth."""
    return must_hold(size, test) if isinstance(size, Expr) else test is True


def tied(pairs: Iterable[tuple[Int, Int]], stretched: Iterable[tuple[Int, Int]] = ()) -> bool:
    """Whether the sizes of each pair are equal; those that are in the example are tied here.

    An operator that demands equal sizes says so with it: of ``stretched`` it would take a 1 beside
    another size. All pairs are tied, or none; where one of two is the number 1 it may be broadcast,
    and nothing is tied.
    """
    demands: list[tuple[ShapeEnv, Test, str | None]] = []
    asked = [*((*pair, None) for pair in pairs), *((*pair, TAKEN_AS_EQUAL) for pair in stretched)]
    for left, right, message in asked:
        if left == right:
            continue
        if 1 in (left, right):
            return False
        scopes = [size.scope for size in (left, right) if isinstance(size, Expr)]
        hints = {scopes[0].owner.hint(size) for size in (left, right)} if scopes else {left, right}
        if len(hints) > 1 or None in hints:
            return False
        demands.append((scopes[0].owner, equal(left, right), message))
    return all(owner.require(test, message) for owner, test, message in demands)


def broadcast(shapes: Sequence[tuple[Int, ...]]) -> tuple[Int, ...] | None:
    """The common shape of several; None where they do not agree for certain."""
    rank = max(map(len, shapes))
    sizes: list[Int] = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if sizes[i] == 1 or (size != sizes[i] and is_row_of(sizes[i], size)):
                sizes[i] = size
            elif size not in (1, sizes[i]) and not is_row_of(size, sizes[i]):
                return None
    return tuple(sizes)


def broadcast_or_tied(left: tuple[Int, ...], right: tuple[Int, ...]) -> tuple[Int, ...] | None:
    """The common shape of two; those of one rank that are equal in the example are tied here."""
    found = broadcast((left, right))
    if found is not None:
        return found
    if len(left) != len(right) or not tied((), stretched=zip(left, right, strict=True)):
        return None
    return left


def is_row_of(size: Int, whole: Int) -> bool:
    """Whether ``size`` is 1 wherever it is not ``whole``: that of ``x[:1]`` beside ``x``.

    Of no rows there is no first one, and the sizes agree; beside any other number it is broadcast.
    Whether there is one of ``x[mask]`` is checked when the program runs.
    """
    if not is_row_at_most(size):
        return False
    env, has_one = size.scope.owner, not_less(size, size.scope.minimum(1, whole))
    if env.is_known(has_one):
        return True
    is_counted = any(env.symbols[atom.name].is_unbacked for atom in size.symbols())
    if not is_counted or is_row_at_most(whole):
        return False
    found: bool = env.require(has_one, "the first row of some is broadcast: there is none")
    return found


def is_row_at_most(size: Int) -> TypeGuard[Expr]:
    """Whether a size that is 1 in the example is no more for any call, and may be less.

    In a loop nobody knows the example: of a row that goes by the count there is one, then.
    """
    if not isinstance(size, Expr):
        return False
    env: ShapeEnv = size.scope.owner
    is_one = env.hint(size) in (1, None)
    return is_one and env.is_known(not_less(1, size)) and not env.is_known(equal(size, 1))


def channels_last(x: TensorSpec, shape: tuple[Int, ...]) -> TensorSpec:
    """A result of four dimensions, of which the channels lie innermost."""
    channels, height, width = shape[1:]
    row = channels * width
    return x.with_layout(shape, (row * height, 1, row, channels))


def lies_channels_last(x: TensorSpec) -> bool:
    """Told only of tensors with sizes that vary, and of more channels than one."""
    if x.scope is None or len(x.shape) != 4 or x.shape[1] == 1:
        return False
    return x is channels_last(x, x.shape)


def steps_channels_last(x: TensorSpec) -> bool:
    """Told only of tensors with sizes that vary: whether kernels take it for channels-last.

    It may be a part of a larger tensor that lies so: some of its channels, or rows.
    """
    if x.scope is None or len(x.shape) != 4 or x.shape[1] == 1 or x.strides[1] != 1:
        return False
    _, channels, height, width = x.shape
    batch, _, row, pixel = x.strides
    return (
        _is_never_less(pixel, channels)
        and _is_never_less(row, pixel * width)
        and _is_never_less(batch, row * height)
    )


def are_strides_channels_last(x: TensorSpec) -> bool:
    """Told only of fixed sizes and several channels: whether kernels take it for channels-last.

    Source: ``is_channels_last_strides_2d`` of c10/core/MemoryFormat.h.
    """
    least = 0
    if len(x.shape) != 4 or is_canonical(x) or x.strides[1] == 0:
        return False
    for dim in (1, 3, 2, 0):
        size, stride = x.shape[dim], x.strides[dim]
        if stride < least or (dim == 0 and least == x.strides[1]):
            return False
        least = stride * max(size, 1)
    return True


def lies_with_channels_last(x: TensorSpec) -> bool:
    """Whether kernels give results that are channels-last, whatever other sizes these have."""
    if x.scope is not None:
        return steps_channels_last(x)
    if len(x.shape) != 4 or x.shape[1] == 1 or x.numel == 0:
        return False
    return x.strides == channels_last(x, x.shape).strides


def _is_never_less(item: Int, other: Int) -> bool:
    least = interval(item - other)[0]
    return least is not None and least >= 0


def has_rows(x: TensorSpec) -> bool:
    """Told only of tensors with sizes that vary: whether images of it are row-major.

    Those with channels last are not: here rows lie in one piece, and channels do not.
    """
    if x.scope is None or len(x.shape) < 3:
        return False
    return is_canonical(x) or (x.strides[-1] == 1 and x.strides[1] != 1)
