"""Every command of ``monograph``, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from monograph.cli import app as command_line


def commands(command: Any = None, name: str = "monograph") -> Iterator[tuple[str, Any]]:
    """All commands that do something, by what is typed."""
    found = typer.main.get_command(command_line) if command is None else command
    if hasattr(found, "commands"):
        for part in sorted(found.commands):
            yield from commands(found.commands[part], f"{name} {part}")
    else:
        yield name, found
