"""``monograph workbench FILE.py[:NAME]``, or ``FILE.pt2``: source and program in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["workbench_command"]


def workbench_command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py[:NAME]", help="A Python file as for `export`, or a .pt2 file."
        ),
    ],
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE[:NAME]", help="Another program, to compare with."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the page to a file, and serve nothing."),
    ] = None,
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; 0: any that is free.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long an export may take.")] = 60.0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """See the program that a file exports to, while the file is edited."""
    notes = Console(stderr=True)
    try:
        from monograph.workbench.server import Workbench, serve
        from monograph.workbench.written import write_report
    except ImportError as error:
        notes.print(f"{error}: pip install 'monograph[workbench]'", markup=False)
        raise typer.Exit(2) from None
    (file, name), *others = (_file(each, notes) for each in [target, *(beside or [])])
    if output is not None:
        outcome = write_report(file, name, output, seconds=seconds)
        notes.print(f"[dim]wrote {output}[/]", highlight=False)
        raise typer.Exit(0 if outcome == "exports" else 1)

    def announce(address: str) -> None:
        print(address, flush=True)
        if browser:
            webbrowser.open(address)

    serve(Workbench(file, name, beside=others, seconds=seconds), port, announce)


def _file(target: str, notes: Console) -> tuple[Path, str]:
    """The file, and what of it."""
    path, _, name = target.partition(":")
    file = Path(path)
    if not file.is_file() or file.suffix not in (".py", ".pt2"):
        notes.print(f"{path} is no .py or .pt2 file", markup=False)
        raise typer.Exit(2)
    return file, name
