"""The structures of arguments and results, as files have them."""

from __future__ import annotations

import json

from monograph.diagnostics import FileError
from monograph.interop.private import node_of_serialized_type, pytree
from monograph.interop.reflected import (
    SERIALIZED_NAME,
    Reflected,
    constants_in_spec,
    reflected_structure,
)
from monograph.interop.schema import Record
from monograph.ir.structure import LEAF, Structure, registered

__all__ = ["constants_from_json", "structure_from_json"]

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
        found = _structure(tree, 0)
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"the structure of arguments or results is damaged: {error}") from None
    return found


def constants_from_json(text: str) -> dict[int, object]:
    """The results that are constants and that a serialized ``TreeSpec`` holds, by their index."""
    if SERIALIZED_NAME not in text:
        return {}
    return constants_in_spec(pytree.treespec_loads(text))


def _structure(tree: Record, depth: int) -> Structure:
    if depth > _MOST_DEPTH:
        raise FileError("the structure of arguments or results is nested too deeply")
    kind, context = tree["type"], tree["context"]
    if kind is None:
        return LEAF
    children = tuple(_structure(child, depth + 1) for child in tree["children_spec"])
    node = node_of_serialized_type(kind)
    if node is None:
        raise FileError(
            f"the type {kind} is not registered here",
            code="MG-F102",
            hint="import the module that defines it, and register it as when the file was "
            "written: torch.export.register_dataclass(C, serialized_type_name=...).",
        )
    python_type, read_context = node
    made_of = json.loads(context) if read_context is None else read_context(context)
    if python_type is Reflected:
        return reflected_structure(made_of, children)
    return registered(python_type, made_of, children)
