"""Values of classes that torch's pytree does not know, in its words.

A stand-in that is registered puts them together, so that a program of torch's returns the very
objects, and a file tells of what classes they are. To take arguments apart torch would have to know
the classes themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from monograph.diagnostics import FileError, InteropError
from monograph.interop.private import pytree
from monograph.ir.signature import Argument, ConstantArgument
from monograph.ir.structure import LEAF, Structure, flatten, is_registered

__all__ = [
    "SERIALIZED_NAME",
    "Reflected",
    "constants_in_spec",
    "is_known",
    "kept_in_spec",
    "reflected_structure",
    "tree_spec",
]

# The class, what else building needs (the attributes' names, say), and parts that are constants for
# which torch has no word as a result.
Context = tuple[type, Any, tuple[tuple[int, Any], ...]]

SERIALIZED_NAME = "monograph.Reflected"

_IN_WORDS = (int, bool, type(None))
_NAMED = (torch.dtype, torch.layout, torch.memory_format)


class Reflected:
    """The type that stands in torch's pytree for such classes; there are no values of it."""


def tree_spec(structure: Structure, leaves: Sequence[Argument] = ()) -> pytree.TreeSpec:
    """A structure as torch's pytree has it; what its ``leaves`` are, if they are results."""
    if structure.kind is None:
        return pytree.treespec_leaf()
    parts = _parts(structure, leaves)
    pairs = zip(structure.children, parts, strict=True)
    children = [tree_spec(child, part) for child, part in pairs]
    if is_registered(structure.kind):  # nothing is built: a constructor may compute with tensors
        return pytree.TreeSpec(structure.kind, structure.context, children)
    known = _spec_of_torch(structure)
    if known is not None:
        return pytree.TreeSpec(known.type, known.context, children)
    constants = tuple(
        (i, part[0].value)
        for i, (child, part) in enumerate(zip(structure.children, parts, strict=True))
        if _is_kept(child, part) and isinstance(part[0], ConstantArgument)
    )
    return pytree.TreeSpec(Reflected, (structure.kind, structure.context, constants), children)


def kept_in_spec(structure: Structure, leaves: Sequence[Argument], start: int = 0) -> set[int]:
    """Which results are constants that the spec holds: the graph returns None for them."""
    found = set[int]()
    if structure.kind is None:
        return found
    is_reflected = not is_registered(structure.kind) and _spec_of_torch(structure) is None
    for child, part in zip(structure.children, _parts(structure, leaves), strict=True):
        if is_reflected and _is_kept(child, part):
            found.add(start)
        found |= kept_in_spec(child, part, start)
        start += child.num_leaves
    return found


def constants_in_spec(spec: pytree.TreeSpec, start: int = 0) -> dict[int, Any]:
    """The results that are constants and that a spec holds, by the index of the leaf."""
    found: dict[int, Any] = {}
    kept = dict(spec.context[2]) if spec.type is Reflected else {}
    for i, child in enumerate(spec.children()):
        found |= constants_in_spec(child, start)
        if i in kept:
            found[start] = kept[i]
        start += child.num_leaves
    return found


def is_known(spec: pytree.TreeSpec) -> bool:
    """Whether torch's pytree can take values of it apart, too."""
    return spec.type is not Reflected and all(map(is_known, spec.children()))


def _parts(structure: Structure, leaves: Sequence[Argument]) -> list[Sequence[Argument]]:
    """The leaves of each child."""
    parts, start = [], 0
    for child in structure.children:
        parts.append(leaves[start : start + child.num_leaves])
        start += child.num_leaves
    return parts


def _spec_of_torch(structure: Structure) -> pytree.TreeSpec | None:
    """The spec of one of Python's containers, if torch takes it apart in the same order."""
    count = len(structure.children)
    of_leaves = replace(structure, children=(LEAF,) * count, ordered=())
    leaves, spec = pytree.tree_flatten(of_leaves.unflatten(range(count)))
    return spec if leaves == list(range(count)) else None


def _is_kept(child: Structure, part: Sequence[Argument]) -> bool:
    is_constant = child.kind is None and bool(part) and isinstance(part[0], ConstantArgument)
    return is_constant and not isinstance(part[0].value, _IN_WORDS)  # type: ignore[union-attr]


def reflected_structure(context: Context, children: tuple[Structure, ...]) -> Structure:
    """The structure of a value that ``Reflected`` stands for.

    Raises:
        FileError: MG-F101, where the class has other parts.
    """
    kind, names, _ = context
    leaves, found = flatten(_built(list(range(len(children))), (kind, names, ())))
    if leaves != list(range(len(children))):
        raise FileError(f"a {kind.__name__} does not have {len(children)} parts")
    return replace(found, children=children)


def _built(given: Iterable[Any], context: Context) -> object:
    children, (kind, names, constants) = list(given), context
    for i, constant in constants:
        children[i] = constant
    return Structure(kind, names, (), (LEAF,) * len(children)).unflatten(children)


def _taken(value: Reflected) -> tuple[list[Any], Any]:
    raise TypeError(f"{value} stands for values of other classes")


def _as_json(context: Context) -> list[Any]:
    kind, names, constants = context
    if _class_named(kind.__module__, kind.__qualname__) is not kind:
        raise InteropError(
            f"{kind.__qualname__} cannot be found by its name when a file is read",
            hint="define the class at the top of a module.",
        )
    if names is not None and not all(isinstance(name, (str, int)) for name in names):
        raise InteropError(f"a file has no form for the keys of a {kind.__name__}")
    kept = [(i, _constant_as_text(constant)) for i, constant in constants]
    return [kind.__module__, kind.__qualname__, names and list(names), kept]


def _from_json(made_of: list[Any]) -> Context:
    """Of modules that are loaded already: nothing is imported because a file says so."""
    module, name, names, kept = made_of
    found = _class_named(module, name)
    if not isinstance(found, type):
        raise FileError(
            f"the class {name} of {module} is not loaded",
            code="MG-F102",
            hint=f"import the module first: import {module}.",
        )
    constants = tuple((i, _constant_of_text(text)) for i, text in kept)
    return found, names if names is None else tuple(names), constants


def _class_named(module: str, name: str) -> object:
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _constant_as_text(constant: object) -> str:
    if isinstance(constant, torch.device):
        return f"device {constant}"
    if isinstance(constant, str):
        return f"text {constant}"
    if isinstance(constant, float):
        return f"float {constant!r}"
    if isinstance(constant, _NAMED):
        return str(constant).removeprefix("torch.")
    if isinstance(constant, type) and _class_named(
        constant.__module__, constant.__qualname__
    ) is constant:  # fmt: skip
        return f"class {constant.__module__} {constant.__qualname__}"
    raise InteropError(f"a file has no form for {constant!r} among the attributes of a result")


def _constant_of_text(text: str) -> object:
    kind, _, rest = text.partition(" ")
    if kind == "device":
        return torch.device(rest)
    if kind in ("text", "float"):
        return rest if kind == "text" else float(rest)
    found = _class_named(*rest.split(" ")) if kind == "class" else getattr(torch, kind, None)
    if not isinstance(found, type if kind == "class" else _NAMED):
        raise FileError(f"a constant of a result is not known here: {text}")
    return found


pytree.register_pytree_node(
    Reflected,
    _taken,
    _built,
    serialized_type_name=SERIALIZED_NAME,
    to_dumpable_context=_as_json,
    from_dumpable_context=_from_json,
)
