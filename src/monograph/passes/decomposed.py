"""A program with other operators: graph, signature, and what the rules have asked of sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch.fx import Graph

from monograph.diagnostics import DecompositionError
from monograph.ir.assumptions import Assumption, about_sizes
from monograph.ir.program import DECOMPOSED, Parts
from monograph.passes.decompose import decompose
from monograph.passes.table import Decompositions, default_decompositions
from monograph.shapes.constraints import ranges_of

__all__ = ["decomposed"]


def decomposed(parts: Parts, table: Mapping[Any, Callable[..., object]] | None) -> Parts:
    """``parts`` after ``ExportedProgram.run_decompositions(table)``; they share their state.

    Raises:
        DecompositionError: MG-O102, for a rule that fails or gives another result.
    """
    rules = default_decompositions() if table is None else table
    if not isinstance(rules, Mapping):
        raise DecompositionError(
            f"a {type(rules).__name__} is no table of decompositions",
            hint="a table maps operators to functions; for operators alone write "
            "torch._decomp.get_decompositions([...]).",
        )
    texts = [op for op in rules if isinstance(op, str)]
    if texts:
        raise DecompositionError(
            f"{texts[0]!r} is a text, and no operator",
            hint="the keys of a table are operators: torch.ops.aten.linear.default.",
        )
    rules = rules if isinstance(rules, Decompositions) else Decompositions(rules)
    plan, env = parts.plan, parts.env
    known = len(env.guards)
    found = decompose(parts.graph, parts.attributes, env, rules)
    new = env.guards[known:]
    if new and plan.sizes is not None:
        plan = replace(plan, sizes=replace(plan.sizes, guards=[*plan.sizes.guards, *new]))
    return replace(
        parts,
        graph=found.graph,
        attributes=found.attributes,
        signature=parts.signature.renamed(_outputs_of(found.graph)),
        module_calls=[entry.renamed(found.renamed) for entry in parts.module_calls],
        plan=plan,
        assumptions=[
            *parts.assumptions,
            *about_sizes(new, env),
            *(Assumption("kept-whole", f"{op}: {why}") for op, why in found.kept.items()),
        ],
        ranges={**ranges_of(env), **parts.ranges},
        dialect=DECOMPOSED,
    )


def _outputs_of(graph: Graph) -> list[str]:
    return [getattr(item, "name", "") for item in graph.output_node().args[0]]  # type: ignore[union-attr]
