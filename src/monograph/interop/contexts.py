"""What containers need beside their parts, as JSON: keys, names of attributes, constants.

Classes are named, and looked for in modules that are loaded: nothing is imported because a file
says so.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

import torch

from monograph.diagnostics import FileError, InteropError
from monograph.ir.reflection import Held

__all__ = ["as_json", "class_as_json", "class_of_json", "from_json"]

_OF_TORCH = (torch.dtype, torch.layout, torch.memory_format)


def as_json(value: object) -> object:
    """A constant, or what is made of constants, as JSON.

    Raises:
        InteropError: MG-F104, for what has no form there.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Held):
        return {"held": [as_json(part) for part in value]}
    if type(value) is tuple:
        return {"tuple": [as_json(part) for part in value]}
    if isinstance(value, Enum):
        return {"member": [*class_as_json(type(value)), value.name]}
    if isinstance(value, type):
        return {"class": class_as_json(value)}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if isinstance(value, _OF_TORCH):
        return {"torch": str(value).removeprefix("torch.")}
    raise InteropError(f"a file has no form for {value!r} in a container")


def from_json(data: object) -> object:
    """The constant again.

    Raises:
        FileError: MG-F102 where a class is not loaded, MG-F101 where the file is damaged.
    """
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    if kind == "held":
        return _held([*map(from_json, content)])
    if kind == "tuple":
        return tuple(map(from_json, content))
    if kind == "member":
        *place, name = content
        members = class_of_json(place)
        found = members.__members__.get(name) if issubclass(members, Enum) else None
        if found is None:
            raise FileError(f"{place[1]} has no member {name}")
        return found
    if kind == "class":
        return class_of_json(content)
    if kind == "device":
        return torch.device(content)
    found = getattr(torch, content, None)
    if kind != "torch" or not isinstance(found, _OF_TORCH):
        raise FileError(f"a constant is not known here: {content}")
    return found


def _held(parts: list[Any]) -> Held:
    items, names, shared, argument = parts
    known = [*names, *(name for name, _ in shared)]
    if not all(isinstance(name, str) and not name.startswith("__") for name in known):
        raise FileError("the names of attributes are damaged")
    return Held(items, names, shared, argument)


def class_as_json(kind: type) -> list[str]:
    """The module and the name of a class."""
    if _named(kind.__module__, kind.__qualname__) is not kind:
        raise InteropError(
            f"{kind.__qualname__} cannot be found by its name when a file is read",
            hint="define the class at the top of a module.",
        )
    return [kind.__module__, kind.__qualname__]


def class_of_json(data: list[str]) -> type:
    """The class again."""
    module, name = data
    found = _named(module, name)
    if not isinstance(found, type):
        raise FileError(
            f"the class {name} of {module} is not loaded",
            code="MG-F102",
            hint=f"import the module first: import {module}.",
        )
    return found


def _named(module: str, name: str) -> object:
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
