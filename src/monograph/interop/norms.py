"""Batch norms in training: ours return new statistics, those of ``torch.export`` write them.

Before a decomposition torch's programs call ``batch_norm``, which updates its statistics unseen.
Tools for quantisation look for it; and what it saves for the backward pass is not what is written.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument

from monograph.inference.infer import infer
from monograph.ir.operators import writes
from monograph.ir.signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from monograph.ir.spec import TensorSpec
from monograph.torch_internals import Operator

__all__ = ["InPlace", "in_place", "returned"]

aten = torch.ops.aten
_RETURNS = aten._native_batch_norm_legit_functional.default
_WRITES = aten.batch_norm.default
_COUNTS, _COUNTS_ON = aten.add.Tensor, aten.add_.Tensor
Place = tuple[OutputKind, str | None]  # what is written: a buffer, or an argument
_MEAN, _VAR = 3, 4  # among the arguments of both, and among the results of the first


@dataclass
class InPlace:
    """The norms of a graph that may as well write their statistics.

    ``results``: for each its first result. ``buffers``: for each the placeholders of its
    statistics. ``counters``: sums that count calls, with the placeholder that each is the next
    value of. ``new``: these, and the nodes of new statistics: only the signature names them.
    """

    results: dict[Node, Node] = field(default_factory=dict)
    buffers: dict[Node, tuple[Node, Node]] = field(default_factory=dict)
    counters: dict[Node, Node] = field(default_factory=dict)
    new: set[Node] = field(default_factory=set)

    def signature(
        self, signature: ExportGraphSignature, names: dict[str, str]
    ) -> ExportGraphSignature:
        """The signature of the graph with these norms, whose first results have other names."""
        gone = {node.name for node in self.new}
        outputs = [
            spec
            if isinstance(spec.arg, ConstantArgument)
            else replace(spec, arg=replace(spec.arg, name=names.get(spec.arg.name, spec.arg.name)))
            for spec in signature.output_specs
            if spec.arg.name not in gone
        ]
        return ExportGraphSignature(signature.input_specs, outputs)

    def written(self, made: Graph, norm: Node, nodes: dict[Node, Node]) -> Node:
        """A norm that writes its statistics, in another graph with these nodes."""
        x, weight, bias, _, _, *numbers = torch.fx.map_arg(norm.args, nodes.get)
        mean, var = (nodes[buffer] for buffer in self.buffers[norm])
        return made.call_function(_WRITES, (x, weight, bias, mean, var, *numbers, True))

    def counted(self, made: Graph, counter: Node, nodes: dict[Node, Node]) -> Node:
        """A sum that is written where its first term is."""
        given = nodes[self.counters[counter]], counter.args[1]
        copy = made.call_function(_COUNTS_ON, given)
        copy.name = counter.name
        return copy


def in_place(graph: Graph, signature: ExportGraphSignature) -> InPlace:
    """The batch norms of which nobody reads the new statistics but the next norm and the state."""
    targets = _places(graph, signature)
    written: dict[str, Place] = {
        s.arg.name: (s.kind, s.target) for s in signature.output_specs if s.target
    }
    chains: dict[int, dict[Node, Node]] = {_MEAN: {}, _VAR: {}}  # norm to placeholder
    new: dict[Node, set[Node]] = {}
    for buffer, target in targets.items():
        for at, chain in chains.items():
            norms, last = _chain(buffer, at)
            if norms and last is not None and written.get(last.name) == target:
                chain.update(dict.fromkeys(norms, buffer))
                for norm in norms:
                    new.setdefault(norm, set()).add(_result(norm, at))
    found = InPlace()
    whole = {n for n in chains[_MEAN] if n in chains[_VAR] and _result(n, 0) is not None}
    for norm in whole:
        buffers = chains[_MEAN][norm], chains[_VAR][norm]
        together = [n for n in chains[_MEAN] if chains[_MEAN][n] is buffers[0]]
        if all(n in whole and chains[_VAR][n] is buffers[1] for n in together):
            found.results[norm] = _result(norm, 0)
            found.buffers[norm] = buffers
            found.new |= new[norm]
    if found.buffers:
        names = [s.arg.name for s in signature.output_specs]
        state = {n: p for n, p in targets.items() if p[0] is OutputKind.BUFFER_MUTATION}
        found.counters = _counters(names, state, written)
        found.new |= found.counters.keys()
    return found


def _places(graph: Graph, signature: ExportGraphSignature) -> dict[Node, Place]:
    """The placeholders of buffers and arguments, with what an output says that is written there."""
    placeholders = [n for n in graph.nodes if n.op == "placeholder"]
    found: dict[Node, Place] = {}
    for spec, node in zip(signature.input_specs, placeholders, strict=True):
        if spec.kind is InputKind.BUFFER:
            found[node] = OutputKind.BUFFER_MUTATION, spec.target
        elif spec.kind is InputKind.USER_INPUT and isinstance(spec.arg, TensorArgument):
            found[node] = OutputKind.USER_INPUT_MUTATION, spec.arg.name
    return found


def _counters(
    names: list[str], targets: dict[Node, Place], written: dict[str, Place]
) -> dict[Node, Node]:
    """Sums that are the next value of their first term, a whole number of the state."""
    found: dict[Node, Node] = {}
    for buffer, target in targets.items():
        (counter, *others) = buffer.users or [None]
        if (
            counter is not None
            and not others
            and counter.target is _COUNTS
            and _is_count(counter, buffer)
            and [user.op for user in counter.users] == ["output"]
            and written.get(counter.name) == target
            and names.count(counter.name) == 1
        ):
            found[counter] = buffer
    return found


def _is_count(counter: Node, buffer: Argument) -> bool:
    """Whether a sum is that of a scalar of the state and a number."""
    if not isinstance(buffer, Node) or counter.kwargs or counter.args[0] is not buffer:
        return False
    value = buffer.meta["val"]
    is_scalar = not value.shape and not value.dtype.is_floating_point
    return is_scalar and len(counter.args) == 2 and type(counter.args[1]) is int


def _chain(buffer: Node, at: int) -> tuple[list[Node], Node | None]:
    """The norms that update a statistic one after the other, and the node of what it is then."""
    norms: list[Node] = []
    now = buffer
    while True:
        earlier = [u for u in buffer.users if _only_computes(u)] if now is buffer else []
        users = [u for u in now.users if u not in earlier]
        user = users[0] if len(users) == 1 else None
        if user is None or any(user < reader for reader in earlier):
            return norms, None
        if user.op == "output":
            return norms, now if norms else None
        if user.target is not _RETURNS or user.args[at] is not now:
            return norms, None
        results = {node.args[1]: node for node in user.users}
        if not {0, _MEAN, _VAR} >= results.keys() or at not in results:
            return norms, None
        norms.append(user)
        now = results[at]


def _only_computes(node: Node) -> bool:
    """Whether an operator gives new tensors in any case: what is written later is not in them."""
    return isinstance(node.target, Operator) and torch.Tag.pointwise in node.target.tags


def _result(norm: Node, index: int) -> Node:
    return next((n for n in norm.users if n.args[1] == index), None)  # type: ignore[return-value]


# The way back --------------------------------------------------------------------------------


def returned(
    graph: Graph, signature: ExportGraphSignature, order: Sequence[str]
) -> tuple[ExportGraphSignature, dict[str, str]]:
    """Let the norms of ``graph`` return their statistics, where nothing else in it writes.

    ``order``: what the program writes, in the order of its outputs. Returns the new signature, and
    new names of nodes by their old ones.
    """
    targets = _places(graph, signature)
    writing = [n for n in graph.nodes if writes(n)]
    buffers = [b for b, place in targets.items() if place[0] is OutputKind.BUFFER_MUTATION]
    counters = {n: b for b in buffers for n in b.users if _counts_on(n, b)}
    norms = [n for n in writing if n not in counters]
    read = {n for norm in norms if norm.target is _WRITES for n in norm.args[_MEAN : _VAR + 1]}
    if not norms or not all(
        norm.target is _WRITES
        and len(norm.args) > _VAR + 1
        and all(item in targets for item in norm.args[_MEAN : _VAR + 1])
        for norm in norms
    ) or not all(_is_read_before(buffer, norms) for buffer in read):  # fmt: skip
        return signature, {}
    now = {buffer: buffer for buffer in read}
    renamed: dict[str, str] = {}
    for norm in norms:
        mean, var = norm.args[_MEAN : _VAR + 1]
        results = _returning(graph, norm, now[mean], now[var])
        now[mean], now[var] = results[_MEAN], results[_VAR]
        renamed[norm.name] = results[0].name
        norm.replace_all_uses_with(results[0])
        graph.erase_node(norm)
    for counter, buffer in counters.items():
        now[buffer] = _sum(graph, counter)
    new = {targets[b]: n for b, n in now.items()}
    return _with_writes(graph, signature, renamed, new, list(targets.values()), order)


def _is_read_before(buffer: Node, norms: Sequence[Node]) -> bool:
    """Whether a statistic is read by norms, and by what computes with it before the first one."""
    first = next(norm for norm in norms if norm in buffer.users)
    return all(user in norms or (_only_computes(user) and user < first) for user in buffer.users)


def _counts_on(counter: Node, buffer: Node) -> bool:
    """Whether a sum is written to a scalar of the state that nobody else looks at."""
    is_alone = len(buffer.users) == 1 and not counter.users
    return is_alone and counter.target is _COUNTS_ON and _is_count(counter, buffer)


def _sum(graph: Graph, counter: Node) -> Node:
    """A sum in the place of one that is written to its first term."""
    with graph.inserting_before(counter):
        made = graph.call_function(_COUNTS, counter.args)
    made.meta = dict(counter.meta)
    graph.erase_node(counter)
    made.name = counter.name
    return made


def _returning(graph: Graph, norm: Node, mean: Node, var: Node) -> dict[int, Node]:
    """The norm that returns its statistics, before the other; its results by their numbers."""
    x, weight, bias = norm.args[:3]
    given = (x, weight, bias, mean, var, *norm.args[_VAR + 1 : _VAR + 4])
    looks: list[Any] = [n.meta["val"] if isinstance(n, Node) else None for n in given[:5]]
    kind = _kind_of_saved(looks)
    statistics = looks[_MEAN]
    saved = TensorSpec.of(statistics.shape, (1,), kind, statistics.device)
    values = (norm.meta["val"], saved, saved, looks[_MEAN], looks[_VAR])
    meta = {key: item for key, item in norm.meta.items() if key != "val"}
    with graph.inserting_before(norm):
        made = graph.create_node("call_function", _RETURNS, given, name=_RETURNS._opname)
        made.meta = {**meta, "val": values}
        # All results, as a capture writes them, so that those that stay are called as they were.
        every = [graph.call_function(operator.getitem, (made, i)) for i in range(_VAR + 1)]
    results = {i: every[i] for i in (0, _MEAN, _VAR)}
    for node in every:
        if node not in results.values():
            graph.erase_node(node)
    for index, node in results.items():
        node.meta = {**meta, "val": values[index]}
    return results


def _kind_of_saved(looks: Sequence[Any]) -> torch.dtype:
    """The dtype of what a norm saves for its backward pass."""
    x, *others = looks
    small = [TensorSpec.of((2, 1), (1, 1), x.dtype, x.device)]
    small += [s and TensorSpec.of((1,), (1,), s.dtype, s.device) for s in others]
    promised: Any = infer(_RETURNS, (*small, True, 0.1, 1e-5), {}).results[1].promised()
    dtype: torch.dtype = promised.dtype
    return dtype


def _with_writes(
    graph: Graph,
    signature: ExportGraphSignature,
    renamed: dict[str, str],
    new: dict[Place, Node],
    places: Sequence[Place],
    order: Sequence[str],
) -> tuple[ExportGraphSignature, dict[str, str]]:
    """The statistics among the outputs of the graph."""
    output = graph.output_node()
    items: Any = output.args[0]
    specs = signature.renamed([getattr(item, "name", "") for item in items]).output_specs
    pairs = list(zip(specs, items, strict=True))
    for (kind, target), node in new.items():
        pairs.append((OutputSpec(kind, TensorArgument(node.name), target), node))
    ranks = {target: i for i, target in enumerate(order)}

    def rank(pair: tuple[OutputSpec, object]) -> tuple[bool, int, int]:
        spec = pair[0]
        if not spec.kind.is_mutation:
            return True, 0, 0
        place = spec.kind, spec.target
        at = places.index(place) if place in places else len(places)
        return False, ranks.get(spec.target or "", len(ranks)), at

    pairs.sort(key=rank)
    output.args = (tuple(item for _, item in pairs),)
    made = ExportGraphSignature(signature.input_specs, [spec for spec, _ in pairs])
    return made, renamed
