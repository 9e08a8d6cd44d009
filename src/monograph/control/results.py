"""What the branches of a program return, joined into one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch.fx import Node
from torch.fx.node import Argument

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.operators.data_dependence import number_in, tensor_of_truth
from monograph.capture.recorder import Recorder
from monograph.capture.sizes import in_sizes
from monograph.control.joined_sizes import least_on, one_size
from monograph.control.region import Region
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import Test
from monograph.shapes.quotients import in_sizes_of_inputs
from monograph.shapes.symnode import BoolNode, as_mixed, expression_of, symbolic

__all__ = [
    "UNDEFINED",
    "Computed",
    "Constant",
    "Found",
    "Joined",
    "Mismatch",
    "Sides",
    "describe",
    "is_of_own_class",
    "join",
    "note",
    "table",
    "zeros",
]

aten = torch.ops.aten
_INTEGERS = (int, torch.SymInt)
_TRUTHS = (bool, torch.SymBool)
_NUMBERS = (int, float, torch.SymInt, torch.SymFloat, torch.SymBool)


def is_of_own_class(content: object) -> bool:
    """Whether it is a number of a class of the program's, of an enumeration, say.

    What is computed instead would be none: ``mode is Mode.FAST``, ``mode.name``, ``A in flags``.
    """
    is_number = isinstance(content, (int, float)) and type(content) not in (bool, int, float)
    return is_number and not hasattr(content, "dtype")  # numpy's are numbers


class _Undefined:
    """What a variable holds that has not been assigned."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = _Undefined()


@dataclass(frozen=True)
class Found:
    """One leaf of a region's result: a tensor (``value``, a snapshot) or something else.

    ``original`` is what the tensor was; ``is_outside``: its memory is not the region's own.
    ``content`` is the Python object; the expression of a number that varies.
    """

    content: object = None
    value: Value | None = None
    original: Value | None = None
    is_outside: bool = False

    def kind(self) -> str:
        """``tensor``, ``int``, ``bool``, ``float`` or ``other``."""
        if self.value is not None:
            return "tensor"
        if is_of_own_class(self.content):
            return "other"
        if isinstance(self.content, _TRUTHS):
            return "bool"
        if isinstance(self.content, _INTEGERS):
            return "int"
        return "float" if isinstance(self.content, (float, torch.SymFloat)) else "other"


@dataclass(frozen=True)
class Sides:
    """What is known of the branches: their own symbols, and what holds where each is taken."""

    local: frozenset[str]
    paths: tuple[Test, ...]


@dataclass(frozen=True)
class Constant:
    """One Python object for several branches."""

    value: object


@dataclass(frozen=True)
class Computed:
    """One result for several branches, which each region computes (``node_in``).

    ``wrap`` turns the result's node into what the program gets. ``sides``: it is given a layout
    of its own, in place of these (where sizes decide, else of none); ``only_starts``: or a place of
    its own in memory alone.
    """

    spec: TensorSpec | Expr
    node_in: Callable[[Region, Found], Argument]
    wrap: Callable[[Node], object]
    sides: tuple[TensorSpec, ...] | None = None
    only_starts: bool = False


Joined = Constant | Computed


class Mismatch(Exception):  # noqa: N818 - it is caught, and becomes an error with its place
    """Two branches whose results are no one thing; ``rows`` compare them axis by axis."""

    def __init__(self, code: str, what: str, rows: list[tuple[str, ...]], hint: str) -> None:
        super().__init__(what)
        self.code, self.what, self.rows, self.hint = code, what, rows, hint
        self.name = ""  # of what a loop cannot carry


def note(region: Region, leaf: object) -> Found:
    """Remember a leaf of what a region returns, while the region is captured."""
    recorder = region.recorder
    if isinstance(leaf, torch.Tensor):
        value = recorder.value_of(leaf)
        return Found(leaf, region.snapshot(value), value, region.is_outside(value))
    if isinstance(leaf, (torch.SymInt, torch.SymFloat)):
        content = recorder.size_of(leaf)
        return Found(symbolic(recorder.sizes.env, content))
    return Found(leaf)


def join(recorder: Recorder, found: Sequence[Found], sides: Sides) -> Joined:
    """One result for what the branches return.

    Raises:
        Mismatch: with both sides, axis by axis.
    """
    if any(f.content is UNDEFINED for f in found):
        return _join_defined(recorder, found, sides)
    kinds = {f.kind() for f in found}
    if "tensor" in kinds:
        return _join_tensors(recorder, found, sides)
    contents = [f.content for f in found]
    if _are_equal(contents, sides):
        return Constant(contents[0])
    if "other" in kinds:
        rows = [("", *(describe(f) for f in found))]
        code = "MG-C103" if any(c is None for c in contents) else "MG-C102"
        what = (
            "one branch gives None, the other does not"
            if code == "MG-C103"
            else "the branches give different Python objects"
        )
        raise Mismatch(code, what, rows, _HINTS[code])
    if kinds == {"int", "bool"} and not any(isinstance(path, bool) for path in sides.paths):
        # Sizes decide: Python has a truth here and a number there, and tensors are made of either.
        rows = [("", *(describe(f) for f in found))]
        what = "the branches give different Python objects"
        raise Mismatch("MG-C102", what, rows, _HINTS["MG-C102"])
    is_mixed = "float" in kinds and len(kinds) > 1
    if is_mixed and recorder.context.tells_kinds:
        rows = [("", *(describe(f) for f in found))]
        what = "one branch gives an integer, the other a float, and which it is makes a difference"
        raise Mismatch("MG-C102", what, rows, "write the integer as a float: 1.0 in place of 1.")
    if kinds <= {"int", "bool"} and "int" in kinds:
        return _join_integers(recorder, found, sides)
    way = _way_told_by(contents, sides)
    if way is not None:
        return Constant(torch.SymBool(BoolNode(recorder.sizes.env, way)))
    dtype = torch.bool if kinds == {"bool"} else torch.float64

    spec = TensorSpec.of((), (), dtype, torch.device("cpu"))

    def node_in(region: Region, one: Found) -> Node:
        return recorder.read(_filled(recorder, one.content, dtype).value)

    def wrap(node: Node) -> object:
        number = number_in(recorder, make_abstract(spec, Value(node, spec, recorder)))
        return as_mixed(number) if is_mixed else number

    return Computed(spec, node_in, wrap)


def _way_told_by(contents: Sequence[object], sides: Sides) -> Test | None:
    """What a flag says that is true on one side and false on the other: which side was taken."""
    if not all(isinstance(content, bool) for content in contents) or len(sides.paths) != 2:
        return None
    path = sides.paths[contents.index(True)]
    return None if isinstance(path, bool) else path


def _join_defined(recorder: Recorder, found: Sequence[Found], sides: Sides) -> Joined:
    """Some sides give nothing, and nobody will look at what stands there: zeros."""
    defined = [f for f in found if f.content is not UNDEFINED]
    if not defined:
        return Constant(UNDEFINED)
    joined = join(recorder, [defined[0], *defined], sides)
    if isinstance(joined, Constant):
        return joined
    inner, spec = joined.node_in, joined.spec

    def node_in(region: Region, one: Found) -> Argument:
        if one.content is not UNDEFINED:
            return inner(region, one)
        return recorder.read(zeros(recorder, spec).value) if isinstance(spec, TensorSpec) else 0

    return Computed(spec, node_in, joined.wrap)


def zeros(recorder: Recorder, spec: TensorSpec) -> AbstractTensor:
    """A tensor that looks like ``spec``; sizes that nobody knows yet are 0."""
    unbound = recorder.sizes.unbound
    shape = [
        0 if any(name in unbound for name in _symbols(size)) else symbolic(recorder.sizes.env, size)
        for size in spec.shape
    ]
    keywords = {"dtype": spec.dtype, "device": spec.device}
    if spec.strides == contiguous_strides(spec.shape):
        return recorder.call(aten.zeros.default, (shape,), keywords)
    strides = [symbolic(recorder.sizes.env, stride) for stride in spec.strides]
    return recorder.call(aten.empty_strided.default, (shape, strides), keywords)


_HINTS = {
    "MG-C102": "let every branch return the same structure, with tensors or numbers in it.",
    "MG-C103": "let every branch give a tensor; a mask that masks nothing, say, instead of None.",
    "MG-C104": "let every branch return tensors with the same number of dimensions.",
    "MG-C105": "move one of them: .to(device).",
}


def _are_equal(contents: Sequence[object], sides: Sides) -> bool:
    first = contents[0]
    for other in contents[1:]:
        if first is other:
            continue
        if in_sizes(first) or in_sizes(other):
            if expression_of(first) != expression_of(other):
                return False
        elif type(first) is not type(other):
            return False
        else:
            try:
                if not bool(first == other) and not (first != first and other != other):
                    return False
            except Exception:
                return False
    return not any(name in sides.local for content in contents for name in _symbols(content))


def _symbols(content: object) -> list[str]:
    found = expression_of(content)
    if isinstance(found, Expr):
        return [atom.name for atom in found.symbols()]
    return found.symbols() if isinstance(found, FloatExpr) else []


def _join_integers(recorder: Recorder, found: Sequence[Found], sides: Sides) -> Joined:
    sizes: list[Int] = []
    for one in found:
        sizes += [0, 1] if isinstance(one.content, torch.SymBool) else [_integer(one.content)]
    env = recorder.sizes.env
    sizes = [in_sizes_of_inputs(env, size) for size in sizes]
    is_joined = len(sizes) == len(found) and not _mentions(sizes, sides)
    either = one_size(env, sizes, sides.paths) if is_joined else None
    if either is not None:
        return Constant(symbolic(env, either))
    lowest = least_on(env, sizes, sides.paths) if is_joined else None
    symbol = _covering(recorder, sizes, "a number that depends on a branch", lowest)

    def node_in(region: Region, one: Found) -> Argument:
        content = one.content
        if isinstance(content, torch.SymBool):
            content = number_in(recorder, tensor_of_truth(recorder, content, torch.int64))
        return recorder.sizes.node_of(_integer(content))

    def wrap(node: Node) -> torch.SymInt:
        recorder.sizes.bind_number(symbol, node)
        return symbolic(recorder.sizes.env, symbol)

    return Computed(symbol, node_in, wrap)


def _integer(content: object) -> Int:
    found = expression_of(content)
    if isinstance(found, Expr):
        return found
    assert isinstance(found, int)
    return int(found)  # also of a truth value


def _covering(recorder: Recorder, sizes: Sequence[Int], source: str, lowest: int | None) -> Expr:
    """A new symbol that may be any of ``sizes``."""
    plain = [n for n in sizes if isinstance(n, int)]
    is_plain = len(plain) == len(sizes)
    lo, hi = (min(plain), max(plain)) if is_plain else (lowest, None)
    return recorder.sizes.fresh(source, lo, hi)


def _filled(recorder: Recorder, number: object, dtype: torch.dtype) -> AbstractTensor:
    if isinstance(number, torch.SymBool):
        return tensor_of_truth(recorder, number, dtype)
    return recorder.call(aten.scalar_tensor.default, (number,), {"dtype": dtype})


# Tensors -------------------------------------------------------------------------------------


def _join_tensors(recorder: Recorder, found: Sequence[Found], sides: Sides) -> Joined:
    dtype = _common_dtype(found)
    specs = [f.value.spec for f in found if f.value is not None]
    if len({spec.device for spec in specs}) > 1:
        _refuse("MG-C105", "the branches give tensors on different devices", found)
    if len({len(spec.shape) for spec in specs}) > 1:
        _refuse("MG-C104", "the branches give tensors with different numbers of dimensions", found)
    columns = zip(*(spec.shape for spec in specs), strict=True)
    shape = tuple(_join_sizes(recorder, sizes, sides) for sizes in columns)
    strides = _common_strides(recorder, specs, sides)
    layout = contiguous_strides(shape) if strides is None else strides
    target = TensorSpec.of(shape, layout, dtype, specs[0].device)
    if len({spec.dtype for spec in specs}) > 1 or len(specs) < len(found):
        each = " and ".join(dict.fromkeys(describe(f) for f in found))
        text = f"the branches give {each}: the result is always {target!r}"
        recorder.assume("promoted", text, recorder.here())
    tracks = max(f.value.tracks for f in found if f.value is not None)

    def node_in(region: Region, one: Found) -> Node:
        if one.value is None:
            return recorder.read(_filled(recorder, one.content, dtype).value)
        tensor = one.value.abstract()
        if one.value.spec.dtype != dtype:
            tensor = recorder.call(aten._to_copy.default, (tensor,), {"dtype": dtype})
        if strides is None and not _lies_in_order(tensor.value.spec):
            keywords = {"memory_format": torch.contiguous_format}
            tensor = recorder.call(aten.clone.default, (tensor,), keywords)
        return recorder.read(tensor.value)

    def wrap(node: Node) -> AbstractTensor:
        return _joined_tensor(recorder, found, target, node, tracks)

    values = [f.value for f in found if f.value is not None]
    only_starts = strides is not None or all(spec.strides == layout for spec in specs)
    if only_starts and all(value.offset == values[0].offset for value in values):
        return Computed(target, node_in, wrap)
    by_sizes = not any(isinstance(path, bool) for path in sides.paths)
    return Computed(target, node_in, wrap, tuple(specs) if by_sizes else (), only_starts)


def _common_dtype(found: Sequence[Found]) -> torch.dtype:
    """What tensors and numbers promote to; a number only goes with tensors without dimensions."""
    model = next(f.value.spec for f in found if f.value is not None)
    dtype = model.dtype
    for one in found:
        if one.value is not None:
            dtype = torch.promote_types(dtype, one.value.spec.dtype)
        elif one.kind() == "other" or model.shape:
            code = "MG-C103" if one.content is None else "MG-C102"
            rows = [("", *(describe(f) for f in found))]
            raise Mismatch(
                code, "one branch gives a tensor, the other does not", rows, _HINTS[code]
            )
        else:
            probe = torch.empty((), dtype=dtype)
            dtype = torch.result_type(probe, {"int": 1, "bool": True, "float": 1.0}[one.kind()])
    return dtype


def _common_strides(
    recorder: Recorder, specs: Sequence[TensorSpec], sides: Sides
) -> tuple[Int, ...] | None:
    """The strides of all sides; None where no one expression tells them, and it is laid out anew.

    ``if x.shape[1] > 4: x = x[:, :4]`` gives rows as far apart as they were.
    """
    env = recorder.sizes.env
    common: list[Int] = []
    for column in zip(*(spec.strides for spec in specs), strict=True):
        if _mentions(column, sides):
            return None
        if any(stride != column[0] for stride in column):
            stride = one_size(env, [in_sizes_of_inputs(env, each) for each in column], sides.paths)
            if stride is None:
                return None
        else:
            stride = column[0]
        common.append(stride)
    return tuple(common)


def _joined_tensor(
    recorder: Recorder, found: Sequence[Found], spec: TensorSpec, node: Node, tracks: int
) -> AbstractTensor:
    """What the program gets for ``node``, which is one of ``found``."""
    if spec.scope is not None:
        recorder.sizes.bind_sizes(spec, node)
    value = Value(node, spec, recorder)
    if spec.dtype.is_floating_point or spec.dtype.is_complex:
        value.tracks = tracks
        if tracks and recorder.context.hides_gradients():
            value.detached, value.seen = True, -1
    aliases = recorder.aliases
    for one in found:
        original = one.original
        if original is not None and (
            one.is_outside
            or aliases.is_perhaps_shared(original)
            or aliases.kept_with(original.root)
        ):
            aliases.copies_of_branches.append((original, value))
    return make_abstract(spec, value)


def _lies_in_order(spec: TensorSpec) -> bool:
    return spec.strides == contiguous_strides(spec.shape)


def _mentions(sizes: Sequence[Int], sides: Sides) -> bool:
    return any(name in sides.local for size in sizes for name in _symbols(size))


def _join_sizes(recorder: Recorder, sizes: Sequence[Int], sides: Sides) -> Int:
    env = recorder.sizes.env
    if all(size == sizes[0] for size in sizes) and not _mentions(sizes, sides):
        return sizes[0]
    sizes = [in_sizes_of_inputs(env, size) for size in sizes]
    if _mentions(sizes, sides):
        return _covering(recorder, sizes, "a size that depends on a branch", lowest=0)
    found = one_size(env, sizes, sides.paths)
    if found is not None:
        return found
    lowest = max(least_on(env, sizes, sides.paths) or 0, 0)
    covering = _covering(recorder, sizes, "a size that depends on a branch", lowest=lowest)
    env.sides[covering] = tuple(sizes)
    return covering


def _refuse(code: str, what: str, found: Sequence[Found]) -> NoReturn:
    specs = [f.value.spec for f in found if f.value is not None]
    rows: list[tuple[str, ...]] = [("", *(repr(s) for s in specs))]
    rows.append(("device", *(str(s.device) for s in specs)))
    for i in range(max(len(s.shape) for s in specs)):
        sizes = [str(s.shape[i]) if i < len(s.shape) else "-" for s in specs]
        rows.append((f"axis {i}", *sizes))
    raise Mismatch(code, what, rows, _HINTS[code])


def describe(found: Found) -> str:
    """``f32[2, 3]`` for a tensor; the source form of another object, cut short."""
    if found.value is not None:
        return repr(found.value.spec)
    text = str(found.content) if in_sizes(found.content) else repr(found.content)
    return text if len(text) <= 30 else f"{text[:27]}..."


def table(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """Rows side by side under the names of the sides."""
    lines = [("", *columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
