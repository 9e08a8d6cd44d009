"""What an exported program consists of, and where the time of its export went."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from monograph.diagnostics.watching import Clock, Watch
from monograph.ir.program import Parts
from monograph.ir.subgraphs import subgraphs_of
from monograph.torch_internals import Operator

__all__ = ["Statistics", "Times", "statistics_of", "times_of"]


@dataclass(frozen=True)
class Times:
    """Seconds. ``captures``: how often the program ran.

    By module and by operator (with the number of calls of operators) only where
    ``monograph.timings()`` asked for them.
    """

    total: float
    captures: int
    phases: Mapping[str, float]
    modules: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    operators: Mapping[str, tuple[float, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics:
    """Counts of a program; ``times`` is None for one that was read from a file, or rewritten.

    ``operators``: how often each is called, subgraphs included; ``elements``, ``bytes``: of its
    parameters.
    """

    nodes: int
    operators: Mapping[str, int]
    parameters: int
    elements: int
    bytes: int
    times: Times | None = None

    def __str__(self) -> str:
        calls = sum(self.operators.values())
        lines = [
            f"{self.nodes:,} nodes, {calls:,} calls of {len(self.operators)} operators",
            f"{self.parameters:,} parameters with {self.elements:,} elements, {self.bytes:,} bytes",
        ]
        if self.times is not None:
            lines.append(f"exported in {self.times.total * 1e3:.1f} ms")
            lines += [f"  {name}: {s * 1e3:.1f} ms" for name, s in self.times.phases.items()]
        return "\n".join(lines)


def statistics_of(program: Parts, times: Times | None) -> Statistics:
    """Counts of a program's graph and its subgraphs, and of its parameters."""
    from monograph.ir.printing import format_target  # an export asks for times alone

    parameters = [parameter for _, parameter in program.named_parameters()]
    graphs = [program.graph]
    for each in graphs:
        graphs += [sub.graph for node in each.nodes for sub in subgraphs_of(node)]
    nodes = [node for each in graphs for node in each.nodes]
    calls = (n.target for n in nodes if n.op == "call_function")
    return Statistics(
        nodes=len(nodes),
        operators=Counter(
            str(t) if isinstance(t, Operator) else format_target(t)
            for t in calls
            if t is not operator.getitem
        ),
        parameters=len(parameters),
        elements=sum(p.numel() for p in parameters),
        bytes=sum(p.numel() * p.element_size() for p in parameters),
        times=times,
    )


def times_of(watch: Watch) -> Times:
    """What a watch shows."""

    def read(clock: Clock) -> dict[str, tuple[float, int]]:
        longest = sorted(clock.seconds.items(), key=lambda item: -item[1])
        return {name: (s, clock.calls[name]) for name, s in longest}

    return Times(
        watch.seconds,
        watch.captures,
        dict(watch.phases),
        read(watch.modules),
        read(watch.operators),
    )
