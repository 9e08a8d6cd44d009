"""Tables in memory that a program keeps and writes over: made anew at each call, or read there.

A call writes the first rows of such memory, and notes how many; later ones read them, as long as
they will do. The program that writes them at every call is that for all calls, where three things
are seen: what it gives does not come from the memory, what it writes is what is there already, and
the rest of the memory stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.fx import Node

from monograph.capture.inputs import Origin
from monograph.capture.session import Captured, trim
from monograph.constraints.same_program import is_same_program
from monograph.constraints.tables import Tables, are_alike
from monograph.shapes.questions import holds
from monograph.torch_internals import without_modes

__all__ = ["is_kept_anew", "leave_unwritten", "memory_after", "memory_before"]

Memory = Mapping[int, torch.Tensor]  # by the identity of the user's tensor: its name may differ
_PERIOD = 61  # a prime: rows of a pattern differ, whatever their length is


def memory_before(captured: Captured) -> dict[int, torch.Tensor]:
    """What is in the memory that a program writes, before its first call."""
    return {id(o.tensor): o.tensor for o in captured.mutations if o.kind != "input"}


def memory_after(captured: Captured, sizes: Mapping[str, float]) -> dict[int, torch.Tensor]:
    """What is there after a first call with ``sizes``; without what comes from an argument."""
    before = {o.node: o.tensor for o in captured.mutations if o.kind != "input"}
    tables = Tables(captured, sizes, before)
    found = {}
    for origin, node in _written(captured):
        after = tables.value(node)
        if isinstance(after, torch.Tensor):
            found[id(origin.tensor)] = after
    return found


def leave_unwritten(captured: Captured, sizes: Mapping[str, float]) -> list[str]:
    """Take away what a program writes for later calls alone; the names of that memory.

    Every call writes what it uses, and no state dict has it. ``sizes``: of the example.
    """
    aliased = {output.alias for output in captured.outputs}
    memory = {
        id(o.tensor): o.tensor
        for o in captured.mutations
        if o.kind != "input" and not o.persistent and o.node.name not in aliased
    }
    if not memory or not all(
        is_kept_anew(captured, captured, each, memory) for each in _others(captured, sizes)
    ):
        return []
    results = captured.graph.output_node().args[0]
    assert isinstance(results, tuple)
    gone = [i for i, o in enumerate(captured.mutations) if id(o.tensor) in memory]
    names = [captured.mutations[i].target for i in gone]
    captured.graph.output_node().args = (
        tuple(node for i, node in enumerate(results) if i not in gone),
    )
    for i in reversed(gone):
        captured.mutations.pop(i).mutated = False
    trim(captured.recorder)
    return names


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
    memory: Memory,
    given: Mapping[Node, torch.Tensor] | None = None,
) -> bool:
    """Whether ``first`` does what ``other`` does for ``sizes``, where it finds ``memory``.

    ``given``: what else ``other`` finds, in place of its placeholders.
    """
    if not all(t.layout is torch.strided and not t.is_quantized for t in memory.values()):
        return False
    fills = [{place: _pattern(memory[place], shift) for place in memory} for shift in (0, 1)]
    ways = [Tables(first, sizes, _by_node(first, each)) for each in fills]
    expected: dict[int, torch.Tensor] = {}
    for origin, node in _written(first):
        place = id(origin.tensor)
        if place not in memory:
            continue
        after = [way.value(node) for way in ways]
        found = _written_over([each[place] for each in fills], after, memory[place])
        if found is None:
            return False
        expected[place] = found
    theirs = Tables(other, sizes, {**_by_node(other, memory), **(given or {})})
    now: dict[int, object] = dict(memory)
    now.update((id(origin.tensor), theirs.value(node)) for origin, node in _written(other))
    for place, content in expected.items():
        there = now[place]
        if not isinstance(there, torch.Tensor) or not are_alike(content, there):
            return False
    written = [*first.mutations, *other.mutations]
    names = {o.target for o in written if id(o.tensor) in expected}
    return bool(expected) and all(
        is_same_program(first, other, sizes, apart=names, tables=(way, theirs)) for way in ways
    )


def _by_node(captured: Captured, memory: Memory) -> dict[Node, torch.Tensor]:
    origins = captured.recorder.entrance.origins
    return {o.node: memory[id(o.tensor)] for o in origins if id(o.tensor) in memory}


def _written(captured: Captured) -> list[tuple[Origin, Node]]:
    """What a program writes, and what is there afterwards."""
    results = captured.graph.output_node().args[0]
    assert isinstance(results, tuple)
    pairs = zip(captured.mutations, results, strict=False)
    return [(origin, node) for origin, node in pairs if isinstance(node, Node)]


def _pattern(memory: torch.Tensor, shift: int) -> torch.Tensor:
    """Another content: two shifts have no number in common at any place."""
    with without_modes(), torch.no_grad():
        numbers = torch.arange(memory.numel(), device=memory.device) % _PERIOD + shift
        if memory.dtype is torch.bool:
            numbers = numbers % 2
        made = torch.empty_like(memory, requires_grad=False)
        return made.copy_(numbers.view(memory.shape))


def _written_over(
    before: Sequence[torch.Tensor], after: Sequence[object], memory: torch.Tensor
) -> torch.Tensor | None:
    """What becomes of ``memory``, if each number stays, or is written whatever was there before."""
    stays = []
    with without_modes(), torch.no_grad():
        for old, new in zip(before, after, strict=True):
            if not isinstance(new, torch.Tensor) or new.shape != old.shape:
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
