"""Operators of torch's database under ``torch.vmap``, over a batch whose size varies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import opinfo
import torch
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten
from varying_sizes import Outcome

import monograph
from monograph.testing import assert_equal

# How many mapped dimensions each tensor has, and where the first is: of the input, of the others.
WAYS: dict[str, tuple[int | None, int | None, bool]] = {
    "all": (0, 0, False),
    "input": (0, None, False),
    "others": (None, 0, False),
    "last": (-1, -1, False),
    "twice": (0, 0, True),
}
TRANSFORMS = ("plain", "grad", "jvp", "jacrev")


def outcome_of(info: Any, sample: Any, way: str, transform: str) -> Outcome | None:
    """Export a mapped operator, and call the program; None where eager mode does not map it."""
    first, others, is_nested = WAYS[way]
    leaves, structure = tree_flatten(((sample.input, *sample.args), dict(sample.kwargs)))
    given = [n for n, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    dims = [first if n == 0 else others for n in range(len(given))]
    if not any(dim is not None for dim in dims) or (others is None and len(given) == 1):
        return None
    if way == "others" and len(given) == 1:
        return None

    def on_tensors(*tensors: torch.Tensor) -> Any:
        now = list(leaves)
        for n, tensor in zip(given, tensors, strict=True):
            now[n] = tensor
        args, kwargs = tree_unflatten(now, structure)
        return info.op(*args, **kwargs)

    mapped = _transformed(on_tensors, leaves[given[0]], transform)
    if mapped is None:
        return None
    mapped = torch.vmap(mapped, in_dims=tuple(dims), randomness="different")
    if is_nested:
        mapped = torch.vmap(mapped, in_dims=tuple(dims), randomness="different")

    def arguments(size: int) -> tuple[torch.Tensor, ...]:
        def of(tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
            if dim is None:
                return tensor.clone()
            made = _stacked(tensor, size, dim)
            return _stacked(made, 2, dim) if is_nested else made

        return tuple(of(leaves[n], dim) for n, dim in zip(given, dims, strict=True))

    calls = []
    for size in (4, 1, 7):
        args = arguments(size)
        torch.manual_seed(0)
        try:
            calls.append((size, args, mapped(*args)))
        except Exception:
            if not calls:
                return None
    if not all(isinstance(r, torch.Tensor) for r in tree_flatten(calls[0][2])[0]):
        return None
    return _compared(info, mapped, dims, calls, is_nested)


def _compared(info: Any, mapped: Any, dims: list[int | None], calls: Any, nested: bool) -> Outcome:
    example = tuple(t.clone() for t in calls[0][1])
    shapes = monograph.ShapesCollection()
    for tensor, dim in zip(example, dims, strict=True):
        if dim is not None:
            at = dim if dim == 0 else tensor.dim() - 1
            at = (1 if dim == 0 else tensor.dim() - 2) if nested else at
            shapes[tensor] = {at: monograph.Dim.DYNAMIC}
    try:
        program = monograph.export(lambda *a: mapped(*a), example, dynamic_shapes=shapes)
    except monograph.InternalError as error:
        return Outcome("wrong", f"InternalError: {error}")
    except monograph.MonographError as error:
        return Outcome("refused", f"[{error.code}] {error}")
    except Exception as error:
        return Outcome("wrong", f"no error of ours: {type(error).__name__}: {error}")
    module = program.module()
    narrowed = ""
    for size, args, expected in calls:
        torch.manual_seed(0)
        try:
            actual = module(*(t.clone() for t in args))
        except monograph.InputError as error:
            narrowed = narrowed or f"batch {size}: {error}"
            continue
        except Exception as error:
            return Outcome("wrong", f"batch {size}: raises {type(error).__name__}: {error}")
        if "empty" in info.name:
            actual, expected = opinfo.blank(actual), opinfo.blank(expected)
        if not _is_random(program):
            try:
                assert_equal(_values(actual), _values(expected), tolerance=1e-4)
            except AssertionError as error:
                return Outcome("wrong", f"batch {size}: differs: {error}")
    return Outcome("narrowed", narrowed) if narrowed else Outcome("right")


def _values(results: Any) -> Any:
    """Results that lie in one order: how torch's rules leave them is not followed everywhere."""
    return tree_map(lambda x: x.contiguous() if isinstance(x, torch.Tensor) else x, results)


def _is_random(program: Any) -> bool:
    return any(
        torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
        for node in program.graph.nodes
    )


def _transformed(f: Callable[..., Any], first: torch.Tensor, transform: str) -> Any:
    """The function, or its derivative by its first tensor."""
    if transform == "plain":
        return f
    if not first.is_floating_point():
        return None

    def total(*tensors: torch.Tensor) -> torch.Tensor:
        results = [r for r in tree_flatten(f(*tensors))[0] if r.is_floating_point()]
        return sum((r * r.detach()).sum() for r in results)  # type: ignore[return-value]

    if transform == "grad":
        return torch.func.grad(total)
    if transform == "jacrev":
        return torch.func.jacrev(f)

    def derivative(*tensors: torch.Tensor) -> Any:
        def of_first(tensor: torch.Tensor) -> Any:
            return f(tensor, *tensors[1:])

        return torch.func.jvp(of_first, (tensors[0],), (torch.ones_like(tensors[0]),))

    return derivative


def _stacked(tensor: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """Unlike tensors along a new dimension, each as valid as the one given."""
    rows = []
    for n in range(size):
        if tensor.is_floating_point() or tensor.is_complex():
            rows.append(tensor * (1 + 0.1 * n))
        else:
            rows.append(tensor.reshape(-1).roll(n).reshape(tensor.shape))
    return torch.stack(rows, dim)


def sweep(
    names: list[str], ways: list[str], transforms: list[str], most: int
) -> Iterator[tuple[str, Outcome]]:
    """``(name, outcome)`` of each operator, sample, way and transform."""
    found = {name: (info, dtype) for name, info, dtype in opinfo.entries()}
    for name in names:
        info, dtype = found[name]
        samples = opinfo.samples(info, dtype, 60)
        chosen = samples[:: max(1, len(samples) // most)][:most]
        for (n, sample), way, transform in itertools.product(enumerate(chosen), ways, transforms):
            outcome = outcome_of(info, tree_map(lambda x: x, sample), way, transform)
            if outcome is not None:
                yield f"{name} {n} {way} {transform}", outcome
