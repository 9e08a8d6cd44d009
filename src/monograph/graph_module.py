"""A program's module as tools for ``torch.fx`` see it: a graph over its own tensors, to be edited.

The graph is written when somebody first asks for it. A call runs the program itself until the graph
is recompiled, and what the graph is then from that time on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node
from torch.fx.graph import PythonCode

from monograph.control.eager import runnable
from monograph.interop.norms import InPlace, in_place
from monograph.ir.call_plan import CallPlan, arguments_of
from monograph.ir.meta import SHARES, SUBGRAPHS
from monograph.ir.program import TRAINING, Parts
from monograph.ir.signature import ExportGraphSignature
from monograph.ir.structure import in_code
from monograph.module import ProgramModule, checked
from monograph.passes.place import Move, place, placed_module
from monograph.torch_internals import claim_names, copied_node, structured_code

__all__ = ["ProgramGraphModule"]

aten = torch.ops.aten


class ProgramGraphModule(ProgramModule, GraphModule):
    """Calls an exported program; an ``fx.GraphModule`` for passes and quantisers.

    Its graph reads parameters and buffers by their names, takes the arguments as they are passed,
    and writes in place. After a change of the graph, ``recompile()`` makes it what is called.
    """

    _shared: ClassVar = ProgramModule._shared | {"_signature", "_source", "_names", "_dialect"}

    def __init__(self, graph_module: GraphModule, parts: Parts, plan: CallPlan) -> None:
        ProgramModule.__init__(self, runnable(graph_module), plan, parts.state)
        entry = parts.module_calls[0].signature
        self.__dict__["_names"] = list(entry.forward_arg_names or ()) if entry is not None else []
        self.__dict__["_signature"] = parts.signature
        self.__dict__["_dialect"] = parts.dialect
        self.__dict__["_source"] = graph_module
        self.__dict__["_is_recompiled"] = False
        self.meta: dict[str, Any] = {}
        self._replace_hooks: list[Any] = []
        self._create_node_hooks: list[Any] = []
        self._erase_node_hooks: list[Any] = []
        self._deepcopy_hooks: list[Any] = []
        self._tracer_cls = None
        self._tracer_extras: dict[str, Any] = {}
        self._lineno_map = self._prologue_start = None  # what the compiler asks of a graph's code
        self._wear_names()

    def __deepcopy__(self, memo: dict[int, Any]) -> ProgramGraphModule:
        """A module with tensors of its own, and with a copy of the graph, if that was written."""
        made = super().__deepcopy__(memo)
        if not isinstance(made, ProgramGraphModule):
            raise TypeError(f"a {type(made).__name__} is no copy")
        if "_written" in made.__dict__:
            made._graph.owning_module = made
        if made.__dict__["_is_recompiled"]:
            made.recompile()
        else:
            made._wear_names()
        return made

    def __copy__(self) -> NoReturn:
        raise TypeError("a program's module is copied with its tensors: copy.deepcopy(module)")

    # The names of the arguments ----------------------------------------------------------------

    def _wear_names(self) -> None:
        """Let the class, which is this module's alone, name the arguments."""

        def forward(self: ProgramGraphModule, *args: Any, **kwargs: Any) -> Any:
            return self._call(args, kwargs)

        signature = self.__dict__["_plan"].signature
        if signature is not None:
            name = "self"
            while name in signature.parameters:  # a method of a tensor, say
                name = f"_{name}"
            first = inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)
            parameters = [first, *signature.parameters.values()]
            forward.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        type(self).forward = forward  # type: ignore[method-assign, assignment]

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.__dict__["_is_recompiled"]:
            return ProgramModule.forward(self, *args, **kwargs)
        plan: CallPlan = self.__dict__["_plan"]
        leaves = checked(plan, args, kwargs)
        run: Callable[..., Any] = type(self)._run_graph  # type: ignore[attr-defined]
        if not self.__dict__["_is_structured"]:
            results = zip(run(self, *leaves), plan.outputs, strict=True)
            return plan.result.unflatten(
                constant if result is None and index is None else result
                for result, (constant, index) in results
            )
        split = plan.args.num_leaves
        given, named = plan.args.unflatten(leaves[:split]), plan.kwargs.unflatten(leaves[split:])
        return run(self, *given, **named)

    # The graph ---------------------------------------------------------------------------------

    graph = GraphModule.graph

    @property
    def _graph(self) -> Graph:
        if "_written" not in self.__dict__:
            self.__dict__["_written"] = self._write()
        graph: Graph = self.__dict__["_written"]
        return graph

    @_graph.setter
    def _graph(self, graph: Graph) -> None:
        self.__dict__["_written"] = graph

    @property
    def _code(self) -> str:
        text: str | None = self.__dict__.get("_text")
        return self._graph.python_code(root_module="self").src if text is None else text

    @_code.setter
    def _code(self, text: str) -> None:
        self.__dict__["_text"] = text

    def recompile(self) -> PythonCode:
        """Make the graph what is called; its arguments are checked as before."""
        made = GraphModule.recompile(self)
        own = type(self)
        own._run_graph = own.forward  # type: ignore[attr-defined]
        self.__dict__["_is_recompiled"] = True
        self._wear_names()
        return made

    def _write(self) -> Graph:
        """The program as one graph."""
        plan: CallPlan = self.__dict__["_plan"]
        source: GraphModule = self.__dict__["_source"]
        norms = InPlace()
        if self.__dict__["_dialect"] == TRAINING:
            norms = in_place(source.graph, self.__dict__["_signature"])
        made, nodes = self._copied(source, plan, norms)
        results: Any = source.graph.output_node().args[0]
        holders = dict(zip(plan.state, nodes, strict=False))
        leaves = list(nodes)[len(plan.state) : len(plan.state) + len(plan.checks)]

        def node_of(target: int | str) -> Node:
            return nodes[leaves[target]] if isinstance(target, int) else nodes[holders[target]]

        for write in plan.writes:
            content = results[write.index]
            if content not in norms.new:
                made.call_function(aten.copy_.default, (node_of(write.target), nodes[content]))
        outputs = []
        for (constant, index), alias in zip(plan.outputs, plan.aliases, strict=True):
            if alias is not None:
                outputs.append(node_of(alias))
            else:
                outputs.append(in_code(constant) if index is None else nodes[results[index]])
        made.output(tuple(outputs))
        self._take_structures(made)
        made.owning_module = self
        return made

    def _copied(
        self, source: GraphModule, plan: CallPlan, norms: InPlace
    ) -> tuple[Graph, dict[Node, Node]]:
        """The operators of the program, and what its nodes have become."""
        made = Graph()
        claim_names(made, {node.name for node in source.graph.nodes})
        nodes: dict[Node, Node] = {}
        for index, node in enumerate(source.graph.nodes):
            is_gone = node in norms.new and node not in norms.counters
            if node.op == "output" or is_gone or node in nodes:
                continue
            if index < len(plan.state):
                copy = made.create_node("get_attr", plan.state[index], name=node.name)
            elif node in norms.buffers:
                result = norms.results[node]
                copy = norms.written(made, node, nodes)
                nodes[result] = copy
                node = result
            elif node in norms.counters:
                copy = norms.counted(made, node, nodes)
            else:
                copy = copied_node(made, node, nodes.__getitem__)
            if node.op == "get_attr":
                self._hold(str(node.target), getattr(source, str(node.target)))
            nodes[node] = copy
            copy.meta = {k: v for k, v in node.meta.items() if k not in (SHARES, SUBGRAPHS)}
        return made, nodes

    def _hold(self, name: str, item: object) -> None:
        """What a graph names beside the state: the graphs of branches and loops."""
        if isinstance(item, nn.Module):
            self.add_module(name, item)
        else:
            self.__dict__[name] = item

    def _take_structures(self, made: Graph) -> None:
        """Let a graph's code take the arguments as they are passed, if torch knows their types."""
        from monograph.interop.reflected import (
            constants_in_spec,
            is_known,
            tree_spec,
        )  # torch.export: a second to import

        plan: CallPlan = self.__dict__["_plan"]
        names: list[str] = self.__dict__["_names"]
        count = len(plan.args.keys)
        named = [str(name) for _, name in plan.kwargs.keys]
        if len(names) != count + len(named):
            names = [*(f"arg_{i}" for i in range(count)), *named]
        signature: ExportGraphSignature = self.__dict__["_signature"]
        results = [s.arg for s in signature.output_specs if not s.kind.is_mutation]
        given, returned = tree_spec(arguments_of(plan)), tree_spec(plan.result, results)
        lost = {
            i
            for i, (constant, index) in enumerate(plan.outputs)
            if index is None and in_code(constant) is None and constant is not None
        }
        is_whole = lost <= constants_in_spec(returned).keys()
        self.__dict__["_is_structured"] = is_known(given) and is_whole
        if self.__dict__["_is_structured"]:
            made.set_codegen(structured_code(names, given, returned))

    def _place(self, move: Move) -> None:
        super()._place(move)
        self.__dict__["_source"] = placed_module(self.__dict__["_source"], move)
        written = self.__dict__.pop("_written", None)
        if self.__dict__["_is_recompiled"]:
            self.graph = place(written, {}, move).graph

    def __reduce__(self) -> tuple[Any, ...]:
        if self.__dict__["_is_recompiled"]:
            raise TypeError("a program's module whose graph was edited is not pickled")
        state = {name: item for name, item in self.__dict__.items() if name != "_written"}
        return _made_again, (state,)

    def __str__(self) -> str:
        return nn.Module.__repr__(self)


def _made_again(state: dict[str, Any]) -> ProgramGraphModule:
    """A module that was pickled."""
    made = ProgramGraphModule.__new__(ProgramGraphModule)
    made.__dict__.update(state)
    made._wear_names()
    return made
