"""Control flow that depends on data: branches and loops as operators with subgraphs.

They are loaded when one is first used: most programs have none.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monograph.control.operators import (
        associative_scan,
        cond,
        map,  # noqa: A004
        scan,
        while_loop,
    )

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module("monograph.control.operators"), name)
    return found
