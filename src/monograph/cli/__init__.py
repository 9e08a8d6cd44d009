"""The command line: one module a command."""

import importlib.metadata
from typing import Annotated

import typer

import monograph
from monograph.cli.check import check_command
from monograph.cli.db import db
from monograph.cli.export import export_command
from monograph.cli.files import compile_command, diff_command, run_command, show_command
from monograph.cli.sweep import sweep
from monograph.cli.workbench import workbench_command

__all__ = ["app", "main"]

app = typer.Typer(
    help="PyTorch programs captured ahead of time as one graph.", no_args_is_help=True
)
app.command("export")(export_command)
app.command("check")(check_command)
app.command("show")(show_command)
app.command("diff")(diff_command)
app.command("run")(run_command)
app.command("compile")(compile_command)
app.command("workbench")(workbench_command)
app.add_typer(db, name="db")
app.add_typer(sweep, name="sweep")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"monograph {monograph.__version__} (torch {importlib.metadata.version('torch')})")
        raise typer.Exit


@app.callback()
def _monograph(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """PyTorch programs captured ahead of time as one graph."""


def main() -> None:
    """Run the command line."""
    app()
