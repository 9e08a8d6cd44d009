"""Whether a program is valid: the rules of ``specification.py``, and how a violation is shown.

Every program that is made is held to the rules where ``MONOGRAPH_VERIFY=1`` is set, as it is in the
tests; programs from files always are, and users ask by ``validate()``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch.fx import Node

from monograph.diagnostics import InternalError, MonographError, SourceLine
from monograph.ir import meta
from monograph.ir.printing import format_node
from monograph.ir.program import Parts
from monograph.ir.specification import FORM, RULES, Place, Rule

__all__ = ["Violation", "require", "verify", "violations"]

_NEIGHBOURS = 3


@dataclass(frozen=True)
class Violation:
    """A rule that a program does not hold, and the node where it does not.

    ``graph``: the names of the subgraphs that lead to it; empty for the program's own graph.
    """

    rule: Rule
    node: Node | None
    text: str
    graph: tuple[str, ...] = ()

    @property
    def where(self) -> SourceLine | None:
        """The user's line that the node comes from."""
        found = None if self.node is None else self.node.meta.get(meta.LOCATION)
        return found if isinstance(found, SourceLine) else None

    def __str__(self) -> str:
        node = "" if self.node is None else f"{self.node.name}: "
        inside = f" in {'.'.join(self.graph)}" if self.graph else ""
        return f"{node}{self.text} (rule: {self.rule.name}){inside}"

    def neighbourhood(self) -> list[str]:
        """The node as code, with those around it; ``>`` marks it."""
        if self.node is None:
            return []
        nodes = list(self.node.graph.nodes)
        if self.node not in nodes:
            return []
        at = nodes.index(self.node)
        around = nodes[max(at - _NEIGHBOURS, 0) : at + _NEIGHBOURS + 1]
        return [f"{'>' if node is self.node else ' '} {format_node(node)}" for node in around]


def violations(
    program: Parts, *, but: Collection[str] = (), more: Collection[Rule] = ()
) -> list[Violation]:
    """Where a program does not hold its specification.

    ``but``: rules that are not asked; ``more``: others, asked where all of these hold. Where the
    form of a graph is wrong, the rules that take it for granted are not asked.
    """
    places = [Place(program, program.graph, program.attributes)]
    found: list[Violation] = []
    for place in places:  # those inside are found where the form of those around is right
        wrong = _of_graph(FORM, place, but)
        found += wrong
        if not wrong:
            places += [inside for node in place.calls for inside in place.inside(node)]
    if found:
        return found
    others = {name: rule for name, rule in RULES.items() if name not in FORM}
    for place in places:
        found += _of_graph(others, place, but)
    for rule in RULES.values():
        if rule.of_program is not None and rule.name not in but:
            found += [Violation(rule, *each) for each in rule.of_program(program, places[0])]
    for place in places if not found else ():
        found += _of_graph({rule.name: rule for rule in more}, place, but)
    return found


def _of_graph(rules: Mapping[str, Rule], place: Place, but: Collection[str]) -> list[Violation]:
    return [
        Violation(rule, node, text, place.path)
        for rule in rules.values()
        if rule.of_graph is not None and rule.name not in but
        for node, text in rule.of_graph(place)
    ]


def require(
    program: Parts,
    error: type[MonographError],
    what: str,
    *,
    but: Collection[str] = (),
    more: Collection[Rule] = (),
    hint: str | None = None,
) -> None:
    """Raise ``error`` for the violations of a program; the first is shown with what is around."""
    found = violations(program, but=but, more=more)
    if not found:
        return
    first = found[0]
    lines = [f"{what}: {first}", *(f"  {line}" for line in first.neighbourhood())]
    lines += [f"and {other}" for other in found[1:4]]
    if len(found) > 4:
        lines.append(f"and {len(found) - 4} more")
    raise error("\n".join(lines), where=first.where, hint=hint)


def verify(program: Parts) -> None:
    """Hold a program to its specification.

    Raises:
        InternalError: MG-X101, with the rule, the node, the user's line and the nodes around it.
    """
    require(program, InternalError, "the program is not valid")
