"""The rule of attention.

Which kernel attention uses, and so how its result lies in memory, depends on dtypes, on masks, on
process-wide switches, and on which sizes are equal: it is seen once for each such form, with sizes
that vary on tensors of sizes that tell the dimensions apart, else by trying it on small tensors.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from monograph.diagnostics import OperatorError
from monograph.inference.fakes import outcome_on_fakes
from monograph.inference.rules.table import fresh, is_canonical, is_row_of, rule, tied
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import equal
from monograph.torch_internals import without_modes

__all__ = ["LAYOUTS", "attention_state"]

aten = torch.ops.aten
LAYOUTS: dict[Hashable, tuple[int, ...]] = {}  # call on such sizes -> the order of dimensions

_FIRST_EXAMPLE, _STEP = 38, 17  # sizes by which dimensions are told apart

# The query, the key, the value, and a mask.
_Given = tuple[TensorSpec, TensorSpec, TensorSpec, TensorSpec | None]


@rule(aten.scaled_dot_product_attention.default)
def _attention(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    mask: TensorSpec | None = None,
    *rest: object,
    **options: object,
) -> TensorSpec | None:
    given = (query, key, value, mask)
    if options.get("enable_gqa") and _is_in_unequal_groups(query, key, value):
        return _of_unequal_groups(given)
    if isinstance(options.get("scale"), FloatExpr):  # which is no matter for the layout
        options = options | {"scale": 1.0}
    if len(query.shape) != 4:
        return _of_matrices(given) if len(query.shape) > 1 else None
    if all(spec is None or spec.scope is None for spec in given):
        return _by_trying(given, rest, options)
    query, key, value = (spec.normal() for spec in (query, key, value))
    given = (query, key, value, mask and _broadcast_where_single(mask.normal(), query, key))
    if not _are_tied(given):
        return None
    width = query.shape[-1] - value.shape[-1]
    if isinstance(width, Expr):  # the fast kernels want one width
        width.scope.owner.decide(equal(width, 0))
    query, key, value = (spec.normal() for spec in (query, key, value))
    given = _in_sizes_of_query((query, key, value, given[3] and given[3].normal()))
    shape = (*query.shape[:-1], value.shape[-1])
    order = _order(given, rest, options)
    if order is None:
        return None
    return query.with_layout(shape, _laid(shape, order))


def _broadcast_where_single(mask: TensorSpec, query: TensorSpec, key: TensorSpec) -> TensorSpec:
    """The mask; its sizes that are 1 in the example alone are asked to be it, and are broadcast."""
    scores = (*query.shape[:-1], *key.shape[-2:-1])
    shape = list(mask.shape)
    for i, score in enumerate(scores[-len(shape) :] if shape else ()):
        size = shape[i]
        if isinstance(size, Expr) and size != score and size.scope.owner.hint(size) == 1:
            is_same = size.scope.owner.hint(score) == 1
            if is_row_of(size, score) or (not is_same and size.scope.owner.decide(equal(size, 1))):
                shape[i] = 1
    return mask.with_layout(tuple(shape), mask.strides)


def _are_tied(given: _Given) -> bool:
    """Whether the sizes are equal that must be: nothing is broadcast but the mask."""
    query, key, value, mask = given
    if any(len(spec.shape) != 4 for spec in (key, value)) or (mask and len(mask.shape) > 4):
        return False
    broadcast = [pair for pair in _equal_to_scores(given) if pair[0] != 1]
    return tied(_equal_sizes(query, key, value), stretched=broadcast)


def _in_sizes_of_query(given: _Given) -> _Given:
    """The same where what is equal is written alike: ``min(m, n)`` may be known to be ``n``."""
    query, key, value, mask = given
    batch, keys = query.shape[:-2], key.shape[-2]
    key = key.with_layout((*batch, keys, query.shape[-1]), key.strides)
    value = value.with_layout((*batch, keys, value.shape[-1]), value.strides)
    if mask is not None:
        pairs = _equal_to_scores((query, key, value, mask))
        mask = mask.with_layout(tuple(1 if n == 1 else m for n, m in pairs), mask.strides)
    return query, key, value, mask


def _equal_sizes(query: TensorSpec, key: TensorSpec, value: TensorSpec) -> list[tuple[Int, Int]]:
    """The sizes that attention wants to be equal, where it broadcasts nothing."""
    batch, keys, values = (spec.shape[:-2] for spec in (query, key, value))
    return [
        *zip(batch, keys, strict=True),
        *zip(batch, values, strict=True),
        (query.shape[-1], key.shape[-1]),
        (key.shape[-2], value.shape[-2]),
    ]


def _equal_to_scores(given: _Given) -> list[tuple[Int, Int]]:
    """Each size of the mask, with that of the scores."""
    query, key, _, mask = given
    if mask is None:
        return []
    scores = (*query.shape[:-1], key.shape[-2])
    return list(zip(mask.shape, scores[len(scores) - len(mask.shape) :], strict=True))


def _is_in_unequal_groups(query: TensorSpec, key: TensorSpec, value: TensorSpec) -> bool:
    """Whether keys and values have other numbers of heads, each of which divides the queries'."""
    if any(len(spec.shape) != 4 for spec in (query, key, value)):
        return False
    heads, keys, values = (spec.shape[1] for spec in (query, key, value))
    if not (isinstance(heads, int) and isinstance(keys, int) and isinstance(values, int)):
        return False
    return keys != values and min(keys, values) > 0 and heads % keys == heads % values == 0


def _of_unequal_groups(given: _Given) -> TensorSpec | None:
    """The fast kernels are out: matrix products, row-major. Fake tensors refuse these heads."""
    query, key, value, mask = given
    if any(spec.device.type != "cpu" or spec.dtype != query.dtype for spec in (key, value)):
        return None
    if mask is not None and (mask.device != query.device or len(mask.shape) > 4):
        return None
    heads = query.shape[1]
    whole = (
        spec.with_layout((spec.shape[0], heads, *spec.shape[2:]), spec.strides)
        for spec in (query, key, value)
    )
    if not tied(_equal_sizes(*whole), stretched=_equal_to_scores(given)):
        return None
    return fresh(query, (*query.shape[:-1], value.shape[-1]))


def _of_matrices(given: _Given) -> TensorSpec | None:
    """With other than four dimensions the fast kernels are out: matrix products, row-major."""
    query, key, value, _ = given
    specs = [spec for spec in given if spec is not None]
    if any(s.device != query.device or len(s.shape) > len(query.shape) for s in specs):
        return None
    if any(s.dtype != query.dtype for s in (key, value)) or any(s.numel == 0 for s in specs):
        return None
    if any(len(s.shape) != len(query.shape) for s in (key, value)):
        return None
    if not tied(_equal_sizes(query, key, value), stretched=_equal_to_scores(given)):
        return None
    return fresh(query, (*query.shape[:-1], value.shape[-1]))


def _by_trying(
    given: _Given, rest: tuple[object, ...], options: dict[str, object]
) -> TensorSpec | None:
    """The layout that the kernel gives to small tensors of the same form (CPU only)."""
    query, key, value, mask = given
    specs = [query, key, value]
    if any(s.device.type != "cpu" or s.numel == 0 for s in specs):
        return None
    if any(len(s.shape) != 4 or s.dtype != query.dtype for s in specs):
        return None
    if not (query.shape[:2] == key.shape[:2] == value.shape[:2]):
        return None
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        return None
    orders = [order for spec in specs if (order := _dense_order(spec)) is not None]
    if len(orders) < len(specs):
        return None
    if 1 in (query.shape[-1], value.shape[-1]):
        return None
    if any(1 in spec.shape for spec in specs) and any(
        spec.strides != _laid(spec.shape, order) for spec, order in zip(specs, orders, strict=True)
    ):
        return None  # of a single row the very strides are told
    if mask is not None and not _is_plain_mask(given):
        return None
    sizes = list(dict.fromkeys(n for spec in specs for n in spec.shape))
    small = {n: 1 if n == 1 else i + 2 for i, n in enumerate(sizes)}
    small[value.shape[-1]] = 16  # the fast kernels want one width
    small[query.shape[-1]] = 8
    shapes = [tuple(small[n] for n in spec.shape) for spec in specs]
    masked = None if mask is None else (mask.dtype, tuple(small.get(n, 1) for n in mask.shape))
    token = (tuple(orders), tuple(shapes), query.dtype, rest, tuple(sorted(options.items())))
    key_of_call = (*token, masked, attention_state())
    if key_of_call not in LAYOUTS:
        LAYOUTS[key_of_call] = _tried(shapes, orders, query.dtype, masked, rest, options)
    order = LAYOUTS[key_of_call]
    if not order:
        return None
    shape = (*query.shape[:-1], value.shape[-1])
    return query.with_layout(shape, _laid(shape, order))


def _is_plain_mask(given: _Given) -> bool:
    """Whether a mask lies in order, and each of its sizes is that of the scores, or 1."""
    query, _, _, mask = given
    if mask is None or not is_canonical(mask) or mask.device != query.device:
        return False
    if mask.dtype not in (torch.bool, query.dtype) or not 2 <= len(mask.shape) <= 4:
        return False
    return all(own in (1, score) for own, score in _equal_to_scores(given))


def _dense_order(spec: TensorSpec) -> tuple[int, ...] | None:
    """The dimensions from the outermost to the innermost; None if the last one has gaps."""
    order = tuple(sorted(range(4), key=lambda i: (-spec.strides[i], i)))
    return order if spec.strides[3] == 1 and order[-1] == 3 else None


def _laid(shape: tuple[Int, ...], order: tuple[int, ...]) -> tuple[Int, ...]:
    laid = contiguous_strides(tuple(shape[i] for i in order))
    strides: list[Int] = [0] * len(shape)
    for i, stride in zip(order, laid, strict=True):
        strides[i] = stride
    return tuple(strides)


def _tried(
    shapes: Sequence[tuple[int, ...]],
    orders: Sequence[tuple[int, ...]],
    dtype: torch.dtype,
    masked: tuple[torch.dtype, tuple[int, ...]] | None,
    rest: tuple[object, ...],
    options: dict[str, object],
) -> tuple[int, ...]:
    with without_modes(), torch.random.fork_rng(devices=[]):
        tensors = [
            torch.zeros([shape[i] for i in order], dtype=dtype).permute(
                sorted(range(4), key=order.__getitem__)
            )
            for shape, order in zip(shapes, orders, strict=True)
        ]
        mask = None if masked is None else torch.ones(masked[1], dtype=masked[0])
        found = aten.scaled_dot_product_attention.default(*tensors, mask, *rest, **options)
    order = tuple(sorted(range(4), key=lambda i: (-found.stride(i), i)))
    is_plain = tuple(found.stride()) == _laid(tuple(found.shape), order)
    return order if is_plain else ()


def _order(
    given: _Given, rest: tuple[object, ...], options: dict[str, object]
) -> tuple[int, ...] | None:
    plain = _examples(given)
    if plain is None:
        return None
    token = (plain, rest, tuple(sorted(options.items())), attention_state())
    if token not in LAYOUTS:
        found = _by_trying(plain, rest, options)
        if found is None:  # which loads torch's compiler, where it is not loaded yet
            try:
                outcome = outcome_on_fakes(
                    aten.scaled_dot_product_attention.default, (*plain, *rest), options, None
                )
            except OperatorError:  # sizes are tied whose symbols may have any number still
                return None
            assert outcome.single is not None
            found = outcome.single.spec
        assert found is not None
        LAYOUTS[token] = _permutation(found)
    return LAYOUTS[token]


def _permutation(spec: TensorSpec) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost."""
    rank = range(len(spec.shape))
    return tuple(sorted(rank, key=lambda i: (-spec.strides[i], i)))


def _examples(given: _Given) -> _Given | None:
    """The specs with numbers that tell the dimensions apart; None where there are none.

    Equal sizes stay equal. The numbers go by the order in which symbols occur, so that calls that
    look alike have the same, whatever their symbols are called.
    """
    specs = [spec for spec in given if spec is not None]
    varying = [n for s in specs for n in (*s.shape, *s.strides) if isinstance(n, Expr)]
    names = dict.fromkeys(atom.name for n in varying for atom in n.symbols())
    values = {name: _FIRST_EXAMPLE + _STEP * i for i, name in enumerate(names)}

    def number(size: Int) -> int:
        return size.evaluate(values) if isinstance(size, Expr) else size

    found: list[TensorSpec | None] = []
    try:
        for spec in given:
            if spec is None:
                found.append(None)
                continue
            shape = tuple(map(number, spec.shape))
            if any(n < 2 and isinstance(m, Expr) for n, m in zip(shape, spec.shape, strict=True)):
                return None
            strides = tuple(map(number, spec.strides))
            found.append(TensorSpec.of(shape, strides, spec.dtype, spec.device))
    except (ZeroDivisionError, ValueError):
        return None
    query, key, value, mask = found
    assert query is not None
    assert key is not None
    assert value is not None
    return query, key, value, mask


def attention_state() -> tuple[bool, ...]:
    """What, besides the arguments, decides which kernel attention chooses, and so its layout."""
    backends = torch.backends.cuda
    return (
        backends.flash_sdp_enabled(),
        backends.mem_efficient_sdp_enabled(),
        backends.math_sdp_enabled(),
        backends.cudnn_sdp_enabled(),
        torch.is_grad_enabled(),
    )
