"""Programs whose operators write in place, as ``torch.export`` gives them: captured once more.

Everything here takes a graph for functional; the recorder makes one of any graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule

from monograph.capture.current import running_recorder
from monograph.capture.inputs import root_of
from monograph.diagnostics import FileError
from monograph.interop.private import FakeTensor, FakeTensorMode
from monograph.ir.call_plan import CallPlan, Looks
from monograph.ir.meta import CUSTOM
from monograph.ir.operators import is_operator, writes
from monograph.ir.program import Parts
from monograph.ir.state import State, register, tensor_at
from monograph.ir.subgraphs import built, subgraphs_of
from monograph.shapes.dims import Dim, ShapesCollection
from monograph.shapes.expr import Expr
from monograph.stages import exported

__all__ = ["functional", "is_functional"]


def is_functional(graph: Graph) -> bool:
    """Whether a graph, and those inside it, call operators alone, and none that writes.

    Torch's graphs also call functions that switch ``vmap`` on and off.
    """
    return not any(
        writes(n)
        or (n.op == "call_function" and not is_operator(n.target))
        or not all(is_functional(inner.graph) for inner in subgraphs_of(n))
        for n in graph.nodes
    )


def functional(program: Parts) -> Parts:
    """The same program with what it writes among its outputs; ``program`` where it has it so.

    Raises:
        FileError: MG-F102, for a program that cannot be captured.
    """
    if is_functional(program.graph):
        return program
    try:
        return _captured(program)
    except Exception as error:
        raise FileError(
            f"the program writes in place, and cannot be captured: {str(error)[:300]}",
            code="MG-F102",
        ) from error


def _captured(program: Parts) -> Parts:
    plan = program.plan
    mode = FakeTensorMode()
    leaves = [_example(check.example, mode) for check in plan.checks]
    split = plan.args.num_leaves
    args, kwargs = plan.args.unflatten(leaves[:split]), plan.kwargs.unflatten(leaves[split:])
    shapes = ShapesCollection()
    placeholders = [n for n in program.graph.nodes if n.op == "placeholder"][len(plan.state) :]
    for leaf, node in zip(leaves, placeholders, strict=True):
        if isinstance(leaf, torch.Tensor):
            sizes = {i: _dim(n) for i, n in enumerate(node.meta["val"].shape)
                     if isinstance(n, Expr)}  # fmt: skip
            if sizes:
                shapes[leaf] = sizes
    replay = _Replay(built(program.attributes, program.readable_graph()), plan, program.state)
    made = exported(root_of(replay), args, kwargs, shapes if len(shapes) else None, strict=False)
    return replace(
        made,
        plan=_with_guards(made.plan, plan),
        assumptions=[*program.assumptions, *made.assumptions],
        example_inputs=program.example_inputs,
        dialect=program.dialect,
    )


def _with_guards(made: CallPlan, source: CallPlan) -> CallPlan:
    """The plan of a capture with what was asked before it: symbols kept their names."""
    if source.layouts:
        made = replace(made, layouts=[*source.layouts, *made.layouts])
    if source.sizes is None or not source.sizes.guards:
        return made
    known = {bound.name for bound in made.sizes.bounds} if made.sizes is not None else set()
    lost = [guard for guard in source.sizes.guards if not known.issuperset(guard.symbols)]
    if lost or made.sizes is None:
        raise FileError(f"the size {lost[0].symbols[0]} is fixed, and {lost[0].asked} is demanded")
    guards = [*made.sizes.guards, *source.sizes.guards]
    return replace(made, sizes=replace(made.sizes, guards=guards))


def _example(looks: object, mode: FakeTensorMode) -> object:
    """A tensor without memory, wherever it is."""
    if not isinstance(looks, Looks):
        return looks
    return FakeTensor(
        mode, torch.empty(looks.shape, dtype=looks.dtype, device="meta"), looks.device
    )


def _dim(size: Expr) -> Any:
    """A dimension for a size that is ``a * x + b``; for any other, what turns out."""
    atoms = size.symbols()
    if len(atoms) != 1 or size.atoms() != atoms or len(size.terms) != 1:
        return Dim.AUTO
    monomial, slope = size.terms[0]
    if len(monomial) != 1 or slope < 1:
        return Dim.AUTO
    (atom,) = atoms
    dim: Any = Dim(atom.name, min=atom.lo, max=atom.hi)
    return slope * dim + size.const if (slope, size.const) != (1, 0) else dim


class _Replay(nn.Module):
    """Runs a graph node by node; what is recorded keeps the node's line and module."""

    def __init__(self, module: GraphModule, plan: CallPlan, state: State) -> None:
        super().__init__()
        self.__dict__["_program"] = module
        self.__dict__["_plan"] = plan
        self.__dict__["_owners"] = register(self, state, as_they_are=True)
        if plan.signature is not None:
            self.__dict__["forward"] = _named(self.forward, plan.signature)
        self.train(bool(plan.training))

    def forward(self, *args: object, **kwargs: object) -> object:
        plan: CallPlan = self.__dict__["_plan"]
        owners = self.__dict__["_owners"]
        leaves = plan.args.match(args, "*args") + plan.kwargs.match(kwargs, "*kwargs")
        results = self._run([*(tensor_at(owners[name]) for name in plan.state), *leaves])
        for write in plan.writes:
            target = write.target
            where = leaves[target] if isinstance(target, int) else tensor_at(owners[target])
            where.copy_(results[write.index])
        return plan.result.unflatten(
            constant if index is None else results[index] for constant, index in plan.outputs
        )

    def _run(self, inputs: list[Any]) -> Sequence[Any]:
        module: GraphModule = self.__dict__["_program"]
        values: dict[Any, Any] = {}
        given = iter(inputs)
        recorder = running_recorder()
        graph = None if recorder is None else recorder.emission.graph
        for node in module.graph.nodes:
            args = torch.fx.map_arg(node.args, values.__getitem__)
            if node.op == "output":
                return args[0]
            if node.op == "placeholder":
                values[node] = next(given)
            elif node.op == "get_attr":
                values[node] = getattr(module, str(node.target))
            else:
                kwargs = torch.fx.map_arg(node.kwargs, values.__getitem__)
                before = 0 if graph is None else len(graph.nodes)
                values[node] = node.target(*args, **kwargs)
                if recorder is not None:
                    _describe(
                        recorder.emission.graph,
                        len(recorder.emission.graph.nodes) - before,
                        node.meta,
                    )
        raise AssertionError("a graph ends with its output")


def _describe(graph: Graph, count: int, meta: dict[str, Any]) -> None:
    for _, node in zip(range(count), reversed(graph.nodes), strict=False):
        for key in ("stack_trace", "nn_module_stack", CUSTOM):
            if key in meta:
                node.meta[key] = meta[key]
        node.meta["location"] = None


def _named(forward: Callable[..., object], signature: inspect.Signature) -> Callable[..., object]:
    def call(*args: object, **kwargs: object) -> object:
        return forward(*args, **kwargs)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
