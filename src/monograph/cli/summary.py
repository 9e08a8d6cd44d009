"""What several commands print."""

from __future__ import annotations

import operator
from collections import Counter
from typing import NoReturn

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from monograph.program import ExportedProgram

__all__ = ["print_program", "print_summary", "refuse"]


def refuse(notes: Console, error: Exception) -> NoReturn:
    """Show an error, and leave with status 1."""
    notes.print(f"[bold red]{type(error).__name__.lstrip('_')}[/]", highlight=False)
    notes.print(str(error), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1) from None


def print_program(console: Console, program: ExportedProgram) -> None:
    """The program as code, in colour on a terminal."""
    if console.is_terminal:
        console.print(Syntax(str(program), "python", word_wrap=False, background_color="default"))
    else:
        print(program)


def print_summary(console: Console, program: ExportedProgram) -> None:
    """Counts of nodes, operators and tensors, and the ranges of sizes."""
    nodes = list(program.graph.nodes)
    targets = (n.target for n in nodes if n.op == "call_function")
    operators = Counter(str(t) for t in targets if t is not operator.getitem)
    parameters = sum(p.numel() for p in program.parameters())
    signature = program.graph_signature
    table = Table(show_header=False, box=None)
    table.add_row("nodes", f"{len(nodes):,}")
    table.add_row("operators", f"{sum(operators.values()):,} ({len(operators)} kinds)")
    table.add_row("parameters", f"{parameters:,} in {len(signature.parameters)} tensors")
    table.add_row("buffers", f"{len(signature.buffers)}")
    table.add_row("inputs", f"{len(signature.user_inputs)}")
    table.add_row("outputs", f"{len(signature.user_outputs)}")
    written = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    table.add_row("writes", ", ".join(written) or "nothing")
    for name, bounds in program.range_constraints.items():
        table.add_row(f"size {name}", str(bounds))
    console.print(table)
    counts = Table("operator", "count")
    counts.columns[1].justify = "right"
    for name, count in operators.most_common(12):
        counts.add_row(name, str(count))
    console.print(counts)
    for assumption in program.assumptions:
        console.print(f"assumes: {assumption}", markup=False, highlight=False)
