"""``monograph export FILE.py[:NAME]``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
from rich.console import Console

import monograph
from monograph.cli.summary import print_program, print_summary, print_times, refuse
from monograph.cli.target import StrictMode, Target
from monograph.diagnostics.watching import Watch, watching
from monograph.exporting import export
from monograph.exporting_variants import export_variants
from monograph.ir.assumptions import of_kinds
from monograph.program import ExportedProgram
from monograph.target import WANTED_CALL, UsageError, call_of, example, load
from monograph.variants import ExportedVariants

__all__ = ["export_command"]

_T = TypeVar("_T")


@dataclass
class _Phases:
    """How long each phase took, in seconds."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, name: str, work: Callable[[], _T]) -> _T:
        start = time.perf_counter()
        with self.console.status(f"{name} ..."):
            result = work()
        self.seconds[name] = time.perf_counter() - start
        return result

    def watch(self, name: str, work: Callable[[], _T], *, is_close: bool) -> _T:
        """Run what exports: on a terminal, how far it is is shown."""
        watch = Watch(is_close=is_close)
        with self.console.status(watch), watching(watch):
            result = work()
        self.seconds[name] = watch.seconds
        return result


def export_command(
    target: Target,
    strict: StrictMode = False,
    variant: Annotated[
        list[str] | None,
        typer.Option(help=f"Another call that is a variant of the program: {WANTED_CALL}."),
    ] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Variants for the sides of questions about sizes.")
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Counts and times instead of the program.")
    ] = False,
    timed: Annotated[
        bool, typer.Option("--timings", help="Where the time went: phases, modules, operators.")
    ] = False,
    deny: Annotated[
        str | None,
        typer.Option(help="Assumptions that are errors: specialised,narrowed,unstable,dropped ..."),
    ] = None,
    allow: Annotated[
        str | None, typer.Option(help="Assumptions that are none; all others are errors.")
    ] = None,
    verified: Annotated[
        int | None,
        typer.Option("--verify", help="Compare with eager mode, on so many calls that are drawn."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .pt2 file to write it to.")
    ] = None,
) -> None:
    """Export a program, and print it or write it to a file."""
    output, notes = Console(), Console(stderr=True)
    phases = _Phases(notes)
    try:
        program, model = _export(target, phases, strict, timed, variant or [], split)
        _refuse_assumptions(program, deny, allow)
        found = phases.run("verify", lambda: _verify(program, model, verified)) if verified else []
        if file is not None:
            phases.run("save", lambda: monograph.save(program, file))
    except Exception as error:
        refuse(notes, error)
    if isinstance(program, ExportedVariants):
        output.print(str(program), markup=False, highlight=False, soft_wrap=True)
        programs = dict(program)
    else:
        programs = {"": program}
    for name, each in programs.items():
        if name and (summary or timed or file is None):
            output.print(f"[bold]{name}[/]")
        if summary:
            print_summary(output, each)
        elif file is None and not timed:
            print_program(output, each)
        if timed:
            print_times(output, each)
    for line in found:
        notes.print(line, markup=False, highlight=False)
    times = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in phases.seconds.items())
    notes.print(f"[dim]{times}[/]", highlight=False)


def _verify(
    program: ExportedProgram | ExportedVariants, model: Callable[..., object], samples: int
) -> list[str]:
    """What was compared with eager mode, a line for each program.

    Raises:
        DiffersError: what is different.
    """
    programs = dict(program) if isinstance(program, ExportedVariants) else {"": program}
    return [
        f"{name}: {found}".removeprefix(": ")
        for name, each in programs.items()
        for found in [each.verify(model, samples=samples)]
    ]


def _refuse_assumptions(
    program: ExportedProgram | ExportedVariants, deny: str | None, allow: str | None
) -> None:
    """Leave with what was assumed and must not be.

    Raises:
        UsageError: with each of them, and its line.
    """
    denied = of_kinds(program.assumptions, set(deny.split(","))) if deny else []
    if allow is not None:
        allowed = of_kinds(program.assumptions, set(allow.split(",")))
        denied += [a for a in program.assumptions if a not in allowed and a not in denied]
    if denied:
        lines = "\n".join(f"  {a.kind}: {a}" for a in denied)
        raise UsageError(
            f"the program was captured with assumptions that are not allowed:\n{lines}"
        )


def _export(
    target: str, phases: _Phases, strict: bool, timed: bool, variants: list[str], split: bool
) -> tuple[ExportedProgram | ExportedVariants, Callable[..., object]]:
    path, _, name = target.partition(":")
    module = phases.run("load", lambda: load(Path(path)))
    model, args, kwargs, shapes = phases.run("build", lambda: example(module, name, path))
    calls = {each: call_of(module, each, path) for each in variants}
    if args or kwargs or not calls:
        calls = {name or "call": (args, kwargs, shapes), **calls}

    def work() -> ExportedProgram | ExportedVariants:
        if variants or split:
            sides: Literal["auto"] | None = "auto" if split else None
            return export_variants(model, calls, dynamic_shapes=shapes, split=sides, strict=strict)
        return export(model, args, kwargs, dynamic_shapes=shapes, strict=strict)

    return phases.watch("export", work, is_close=timed), model
