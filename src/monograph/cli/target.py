"""What commands work on: ``FILE.py[:NAME]``."""

from typing import Annotated

import typer

from monograph.target import WANTED

__all__ = ["StrictMode", "Target"]

Target = Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help=f"NAME is {WANTED}.")]
StrictMode = Annotated[
    bool, typer.Option("--strict", help="Read the source: branches on data are captured.")
]
