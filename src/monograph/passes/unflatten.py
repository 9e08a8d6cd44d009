"""The flat graph as the modules that it came from: each a graph of its own, to be exchanged."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from monograph.capture.structure import Structure
from monograph.capture.subgraphs import SUBGRAPHS, Subgraph, built
from monograph.diagnostics import InteropError
from monograph.shapes.expr import Expr
from monograph.shapes.symnode import expression_of

__all__ = ["Signed", "named", "unflattened"]

State = Mapping[str, tuple[torch.Tensor, str, bool]]
Chain = tuple[tuple[Any, str], ...]  # (call, path) of each module around a node, outermost first


@dataclass(frozen=True)
class Signed:
    """How a module was called: leaves are names of nodes, or constants."""

    inputs: list[Any]
    outputs: list[Any]
    in_structure: Structure
    out_structure: Structure


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
    signed: Mapping[str, Signed],
) -> GraphModule:
    """A module that takes the arguments' leaves and returns the graph's results.

    ``targets``: dotted names of the placeholders that are state. ``signed``: modules that are to
    be called as the program called them. Requires: nodes that know their modules. Ensures: a
    child for each module that was called, whose graph is its part of the program; a module that
    was called twice is one child where both calls do the same, else ``name@1`` is the second.
    """
    return _Builder(graph, attributes, targets, state, signed).module()


class _Builder:
    def __init__(
        self,
        graph: Graph,
        attributes: dict[str, Any],
        targets: Mapping[str, str],
        state: State,
        signed: Mapping[str, Signed],
    ) -> None:
        self.flat = graph
        self.attributes = attributes
        self.targets = targets
        self.signed = dict(signed)
        self.tensors = _registered(state)
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
            _put(made, name, tensor, kind == "buffer" and persistent)
        return made

    # One module --------------------------------------------------------------------------------

    def part(
        self, nodes: list[Node], depth: int, path: str, first: list[Node] | None = None
    ) -> _Part:
        """The graph of a module of which ``nodes`` are the part of one call."""
        inside = set(nodes)
        found = _Part(Graph(), first if first is not None else self._reads(nodes, path), [])
        env: dict[Node, Any] = {node: found.graph.placeholder(node.name) for node in found.inputs}
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
        call: Any = None
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

    def _copy(self, part: _Part, env: dict[Node, Any], node: Node, path: str) -> None:
        if node.op == "get_attr":
            name = str(node.target)
            item = self.attributes[name]
            is_graph = isinstance(item, Subgraph)
            part.attributes[name] = built(item.attributes, item.graph) if is_graph else item
        env[node] = part.graph.node_copy(node, lambda n: self._value(part, env, n, path))
        env[node].meta.pop(SUBGRAPHS, None)

    def _value(self, part: _Part, env: dict[Node, Any], node: Node, path: str) -> Any:
        """What stands for a node of the flat graph: state is read, sizes are computed anew."""
        if node in env:
            return env[node]
        if node.name in self.targets:
            name = self._name_in(node, path)
            assert name is not None
            inner = name[len(path) + 1 :] if path else name
            part.attributes[inner] = self.tensors[name]
            env[node] = part.graph.get_attr(inner)
        else:
            assert _is_size(node), node
            env[node] = part.graph.node_copy(node, lambda n: self._value(part, env, n, path))
        return env[node]

    def _call(
        self, part: _Part, env: dict[Node, Any], nodes: list[Node], depth: int, around: str
    ) -> None:
        """A call of a child."""
        path = self.chains[nodes[0]][depth][1]
        inner = self.part(nodes, depth, path)
        if not inner.outputs and all(_is_size(n) for n in nodes):
            return
        signature = self.signed.get(path) if self.counts.get(path, 0) == 1 else None
        name = path[len(around) + 1 :] if around and path.startswith(around + ".") else path
        if around and not path.startswith(around + "."):
            name = "called_" + path.replace(".", "_")  # a module that another one owns
        text = inner.text()
        calls = self.known.setdefault((around, name), [])
        target, child = next(((t, made) for t, known, made in calls if known == text), (None, None))
        if signature is not None:
            self._call_as_it_was(part, env, inner, signature, name, path, around)
            return
        if target is None:
            target = name if not calls else f"{name}@{len(calls)}"
            child = GraphModule(_holder(inner.attributes), inner.graph, target.rpartition(".")[2])
            calls.append((target, text, child))
        part.attributes[target] = child
        args = tuple(self._value(part, env, node, around) for node in inner.inputs)
        result = part.graph.call_module(target, args)
        if len(inner.outputs) == 1:
            env[inner.outputs[0]] = result
        else:
            for i, node in enumerate(inner.outputs):
                env[node] = part.graph.call_function(operator.getitem, (result, i))

    def _call_as_it_was(
        self,
        part: _Part,
        env: dict[Node, Any],
        inner: _Part,
        signature: Signed,
        name: str,
        path: str,
        around: str,
    ) -> None:
        """A call with the arguments and the result that the program's own module had."""
        by_name = {node.name: node for node in (*inner.inputs, *self.flat.nodes)}

        def leaf(item: Any) -> Any:
            return self._value(part, env, by_name[item.name], around) if isinstance(
                item, _Named
            ) else item  # fmt: skip

        args, kwargs = signature.in_structure.unflatten(leaf(item) for item in signature.inputs)
        graph = Graph()
        arguments = [*(f"arg{i}" for i in range(len(args))), *kwargs]
        roots = dict(zip(arguments, (*args, *kwargs.values()), strict=True))
        given: dict[str, Any] = {name: graph.placeholder(name) for name in roots}
        structures = [
            child for group in signature.in_structure.children for child in group.children
        ]
        leaves: list[Any] = []
        for argument, structure in zip(arguments, structures, strict=True):
            leaves += _taken_apart(graph, given[argument], structure, path)
        inputs = {
            item.name: found
            for item, found in zip(signature.inputs, leaves, strict=True)
            if isinstance(item, _Named)
        }
        missing = [node.name for node in inner.inputs if node.name not in inputs]
        if missing:
            raise InteropError(
                f"{path} reads {missing[0]}, which is none of its arguments: its call signature "
                "cannot be kept",
                hint="pass it as an argument of the module's forward.",
            )
        inside: dict[Node, Any] = {}
        outer = iter(inner.inputs)
        for node in inner.graph.nodes:
            if node.op == "placeholder":
                inside[node] = inputs[next(outer).name]
            elif node.op != "output":
                inside[node] = graph.node_copy(node, inside.__getitem__)
        output: Any = inner.graph.output_node().args[0]
        values = output if isinstance(output, tuple) else (output,)
        gives = {n.name: inside[v] for n, v in zip(inner.outputs, values, strict=True)}

        def result_of(item: Any) -> Any:
            if not isinstance(item, _Named):
                return item
            return gives[item.name] if item.name in gives else inputs[item.name]

        graph.output(signature.out_structure.unflatten(result_of(i) for i in signature.outputs))
        part.attributes[name] = GraphModule(_holder(inner.attributes), graph, path)
        call = part.graph.call_module(name, args, kwargs)
        parts = _taken_apart(part.graph, call, signature.out_structure, path)
        for item, found in zip(signature.outputs, parts, strict=True):
            if isinstance(item, _Named):
                env[by_name[item.name]] = found

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


class _Named(str):
    """The name of a node, among constants."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)


def named(name: str) -> Any:
    """A leaf of a ``Signed`` that is a node."""
    return _Named(name)


def _is_size(node: Node) -> bool:
    """Whether a node computes with sizes alone: it may be computed again anywhere."""
    if node.op != "call_function" or node.target is torch.ops.aten.item.default:
        return False
    is_number = isinstance(expression_of(node.meta.get("val")), Expr)
    if node.target is torch.ops.aten.sym_size.int:
        return True
    return is_number and not isinstance(node.target, torch._ops.OpOverload) and (
        node.target is not operator.getitem
    )  # fmt: skip


def _chains(graph: Graph) -> Iterator[tuple[Node, Chain]]:
    """The modules around each node; one that does not know them stands where its reader does."""
    before: Chain = (("", ""),)
    run: dict[str, int] = {}
    pending: list[Node] = []
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        scope = node.meta.get("scope")
        chain: list[tuple[Any, str]] = []
        if scope is not None:
            while scope is not None:
                chain.append((id(scope), scope.path))
                scope = scope.outer
            chain = [("", ""), *(c for c in reversed(chain) if c[1])]
        elif node.meta.get("nn_module_stack"):
            paths = [path for path, _ in node.meta["nn_module_stack"].values() if path]
            known = [path for _, path in before[1:]]
            same = 0
            while same < min(len(paths), len(known)) and paths[same] == known[same]:
                same += 1
            for path in paths[same:]:
                run[path] = run.get(path, 0) + 1
            chain = [("", ""), *((f"{p} {run.get(p, 0)}", p) for p in paths)]
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


def _registered(state: State) -> dict[str, torch.Tensor]:
    """New tensors over the memory of the state, tied ones the same object."""
    made: dict[int, torch.Tensor] = {}
    for tensor, kind, _ in state.values():
        if id(tensor) not in made:
            fresh = tensor.detach()
            is_parameter = kind == "parameter"
            made[id(tensor)] = (
                nn.Parameter(fresh, requires_grad=tensor.requires_grad) if is_parameter else fresh
            )
    return {name: made[id(tensor)] for name, (tensor, _, _) in state.items()}


def _holder(attributes: dict[str, Any]) -> nn.Module:
    root = nn.Module()
    for name, item in attributes.items():
        _put(root, name, item, persistent=True)
    return root


def _put(root: nn.Module, name: str, item: Any, persistent: bool) -> None:
    """Set a dotted name, with modules on the way."""
    *path, last = name.split(".")
    owner = root
    for step in path:
        child = owner._modules.get(step)
        if child is None:
            child = owner._modules[step] = nn.Module()
        owner = child
    if isinstance(item, nn.Module):
        before = owner._modules.get(last)
        owner._modules[last] = item
        for inner, child in () if before is None else before.named_children():
            item._modules.setdefault(inner, child)
    elif isinstance(item, nn.Parameter):
        owner._parameters[last] = item
    elif isinstance(item, torch.Tensor):
        owner._buffers[last] = item
        if not persistent:
            owner._non_persistent_buffers_set.add(last)
        else:
            owner._non_persistent_buffers_set.discard(last)
    else:
        setattr(owner, last, item)


def _taken_apart(graph: Graph, value: Any, structure: Structure, path: str) -> list[Any]:
    """The leaves of a nested argument, as nodes that take them out."""
    if structure.kind is None:
        return [value]
    if structure.kind not in (tuple, list, dict):
        raise InteropError(
            f"{path} is called with a {structure.kind.__name__}: its call signature cannot be kept",
            hint="keep signatures of modules that take tensors, tuples, lists and dicts.",
        )
    is_dict = structure.kind is dict
    keys = structure.context if is_dict else range(len(structure.children))
    found: list[Any] = []
    for key, child in zip(keys, structure.children, strict=True):
        item = graph.call_function(operator.getitem, (value, key))
        found += _taken_apart(graph, item, child, path)
    return found
