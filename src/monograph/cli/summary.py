"""What several commands print."""

from __future__ import annotations

from collections import Counter
from typing import NoReturn

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from monograph.capture.python.frames import lines_of_traceback
from monograph.diagnostics import MonographError
from monograph.diagnostics.rendering import styled
from monograph.program import ExportedProgram
from monograph.target import UsageError
from monograph.verification import DiffersError

__all__ = ["print_program", "print_summary", "print_times", "refuse"]

_MOST_ROWS = 12
_MOST_LINES = 8


def refuse(notes: Console, error: Exception) -> NoReturn:
    """Show an error, and leave with status 1.

    Raises:
        Exception: this one, where no line of the user's has raised it.
    """
    lines = _lines_of(error)
    if not lines and not isinstance(error, (MonographError, DiffersError, UsageError, OSError)):
        raise error
    notes.print(f"[bold red]{type(error).__name__.lstrip('_')}[/]", highlight=False)
    if isinstance(error, MonographError):
        notes.print(styled([*error.lines(), *error.more()]), soft_wrap=True)
    else:
        text = "\n".join([str(error), *lines])
        notes.print(text, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1) from None


def _lines_of(error: Exception) -> list[str]:
    """The user's lines that have led to an exception of the user's own code."""
    lines = lines_of_traceback(error)
    found = [f"  {line.place} ({line.function})   {line.text}" for line in lines]
    return found if len(found) <= _MOST_LINES else [found[0], "  ...", *found[1 - _MOST_LINES :]]


def print_program(console: Console, program: ExportedProgram) -> None:
    """The program as code, in colour on a terminal."""
    if console.is_terminal:
        console.print(Syntax(str(program), "python", word_wrap=False, background_color="default"))
    else:
        print(program)


def print_summary(console: Console, program: ExportedProgram) -> None:
    """Counts of nodes, operators and tensors, and the ranges of sizes."""
    found, signature = program.statistics, program.graph_signature
    calls = sum(found.operators.values())
    table = Table(show_header=False, box=None)
    table.add_row("nodes", f"{found.nodes:,}")
    table.add_row("operators", f"{calls:,} ({len(found.operators)} kinds)")
    table.add_row("parameters", f"{found.elements:,} in {found.parameters} tensors")
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
    for name, count in Counter(found.operators).most_common(12):
        counts.add_row(name, str(count))
    console.print(counts)
    for assumption in program.assumptions:
        console.print(f"assumes: {assumption}", markup=False, highlight=False)


def print_times(console: Console, program: ExportedProgram) -> None:
    """Where the time of the export went."""
    times = program.times
    if times is None:
        return
    phases = Table("phase", "ms")
    for name, seconds in times.phases.items():
        phases.add_row(name, f"{seconds * 1e3:.1f}")
    runs = "once" if times.captures == 1 else f"{times.captures} times"
    phases.add_row(f"in all (the program ran {runs})", f"{times.total * 1e3:.1f}")
    tables = [phases]
    for title, rows in (("module", times.modules), ("operator", times.operators)):
        table = Table(title, "ms", "operators" if title == "module" else "calls")
        for name, (seconds, calls) in list(rows.items())[:_MOST_ROWS]:
            table.add_row(name, f"{seconds * 1e3:.1f}", str(calls))
        tables.append(table)
    for table in tables:
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)
