"""Every operator of torch that returns a view, written through in every way, against eager mode.

For each such operator, dtype, layout of the argument, kind of write and target of it, a program is
generated that writes either the argument itself or a copy of it, and reads everything that shares
the memory. What it returns, and what it leaves in its argument, must be eager mode's.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch

import monograph
from monograph.inference.rules import VIEWS
from monograph.testing import assert_specs_hold

DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex64)
SHAPES = ((4, 6), (2, 4, 2), (4,), ())

# Operators without a sample: of sparse and nested tensors, of autograd's dual numbers, those that
# only the autocasting of TorchScript has, other devices. This list may only get shorter.
WITHOUT_SAMPLE = frozenset({
    "pin_memory",
    "_autocast_to_full_precision", "_autocast_to_reduced_precision", "_fw_primal", "_indices",
    "_make_dual", "_ncf_unsqueeze", "_ncf_view", "_nested_get_values", "_nested_view_from_buffer",
    "_nested_view_from_jagged", "_sparse_broadcast_to", "_unpack_dual", "_values", "ccol_indices",
    "coalesce", "col_indices", "crow_indices", "cuda", "indices", "row_indices",     "values",
})  # fmt: skip
# What they do is recorded as other operators, or they make a copy.
WITHOUT_ROW = frozenset({
    "_grad_sum_to_size", "_test_autograd_multiple_dispatch_view", "as_tensor", "narrow.Tensor",
    "slice_inverse",
})  # fmt: skip
# Of 1,000: about 30 seconds in the usual run. ``make sweep`` runs all.
SAMPLED = 12


def view_operators() -> dict[str, Any]:
    """The operators whose schema says that a result may share the first argument's memory."""
    found = {}
    for schema in torch._C._jit_get_all_schemas():
        is_view = any(
            r.alias_info is not None and not r.alias_info.is_write for r in schema.returns
        )
        takes_tensor = bool(schema.arguments) and str(schema.arguments[0].type) == "Tensor"
        if not schema.name.startswith("aten::") or not is_view or not takes_tensor:
            continue
        name, overload = schema.name[6:], schema.overload_name or "default"
        packet = getattr(torch.ops.aten, name, None)
        if packet is not None and overload in packet.overloads():
            found[name + ("" if overload == "default" else "." + overload)] = getattr(
                packet, overload
            )
    return dict(sorted(found.items()))


# Sample arguments ----------------------------------------------------------------------------


def candidates(op: Any, argument: Any, x: torch.Tensor) -> list[Any]:
    """Values that may suit one argument of ``op`` after the tensor ``x``, by its name."""
    name, kind = argument.name, str(argument.type)
    if kind in ("Tensor", "Optional[Tensor]"):
        if "indices" in name:
            return [torch.tensor([1])]
        if name == "start":
            return [torch.tensor(1)]
        return [
            torch.zeros(x.shape[::-1], dtype=x.dtype),
            torch.zeros((2, *x.shape), dtype=x.dtype),
        ]
    if kind == "Device" or name == "device":
        return [torch.device("cpu")]
    if name == "dtype":
        if op is torch.ops.aten.view.dtype:
            return [torch.int32, torch.uint8, torch.float64, x.dtype]
        return [x.dtype, torch.float64]
    if op is torch.ops.aten.unfold.default:
        return {"dimension": [0, -1], "size": [2], "step": [2, 1]}[name]
    if name in ("dim", "dimension", "start_dim", "axis0", "dim0", "dim1") and not kind.startswith(
        "List"
    ):
        values: list[Any] = [0, 1, -1]
        if name == "dim1" and "diagonal" not in op._opname:
            values = [1, 0, -1]
        return values if argument.has_default_value() or x.dim() else [0]
    if name in ("axis1", "end_dim", "dim2", "destination", "source"):
        return [[1], [0]] if kind.startswith("List") else [1, 0, -1]
    pieces = [[1, x.shape[0] - 1]] if x.dim() else [[1]]
    table = {
        "size": [[-1], [2, *x.shape], [2, x.numel() // 2], [2, 2], list(x.shape)],
        "shape": [[-1], [2, x.numel() // 2], list(x.shape)],
        "stride": [[2, 1], [1, 2], [1]],
        "storage_offset": [None, 1],
        "split_size": [2, 3] if kind in ("int", "SymInt") else pieces,
        "split_sizes": pieces,
        "sections": [2, 3], "indices": [[1]], "chunks": [2, 3], "offset": [0, 1],
        "index": [0, -1], "start": [0, 1], "end": [None, -1], "step": [1, 2], "length": [1, 2],
        "sizes": [[2, -1], [-1]], "dims": [list(range(x.dim()))[::-1]],
        "dim": [[0], [0, 1]], "copy": [False, True],
        "memory_format": [torch.contiguous_format] if "Optional" not in kind else [None],
    }  # fmt: skip
    if argument.has_default_value():
        return [argument.default_value, *table.get(name, [])][:3]
    return table.get(name, [])


class Sample(NamedTuple):
    """One view: an operator and what it is called with after the tensor."""

    name: str
    op: Any
    shape: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def of(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The view, or the first two of several."""
        found = self.op(x, *self.args, **self.kwargs)
        return [found] if isinstance(found, torch.Tensor) else list(found)[:2]


def samples_of(name: str, op: Any, dtype: torch.dtype, most: int = 2) -> list[Sample]:
    """Calls of ``op`` on a tensor of ``dtype`` that eager mode takes; with different results."""
    found: dict[Any, Sample] = {}
    for shape in SHAPES:
        x = torch.zeros(shape, dtype=dtype)
        arguments = op._schema.arguments[1:]
        choices = [candidates(op, argument, x) for argument in arguments]
        for values in itertools.islice(itertools.product(*choices), 200):
            args = tuple(v for v, a in zip(values, arguments, strict=True) if not a.kwarg_only)
            kwargs = {a.name: v for v, a in zip(values, arguments, strict=True) if a.kwarg_only}
            sample = Sample(name, op, shape, args, kwargs)
            try:
                views = sample.of(x)
            except (RuntimeError, IndexError, NotImplementedError, TypeError):
                continue
            if not all(v.layout is torch.strided and not v.is_nested for v in views):
                continue
            key = tuple((v.shape, v.stride(), v.storage_offset(), v.dtype) for v in views)
            if key not in found and len(found) < most:
                found[key] = sample
        if len(found) >= most:
            break
    return list(found.values())


# Layouts, writes, targets --------------------------------------------------------------------


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Values that are all different, as far as the dtype has so many."""
    count = torch.Size(shape).numel()
    values = torch.arange(count, dtype=torch.float32) * (seed * 2 + 1) - 5
    if dtype is torch.bool:
        return (values % 3 == seed).reshape(shape)
    if dtype.is_complex:
        return torch.complex(values, values.flip(0) + 2).to(dtype).reshape(shape)
    return values.to(dtype).reshape(shape)


def contiguous(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers(shape, dtype, seed)


def strided(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers((2 * shape[0], *shape[1:]), dtype, seed)[::2]


def transposed(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers((shape[1], shape[0], *shape[2:]), dtype, seed).transpose(0, 1)


def expanded(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers((1, *shape[1:]), dtype, seed).expand(shape)


def conjugated(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers(shape, dtype, seed).conj()


def negated(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return torch._neg_view(numbers(shape, dtype, seed))


def behind(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    return numbers((shape[0] + 1, *shape[1:]), dtype, seed)[1:]


Layout = Callable[[tuple[int, ...], torch.dtype, int], torch.Tensor]
LAYOUTS: dict[Layout, Callable[[int, torch.dtype], bool]] = {
    contiguous: lambda rank, dtype: True,
    strided: lambda rank, dtype: rank >= 1,
    transposed: lambda rank, dtype: rank >= 2,
    expanded: lambda rank, dtype: rank >= 1,
    behind: lambda rank, dtype: rank == 2,
    conjugated: lambda rank, dtype: dtype.is_complex,
    negated: lambda rank, dtype: dtype.is_floating_point or dtype.is_complex,
}


def add_(t: torch.Tensor) -> None:
    t.add_(True if t.dtype is torch.bool else 1j if t.is_complex() else 1)


def mul_(t: torch.Tensor) -> None:
    t.mul_(False if t.dtype is torch.bool else 2j if t.is_complex() else 2)


def copy_(t: torch.Tensor) -> None:
    t.copy_(t.flip(list(range(t.dim()))).conj())


def zero_(t: torch.Tensor) -> None:
    t.zero_()


WRITES = (add_, mul_, copy_, zero_)


def is_defined(target: torch.Tensor) -> bool:
    """Whether eager mode says what a write does: not where elements lie over each other.

    It refuses to write a tensor that repeats its elements, and does not look further.
    """
    where = torch.arange(target.untyped_storage().nbytes() // target.element_size())
    where = where.as_strided(target.shape, target.stride(), target.storage_offset())
    repeats = any(s == 0 and n > 1 for s, n in zip(target.stride(), target.shape, strict=True))
    return repeats or len(where.unique()) == target.numel()


def part_of(t: torch.Tensor, which: int) -> torch.Tensor:
    """A view of a view."""
    if t.dim() == 0:
        return t.unsqueeze(0)
    if which % 3 == 0:
        return t.select(0, -1)
    if which % 3 == 1 or t.dim() < 2:
        return t[1:] if t.shape[0] > 1 else t[:1]
    return t.transpose(0, -1)


TARGETS = ("tensor", "view", "part")


class Program(NamedTuple):
    """What is exported, and its inputs."""

    name: str
    sample: Sample
    dtype: torch.dtype
    layout: Layout
    write: Callable[[torch.Tensor], None]
    target: str
    copies: bool

    def __call__(self, x: torch.Tensor) -> Any:
        y, views, part, target = self.tensors(x)
        self.write(target)
        bits = [(t.is_conj(), t.is_neg()) for t in (y, *views, part)]
        return [t.clone() for t in (y, *views, part)], bits

    def tensors(self, x: torch.Tensor) -> Any:
        y = x.clone() if self.copies else x
        views = self.sample.of(y)
        part = part_of(views[-1], zlib.crc32(self.name.encode()))
        return y, views, part, {"tensor": y, "view": views[-1], "part": part}[self.target]

    def input(self, seed: int) -> torch.Tensor:
        return self.layout(self.sample.shape, self.dtype, seed)


def programs(name: str, op: Any) -> Iterator[Program]:
    """All programs of one operator."""
    for dtype in DTYPES:
        for i, sample in enumerate(samples_of(name, op, dtype)):
            fitting = [k for k, fits in LAYOUTS.items() if fits(len(sample.shape), dtype)]
            if i:  # one call of each operator in all layouts, the others in those of strides
                fitting = [k for k in fitting if k not in (behind, conjugated, negated)]
            for layout, write, target, copies in itertools.product(
                fitting, WRITES, TARGETS, (True, False)
            ):
                words = (name, i, str(dtype)[6:], layout.__name__, write.__name__, target,
                         "of a copy" if copies else "of the argument")  # fmt: skip
                label = " ".join(map(str, words))
                yield Program(label, sample, dtype, layout, write, target, copies)


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(((one == other) | (one != one) & (other != other)).all())


def outcome(program: Program) -> tuple[str, str]:
    """``equal``, ``refused``, ``wrong``, ``bare`` or ``eager refuses``, and what happened."""
    mine, theirs = program.input(1), program.input(1)
    try:
        if not is_defined(program.tensors(program.input(1))[-1]):
            return "undefined", ""
        expected, bits = program(theirs)
    except (RuntimeError, IndexError, NotImplementedError) as error:
        expected = error
    try:
        exported = monograph.export(program, (program.input(0),))
        actual, actual_bits = exported.module()(mine)
    except monograph.ExportError as error:
        if isinstance(expected, Exception):
            return "eager refuses", ""
        return ("refused" if error.code else "bare"), f"{error.code}: {error.what}"
    except Exception as error:
        if isinstance(expected, Exception):
            return "eager refuses", ""
        return "bare", f"{type(error).__name__}: {str(error)[:150]}"
    if isinstance(expected, Exception):
        return "lax", f"eager mode raises {expected}"[:150]
    if actual_bits != bits:
        return "wrong", f"conjugate and negative bits {actual_bits}, in eager mode {bits}"
    for i, (one, other) in enumerate(zip([*actual, mine], [*expected, theirs], strict=True)):
        if not _is_same(one, other):
            return (
                "wrong",
                f"result {i} is {one.flatten()[:4]}, in eager mode {other.flatten()[:4]}",
            )
    try:
        assert_specs_hold(exported, (program.input(1),))
    except AssertionError as error:
        return "wrong", f"a node's spec: {str(error)[:150]}"
    return "equal", ""


def swept(names: list[str], parts: int) -> Counter[str]:
    """The outcomes of ``parts`` in 1,000 of the operators' programs; prints what is not equal."""
    counts: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    operators = view_operators()
    failed = []
    for name in names:
        for program in programs(name, operators[name]):
            if zlib.crc32(f"s{program.name}".encode()) % 1000 >= parts:
                continue
            found, what = outcome(program)
            counts[found] += 1
            if found == "refused":
                kinds[name, what.partition(":")[0]] += 1
            elif found in ("wrong", "bare", "lax"):
                failed.append(f"{program.name}: {found}: {what}")
    print(f"{sum(counts.values())} programs: {dict(counts)}; refused: {dict(kinds)}")
    assert not failed, "\n".join(failed[:20])
    return counts


@pytest.mark.filterwarnings("ignore")
def test_a_sample_of_all_programs():
    counts = swept(list(view_operators()), SAMPLED)
    assert counts["equal"] > 500
    assert counts["refused"] < counts["equal"] / 50


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", view_operators())
def test_all_programs(name):
    swept([name], 1000)


@pytest.mark.filterwarnings("ignore")
def test_operators_without_a_sample():
    found = {
        name
        for name, op in view_operators().items()
        if not any(samples_of(name, op, dtype) for dtype in DTYPES)
    }
    print(f"no sample of: {sorted(found)}")
    assert found <= WITHOUT_SAMPLE


@pytest.mark.filterwarnings("ignore")
def test_every_view_with_a_sample_has_a_row():
    operators = view_operators()
    missing = {name for name, op in operators.items() if op not in VIEWS} - WITHOUT_SAMPLE
    assert missing <= WITHOUT_ROW
