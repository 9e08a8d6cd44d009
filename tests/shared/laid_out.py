"""Operators of torch's database on tensors that lie in memory in several ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import opinfo
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

import monograph
from monograph import MonographError
from monograph.ir.operators import is_random
from monograph.testing import assert_equal

# Kernels that do not check their arguments, or give memory as it comes, or compile, or read it as
# it comes (that of group norm, which its caller makes contiguous); and what has no strides.
UNSAFE = ("empty", "jiterator", "resize", "as_strided", "set_", "native_group_norm", "sparse")
DTYPES = (
    torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.int64,
    torch.uint8, torch.bool,
)  # fmt: skip


def _turned(x: torch.Tensor) -> torch.Tensor:
    if x.dim() < 2:
        return x.clone()
    return x.transpose(0, -1).contiguous().transpose(0, -1)


def _expanded(x: torch.Tensor) -> torch.Tensor:
    """Every row is the first one, in the same memory."""
    return x[:1].clone().expand(x.shape) if x.dim() and x.shape[0] else x.clone()


def _with_gaps(x: torch.Tensor) -> torch.Tensor:
    """Every second element of a larger memory, which begins before it."""
    if not x.dim():
        return x.clone()
    wide = x.new_zeros(*x.shape[:-1], 2 * x.shape[-1] + 1)
    wide[..., 1::2] = x
    return wide[..., 1::2]


LAYS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "contiguous": lambda x: x.clone(memory_format=torch.contiguous_format),
    "transposed": _turned,
    "expanded": _expanded,
    "offset": _with_gaps,
}


def laid(value: Any, lay: str) -> Any:
    """The tensors of a nested value, made anew in a layout."""
    return tree_map_only(torch.Tensor, lambda x: LAYS[lay](x.detach()), value)


def operators(dtype: torch.dtype) -> Iterator[tuple[str, Any]]:
    """All that the database runs on the CPU with a dtype."""
    for info in opinfo.op_db:
        variant = f".{info.variant_test_name}" if info.variant_test_name else ""
        name = info.name + variant
        if dtype in info.supported_dtypes("cpu") and not any(word in name for word in UNSAFE):
            yield name, info


def forms(info: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The operator, and the form that writes its first argument."""
    yield "", info.op
    if info.inplace_variant is not None:
        yield "in place", info.inplace_variant


def trials(info: Any, dtype: torch.dtype, most: int, counts: Counter[str]) -> list[str]:
    """What is wrong: each form and layout exported, and called with arguments in each layout."""
    wrong = []
    for sample in opinfo.samples(info, dtype, most):
        for form, op in forms(info):
            if form and (sample.broadcasts_input or not isinstance(sample.input, torch.Tensor)):
                continue
            for lay in ("contiguous", "transposed", "offset", *(() if form else ("expanded",))):
                wrong += [f"{form} {lay}: {w}" for w in _trial(op, sample, lay, counts)]
    return wrong


def _trial(op: Callable[..., Any], sample: Any, lay: str, counts: Counter[str]) -> list[str]:
    arguments = (sample.input, *sample.args), sample.kwargs
    expected = _called(op, laid(arguments, lay))
    if isinstance(expected, Exception):
        return []
    try:
        args, kwargs = laid(arguments, lay)
        program = monograph.export(op, args, kwargs)
    except monograph.InternalError as error:
        return [f"{type(error).__name__}: {error}"[:300]]
    except (MonographError, AssertionError):
        counts["refused in words"] += 1
        return []
    if any(is_random(node.target) for node in program.graph.nodes):
        programs = {"exported": program}
    else:
        programs = {"exported": program, "decomposed": program.run_decompositions()}
    wrong = []
    for way, made in programs.items():
        module = made.module()
        for other in LAYS if way == "exported" else (lay,):
            mine, theirs = laid(arguments, other), laid(arguments, other)
            wanted = _called(op, theirs)
            if isinstance(wanted, Exception):
                continue
            found = _called(lambda *a, module=module, **k: module(*a, **k), mine)
            if isinstance(found, monograph.InputError):
                counts["calls in another layout that are refused in words"] += 1
                continue
            counts["calls as in eager mode"] += 1
            if isinstance(found, Exception):
                wrong.append(f"{way}, called {other}: {type(found).__name__}: {found}"[:300])
                continue
            tolerance = 1e-1 if _has_halves(arguments) else 1e-4
            try:
                assert_equal((found, mine), (wanted, theirs), tolerance=tolerance, strided=False)
            except AssertionError as error:
                wrong.append(f"{way}, called {other}: {' '.join(str(error).split())}"[:300])
    return wrong


def _called(op: Callable[..., Any], arguments: Any) -> Any:
    torch.default_generator.manual_seed(0)
    try:
        return op(*arguments[0], **arguments[1])
    except Exception as error:
        return error


def _has_halves(arguments: Any) -> bool:
    return any(
        isinstance(leaf, torch.Tensor) and leaf.dtype in (torch.bfloat16, torch.float16)
        for leaf in tree_leaves(arguments)
    )
