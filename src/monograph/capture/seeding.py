"""``torch.manual_seed`` inside the program: what is drawn after it is the same in each call.

So these draws are constants of the program, made by torch itself from the seed. What a graph cannot
carry is the state that the seed leaves torch's generator in; a program that draws nothing of its
own seeds for others, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.fx import Graph, Node, map_arg

from monograph.diagnostics import PythonFeatureError
from monograph.ir.operators import draws
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import subgraphs_of
from monograph.torch_internals import Operator, real_operators

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder
    from monograph.diagnostics import SourceLine

__all__ = ["Seed", "draws_in", "fill_in_seeded"]

aten = torch.ops.aten

# Operators whose draws depend on a tensor's sizes and layout, and not on what is in it.
_LIKE = {"bernoulli.p", "cauchy", "exponential", "geometric", "log_normal", "normal_functional",
         "rand_like", "randint_like", "randn_like", "random", "uniform"}  # fmt: skip


@dataclass
class Seed:
    """A call that seeds torch's generator; ``seed``: None where an older state comes back.

    ``after``: the last node that comes before; None at the start.
    """

    seed: int | None
    after: Node | None
    where: SourceLine | None


def draws_in(graph: Graph) -> bool:
    """Whether random numbers are drawn in a graph, or in one that it calls."""
    return any(map(_draws, graph.nodes))


def _draws(node: Node) -> bool:
    if node.op != "call_function":
        return False
    return draws(node) or any(draws_in(body.graph) for body in subgraphs_of(node))


def fill_in_seeded(recorder: Recorder, seeds: list[Seed]) -> None:
    """Make constants of what is drawn after a seed.

    Raises:
        PythonFeatureError: MG-P103, where these draws vary from call to call, or there is none.
    """
    if not seeds:
        return
    at: dict[Node | None, Seed] = {seed.after: seed for seed in seeds}
    last = at.get(None)
    generator = _Seeded(last.seed) if last and last.seed is not None else None
    drawn = 0
    for node in list(recorder.emission.program_graph.nodes):
        if generator is not None and last is not None and _draws(node) and not _has_own(node):
            _fill_in(recorder, node, generator, last)
            drawn += 1
        if node in at:
            last = at[node]
            generator = None if last.seed is None else _Seeded(last.seed)
    if not drawn:
        first = next(seed for seed in seeds if seed.seed is not None)
        raise PythonFeatureError(
            "torch.manual_seed is called inside the program",
            code="MG-P103",
            where=first.where,
            hint="seed before the exported program is called.",
        )
    for seed in seeds:
        if seed.seed is not None:
            recorder.assume(
                "seed",
                "torch's generator is left as it is; what is drawn from this seed is in the "
                "program as constants",
                seed.where,
            )


class _Seeded:
    """Draws from a generator of torch's with this seed, whose own state is left as it is."""

    def __init__(self, seed: int) -> None:
        self._state = torch.Generator().manual_seed(seed).get_state()

    def call(self, node: Node) -> object:
        target = node.target
        assert isinstance(target, Operator)
        generator = torch.default_generator
        before = generator.get_state()
        generator.set_state(self._state)
        try:
            with real_operators(), torch.no_grad():
                args, kwargs = map_arg((node.args, node.kwargs), _as_empty)
                return target(*args, **kwargs)
        finally:
            self._state = generator.get_state()
            generator.set_state(before)


def _has_own(node: Node) -> bool:
    """Whether it draws from a generator that the program has been given."""
    return any(isinstance(a, Node) and a.op == "get_attr" for a in node.all_input_nodes)


def _fill_in(recorder: Recorder, node: Node, generator: _Seeded, seed: Seed) -> None:
    target, spec = node.target, node.meta["val"]
    is_plain = isinstance(target, Operator) and isinstance(spec, TensorSpec)
    if not is_plain or spec.device.type != "cpu" or not _depends_on_sizes(node):
        raise PythonFeatureError(
            "torch.manual_seed is called inside the program, and what is drawn after it "
            + ("has sizes or values that vary" if is_plain else "is computed with as it is drawn"),
            code="MG-P103",
            where=seed.where,
            hint="draw the numbers outside of the program, and pass them to it.",
        )
    for source in node.all_input_nodes:  # numbers are drawn in the order of the memory
        recorder.layouts.rely_on_strides_of(source)
    found = generator.call(node)
    assert isinstance(found, torch.Tensor)
    path = recorder.entrance.targets.free("drawn_from_seed")
    value = recorder.entrance.enter("constant", "c_" + path, path, found)
    assert value.origin is not None
    value.origin.fresh = True
    node.target, node.args, node.kwargs = aten.clone.default, (value.node,), {}


def _depends_on_sizes(node: Node) -> bool:
    """Whether a draw is the same for all tensors of some fixed sizes and strides."""
    target = node.target
    assert isinstance(target, Operator)
    is_like = target._opname in _LIKE or f"{target._opname}.{target._overloadname}" in _LIKE
    return all(is_like and _is_fixed(source.meta.get("val")) for source in node.all_input_nodes)


def _is_fixed(spec: object) -> bool:
    if not isinstance(spec, TensorSpec):
        return False
    return all(type(size) is int for size in (*spec.shape, *spec.strides))


def _as_empty(source: Node) -> torch.Tensor:
    spec = source.meta["val"]
    return torch.empty_strided(spec.shape, spec.strides, dtype=spec.dtype)
