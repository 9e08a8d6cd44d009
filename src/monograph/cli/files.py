"""``monograph show``, ``diff``, ``run`` and ``compile``: what to do with ``.pt2`` files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

import monograph
from monograph.cli.summary import print_program, print_summary, refuse
from monograph.diagnostics import MonographError
from monograph.ir.printing import format_graph
from monograph.program import ExportedProgram
from monograph.target import UsageError
from monograph.variants import ExportedVariants

__all__ = ["compile_command", "diff_command", "run_command", "show_command"]

_File = Annotated[Path, typer.Argument(metavar="FILE.pt2")]
_Method = Annotated[
    str | None, typer.Option("--method", help="Which program, where the file has several.")
]


def _programs(path: Path, weights: bool) -> dict[str, ExportedProgram]:
    try:
        return monograph.load_methods(path, weights=weights)
    except (MonographError, OSError) as error:
        refuse(Console(stderr=True), error)


def _program(path: Path, method: str | None) -> ExportedProgram | ExportedVariants:
    try:
        if method is None:
            return monograph.load(path)
        programs = monograph.load_methods(path)
        if method not in programs:
            raise UsageError(f"{path} has no {method}; it has {', '.join(programs)}")
        return programs[method]
    except (MonographError, UsageError, OSError) as error:
        refuse(Console(stderr=True), error)


def show_command(
    file: _File,
    summary: Annotated[bool, typer.Option("--summary", help="Counts instead of code.")] = False,
) -> None:
    """Show the programs of a file: code, signature, ranges, sizes, operators."""
    output = Console()
    programs = _programs(file, weights=False)
    for name, program in programs.items():
        if len(programs) > 1:
            output.print(f"[bold]{name}[/]")
        if not summary:
            print_program(output, program)
        print_summary(output, program)


def run_command(
    file: _File,
    inputs: Annotated[Path, typer.Option(help="A file of torch.save: args, or (args, kwargs).")],
    output: Annotated[Path, typer.Option(help="Where to write the result, with torch.save.")],
    method: _Method = None,
) -> None:
    """Run a program of a file on inputs from a file."""
    notes = Console(stderr=True)
    program = _program(file, method)
    try:
        args, kwargs = _call_of(torch.load(inputs, weights_only=True))
        with torch.no_grad():
            torch.save(program.module()(*args, **kwargs), output)
    except Exception as error:  # whatever the program itself raises, and what torch.load does
        refuse(notes, error)


def _call_of(given: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not isinstance(given, (tuple, list)):
        return (given,), {}
    is_pair = len(given) == 2
    if is_pair and isinstance(given[0], (tuple, list)) and isinstance(given[1], dict):
        return tuple(given[0]), given[1]
    return tuple(given), {}


def compile_command(
    file: _File,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    backend: Annotated[str, typer.Option(help="aoti or onnx.")] = "aoti",
    method: _Method = None,
) -> None:
    """Compile a program of a file, to a shared library (aoti) or an ONNX model."""
    program = _program(file, method)
    try:
        program.compile(backend, output=output)
    except (MonographError, OSError) as error:
        refuse(Console(stderr=True), error)
    Console(stderr=True).print(f"[dim]wrote {output}[/]", highlight=False)


def diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD.pt2")],
    new: Annotated[Path, typer.Argument(metavar="NEW.pt2")],
) -> None:
    """Compare two files: graphs, signatures, ranges, weights. Exit status 1 if they differ."""
    output = Console(soft_wrap=True)
    before, after = _programs(old, weights=True), _programs(new, weights=True)
    lines = list(_differences(before, after))
    for line in lines:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        output.print(line, style=style, markup=False, highlight=False)
    if not lines:
        output.print("no difference")
    raise typer.Exit(1 if lines else 0)


def _differences(
    before: Mapping[str, ExportedProgram], after: Mapping[str, ExportedProgram]
) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if name not in after or name not in before:
            yield f"{'-' if name in before else '+'} program {name}"
            continue
        old, new = before[name], after[name]
        yield from _lines(f"{name}: graph", format_graph(old.graph), format_graph(new.graph))
        yield from _lines(f"{name}: signature", str(old.graph_signature), str(new.graph_signature))
        ranges = (
            "\n".join(f"{k}: {v}" for k, v in p.range_constraints.items()) for p in (old, new)
        )
        yield from _lines(f"{name}: ranges", *ranges)
        tensors = ({**program.state_dict, **program.constants} for program in (old, new))
        yield from _weights(name, *tensors)


def _lines(title: str, old: str, new: str) -> Iterator[str]:
    found = list(
        difflib.unified_diff(old.splitlines(), new.splitlines(), "old", "new", lineterm="", n=2)
    )
    if found:
        yield f"@ {title}"
        yield from found[2:]


def _weights(
    title: str, old: Mapping[str, torch.Tensor], new: Mapping[str, torch.Tensor]
) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            sign, there = ("-", old) if name in old else ("+", new)
            yield f"{sign} {title}: {name}: {_looks(there[name])}"
            continue
        before, after = old[name], new[name]
        if before.shape != after.shape or before.dtype != after.dtype:
            yield f"- {title}: {name}: {_looks(before)}"
            yield f"+ {title}: {name}: {_looks(after)}"
        elif not torch.equal(before, after):
            count = int((before != after).sum())
            most = (before.double() - after.double()).abs().max().item()
            yield f"@ {title}: {name}: {count} of {before.numel()} differ, by {most:.3g} at most"


def _looks(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
