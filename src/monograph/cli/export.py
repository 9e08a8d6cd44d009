"""``monograph export FILE.py[:NAME]``."""

from __future__ import annotations

import importlib.util
import inspect
import operator
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from torch import nn

from monograph.diagnostics import MonographError
from monograph.export import export
from monograph.program import ExportedProgram

__all__ = ["export_command"]

_WANTED = (
    "a module instance that needs no arguments, or a function without parameters that returns "
    "(module, args) or (module, args, kwargs)"
)


class _UsageError(Exception):
    """What to tell the user about FILE.py[:NAME]."""


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
    target: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help=f"NAME is {_WANTED}.")],
    summary: Annotated[
        bool, typer.Option("--summary", help="Counts and times instead of the program.")
    ] = False,
) -> None:
    """Export a program and print it."""
    output, notes = Console(), Console(stderr=True)
    phases = _Phases(notes)
    try:
        program = _export(target, phases)
    except (_UsageError, MonographError) as error:
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


def _export(target: str, phases: _Phases) -> ExportedProgram:
    path, _, name = target.partition(":")
    module = phases.run("load", lambda: _load(Path(path)))
    model, args, kwargs = phases.run("build", lambda: _example(module, name, path))
    return phases.run("export", lambda: export(model, args, kwargs))


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise _UsageError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise _UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    return module


def _example(
    module: ModuleType, name: str, path: str
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if name:
        if not hasattr(module, name):
            offered = ", ".join(_offered(module)) or "nothing of that kind"
            raise _UsageError(f"{path} has no {name}; it offers {offered}")
        found = getattr(module, name)
    else:
        offered_names = _offered(module)
        if len(offered_names) != 1:
            listed = ", ".join(offered_names) or "nothing of that kind"
            raise _UsageError(
                f"name what to export, as in {path}:NAME, where NAME is {_WANTED}.\n"
                f"{path} offers {listed}."
            )
        found = getattr(module, offered_names[0])
    if isinstance(found, nn.Module):
        return found, (), {}
    made = found() if callable(found) else found
    if isinstance(made, nn.Module):
        return made, (), {}
    if isinstance(made, tuple) and len(made) in (2, 3) and isinstance(made[1], tuple):
        return made[0], made[1], dict(made[2]) if len(made) == 3 else {}
    raise _UsageError(f"{name or found} is not {_WANTED}")


def _offered(module: ModuleType) -> list[str]:
    """Module instances, and functions of the file that can be called without arguments."""
    names = []
    for name, value in vars(module).items():
        is_function = inspect.isfunction(value) and value.__module__ == module.__name__
        if isinstance(value, nn.Module) or (
            is_function and not name.startswith("_") and not inspect.signature(value).parameters
        ):
            names.append(name)
    return names


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
