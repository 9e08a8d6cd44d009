"""``python -m monograph.run [--fallback] [--strict] SCRIPT [ARGS]``: a script, with us installed.

Like ``python SCRIPT ARGS``, but what it exports with ``torch.export`` is captured by Monograph.
``-m MODULE`` in the place of the script is a module.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence

from monograph.installation import install

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Install Monograph, and run what the arguments say."""
    parser = argparse.ArgumentParser(
        prog="python -m monograph.run",
        description="Run a script whose torch.export.export is Monograph's.",
        usage="%(prog)s [--fallback] [--strict] (SCRIPT | -m MODULE) [ARGS ...]",
    )
    parser.add_argument(
        "--fallback", action="store_true", help="torch's exporter does what is refused"
    )
    parser.add_argument("--strict", action="store_true", help="capture in strict mode")
    parser.add_argument("-m", dest="is_module", action="store_true", help="a module, no script")
    parser.add_argument("target", metavar="SCRIPT")
    parser.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    install(fallback=asked.fallback, strict=asked.strict or None)
    sys.argv = [asked.target, *asked.arguments]
    if asked.is_module:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(asked.target, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(asked.target)))
        runpy.run_path(asked.target, run_name="__main__")


if __name__ == "__main__":
    main()
