"""Views: for each operator its rule and its row, which says how a write passes through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from monograph.diagnostics import OperatorIndexError
from monograph.inference.rules.table import (
    View,
    Written,
    describe,
    fresh,
    has_rows,
    is_canonical,
    is_row_of,
    is_size,
    must_hold,
    must_hold_if_varies,
    named,
    resolve,
    rule,
    view,
)
from monograph.ir.spec import CONJUGATE, NEGATIVE, TensorSpec, contiguous_strides, is_dense
from monograph.shapes.env import AS_LONG
from monograph.shapes.expr import Expr, Int, shared_atoms
from monograph.shapes.questions import both, either, equal, not_less
from monograph.shapes.symnode import expression_of, symbolic

aten = torch.ops.aten
_END = 2**63 - 1


def _view_strides(spec: TensorSpec, shape: Sequence[Int]) -> tuple[Int, ...] | None:
    """The strides that give ``spec``'s memory another shape; None where it needs a copy.

    Groups of old dimensions that lie without gaps are matched, from the right, with groups of
    new dimensions of the same product.
    """
    if spec.numel == 0:
        return None
    if is_canonical(spec):
        return contiguous_strides(tuple(shape))
    if spec.scope is not None or any(isinstance(size, Expr) for size in shape):
        return _view_strides_symbolic(spec, shape)
    strides = [0] * len(shape)
    new = len(shape) - 1
    chunk_stride = spec.strides[-1] if spec.strides else 1
    chunk, matched = 1, 1
    for old in range(len(spec.shape) - 1, -1, -1):
        chunk *= spec.shape[old]
        ends = old == 0 or (
            spec.shape[old - 1] != 1 and spec.strides[old - 1] != chunk * chunk_stride
        )
        if not ends:
            continue
        while new >= 0 and (matched < chunk or shape[new] == 1):
            strides[new] = matched * chunk_stride
            matched *= shape[new]  # type: ignore[assignment]
            new -= 1
        if matched != chunk:
            return None
        if old > 0:
            chunk_stride = spec.strides[old - 1]
            chunk, matched = 1, 1
    return tuple(strides) if new < 0 else None


def _view_strides_symbolic(spec: TensorSpec, shape: Sequence[Int]) -> tuple[Int, ...] | None:
    """The same with sizes that vary, of which only equality can be told: by how they are written,

    and else by what is known, such as that the sizes of ``shape`` have the product of the others.
    """
    found = _matched(spec, shape, _is_written_alike)
    if found is None and any(map(_is_of_quotients, (*shape, *spec.shape))):
        found = _matched(spec, shape, _is_equal)
    return found


def _is_of_quotients(size: Int) -> bool:
    return isinstance(size, Expr) and any(atom.kind != "symbol" for atom in size.atoms())


def _is_written_alike(one: Int, other: Int) -> bool:
    return one == other


def _is_equal(one: Int, other: Int) -> bool:
    if one == other:
        return True
    expr = one if isinstance(one, Expr) else other
    return isinstance(expr, Expr) and expr.scope.owner.is_known(equal(one, other))


def _matched(
    spec: TensorSpec, shape: Sequence[Int], is_equal: Callable[[Int, Int], bool]
) -> tuple[Int, ...] | None:
    strides: list[Int] = [0] * len(shape)
    new = len(shape) - 1
    old = len(spec.shape) - 1
    while old >= 0:
        chunk_stride, chunk = spec.strides[old], spec.shape[old]
        while old > 0 and (
            spec.shape[old - 1] == 1 or is_equal(spec.strides[old - 1], chunk * chunk_stride)
        ):
            old -= 1
            chunk = spec.shape[old] * chunk
        old -= 1
        matched: Int = 1
        while new >= 0 and (not is_equal(matched, chunk) or shape[new] == 1):
            strides[new] = matched * chunk_stride
            matched = shape[new] * matched
            new -= 1
        if not is_equal(matched, chunk):
            return None
    return tuple(strides) if new < 0 else None


def _complete(spec: TensorSpec, shape: Sequence[Int]) -> tuple[Int, ...] | None:
    """``shape`` with its -1 worked out."""
    known: Int = 1
    holes = 0
    for size in shape:
        if size.__class__ is int and size == -1:
            holes += 1
        else:
            known = known * size
    numel: Int = spec.numel
    if isinstance(numel, Expr) or isinstance(known, Expr):
        return _complete_symbolic(numel, known, shape, holes)
    fits = known == numel if holes == 0 else holes == 1 and known > 0 and numel % known == 0
    if not fits:
        _is_refused(spec)
        return None
    return tuple(numel // known if size == -1 else size for size in shape)


def _is_refused(spec: TensorSpec) -> None:
    """Whatever else its sizes are: the numbers that are asked for do not fit."""
    owner = next((size.scope.owner for size in spec.shape if isinstance(size, Expr)), None)
    if owner is not None:
        owner.require(False)


def _complete_symbolic(
    numel: Int, known: Int, shape: Sequence[Int], holes: int
) -> tuple[Int, ...] | None:
    """As ``_complete``. That the sizes fit is what the operator itself demands."""
    scope = (numel if isinstance(numel, Expr) else known).scope  # type: ignore[union-attr]
    numel, known = scope.normal(numel), scope.normal(known)
    if holes > 1:
        return None
    if holes == 0:
        fits = numel == known or scope.owner.require(equal(numel, known))
        return tuple(shape) if fits else None
    quotient: Int | None = None
    if known == 0 or not scope.owner.require_where_caught(equal(known, 0, is_equal=False)):
        return None
    if isinstance(numel, Expr):
        quotient = numel.exact_quotient(known)
    elif isinstance(known, int) and numel % known == 0:
        quotient = numel // known
    if quotient is None:
        numel, known = _without_shared_sizes(numel, known)
        quotient = scope.floordiv(numel, known)
        if not scope.owner.require(equal(quotient * known, numel)):
            return None
    return tuple(quotient if size.__class__ is int and size == -1 else size for size in shape)


def _without_shared_sizes(numel: Int, known: Int) -> tuple[Int, Int]:
    """Both without the sizes that they share, which are not 0: -1 is refused beside a 0."""
    if not isinstance(numel, Expr) or not isinstance(known, Expr):
        return numel, known
    scope = known.scope
    both = set(shared_atoms(numel)) & set(shared_atoms(known))
    for index in sorted(both):
        size = scope.bare(scope.atoms[index])
        if scope.owner.is_known(not_less(size, 0)) and scope.owner.require(not_less(size, 1)):
            fewer, rest = numel.exact_quotient(size), known.exact_quotient(size)
            if fewer is not None and rest is not None:
                numel, known = fewer, rest
        if not isinstance(numel, Expr) or not isinstance(known, Expr):
            break
    return numel, known


@view(aten.view.default, aten._unsafe_view.default, in_order=True)
def _view(x: TensorSpec, shape: Sequence[Int]) -> View | None:
    complete = _complete(x, shape)
    strides = None if complete is None else _view_strides(x, complete)
    return None if complete is None or strides is None else View(x.with_layout(complete, strides))


@view(aten.reshape.default, in_order=True, may_copy="layout")
def _reshape(x: TensorSpec, shape: Sequence[Int]) -> TensorSpec | View | None:
    complete = _complete(x, shape)
    if complete is None or x.numel == 0:
        return None
    strides = _view_strides(x, complete)
    return fresh(x, complete) if strides is None else View(x.with_layout(complete, strides))


@view(aten.flatten.using_ints, in_order=True, may_copy="layout")
def _flatten(x: TensorSpec, start: int = 0, end: int = -1) -> TensorSpec | View | None:
    first, last = resolve(x, start), resolve(x, end)
    if first is None or last is None or first > last:
        return None
    shape = (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    return View(x) if first == last else _reshape(x, shape)


@view(aten.unflatten.int, in_order=True)
def _unflatten(x: TensorSpec, dim: int, sizes: Sequence[Int]) -> View | None:
    at = resolve(x, dim)
    if at is None or not all(map(is_size, sizes)):
        return None
    return _view(x, (*x.shape[:at], *sizes, *x.shape[at + 1 :]))


describe(aten.view_as.default, in_order=True)
describe(aten.reshape_as.default, aten.ravel.default, in_order=True, may_copy="layout")


# Permutations --------------------------------------------------------------------------------


def _exchanged(rank: int, first: int, second: int) -> list[int]:
    order = list(range(rank))
    order[first], order[second] = order[second], order[first]
    return order


def _moved(rank: int, source: int | Sequence[int], destination: int | Sequence[int]) -> list[int]:
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    sources, targets = [d % rank for d in sources], [d % rank for d in targets]
    rest = iter([d for d in range(rank) if d not in sources])
    taken = dict(zip(targets, sources, strict=True))
    return [taken[i] if i in taken else next(rest) for i in range(rank)]


def _given(rank: int, order: Sequence[int]) -> list[int]:
    return [dim % rank for dim in order]


def _reversed(rank: int) -> list[int]:
    return list(range(rank))[::-1]


def _last_two(rank: int) -> list[int]:
    return _exchanged(rank, -1, -2) if rank >= 2 else list(range(rank))


@view(aten.transpose.int, aten.swapaxes.default, aten.swapdims.default, order=_exchanged)
def _transpose(x: TensorSpec, first: int, second: int) -> View | None:
    a, b = resolve(x, first), resolve(x, second)
    return None if a is None or b is None else _permute(x, _exchanged(len(x.shape), a, b))


@view(aten.permute.default, order=_given)
def _permute(x: TensorSpec, order: Sequence[int]) -> View | None:
    dims = [resolve(x, dim) for dim in order]
    if None in dims or len(set(dims)) != len(x.shape) or len(dims) != len(x.shape):
        return None
    sizes = tuple(x.shape[dim] for dim in dims if dim is not None)
    return View(x.with_layout(sizes, tuple(x.strides[dim] for dim in dims if dim is not None)))


@view(aten.t.default, order=_reversed)
def _t(x: TensorSpec) -> View | None:
    return _permute(x, _reversed(len(x.shape))) if len(x.shape) <= 2 else None


@view(aten.movedim.int, aten.movedim.intlist, aten.moveaxis.int, aten.moveaxis.intlist,
      order=_moved)  # fmt: skip
def _movedim(
    x: TensorSpec, source: int | Sequence[int], destination: int | Sequence[int]
) -> View | None:
    given = [[d] if isinstance(d, int) else list(d) for d in (source, destination)]
    resolved = [{resolve(x, d) for d in dims} for dims in given]
    if any(None in dims or len(dims) != len(given[0]) for dims in resolved):
        return None
    return _permute(x, _moved(len(x.shape), *given))


@view(aten.numpy_T.default, aten.numpy_T.a, order=_reversed)
def _dimensions_reversed(x: TensorSpec) -> View | None:
    return _permute(x, _reversed(len(x.shape)))


@view(aten.mT.default, aten.mT.a, order=_last_two)
def _matrices_transposed(x: TensorSpec) -> View | None:
    return _permute(x, _last_two(len(x.shape))) if len(x.shape) > 1 else None


@view(aten.mH.default, aten.mH.a, aten.matrix_H.default, aten.matrix_H.a, aten.adjoint.default,
      order=_last_two, flips=CONJUGATE)  # fmt: skip
def _adjoint(x: TensorSpec) -> View | None:
    if len(x.shape) < 2:
        return None
    found = _permute(x, _last_two(len(x.shape)))
    return None if found is None else _conjugate(found.spec)


# Sizes of one, slices, pieces ----------------------------------------------------------------


@view(aten.unsqueeze.default, in_order=True)
def _unsqueeze(x: TensorSpec, dim: int) -> View | None:
    rank = len(x.shape) + 1
    if not -rank <= dim < rank:
        return None
    at = dim % rank
    stride = x.shape[at] * x.strides[at] if at < len(x.shape) else 1
    return View(
        x.with_layout((*x.shape[:at], 1, *x.shape[at:]), (*x.strides[:at], stride, *x.strides[at:]))
    )


def _is_single(x: TensorSpec, size: Int) -> bool:
    """Whether ``squeeze`` leaves this dimension of ``x`` out: so many there are afterwards."""
    if not isinstance(size, Expr):
        return size == 1
    return x.scope.owner.is_single(size)  # type: ignore[union-attr]


@view(aten.squeeze.dim, in_order=True)
def _squeeze(x: TensorSpec, dim: int) -> View | None:
    at = resolve(x, dim)
    if at is None:
        return None
    if not _is_single(x, x.shape[at]):
        return View(x)
    return View(
        x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    )


@view(aten.squeeze.default, in_order=True)
def _squeeze_all(x: TensorSpec) -> View | None:
    return _squeeze_dims(x, range(len(x.shape)))


@view(aten.squeeze.dims, in_order=True)
def _squeeze_dims(x: TensorSpec, dims: Sequence[int]) -> View | None:
    """Torch's own rule takes a size that varies for one that is not 1."""
    if x.scope is None:
        return None
    gone = {resolve(x, dim) for dim in dims}
    kept = [i for i, size in enumerate(x.shape) if i not in gone or not _is_single(x, size)]
    shape = tuple(x.shape[i] for i in kept)
    return View(x.with_layout(shape, tuple(x.strides[i] for i in kept)))


@rule(aten.squeeze_copy.default, aten.squeeze_copy.dim, aten.squeeze_copy.dims)
def _squeeze_copy(x: TensorSpec, dims: int | Sequence[int] | None = None) -> TensorSpec | None:
    every = range(len(x.shape)) if dims is None else dims
    found = _squeeze_dims(x, [every] if isinstance(every, int) else every)
    return None if found is None or not is_canonical(x) else fresh(x, found.spec.shape)


def _unselect(w: Written) -> torch.Tensor:
    return w.call(aten.select_scatter.default, (w.tensor, w.content, *w.args))


@view(aten.select.int, undo=_unselect)
def _select(x: TensorSpec, dim: int, index: Int) -> View | None:
    at = resolve(x, dim)
    if at is None:
        return None
    size = x.shape[at]
    if isinstance(size, Expr) or isinstance(index, Expr):
        scope = (size if isinstance(size, Expr) else index).scope  # type: ignore[union-attr]
        inside = both(not_less(index, -size), not_less(size, index + 1))
        if not scope.owner.require(inside):  # torch's own meta function does not ask
            raise OperatorIndexError(f"index {index} is out of range for a size of {size}")
        start = _from_front(index, size)
    elif not -size <= index < size:
        return None
    else:
        start = index % size
    spec = x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    return View(spec, start * x.strides[at])


def _from_front(index: Int, size: Int) -> Int:
    """An index that may count from the end, counted from the front: exact for either sign."""
    if isinstance(index, int):
        return index + size if index < 0 else index
    scope = index.scope
    is_natural = scope.owner.known(not_less(index, 0))
    if is_natural is not None:
        return index if is_natural else index + size
    # 1 where the index is negative, else 0
    negative = scope.positive_part(-index) - scope.positive_part(-index - 1)
    return index + size * negative


def _clamped(index: Int | None, size: Int, default: Int) -> Int:
    """A bound of a slice: counted from the front, within ``0 .. size``."""
    if index is None or (isinstance(index, int) and index >= _END):
        return default
    front = _from_front(index, size)
    scope = next((v.scope for v in (front, size) if isinstance(v, Expr)), None)
    if scope is None:
        return max(0, min(front, size))
    within = scope.minimum(front, size)
    known = scope.owner.known(not_less(size, front)) is True
    within = front if known else within
    return within if scope.owner.known(not_less(within, 0)) is True else scope.positive_part(within)


def _unslice(w: Written) -> torch.Tensor:
    return w.call(aten.slice_scatter.default, (w.tensor, w.content, *w.args))


@view(aten.slice.Tensor, undo=_unslice)
def _slice(
    x: TensorSpec, dim: int = 0, start: Int | None = None, end: Int | None = None, step: int = 1
) -> View | None:
    at = resolve(x, dim)
    if at is None or step <= 0:
        return None
    size = x.shape[at]
    sizes = list(x.shape)
    strides = list(x.strides)
    if any(isinstance(item, Expr) for item in (size, start, end)):
        first, last = _clamped(start, size, 0), _clamped(end, size, size)
        length = last - first
        if isinstance(length, Expr):
            if length.scope.owner.known(not_less(length, 0)) is not True:
                length = length.scope.positive_part(length)
        else:
            length = max(length, 0)
        sizes[at] = named((length + step - 1) // step)
    else:
        first, last, step = slice(start, end, step).indices(size)
        last = max(last, first)
        sizes[at] = (last - first + step - 1) // step
    strides[at] *= step
    return View(x.with_layout(tuple(sizes), tuple(strides)), first * x.strides[at])


@rule(aten.pixel_unshuffle.default)
def _pixel_unshuffle(x: TensorSpec, factor: int) -> TensorSpec | None:
    if x.scope is None or factor <= 0 or not has_rows(x):
        return None
    channels, height, width = x.shape[-3:]
    for size in (height, width):
        if not must_hold_if_varies(size, equal(size % factor, 0)):
            return None
    height, width = (x.scope.normal(size) // factor for size in (height, width))
    return fresh(x, (*x.shape[:-3], channels * factor**2, height, width))


@rule(aten.pixel_shuffle.default)
def _pixel_shuffle(x: TensorSpec, factor: int) -> TensorSpec | None:
    if x.scope is None or factor <= 0 or not has_rows(x):
        return None
    channels, height, width = x.shape[-3:]
    if not must_hold_if_varies(channels, equal(channels % factor**2, 0)):
        return None
    channels = x.scope.normal(channels) // factor**2
    return fresh(x, (*x.shape[:-3], channels, height * factor, width * factor))


def _unnarrow(w: Written) -> torch.Tensor:
    dim, start, length = w.args
    number, size = expression_of(start), expression_of(w.tensor.shape[dim])
    if isinstance(number, Expr):
        start = symbolic(number.scope.owner, _from_front(number, size))
    elif start < 0:
        start += w.tensor.shape[dim]
    return w.call(aten.slice_scatter.default, (w.tensor, w.content, dim, start, start + length))


@view(aten.narrow.default, undo=_unnarrow)
def _narrow(x: TensorSpec, dim: int, start: Int, length: Int) -> View | None:
    """Where only the start varies; numbers, and lengths that vary, are torch's own to tell."""
    at = resolve(x, dim)
    if at is None or not isinstance(start, Expr) or not isinstance(length, int) or length < 0:
        return None
    size, owner = x.shape[at], start.scope.owner
    if not owner.require(both(not_less(start, -size), not_less(size, start))):
        return None
    front = _from_front(start, size)
    if not owner.require(not_less(size, front + length)):
        return None
    shape = (*x.shape[:at], length, *x.shape[at + 1 :])
    return View(x.with_layout(shape, x.strides), front * x.strides[at])


def _undiagonal(w: Written) -> torch.Tensor:
    return w.call(aten.diagonal_scatter.default, (w.tensor, w.content, *w.args), w.kwargs)


def _undiagonal_of_matrices(w: Written) -> torch.Tensor:
    where = {"offset": 0, "dim1": -2, "dim2": -1} | w.kwargs
    return w.call(aten.diagonal_scatter.default, (w.tensor, w.content, *where.values()))


@view(aten.diagonal.default, undo=_undiagonal)
def _diagonal(x: TensorSpec, offset: int = 0, dim1: int = 0, dim2: int = 1) -> View | None:
    """Of squares, and what lies on no other diagonal: how long one is depends on both sizes."""
    first, second = resolve(x, dim1), resolve(x, dim2)
    if first is None or second is None or first == second or offset or x.scope is None:
        return None
    if x.shape[first] != x.shape[second]:
        return None
    rest = [dim for dim in range(len(x.shape)) if dim not in (first, second)]
    shape = (*(x.shape[dim] for dim in rest), x.shape[first])
    step = x.strides[first] + x.strides[second]
    return View(x.with_layout(shape, (*(x.strides[dim] for dim in rest), step)))


describe(aten.linalg_diagonal.default, undo=_undiagonal_of_matrices)


@view(aten.unfold.default)
def _unfold(x: TensorSpec, dim: int, size: Int, step: Int) -> View | None:
    """Pieces of one dimension, each ``step`` further on."""
    at = resolve(x, dim)
    if at is None:
        return None
    length = x.shape[at]
    varying = next((n for n in (length, size, step) if isinstance(n, Expr)), 0)
    within = both(not_less(length, size), both(not_less(size, 0), not_less(step, 1)))
    if not must_hold_if_varies(varying, within):
        return None
    count = (length - size) // step + 1
    shape = (*x.shape[:at], count, *x.shape[at + 1 :], size)
    stride = x.strides[at]
    return View(
        x.with_layout(shape, (*x.strides[:at], stride * step, *x.strides[at + 1 :], stride))
    )


@view(aten.expand.default)
def _expand(x: TensorSpec, shape: Sequence[Int], *, implicit: bool = False) -> View | None:
    added = len(shape) - len(x.shape)
    if added < 0:
        return None
    sizes = list(shape)
    strides: list[Int] = [0] * len(shape)
    for i in reversed(range(len(shape))):
        if i < added:
            if not is_size(sizes[i]):
                return None
            if sizes[i] == 1 and x.shape:  # as if it had been there
                strides[i] = sizes[i + 1] * strides[i + 1]
            continue
        old, stride = x.shape[i - added], x.strides[i - added]
        if sizes[i] in (-1, old):
            sizes[i], strides[i] = old, stride
        elif isinstance(old, Expr):
            is_repeated = _is_repeated(old, sizes[i])
            if is_repeated is None:
                return None
            strides[i] = 0 if is_repeated else stride
        elif old != 1 or not is_size(sizes[i]):
            return None
    return View(x.with_layout(tuple(sizes), tuple(strides)))


@view(aten.expand_as.default)
def _expand_as(x: TensorSpec, other: TensorSpec) -> View | None:
    return _expand(x, other.shape)


@view(aten.broadcast_to.default)
def _broadcast_to(x: TensorSpec, shape: Sequence[Int]) -> View | None:
    return _expand(x, shape)


def _is_repeated(old: Expr, size: Int) -> bool | None:
    """Whether a dimension of ``old`` elements is 1, to be repeated; None for an error.

    The example decides, unless the sizes are equal for certain.
    """
    env = old.scope.owner
    same = equal(old, size)
    if env.known(same) is True:
        return False
    if is_row_of(old, size):
        return True
    hints = env.hint(old), env.hint(size)
    if None in hints:
        return False if env.require(same, AS_LONG) else None
    if hints[0] == hints[1]:
        own = {a.name for a in old.symbols()}
        if isinstance(size, Expr) and own == {a.name for a in size.symbols()}:
            env.require(same)
            return False
        return False if env.decide(same) else None
    return True if env.decide(equal(old, 1)) else None


@rule(aten.meshgrid.indexing)
def _meshgrid(tensors: Sequence[TensorSpec], *, indexing: str) -> list[View] | None:
    """Each tensor along a dimension of its own; ``xy``: the first two change places."""
    first = tensors[0]
    if any(x.dtype != first.dtype or x.device != first.device for x in tensors):
        return None
    if indexing not in ("ij", "xy") or any(len(x.shape) != 1 or x.numel in (0, 1) for x in tensors):
        return None
    places = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        places[:2] = 1, 0
    shape = tuple(tensors[at].shape[0] for at in places)
    return [
        View(x.with_layout(shape, tuple(x.strides[0] if at == i else 0 for at in places)), 0, i)
        for i, x in enumerate(tensors)
    ]


def _along(dim_of: Callable[..., int]) -> Callable[[Written], torch.Tensor]:
    """The inverse of an operator that cuts a tensor into pieces, along a dimension that follows

    from the rank and its arguments.
    """

    def undo(w: Written) -> torch.Tensor:
        dim = dim_of(len(w.spec.shape), *w.args)
        start: Int = 0
        for piece in w.pieces[: w.index]:
            start = start + piece.shape[dim]
        end = start + w.pieces[w.index].shape[dim]
        return w.call(aten.slice_scatter.default, (w.tensor, w.content, dim, start, end))

    return undo


def _at_indices(dim_of: Callable[..., int]) -> Callable[[Written], torch.Tensor]:
    """The inverse of an operator that cuts at indices: where they fall, pieces overlap."""

    def undo(w: Written) -> torch.Tensor:
        dim, indices = dim_of(len(w.spec.shape), *w.args), w.args[0]
        start = indices[w.index - 1] if w.index else 0
        end = indices[w.index] if w.index < len(indices) else None
        return w.call(aten.slice_scatter.default, (w.tensor, w.content, dim, start, end))

    return undo


def _second(rank: int, sizes: object, dim: int = 0) -> int:
    return dim


def _columns(rank: int, sizes: object) -> int:
    return 0 if rank == 1 else 1


describe(aten.tensor_split.indices, undo=_at_indices(_second))
describe(aten.tensor_split.tensor_indices_or_sections, undo=_along(_second))
describe(aten.hsplit.int, undo=_along(_columns))
describe(aten.hsplit.array, undo=_at_indices(_columns))
describe(aten.vsplit.int, undo=_along(lambda rank, _: 0))
describe(aten.vsplit.array, undo=_at_indices(lambda rank, _: 0))
describe(aten.dsplit.int, undo=_along(lambda rank, _: 2))
describe(aten.dsplit.array, undo=_at_indices(lambda rank, _: 2))


@view(aten.split.Tensor, undo=_along(_second))
def _split(x: TensorSpec, size: Int, dim: int = 0) -> Sequence[View] | None:
    at = resolve(x, dim)
    if at is None or x.shape[at] == 0:
        return None
    if isinstance(size, Expr) or isinstance(x.shape[at], Expr):
        return _pieces(x, size, at)
    if size <= 0:
        return None
    total = x.shape[at]
    return _parts(x, [min(size, total - start) for start in range(0, total, size)], at)


def _pieces(x: TensorSpec, size: Int, at: int) -> Sequence[View] | None:
    """Pieces of ``size``, the last one smaller; their number is part of the program."""
    total = x.shape[at]
    scope = (size if isinstance(size, Expr) else total).scope
    if not scope.owner.require(not_less(size, 1)):
        return None
    count = scope.owner.fix(scope.ceildiv(total, size), "the number of pieces")
    if count < 1:
        return None
    last = total - size * (count - 1)
    sizes = [size] * (count - 1) + [last]
    return _parts(x, sizes, at)


def _parts(x: TensorSpec, sizes: Sequence[Int], at: int) -> list[View]:
    found: list[View] = []
    start: Int = 0
    for size in sizes:
        shape = (*x.shape[:at], size, *x.shape[at + 1 :])
        found.append(View(x.with_layout(shape, x.strides), start * x.strides[at]))
        start = start + size
    return found


@view(aten.split_with_sizes.default, aten.split.sizes, aten.split.default, undo=_along(_second))
def _split_with_sizes(x: TensorSpec, sizes: Sequence[Int], dim: int = 0) -> Sequence[View] | None:
    at = resolve(x, dim)
    if at is None or not all(map(is_size, sizes)):
        return None
    total = sum(sizes)
    if total != x.shape[at]:
        varying = next((n for n in (total, x.shape[at]) if isinstance(n, Expr)), None)
        if varying is None or not must_hold(varying, equal(total, x.shape[at])):
            return None
    return _parts(x, sizes, at)


@view(aten.chunk.default, undo=_along(_second))
def _chunk(x: TensorSpec, chunks: int, dim: int = 0) -> Sequence[View] | None:
    at = resolve(x, dim)
    if at is None or chunks <= 0 or x.shape[at] == 0:
        return None
    total = x.shape[at]
    if not isinstance(total, Expr):
        return _split(x, -(-total // chunks), at)
    size, env = total.scope.ceildiv(total, chunks), total.scope.owner
    before = size * (chunks - 1)  # the last piece begins there, and of nothing there are as many
    if not env.decide(either(equal(total, 0), not_less(total, before + 1))):
        return _pieces(x, size, at)
    return _parts(x, [size] * (chunks - 1) + [total - before], at)


@view(aten.tensor_split.sections, undo=_along(_second))
def _tensor_split(x: TensorSpec, sections: int, dim: int = 0) -> Sequence[View] | None:
    """As many pieces as are wanted; those at the front are longer by one."""
    at = resolve(x, dim)
    if at is None or not isinstance(sections, int) or sections <= 0:
        return None
    total = x.shape[at]
    return _parts(x, [(total + sections - 1 - i) // sections for i in range(sections)], at)


# What their results share with the tensor is not for the program to see.
rule(aten.unsafe_split.Tensor)(_split)
rule(aten.unsafe_split_with_sizes.default)(_split_with_sizes)
rule(aten.unsafe_chunk.default)(_chunk)


def _unbind_back(w: Written) -> torch.Tensor:
    dim = w.args[0] if w.args else 0
    return w.call(aten.select_scatter.default, (w.tensor, w.content, dim, w.index))


@view(aten.unbind.int, undo=_unbind_back)
def _unbind(x: TensorSpec, dim: int = 0) -> Sequence[View] | None:
    at = resolve(x, dim)
    if at is None:
        return None
    count = x.shape[at]
    if isinstance(count, Expr):
        count = count.scope.owner.fix(count, "the number of rows that are taken apart")
    rows = [row for i in range(count) if (row := _select(x, at, i)) is not None]
    return rows if len(rows) == count else None


# The tensor itself ---------------------------------------------------------------------------


@view(aten.detach.default, aten.alias.default, aten.lift_fresh.default, in_order=True)
def _same(x: TensorSpec) -> View:
    return View(x)


describe(aten.positive.default, aten.cpu.default, in_order=True, itself=True)


@view(aten.contiguous.default, in_order=True, may_copy="layout", itself=True)
def _contiguous(
    x: TensorSpec, *, memory_format: torch.memory_format = torch.contiguous_format
) -> TensorSpec | View | None:
    if memory_format is not torch.contiguous_format:
        return None
    return View(x) if x.is_contiguous() else fresh(x, x.shape)


@view(aten.resolve_conj.default, in_order=True, may_copy="bits", itself=True)
def _resolve_conj(x: TensorSpec) -> TensorSpec | View | None:
    return _copied(x) if x.bits & CONJUGATE else View(x)


@view(aten.resolve_neg.default, in_order=True, may_copy="bits", itself=True)
def _resolve_neg(x: TensorSpec) -> TensorSpec | View | None:
    return _copied(x) if x.bits & NEGATIVE else View(x)


def _copied(x: TensorSpec) -> TensorSpec | None:
    """What ``clone`` gives: it keeps the order of the dimensions, and no bits."""
    return x.with_bits(0) if is_dense(x) else None


# Other data in the same memory ---------------------------------------------------------------


@view(aten._conj.default, in_order=True, flips=CONJUGATE)
def _conj(x: TensorSpec) -> View | None:
    return View(x.with_bits(x.bits ^ CONJUGATE)) if x.dtype.is_complex else None


@view(aten.conj.default, in_order=True, flips=CONJUGATE, itself=True)
def _conjugate(x: TensorSpec) -> View | None:
    return _conj(x) if x.dtype.is_complex else View(x)


@view(aten._neg_view.default, in_order=True, flips=NEGATIVE)
def _neg_view(x: TensorSpec) -> View:
    return View(x.with_bits(x.bits ^ NEGATIVE))


def _unreal(w: Written) -> torch.Tensor:
    return w.call(aten.complex.default, (w.content, w.call(aten.imag.default, (w.tensor,))))


def _unimag(w: Written) -> torch.Tensor:
    return w.call(aten.complex.default, (w.call(aten.real.default, (w.tensor,)), w.content))


def _unview_as_real(w: Written) -> torch.Tensor:
    return w.call(aten.view_as_complex.default, (_row_major(w),))


def _unview_as_complex(w: Written) -> torch.Tensor:
    return w.call(aten.view_as_real.default, (_row_major(w),))


def _unview_dtype(w: Written) -> torch.Tensor:
    content = _row_major(w)
    is_of_parts = content.dtype.itemsize < w.spec.dtype.itemsize and len(w.spec.shape) > 1
    if not is_of_parts or (isinstance(w.spec.shape[-1], int) and w.spec.shape[-1] > 0):
        return w.call(aten.view.dtype, (content, w.spec.dtype))
    # The strides of rows without elements may not be multiples of what is put together.
    row = w.call(aten.view.default, (content, [-1]))
    return w.call(
        aten.view.default, (w.call(aten.view.dtype, (row, w.spec.dtype)), list(w.spec.shape))
    )


def _row_major(w: Written) -> torch.Tensor:
    """The content in memory that may be read as another dtype."""
    if w.content.is_conj() or w.content.is_neg():
        return w.call(aten.clone.default, (w.content,), {"memory_format": torch.contiguous_format})
    return w.call(aten.contiguous.default, (w.content,))


describe(aten.real.default, undo=_unreal, itself=True)
describe(aten.imag.default, undo=_unimag)


_PARTS = {torch.complex64: torch.float32, torch.complex128: torch.float64}
_WHOLES = {part: whole for whole, part in _PARTS.items()}


@view(aten.view_as_real.default, undo=_unview_as_real)
def _view_as_real(x: TensorSpec) -> View | None:
    if x.dtype not in _PARTS or x.bits:
        return None
    strides = (*(2 * step for step in x.strides), 1)
    return View(TensorSpec.of((*x.shape, 2), strides, _PARTS[x.dtype], x.device))


@view(aten.view_as_complex.default, undo=_unview_as_complex)
def _view_as_complex(x: TensorSpec) -> View | None:
    """Of pairs that lie side by side, each at an even place."""
    if x.dtype not in _WHOLES or x.bits or not x.shape or (x.shape[-1], x.strides[-1]) != (2, 1):
        return None
    if any((step % 2) != 0 for step in x.strides[:-1]):
        return None
    strides = tuple(step // 2 for step in x.strides[:-1])
    return View(TensorSpec.of(x.shape[:-1], strides, _WHOLES[x.dtype], x.device))


describe(aten.view.dtype, undo=_unview_dtype)
describe(aten.as_strided.default, addresses=True)


@view(aten._reshape_alias.default, addresses=True)
def _reshape_alias(x: TensorSpec, shape: Sequence[Int], strides: Sequence[Int]) -> View:
    return View(x.with_layout(tuple(shape), tuple(strides)))
