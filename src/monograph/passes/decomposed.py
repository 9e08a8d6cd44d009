"""A program with other operators: graph, signature, and what the rules have asked of sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch.fx import Graph, Node

from monograph.diagnostics import DecompositionError, SourceLine
from monograph.ir.assumptions import Assumption, about_sizes
from monograph.ir.meta import noted
from monograph.ir.operators import SQUEEZING
from monograph.ir.program import DECOMPOSED, Parts
from monograph.passes.decompose import decompose
from monograph.passes.table import Decompositions, default_decompositions
from monograph.shapes.constraints import ranges_of
from monograph.shapes.env import Guard
from monograph.shapes.expr import Expr
from monograph.shapes.questions import Test, equal, negated, symbols_of, text_of

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
    before = _asked_before(parts)
    known = len(env.guards)
    found = decompose(parts.graph, parts.attributes, env, rules)
    new = [
        *before,
        *_told_at_the_door(parts, env.guards[known:]),
        *_kept_dimensions(parts, found.remade),
    ]
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


def _asked_before(parts: Parts) -> list[Guard]:
    """What another decomposition of the program has asked of sizes: they are taken for known now.

    The rules may rely on it again, which nothing tells.
    """
    sizes = parts.plan.sizes
    if sizes is None:
        return []
    told = {text_of(guard.test) for guard in (*sizes.guards, *sizes.reasons)}
    names = {*sizes.definitions, *(bound.name for bound in sizes.bounds)}
    return [
        guard
        for guard in parts.env.guards
        if guard.is_narrowing and names.issuperset(guard.symbols)
        and text_of(guard.test) not in told
    ]  # fmt: skip


def _told_at_the_door(parts: Parts, asked: list[Guard]) -> list[Guard]:
    """Those about sizes of arguments.

    What operators demand of others, of what a loop carries, say, they demand when they run.

    Raises:
        DecompositionError: a rule holds for some of such sizes alone.
    """
    sizes = parts.plan.sizes
    names = set() if sizes is None else {*sizes.definitions, *(b.name for b in sizes.bounds)}
    for guard in asked:
        if guard.is_narrowing and not names.issuperset(guard.symbols):
            raise DecompositionError(
                f"a decomposition holds where {text_of(guard.test)}, which is about sizes that "
                "are only known when the program runs",
                where=SourceLine.of(guard.where),
                hint="keep the operator whole: delete it from the table.",
            )
    return [guard for guard in asked if names.issuperset(guard.symbols)]


def _kept_dimensions(parts: Parts, remade: set[Node]) -> list[Guard]:
    """What is asked of sizes so that ``squeeze`` leaves out the dimensions that are noted.

    At other sizes it gives what eager mode gives, as long as it is ``squeeze``; what stands for it
    now, and for operators on its result, is made for dimensions that are there. Nothing is asked
    where all of them are as before.
    """
    matters = set(remade)  # old nodes that are remade, or something that is made of them
    for node in reversed(parts.graph.nodes):
        if not matters.isdisjoint(node.users):
            matters.add(node)
    tests: dict[Test, Node] = {}
    for node in parts.graph.nodes:
        if node.target not in SQUEEZING or node not in matters:
            continue
        for size in _perhaps_left_out(node):
            is_left_out = parts.env.truth(equal(size, 1)) is True  # as the example has it
            test = equal(size, 1, is_equal=is_left_out)
            if not parts.env.is_known(test):
                tests.setdefault(test, node)
    return [
        Guard(test, "branch", node.meta.get("location"), text_of(negated(test)), False,
              symbols=symbols_of(test))
        for test, node in tests.items()
    ]  # fmt: skip


def _perhaps_left_out(node: Node) -> list[Expr]:
    """The sizes that a ``squeeze`` looks at, and that vary."""
    source, *rest = node.args
    assert isinstance(source, Node)
    shape = noted(source.meta["val"]).shape
    named = rest[0] if rest else list(range(len(shape)))
    dims = named if isinstance(named, (list, tuple)) else (named,)
    sizes = [shape[dim] for dim in dims] if shape else []
    return [size for size in sizes if isinstance(size, Expr)]


def _outputs_of(graph: Graph) -> list[str]:
    return [getattr(item, "name", "") for item in graph.output_node().args[0]]  # type: ignore[union-attr]
