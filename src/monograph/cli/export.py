"""``monograph export FILE.py[:NAME]``."""

from __future__ import annotations

import operator
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from monograph.cli.target import WANTED, UsageError, example, load
from monograph.diagnostics import MonographError
from monograph.export import export
from monograph.program import ExportedProgram

__all__ = ["export_command"]


@dataclass
class _Phases:
    """How long each phase took, in seconds."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, name: str, work: Any) -> Any:
        start = time.perf_counter()
        with self.console.status(f"{name} ..."):
            result = work()
        self.seconds[name] = time.perf_counter() - start
        return result


def export_command(
    target: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help=f"NAME is {WANTED}.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Read the source: branches on data are captured.")
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Counts and times instead of the program.")
    ] = False,
) -> None:
    """Export a program and print it."""
    output, notes = Console(), Console(stderr=True)
    phases = _Phases(notes)
    try:
        program = _export(target, phases, strict)
    except (UsageError, MonographError) as error:
        notes.print(f"[bold red]{type(error).__name__.lstrip('_')}[/]", highlight=False)
        notes.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if summary:
        _print_summary(output, program)
    elif output.is_terminal:
        output.print(Syntax(str(program), "python", word_wrap=False, background_color="default"))
    else:
        print(program)
    times = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in phases.seconds.items())
    notes.print(f"[dim]{times}[/]", highlight=False)


def _export(target: str, phases: _Phases, strict: bool) -> ExportedProgram:
    path, _, name = target.partition(":")
    module = phases.run("load", lambda: load(Path(path)))
    model, args, kwargs = phases.run("build", lambda: example(module, name, path))
    return phases.run("export", lambda: export(model, args, kwargs, strict=strict))


def _print_summary(console: Console, program: ExportedProgram) -> None:
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
    console.print(table)
    counts = Table("operator", "count")
    counts.columns[1].justify = "right"
    for name, count in operators.most_common(12):
        counts.add_row(name, str(count))
    console.print(counts)
    for assumption in program.assumptions:
        console.print(f"assumes: {assumption}", markup=False, highlight=False)
