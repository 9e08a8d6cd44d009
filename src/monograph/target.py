"""``FILE.py[:NAME]``: a file of the user's, loaded, and what it offers to be exported."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

__all__ = ["WANTED", "WANTED_CALL", "UsageError", "call_of", "example", "load", "offered"]

WANTED = (
    "a module instance that needs no arguments, or a function without parameters that returns "
    "(module, args), (module, args, kwargs) or (module, args, kwargs, dynamic_shapes)"
)

WANTED_CALL = (
    "(args,), (args, kwargs) or (args, kwargs, dynamic_shapes), or a function without parameters "
    "that returns such"
)


class UsageError(Exception):
    """What to tell the user about FILE.py[:NAME]."""


def load(path: Path, loader: Loader | None = None) -> ModuleType:
    """Import the file; ``loader``: where its text is to be had, if not from the file.

    Raises:
        UsageError: it is no Python file.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=loader)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    return module


def example(
    module: ModuleType, name: str, path: str
) -> tuple[Any, tuple[Any, ...], dict[str, Any], Any]:
    """The module of ``NAME`` (or the only one on offer), example arguments, and sizes that vary.

    Raises:
        UsageError: there is no such name, or it is nothing that can be exported.
    """
    if name:
        found = _named(module, name, path)
    else:
        names = offered(module)
        if len(names) != 1:
            listed = ", ".join(names) or "nothing of that kind"
            raise UsageError(
                f"name what to export, as in {path}:NAME, where NAME is {WANTED}.\n"
                f"{path} offers {listed}."
            )
        found = getattr(module, names[0])
    if isinstance(found, nn.Module):
        return found, (), {}, None
    made = found() if callable(found) else found
    if isinstance(made, nn.Module):
        return made, (), {}, None
    if isinstance(made, tuple) and len(made) in (2, 3, 4) and isinstance(made[1], tuple):
        kwargs = dict(made[2] or {}) if len(made) > 2 else {}
        return made[0], made[1], kwargs, made[3] if len(made) == 4 else None
    raise UsageError(f"{name or found} is not {WANTED}")


def call_of(module: ModuleType, name: str, path: str) -> tuple[object, ...]:
    """A call of the module: ``(args, kwargs)``, and the sizes that vary where they are given.

    Raises:
        UsageError: there is no such name, or it is no call.
    """
    found = _named(module, name, path)
    made = found() if inspect.isfunction(found) else found
    if isinstance(made, tuple) and len(made) in (1, 2, 3) and isinstance(made[0], tuple):
        kwargs = dict(made[1] or {}) if len(made) > 1 else {}
        return (made[0], kwargs, *made[2:])
    raise UsageError(f"{name} is not {WANTED_CALL}")


def _named(module: ModuleType, name: str, path: str) -> object:
    if not hasattr(module, name):
        listed = ", ".join(offered(module)) or "nothing of that kind"
        raise UsageError(f"{path} has no {name}; it offers {listed}")
    return getattr(module, name)


def offered(module: ModuleType) -> list[str]:
    """Module instances, and functions of the file that can be called without arguments."""
    names = []
    for name, value in vars(module).items():
        is_function = inspect.isfunction(value) and value.__module__ == module.__name__
        if isinstance(value, nn.Module) or (
            is_function and not name.startswith("_") and not inspect.signature(value).parameters
        ):
            names.append(name)
    return names
