"""The structures of arguments and results, as files have them."""

from __future__ import annotations

import json
from typing import Any

from monograph.diagnostics import FileError
from monograph.interop.contexts import as_json, class_as_json, class_of_json, from_json
from monograph.interop.private import node_of_serialized_type, pytree
from monograph.interop.reflected import (
    SERIALIZED_NAMES,
    Given,
    Reflected,
    constants_in_spec,
    reflected_structure,
)
from monograph.interop.schema import Record
from monograph.ir.structure import LEAF, Structure, is_registered, registered

__all__ = ["constants_from_json", "exact_from_json", "exact_json", "structure_from_json"]

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
    """The leaves that are constants and that a serialized ``TreeSpec`` holds, by their index."""
    if not any(name in text for name in SERIALIZED_NAMES):
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
    if read_context is None:
        made_of = json.loads(context, object_hook=_member)
    else:
        made_of = read_context(context)
    if python_type in (Reflected, Given):
        return reflected_structure(made_of, children)
    return registered(python_type, made_of, children)


def _member(found: Record) -> object:
    """A member of an enumeration, as torch writes it among the keys of a dictionary."""
    if "__enum__" not in found:
        return found
    module, _, name = found["fqn"].partition(":")
    return from_json({"member": [module, name, found["name"]]})


# Beside torch's text: what it leaves out -------------------------------------------------------


def exact_json(structure: Structure, text: str) -> object:
    """The structure with all that torch's ``text`` of it does not tell; None where that is all.

    (Which kind of number a key was, what the parts of a registered class are called.)
    """
    if structure_from_json(text) == structure.with_order({}):
        return None
    return _exact(structure)


def _exact(structure: Structure) -> object:
    if structure.kind is None:
        return None
    children = [_exact(child) for child in structure.children]
    keys = [list(key) for key in structure.keys]
    is_theirs = is_registered(structure.kind)  # their context is in torch's text
    context = None if is_theirs else as_json(structure.context)
    return [class_as_json(structure.kind), context, keys, children]


def exact_from_json(data: list[Any] | None, plain: Structure) -> Structure:
    """What ``exact_json`` has told of the structure that torch's text tells.

    Raises:
        FileError: MG-F101, where it is another one.
    """
    if data is None:
        return plain
    place, context, keys, children = data
    kind = class_of_json(place)
    pairs = zip(children, plain.children, strict=True)
    inside = tuple(exact_from_json(child, told) for child, told in pairs)
    found = tuple((str(suffix), str(name)) for suffix, name in keys)
    if is_registered(kind):
        if kind is not plain.kind or len(found) != len(inside):
            raise FileError("the structure of arguments or results is told in two ways")
        return Structure(kind, plain.context, found, inside)
    return reflected_structure((kind, from_json(context), ()), inside)
