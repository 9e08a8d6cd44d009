"""``map``, ``scan`` and ``associative_scan``: one body for all rows of some tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

import torch
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.recorder import Recorder
from monograph.control.branches import emit
from monograph.control.carrying import as_spec, tensor_of
from monograph.control.region import Region, lift
from monograph.control.results import table
from monograph.diagnostics import ControlFlowError
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.ir.structure import Structure, flatten
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal

__all__ = ["capture_associative_scan", "capture_map", "capture_scan"]

higher_order = torch.ops.higher_order
Tensors = Sequence[torch.Tensor]


def capture_map(
    recorder: Recorder, body: Callable[[Tensors], object], xs: Tensors
) -> tuple[Structure, list[AbstractTensor]]:
    """``body`` of the rows of ``xs``, for each row; the results stacked, as leaves."""
    length = _length(recorder, xs)
    symbols = len(recorder.sizes.env.symbols)
    region = Region(recorder, "the body of map")
    recorder.emission.has_regions = True
    with _given_up_on_error(region), region.capturing():
        rows = [_row(recorder, region, x, f"x{i}") for i, x in enumerate(xs)]
        structure, outputs = _outputs(recorder, body(rows), "map")
    _refuse_writes(recorder, region, "map")
    specs = [o.value.spec for o in outputs]
    stacked = _stacked_specs(recorder, specs, length, symbols)
    region.finish([o.value.node for o in outputs])
    operands = lift([region])
    subgraph = region.subgraph(operands)
    nodes = [recorder.read(recorder.value_of(x)) for x in xs]
    results = emit(
        recorder,
        higher_order.map_impl,
        "map_impl",
        ("body_graph",),
        [subgraph],
        lambda graphs: (*graphs, list(nodes), list(operands)),
        stacked,
    )
    tracks = [o.value.tracks for o in outputs]
    made = [_made(recorder, *each) for each in zip(results, stacked, tracks, strict=True)]
    return structure, made


def capture_scan(
    recorder: Recorder,
    body: Callable[[Tensors, Tensors], object],
    init: Tensors,
    structure: Structure,
    xs: Tensors,
) -> tuple[list[AbstractTensor], Structure, list[AbstractTensor]]:
    """The leaves of the final carry; the structure and leaves of the stacked outputs."""
    length = _length(recorder, xs)
    symbols = len(recorder.sizes.env.symbols)
    recorder.emission.has_regions = True
    specs = [recorder.value_of(leaf).spec for leaf in init]
    start = list(init)
    region = Region(recorder, "the body of scan")
    with _given_up_on_error(region), region.capturing():
        given = [
            region.tensor(spec, f"carry{i}", recorder.value_of(leaf).tracks)
            for i, (spec, leaf) in enumerate(zip(specs, start, strict=True))
        ]
        rows = [_row(recorder, region, x, f"x{i}") for i, x in enumerate(xs)]
        carry, out = _pair(recorder, body(given, rows))
        carried = _carry(recorder, carry, structure, specs)
        out_structure, outputs = _outputs(recorder, out, "scan")
    _refuse_writes(recorder, region, "scan")
    stacked = _stacked_specs(recorder, [o.value.spec for o in outputs], length, symbols)
    region.finish([*(t.value.node for t in carried), *(o.value.node for o in outputs)])
    operands = lift([region])
    subgraph = region.subgraph(operands)
    starts = [
        recorder.read(as_spec(recorder, leaf, spec).value)
        for leaf, spec in zip(start, specs, strict=True)
    ]
    nodes = [recorder.read(recorder.value_of(x)) for x in xs]
    results = emit(
        recorder,
        higher_order.scan,
        "scan",
        ("scan_combine_graph",),
        [subgraph],
        lambda graphs: (*graphs, list(starts), list(nodes), tuple(operands)),
        [*specs, *stacked],
    )
    tracks = [t.value.tracks for t in (*carried, *outputs)]
    made = [
        _made(recorder, *each) for each in zip(results, [*specs, *stacked], tracks, strict=True)
    ]
    return made[: len(specs)], out_structure, made[len(specs) :]


def capture_associative_scan(
    recorder: Recorder,
    combine: Callable[[Tensors, Tensors], object],
    xs: Tensors,
    structure: Structure,
) -> list[AbstractTensor]:
    """The leaves of all partial results, stacked."""
    length = _length(recorder, xs)
    symbols = len(recorder.sizes.env.symbols)
    recorder.emission.has_regions = True
    region = Region(recorder, "the body of associative_scan")
    with _given_up_on_error(region), region.capturing():
        left = [_row(recorder, region, x, f"left{i}") for i, x in enumerate(xs)]
        right = [_row(recorder, region, x, f"right{i}") for i, x in enumerate(xs)]
        specs = [tensor.value.spec for tensor in left]
        outputs = _carry(recorder, combine(left, right), structure, specs)
    _refuse_writes(recorder, region, "associative_scan")
    region.finish([o.value.node for o in outputs])
    operands = lift([region])
    subgraph = region.subgraph(operands)
    nodes = [recorder.read(recorder.value_of(x)) for x in xs]
    stacked = _stacked_specs(recorder, specs, length, symbols)
    results = emit(
        recorder,
        higher_order.associative_scan,
        "associative_scan",
        ("associative_scan_combine_graph",),
        [subgraph],
        lambda graphs: (*graphs, list(nodes), tuple(operands)),
        stacked,
    )
    tracks = [o.value.tracks for o in outputs]
    return [_made(recorder, *each) for each in zip(results, stacked, tracks, strict=True)]


class _given_up_on_error:  # noqa: N801 - a context manager
    def __init__(self, region: Region) -> None:
        self.region = region

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.region.abandon()


def _length(recorder: Recorder, xs: Tensors) -> Int:
    """The size of the first dimension, which all must share."""
    specs = [recorder.value_of(x).spec for x in xs]
    first = specs[0].shape[0] if specs and specs[0].shape else None
    if first is None or any(not spec.shape for spec in specs):
        raise ControlFlowError(
            "rows are taken of a tensor without dimensions",
            code="MG-C111",
            where=recorder.here(),
            hint="pass tensors with at least one dimension.",
        )
    for spec in specs[1:]:
        same = spec.shape[0] == first
        if not same and (
            (isinstance(first, int) and isinstance(spec.shape[0], int))
            or not recorder.sizes.env.require(equal(spec.shape[0], first))
        ):
            rows = [("", repr(specs[0]), repr(spec)), ("axis 0", str(first), str(spec.shape[0]))]
            raise ControlFlowError(
                f"rows are taken of tensors of different lengths\n{table(('', ''), rows)}",
                code="MG-C111",
                where=recorder.here(),
                hint="all of them must have the same number of rows.",
            )
    return first


def _row(recorder: Recorder, region: Region, x: torch.Tensor, name: str) -> AbstractTensor:
    value = recorder.value_of(x)
    spec = value.spec.with_layout(value.spec.shape[1:], value.spec.strides[1:])
    return region.tensor(spec, name, value.tracks)


def _outputs(
    recorder: Recorder, result: object, what: str
) -> tuple[Structure, list[AbstractTensor]]:
    leaves, structure = flatten(result)
    made = []
    for leaf in leaves:
        if isinstance(leaf, (bool, int, float, torch.SymInt, torch.SymFloat, torch.SymBool)):
            leaf = tensor_of(recorder, leaf, _dtype_of(leaf))
        if not isinstance(leaf, torch.Tensor):
            raise ControlFlowError(
                f"the body of {what} returns a {type(leaf).__name__}",
                code="MG-C102",
                where=recorder.here(),
                hint="let it return tensors.",
            )
        value = recorder.value_of(leaf)
        snapshot = Value(recorder.read(value), value.spec, recorder)
        snapshot.tracks = value.tracks
        made.append(snapshot.abstract())
    return structure, made


def _dtype_of(number: object) -> torch.dtype:
    if isinstance(number, (bool, torch.SymBool)):
        return torch.bool
    return torch.int64 if isinstance(number, (int, torch.SymInt)) else torch.get_default_dtype()


def _pair(recorder: Recorder, result: object) -> tuple[object, object]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise ControlFlowError(
            f"the body of scan returns a {type(result).__name__}",
            code="MG-C102",
            where=recorder.here(),
            hint="let it return (new carry, output).",
        )
    return result[0], result[1]


def _carry(
    recorder: Recorder, carry: object, structure: Structure, specs: list[TensorSpec]
) -> list[AbstractTensor]:
    """The new carry, laid out as the old one."""
    found, outputs = _outputs(recorder, carry, "scan")
    if found != structure:
        raise ControlFlowError(
            "the new carry has another structure than the first",
            code="MG-C107",
            where=recorder.here(),
            hint="return the carry as it was passed in.",
        )
    made = []
    for tensor, spec in zip(outputs, specs, strict=True):
        have = tensor.value.spec
        same = (
            len(have.shape) == len(spec.shape)
            and have.device == spec.device
            and have.dtype == spec.dtype
        )
        if not same or any(
            a != b and not recorder.sizes.env.is_known(equal(a, b))
            for a, b in zip(have.shape, spec.shape, strict=False)
        ):
            rows: list[tuple[str, ...]] = [("", repr(spec), repr(have))]
            for axis in range(max(len(spec.shape), len(have.shape))):
                cells = [str(s.shape[axis]) if axis < len(s.shape) else "-" for s in (spec, have)]
                rows.append((f"axis {axis}", *cells))
            raise ControlFlowError(
                "the carry is one thing before a step and another after it\n"
                + table(("before", "after"), rows),
                code="MG-C107",
                where=recorder.here(),
                hint="start from a carry of the shape and dtype that the body returns.",
            )
        made.append(as_spec(recorder, tensor, spec))
    return made


def _refuse_writes(recorder: Recorder, region: Region, what: str) -> None:
    if region.written:
        origin = region.written[0][0].origin
        name = "a tensor of the outside" if origin is None else origin.target
        region.abandon()
        raise ControlFlowError(
            f"the body of {what} writes to {name}",
            code="MG-C110",
            where=recorder.here(),
            hint="return the new values instead, or write in a while_loop.",
        )


def _stacked_specs(
    recorder: Recorder, specs: Sequence[TensorSpec], length: Int, symbols: int
) -> list[TensorSpec]:
    """``symbols``: how many there were before the body, whose own sizes differ from row to row."""
    own = set(list(recorder.sizes.env.symbols)[symbols:])
    for spec in specs:
        names = [a.name for size in spec.shape if isinstance(size, Expr) for a in size.symbols()]
        if not own.isdisjoint(names):
            raise ControlFlowError(
                f"the body returns {spec!r}, whose size may differ from row to row",
                code="MG-C111",
                where=recorder.here(),
                hint="return tensors of one size (pad them), which can be stacked.",
            )
    shapes = [(length, *spec.shape) for spec in specs]
    return [
        TensorSpec.of(shape, contiguous_strides(shape), spec.dtype, spec.device)
        for shape, spec in zip(shapes, specs, strict=True)
    ]


def _made(recorder: Recorder, node: Node, spec: TensorSpec, tracks: int) -> AbstractTensor:
    if spec.scope is not None:
        recorder.sizes.bind_sizes(spec, node)
    value = Value(node, spec, recorder)
    if tracks and (spec.dtype.is_floating_point or spec.dtype.is_complex):
        value.tracks = tracks
        if recorder.context.hides_gradients():
            value.detached, value.seen = True, -1
    return make_abstract(spec, value)
