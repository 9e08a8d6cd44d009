"""What lies between a call of a program and its graph: checks, writes, results."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Graph

from monograph.ir.layouts import LayoutFact
from monograph.ir.signature import (
    CallSpec,
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    OutputKind,
)
from monograph.ir.size_checks import SizeChecks
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import Structure
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr

__all__ = ["CallPlan", "Check", "Looks", "Write", "arguments_of", "call_plan"]


@dataclass(frozen=True)
class Looks:
    """What a tensor looks like, without one."""

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device
    bits: int = 0  # of a tensor that is read as its conjugate or its negative


@dataclass(frozen=True)
class Check:
    """What one leaf of the arguments must be.

    ``example`` is a constant, or how a tensor looks. ``is_written``: the program writes it.
    ``varies``: the dimensions whose sizes are checked elsewhere; (0,) for a number. ``name``: what
    a specification of sizes calls it; empty where that is not known.
    """

    path: str
    example: Any
    is_written: bool
    varies: frozenset[int] | None = None
    name: str = ""


@dataclass(frozen=True)
class Write:
    """Result ``index`` of the graph is the new content of an argument or of a buffer.

    ``is_hidden``: the program writes it only under ``no_grad`` or through ``.data``.
    """

    target: int | str
    index: int
    is_hidden: bool


@dataclass(frozen=True)
class CallPlan:
    """All that lies between a call and the graph.

    ``state``: dotted names of the graph's first inputs. ``signature`` and ``training`` are those of
    the program. ``outputs``: for each leaf of the result
    ``(constant, None)`` or ``(None, index)``. ``aliases``: the written argument or buffer that a
    leaf is, whose own tensor is returned. ``twins``: arguments that must be one tensor.
    ``layouts``: what the program has read of how arguments lie, each with its leaf.
    ``statistics``: buffers that only batch norm reads.
    """

    args: Structure
    kwargs: Structure
    result: Structure
    signature: inspect.Signature | None
    training: bool | None
    state: list[str]
    checks: list[Check]
    writes: list[Write]
    outputs: list[tuple[Any, int | None]]
    aliases: list[int | str | None]
    twins: list[tuple[int, int]]
    sizes: SizeChecks | None = None
    layouts: Sequence[tuple[int, LayoutFact]] = ()
    statistics: frozenset[int | str] = frozenset()

    def placed(self, device: torch.device) -> CallPlan:
        """The same for arguments on another device."""
        checks = [
            replace(c, example=replace(c.example, device=device))
            if isinstance(c.example, Looks)
            else c
            for c in self.checks
        ]
        return replace(self, checks=checks)


def call_plan(
    graph: Graph,
    signature: ExportGraphSignature,
    structures: CallSpec,
    examples: Sequence[Any],
    paths: Sequence[str],
    names: Sequence[str] = (),
    *,
    called_as: inspect.Signature | None,
    training: bool | None,
    layouts: Sequence[tuple[int, LayoutFact]],
    hidden: Collection[int],
    aliases: list[int | str | None],
    twins: list[tuple[int, int]],
    sizes: SizeChecks | None,
) -> CallPlan:
    """The plan of a graph whose nodes still have specs, from its signature.

    ``examples``, ``paths``: how each leaf of the arguments looks (a constant as it is), and how
    the caller writes it. ``names``: what specifications of sizes call them, where that is known.
    ``layouts``: what was read of how they lie, each with its leaf.
    ``hidden``: the outputs that are written behind autograd.
    """
    args, kwargs = structures.in_spec.children
    nodes = [n for n in graph.nodes if n.op == "placeholder"]
    user = [
        node
        for spec, node in zip(signature.input_specs, nodes, strict=True)
        if spec.kind is InputKind.USER_INPUT
    ]
    index = {node.name: i for i, node in enumerate(user)}
    written = {o.target for o in signature.output_specs if o.kind is OutputKind.USER_INPUT_MUTATION}
    return CallPlan(
        args=args,
        kwargs=kwargs,
        result=structures.out_spec,
        signature=called_as,
        training=training,
        state=[s.target for s in signature.input_specs if s.target is not None],
        checks=[
            Check(path, example, n.name in written, _varying(n.meta["val"]), name)
            for n, example, path, name in zip(
                user, examples, paths, names or [""] * len(user), strict=True
            )
        ],
        writes=[
            Write(index[o.target] if o.target in written else o.target or "", i, i in hidden)
            for i, o in enumerate(signature.output_specs)
            if o.kind.is_mutation
        ],
        outputs=[
            (o.arg.value, None) if isinstance(o.arg, ConstantArgument) else (None, i)
            for i, o in enumerate(signature.output_specs)
            if not o.kind.is_mutation
        ],
        aliases=aliases,
        twins=twins,
        sizes=sizes,
        layouts=layouts,
    )


def arguments_of(plan: CallPlan) -> Structure:
    """The structure of ``(args, kwargs)``."""
    parts = (plan.args, plan.kwargs)
    return Structure(tuple, None, (("[0]", "args"), ("[1]", "kwargs")), parts)


def _varying(promised: object) -> frozenset[int] | None:
    """The dimensions of an argument whose sizes vary; (0,) for a number that does."""
    if isinstance(promised, TensorSpec):
        return frozenset(i for i, n in enumerate(promised.shape) if isinstance(n, Expr)) or None
    return frozenset((0,)) if isinstance(promised, (Expr, FloatExpr)) else None
