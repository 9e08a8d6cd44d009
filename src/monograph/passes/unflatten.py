"""The flat graph as the modules that it came from: each a graph of its own, to be exchanged."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import Argument

from monograph.diagnostics import InteropError
from monograph.ir.state import State, fresh_tensors, owner_of, put
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph, built
from monograph.passes.signed import Signed, called, roles, with_signature
from monograph.shapes.expr import Expr
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator, set_child

__all__ = ["unflattened"]

Around = tuple[int | str, str]  # the call, and the path, of a module around a node
Chain = tuple[Around, ...]  # of all modules around a node, outermost first


@dataclass
class _Part:
    """One call of a module: what it takes and gives, in the nodes of the flat graph."""

    graph: Graph
    inputs: list[Node]
    outputs: list[Node]
    attributes: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Equal for calls that do the same."""
        order = {node: i for i, node in enumerate(self.graph.nodes)}
        return "\n".join(
            f"{node.op} {node.target if node.op != 'placeholder' else ''} "
            f"{torch.fx.map_arg((node.args, node.kwargs), lambda n: f'%{order[n]}')}"
            for node in self.graph.nodes
        )


def unflattened(
    graph: Graph,
    attributes: dict[str, Any],
    targets: Mapping[str, str],
    state: State,
    signed: Mapping[str, list[Signed]],
) -> GraphModule:
    """A module that takes the arguments' leaves and returns the graph's results.

    ``targets``: dotted names of the placeholders that are state. ``signed``: of modules that are
    to be called as the program called them, each call. Requires: nodes that know their modules.
    Ensures: a child for each module that was called, whose graph is its part of the program; a
    module that was called twice is one child where both calls do the same, else ``name@1`` is the
    second.
    """
    return _Builder(graph, attributes, targets, state, signed).module()


class _Builder:
    def __init__(
        self,
        graph: Graph,
        attributes: dict[str, Any],
        targets: Mapping[str, str],
        state: State,
        signed: Mapping[str, list[Signed]],
    ) -> None:
        self.flat = graph
        self.attributes = attributes
        self.targets = targets
        self.signed = dict(signed)
        self.by_name = {node.name: node for node in graph.nodes}
        self.tensors = fresh_tensors(state)
        self.names: dict[int, list[str]] = {}
        for name, tensor in self.tensors.items():
            self.names.setdefault(id(tensor), []).append(name)
        self.state = state
        self.chains = dict(_chains(graph))
        self.known: dict[tuple[str, str], list[tuple[str, str, nn.Module]]] = {}
        self.counts: dict[str, int] = {}
        calls = {chain[-1] for chain in self.chains.values()}
        for _, path in calls:
            self.counts[path] = self.counts.get(path, 0) + 1

    def module(self) -> GraphModule:
        leaves = [
            n for n in self.flat.nodes if n.op == "placeholder" and n.name not in self.targets
        ]
        nodes = [n for n in self.flat.nodes if n.op != "placeholder"]
        part = self.part(nodes, 0, "", leaves)
        made = GraphModule(_holder(part.attributes), part.graph, "Unflattened")
        for name, tensor in self.tensors.items():  # what no graph reads
            _, kind, persistent = self.state[name]
            put(made, name, tensor, kind == "buffer" and persistent)
        return made

    # One module --------------------------------------------------------------------------------

    def part(
        self, nodes: list[Node], depth: int, path: str, first: list[Node] | None = None
    ) -> _Part:
        """The graph of a module of which ``nodes`` are the part of one call."""
        inside = set(nodes)
        found = _Part(Graph(), first if first is not None else self._reads(nodes, path), [])
        env: dict[Node, Argument] = {
            node: found.graph.placeholder(node.name) for node in found.inputs
        }
        for group in self._groups(nodes, depth):
            if isinstance(group, list):
                self._call(found, env, group, depth + 1, path)
            elif group.op == "output":
                values = torch.fx.map_arg(group.args[0], lambda n: self._value(found, env, n, path))
                found.graph.output(values)
            elif not _is_size(group):
                self._copy(found, env, group, path)
        if first is None:
            found.outputs = [n for n in nodes if not _is_size(n) and self._is_read(n, inside)]
            results = [env[node] for node in found.outputs]
            found.graph.output(results[0] if len(results) == 1 else tuple(results))
        return found

    def _groups(self, nodes: list[Node], depth: int) -> Iterator[Node | list[Node]]:
        """Nodes of the module itself, and for each call of a child the nodes of that call."""
        group: list[Node] = []
        call: Around | None = None
        for node in nodes:
            chain = self.chains.get(node, ())
            here = chain[depth + 1] if len(chain) > depth + 1 and node.op != "output" else None
            if group and here != call:
                yield group
                group = []
            call = here
            if here is None:
                yield node
            else:
                group.append(node)
        if group:
            yield group

    def _copy(self, part: _Part, env: dict[Node, Argument], node: Node, path: str) -> None:
        if node.op == "get_attr":
            name = str(node.target)
            item = self.attributes[name]
            is_graph = isinstance(item, Subgraph)
            part.attributes[name] = built(item.attributes, item.graph) if is_graph else item
        copy = part.graph.node_copy(node, lambda n: self._value(part, env, n, path))
        copy.meta.pop(SUBGRAPHS, None)
        env[node] = copy

    def _value(self, part: _Part, env: dict[Node, Argument], node: Node, path: str) -> Argument:
        """What stands for a node of the flat graph: state is read, sizes are computed anew."""
        if node in env:
            return env[node]
        name = self._name_in(node, path) if node.name in self.targets else None
        if name is not None:
            inner = name[len(path) + 1 :] if path else name
            part.attributes[inner] = self.tensors[name]
            env[node] = part.graph.get_attr(inner)
        elif not _is_size(node):
            raise InteropError(
                f"{path or 'the program'} reads {node.name}, which a module computes that it does "
                "not call: the modules cannot be told apart",
                hint="ep.module() runs the program as it is.",
            )
        else:
            env[node] = part.graph.node_copy(node, lambda n: self._value(part, env, n, path))
        return env[node]

    def _call(
        self, part: _Part, env: dict[Node, Argument], nodes: list[Node], depth: int, around: str
    ) -> None:
        """A call of a child."""
        path = self.chains[nodes[0]][depth][1]
        inner = self.part(nodes, depth, path)
        if not inner.outputs and all(_is_size(n) for n in nodes):
            return
        signature = self._signature_of(path, nodes)
        name = path[len(around) + 1 :] if around and path.startswith(around + ".") else path
        if around and not path.startswith(around + "."):
            name = "called_" + path.replace(".", "_")  # a module that another one owns
        text = inner.text()
        if signature is not None:
            text += roles(signature, inner.inputs, inner.outputs)
        calls = self.known.setdefault((around, name), [])
        target, child = next(((t, made) for t, known, made in calls if known == text), (None, None))
        if target is None:
            target = name if not calls else f"{name}@{len(calls)}"
            graph = inner.graph
            if signature is not None:
                graph = with_signature(graph, inner.inputs, inner.outputs, signature, path)
            child = GraphModule(_holder(inner.attributes), graph, target.rpartition(".")[2])
            calls.append((target, text, child))
        part.attributes[target] = child
        if signature is not None:

            def value_of(name: str) -> Argument:
                return self._value(part, env, self.by_name[name], around)

            results = called(part.graph, target, signature, value_of)
            env.update({self.by_name[name]: found for name, found in results.items()})
            return
        args = tuple(self._value(part, env, node, around) for node in inner.inputs)
        result = part.graph.call_module(target, args)
        if len(inner.outputs) == 1:
            env[inner.outputs[0]] = result
        else:
            for i, node in enumerate(inner.outputs):
                env[node] = part.graph.call_function(operator.getitem, (result, i))

    def _signature_of(self, path: str, nodes: list[Node]) -> Signed | None:
        """How the call that these nodes are was written: the one that has its results."""
        calls = self.signed.get(path, [])
        inside = {node.name for node in nodes}
        for signature in calls:
            if not inside.isdisjoint(o for o in signature.outputs if isinstance(o, str)):
                return signature
        return calls[0] if len(calls) == self.counts.get(path) == 1 else None

    # Questions -----------------------------------------------------------------------------------

    def _reads(self, nodes: list[Node], path: str) -> list[Node]:
        """What a call takes: in the order of its first use."""
        inside: set[Node] = set(nodes)
        found: dict[Node, None] = {}
        stack = [source for node in reversed(nodes) for source in reversed(node.all_input_nodes)]
        while stack:
            node = stack.pop()
            if _is_size(node):
                stack += reversed(node.all_input_nodes)
            elif node not in inside and not (
                node.name in self.targets and self._name_in(node, path) is not None
            ):
                found[node] = None
        return list(found)

    def _is_read(self, node: Node, inside: set[Node]) -> bool:
        """Whether something outside reads ``node``, or a size of it."""
        return any(
            self._is_read(user, inside) if _is_size(user) else user not in inside
            for user in node.users
        ) or any(user not in inside for user in node.users if _is_size(user))

    def _name_in(self, node: Node, path: str) -> str | None:
        """The name of a tensor inside a module, if it has one there."""
        tensor = self.tensors[self.targets[node.name]]
        prefix = f"{path}." if path else ""
        return next((n for n in self.names[id(tensor)] if n.startswith(prefix)), None)


def _is_size(node: Node) -> bool:
    """Whether a node computes with sizes alone: it may be computed again anywhere."""
    if node.op != "call_function" or node.target is torch.ops.aten.item.default:
        return False
    if node.target is torch.ops.aten.sym_size.int:
        return True
    if isinstance(node.target, Operator) or node.target is operator.getitem:
        return False
    return isinstance(expression_of(node.meta.get("val")), Expr)


def _chains(graph: Graph) -> Iterator[tuple[Node, Chain]]:
    """The modules around each node; one that does not know them stands where its reader does."""
    before: Chain = (("", ""),)
    pending: list[Node] = []
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        scope = node.meta.get("scope")
        chain: list[Around] = []
        if scope is not None:
            while scope is not None:
                chain.append((id(scope), scope.path))
                scope = scope.outer
            chain = [("", ""), *(c for c in reversed(chain) if c[1])]
        elif node.meta.get("nn_module_stack"):
            stack = node.meta["nn_module_stack"].items()
            chain = [("", ""), *((call, path) for call, (path, _) in stack if path)]
        elif node.op == "get_attr":
            pending.append(node)
            continue
        found = tuple(chain) or before
        for waiting in pending:
            yield waiting, found
        pending = []
        before = found
        yield node, found
    for waiting in pending:
        yield waiting, before


def _holder(attributes: dict[str, Any]) -> nn.Module:
    """A module with these attributes by dotted names."""
    root = nn.Module()
    # Modules first, and those around others before these: what follows is put into them.
    order = sorted(
        attributes, key=lambda n: (not isinstance(attributes[n], nn.Module), n.count("."))
    )
    for name in order:
        item = attributes[name]
        if isinstance(item, torch.Tensor):
            put(root, name, item, persistent=True)
            continue
        *path, last = name.split(".")
        owner = owner_of(root, path)
        if isinstance(item, nn.Module):
            set_child(owner, last, item)
        else:
            setattr(owner, last, item)
    return root
