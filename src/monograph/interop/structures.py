"""The structures of arguments and results, as files have them."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from typing import Any

from monograph.diagnostics import FileError
from monograph.interop.private import node_of_serialized_type
from monograph.interop.schema import Record
from monograph.ir.structure import Structure, flatten

__all__ = ["structure_from_json"]

_MOST_DEPTH = 200


def structure_from_json(text: str) -> Structure:
    """The structure that a serialized ``TreeSpec`` describes.

    Raises:
        FileError: MG-F101 where it is damaged, MG-F102 where a type is not registered.
    """
    try:
        version, tree = json.loads(text)
        if version != 1:
            raise FileError(f"structures of version {version} are not known", code="MG-F102")
        counter = iter(range(1 << 40))
        value = _value(tree, counter, 0)
        leaves, found = flatten(value)
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"the structure of arguments or results is damaged: {error}") from None
    if leaves != list(range(len(leaves))):
        raise FileError("the structure of arguments or results is damaged: its order")
    return found


def _value(tree: Record, leaves: Iterator[int], depth: int) -> Any:
    """A value of the structure, whose leaves are numbers in order."""
    if depth > _MOST_DEPTH:
        raise FileError("the structure of arguments or results is nested too deeply")
    kind, context = tree["type"], tree["context"]
    if kind is None:
        return next(leaves)
    children = [_value(child, leaves, depth + 1) for child in tree["children_spec"]]
    if kind in ("builtins.tuple", "builtins.list"):
        return tuple(children) if kind == "builtins.tuple" else children
    if kind in ("builtins.dict", "collections.OrderedDict"):
        keys = json.loads(context)
        pairs = list(zip(keys, children, strict=True))
        return dict(pairs) if kind == "builtins.dict" else collections.OrderedDict(pairs)
    node = node_of_serialized_type(kind)
    if node is None:
        raise FileError(
            f"the type {kind} is not registered here",
            code="MG-F102",
            hint="import the module that defines it, and register it as when the file was "
            "written: torch.export.register_dataclass(C, serialized_type_name=...).",
        )
    definition, read_context = node
    made_of = json.loads(context) if read_context is None else read_context(context)
    return definition.unflatten_fn(children, made_of)
