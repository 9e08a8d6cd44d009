"""Finding the cases."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from monograph.exportdb import cases

__all__ = ["case_names", "load_case"]

_ROOT = Path(cases.__file__).parent


def case_names() -> list[str]:
    """``<area>/<name>`` of every case, sorted."""
    return sorted(
        f"{path.parent.name}/{path.stem}"
        for path in _ROOT.glob("*/*.py")
        if path.stem != "__init__"
    )


def load_case(name: str) -> ModuleType:
    """Import the case ``<area>/<name>``."""
    return importlib.import_module(f"{cases.__name__}.{name.replace('/', '.')}")
