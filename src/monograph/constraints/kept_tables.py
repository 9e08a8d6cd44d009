"""Tables in memory that a program keeps and writes over: made anew at each call, or read there.

A call writes the first rows of such memory, and notes how many; later ones read them, as long as
they will do. The program that writes them at every call is that for all calls, where three things
are seen: what it gives does not come from the memory, what it writes is what is there already, and
the rest of the memory stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.fx import Node

from monograph.capture.inputs import Origin
from monograph.capture.session import Captured, trim
from monograph.constraints.same_program import is_same_program
from monograph.constraints.tables import Tables, are_alike
from monograph.shapes.questions import holds
from monograph.torch_internals import without_modes

__all__ = ["is_kept_anew", "leave_unwritten", "memory_after", "memory_before"]

_PERIOD = 61  # a prime: rows of a pattern differ, whatever their length is


def memory_before(captured: Captured) -> dict[str, torch.Tensor]:
    """What is in the memory that a program writes, before its first call: by name."""
    return {o.target: o.tensor for o in captured.mutations if o.kind != "input"}


def memory_after(captured: Captured, sizes: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """What is there after a first call with ``sizes``; without what comes from an argument."""
    before = {o.node: o.tensor for o in captured.mutations if o.kind != "input"}
    tables = Tables(captured, sizes, before)
    found = {}
    for origin, node in _written(captured):
        after = tables.value(node)
        if isinstance(after, torch.Tensor):
            found[origin.target] = after
    return found


def leave_unwritten(captured: Captured, sizes: Mapping[str, float]) -> list[str]:
    """Take away what a program writes for later calls alone; the names of that memory.

    Every call writes what it uses, and no state dict has it. ``sizes``: of the example.
    """
    aliased = {output.alias for output in captured.outputs}
    memory = {
        o.target: o.tensor
        for o in captured.mutations
        if o.kind != "input" and not o.persistent and o.node.name not in aliased
    }
    if not memory or not all(
        is_kept_anew(captured, captured, each, memory)
        for each in _others(captured, sizes)
    ):
        return []
    results = captured.graph.output_node().args[0]
    assert isinstance(results, tuple)
    gone = [i for i, o in enumerate(captured.mutations) if o.target in memory]
    captured.graph.output_node().args = (
        tuple(node for i, node in enumerate(results) if i not in gone),
    )
    for i in reversed(gone):
        captured.mutations.pop(i).mutated = False
    trim(captured.recorder)
    return list(memory)


def _others(captured: Captured, sizes: Mapping[str, float]) -> list[Mapping[str, float]]:
    """Sizes that the capture holds for, those of the example first."""
    env = captured.recorder.sizes.env
    found = [sizes]
    for name in sizes:
        for size in (0, 1, 2, sizes[name] - 1, sizes[name] + 1, 2 * sizes[name] + 1):
            each = {**sizes, name: size}
            lo, hi = env.symbols[name].range
            is_in_range = (lo is None or lo <= size) and (hi is None or size <= hi)
            if is_in_range and all(
                holds(guard.test, each) for guard in env.guards if each.keys() >= set(guard.symbols)
            ):
                found.append(each)
    return found


def is_kept_anew(
    first: Captured,
    other: Captured,
    sizes: Mapping[str, float],
    memory: Mapping[str, torch.Tensor],
    given: Mapping[Node, torch.Tensor] | None = None,
) -> bool:
    """Whether ``first`` does what ``other`` does for ``sizes``, where it finds ``memory``.

    ``given``: what else ``other`` finds, in place of its placeholders.
    """
    fills = [{name: _pattern(memory[name], shift) for name in memory} for shift in (0, 1)]
    if any(fill is None for each in fills for fill in each.values()):
        return False
    ways = [
        Tables(first, sizes, {o.node: f for o in first.mutations if (f := each.get(o.target)) is not None})
        for each in fills
    ]  # fmt: skip
    expected: dict[str, torch.Tensor] = {}
    for origin, node in _written(first):
        if origin.target not in memory:
            continue
        after = [way.value(node) for way in ways]
        before = [each[origin.target] for each in fills]
        found = _written_over(before, after, memory[origin.target])
        if found is None:
            return False
        expected[origin.target] = found
    found_there = {o.node: o for o in other.recorder.entrance.origins if o.target in expected}
    theirs = Tables(
        other, sizes, {**{n: memory[o.target] for n, o in found_there.items()}, **(given or {})}
    )
    now: dict[str, object] = dict(memory)
    now.update((origin.target, theirs.value(node)) for origin, node in _written(other))
    for name, content in expected.items():
        there = now[name]
        if not isinstance(there, torch.Tensor) or not are_alike(content, there):
            return False
    return bool(expected) and all(
        is_same_program(first, other, sizes, apart=expected, tables=(way, theirs)) for way in ways
    )


def _written(captured: Captured) -> list[tuple[Origin, Node]]:
    """What a program writes, and what is there afterwards."""
    results = captured.graph.output_node().args[0]
    assert isinstance(results, tuple)
    pairs = zip(captured.mutations, results, strict=False)
    return [(origin, node) for origin, node in pairs if isinstance(node, Node)]


def _pattern(memory: torch.Tensor, shift: int) -> torch.Tensor | None:
    """Another content: two shifts have no number in common at any place."""
    if memory.layout != torch.strided or memory.is_quantized:
        return None
    with without_modes(), torch.no_grad():
        numbers = torch.arange(memory.numel(), device=memory.device) % _PERIOD + shift
        if memory.dtype is torch.bool:
            numbers = numbers % 2
        made = torch.empty_like(memory, requires_grad=False)
        return made.copy_(numbers.view(memory.shape))


def _written_over(
    before: list[torch.Tensor | None], after: list[object], memory: torch.Tensor
) -> torch.Tensor | None:
    """What becomes of ``memory``, if each number stays, or is written whatever was there before."""
    stays, pairs = [], zip(before, after, strict=True)
    with without_modes(), torch.no_grad():
        for old, new in pairs:
            if not isinstance(new, torch.Tensor) or old is None or new.shape != old.shape:
                return None
            if new.dtype != memory.dtype or new.device != memory.device:
                return None
            stays.append(new == old)
        one, other = after
        assert isinstance(one, torch.Tensor)
        assert isinstance(other, torch.Tensor)
        is_kept = stays[0] & stays[1]
        if not bool((is_kept | (one == other)).all()):
            return None
        return torch.where(is_kept, memory.detach(), one)
