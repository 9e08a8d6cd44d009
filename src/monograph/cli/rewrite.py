"""``monograph rewrite FILE.py[:NAME]``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax

from monograph.cli.target import WANTED, UsageError, example, load
from monograph.diagnostics import DataDependentError, MonographError
from monograph.export import export
from monograph.source.rewrite import Patch

__all__ = ["rewrite_command"]


def rewrite_command(
    target: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help=f"NAME is {WANTED}.")],
    apply: Annotated[bool, typer.Option("--apply", help="Write the file.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write it in spite of uncommitted changes.")
    ] = False,
) -> None:
    """Print branches and loops on data rewritten with cond and while_loop, as a patch."""
    output, notes = Console(), Console(stderr=True)
    path, _, name = target.partition(":")
    try:
        model, args, kwargs = example(load(Path(path)), name, path)
        patch = _patch_of(model, args, kwargs)
        if patch is None:
            notes.print("nothing to rewrite: the program exports as it is")
            return
        if apply and not force and _has_changes(patch.file):
            raise UsageError(
                f"{patch.file} has uncommitted changes; --force writes it all the same"
            )
    except (UsageError, MonographError) as error:
        notes.print(f"[bold red]{type(error).__name__}[/]", highlight=False)
        notes.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if output.is_terminal:
        output.print(Syntax(patch.diff(), "diff", background_color="default"))
    else:
        print(patch.diff())
    if apply:
        Path(patch.file).write_text(patch.after)
        notes.print(f"[dim]{patch.file} is written[/]", highlight=False)


def _patch_of(model: object, args: tuple[object, ...], kwargs: dict[str, object]) -> Patch | None:
    try:
        export(model, args, kwargs)  # type: ignore[arg-type]
    except DataDependentError as error:
        if error.patch is None:
            raise
        found: Patch = error.patch
        return found
    return None


def _has_changes(file: str) -> bool:
    """Whether git knows of changes in ``file`` that are not committed (or does not know it)."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--", Path(file).name],
        cwd=Path(file).resolve().parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode != 0 or bool(done.stdout.strip())
