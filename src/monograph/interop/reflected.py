"""Values of classes that torch's pytree does not know, in its words.

A stand-in that is registered puts results together, so that a program of torch's returns the very
objects, and a file tells of what classes they are. Arguments torch cannot take apart by itself: a
program that ``to_torch`` makes wraps them first, and in any other they are passed as ``Given``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import torch
from torch.export import register_dataclass
from torch.export.exported_program import ExportedProgram as TorchProgram

from monograph.diagnostics import FileError
from monograph.interop.contexts import as_json, class_as_json, class_of_json, from_json
from monograph.interop.private import pytree
from monograph.ir.signature import Argument, ConstantArgument
from monograph.ir.structure import LEAF, Structure, flatten, is_registered, taken_apart

__all__ = [
    "SERIALIZED_NAMES",
    "Given",
    "Reflected",
    "Taking",
    "constants_in_spec",
    "is_known",
    "kept_in_spec",
    "reflected_structure",
    "register_dataclass",
    "tree_spec",
]

# The class, what else building needs (the attributes' names, say), and parts that are constants for
# which torch has no word as a result.
Context = tuple[type, Any, tuple[tuple[int, Any], ...]]

T = TypeVar("T")

SERIALIZED_NAMES = ("monograph.Reflected", "monograph.Given")

_RESULTS = (int, bool, type(None))  # the constants that a graph of torch's may return
_ARGUMENTS = (int, float, bool, str, type(None))  # and those that it takes


class Reflected:
    """The type that stands in torch's pytree for such results; there are no values of it."""


@dataclass(eq=False)
class Given:
    """An argument of such a class, as torch's pytree takes it apart: ``Given.of(value)``."""

    parts: list[Any]
    context: Context

    @staticmethod
    def of(value: T, *, is_for_files: bool = False) -> T:
        """``value`` with a ``Given`` in the place of each object that torch's pytree does not know.

        What torch knows stays as it is; ``is_for_files``: what its files have a form for.
        """
        return cast(T, _wrapped(flatten(value)[1], value, is_for_files))

    def __reduce__(self) -> tuple[Any, ...]:
        return _given_again, (self.parts, _as_json(self.context))

    @staticmethod
    def restored(value: T) -> T:
        """``value`` with the objects again."""
        found: T = pytree.tree_map(
            lambda item: item.value() if isinstance(item, Given) else item,
            value,
            is_leaf=lambda item: isinstance(item, Given),
        )
        return found

    def value(self) -> object:
        """The object again."""
        return _built(map(Given.restored, self.parts), self.context)


class Taking(TorchProgram):
    """A program of torch's whose module takes arguments of any class."""

    def module(self, check_guards: bool = True) -> torch.fx.GraphModule:
        """The program's module, as of any other."""
        made = super().module(check_guards)

        def wrap(
            _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return Given.of(args), Given.of(kwargs)

        made.register_forward_pre_hook(wrap, prepend=True, with_kwargs=True)
        return made


def tree_spec(
    structure: Structure,
    leaves: Sequence[Argument] = (),
    *,
    is_given: bool = False,
    is_for_files: bool = False,
) -> pytree.TreeSpec:
    """A structure as torch's pytree has it.

    ``leaves``: what they are, if constants among them are kept. ``is_given``: of arguments.
    ``is_for_files``: what torch's files have no form for is reflected, too.
    """
    if structure.kind is None:
        return pytree.treespec_leaf()
    parts = _parts(structure, leaves)
    children = [
        tree_spec(child, part, is_given=is_given, is_for_files=is_for_files)
        for child, part in zip(structure.children, parts, strict=True)
    ]
    known = _known_spec(structure, is_for_files)
    if known is not None:
        return pytree.TreeSpec(known.type, known.context, children)
    constants = tuple(
        (i, part[0].value)
        for i, (child, part) in enumerate(zip(structure.children, parts, strict=True))
        if _is_kept(child, part, is_given) and isinstance(part[0], ConstantArgument)
    )
    kind = Given if is_given else Reflected
    return pytree.TreeSpec(kind, (structure.kind, structure.context, constants), children)


def kept_in_spec(
    structure: Structure,
    leaves: Sequence[Argument],
    start: int = 0,
    *,
    is_given: bool = False,
    is_for_files: bool = False,
) -> set[int]:
    """Which leaves are constants that the spec holds: the graph has None for them."""
    found = set[int]()
    if structure.kind is None:
        return found
    is_reflected = _known_spec(structure, is_for_files) is None
    for child, part in zip(structure.children, _parts(structure, leaves), strict=True):
        if is_reflected and _is_kept(child, part, is_given):
            found.add(start)
        found |= kept_in_spec(child, part, start, is_given=is_given, is_for_files=is_for_files)
        start += child.num_leaves
    return found


def constants_in_spec(spec: pytree.TreeSpec, start: int = 0) -> dict[int, Any]:
    """The leaves that are constants and that a spec holds, by their index."""
    found: dict[int, Any] = {}
    kept = dict(spec.context[2]) if spec.type in (Reflected, Given) else {}
    for i, child in enumerate(spec.children()):
        found |= constants_in_spec(child, start)
        if i in kept:
            found[start] = kept[i]
        start += child.num_leaves
    return found


def is_known(spec: pytree.TreeSpec) -> bool:
    """Whether torch's pytree can take values of it apart by itself."""
    return spec.type not in (Reflected, Given) and all(map(is_known, spec.children()))


def _parts(structure: Structure, leaves: Sequence[Argument]) -> list[Sequence[Argument]]:
    """The leaves of each child."""
    parts, start = [], 0
    for child in structure.children:
        parts.append(leaves[start : start + child.num_leaves])
        start += child.num_leaves
    return parts


def _known_spec(structure: Structure, is_for_files: bool) -> pytree.TreeSpec | None:
    """The spec of a structure with leaves in the place of its children, if torch has one."""
    if structure.kind is not None and is_registered(structure.kind):
        # Nothing is built: a constructor may compute with tensors.
        children: list[pytree.TreeSpec] = [pytree.treespec_leaf()] * len(structure.children)
        return pytree.TreeSpec(structure.kind, structure.context, children)
    found = _spec_of_torch(structure)
    return None if found is not None and is_for_files and not _has_form(found) else found


def _spec_of_torch(structure: Structure) -> pytree.TreeSpec | None:
    """The spec of one of Python's containers, if torch takes it apart in the same order."""
    count = len(structure.children)
    of_leaves = replace(structure, children=(LEAF,) * count, ordered=())
    leaves, spec = pytree.tree_flatten(of_leaves.unflatten(range(count)))
    return spec if leaves == list(range(count)) else None


def _has_form(spec: pytree.TreeSpec) -> bool:
    """Whether torch writes a container to files, and reads the same."""
    try:
        return bool(pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec)
    except Exception:
        return False


def _is_kept(child: Structure, part: Sequence[Argument], is_given: bool) -> bool:
    if child.kind is not None or not part or not isinstance(part[0], ConstantArgument):
        return False
    return not isinstance(part[0].value, _ARGUMENTS if is_given else _RESULTS)


def _wrapped(structure: Structure, value: object, is_for_files: bool) -> object:
    if is_known(tree_spec(structure, is_for_files=is_for_files)):
        return value
    parts = [
        _wrapped(child, part, is_for_files)
        for child, part in zip(structure.children, taken_apart(value), strict=True)
    ]
    if _known_spec(structure, is_for_files) is not None:
        return replace(structure, children=(LEAF,) * len(parts)).unflatten(parts)
    kept = tuple(
        (i, part)
        for i, (child, part) in enumerate(zip(structure.children, parts, strict=True))
        if child.kind is None and not isinstance(part, (torch.Tensor, *_ARGUMENTS))
    )
    for i, _ in kept:
        parts[i] = None
    return Given(parts, (structure.kind, structure.context, kept))  # type: ignore[arg-type]


# What torch calls -----------------------------------------------------------------------------


def reflected_structure(context: Context, children: tuple[Structure, ...]) -> Structure:
    """The structure of a value that ``Reflected`` or ``Given`` stands for.

    Raises:
        FileError: MG-F101, where the class has other parts.
    """
    kind, held, _ = context
    parts: list[object] = [torch.empty(0, device="meta") for _ in children]  # all of them others
    if kind is torch.Size:  # which holds no tensors
        parts = list(range(len(children)))
    leaves, found = flatten(_built(parts, (kind, held, ())))
    if list(map(id, leaves)) != list(map(id, parts)):
        raise FileError(f"a {kind.__name__} does not have {len(children)} parts")
    return replace(found, children=children)


def _built(given: Iterable[Any], context: Context) -> object:
    children, (kind, held, constants) = list(given), context
    for i, constant in constants:
        children[i] = constant
    return Structure(kind, held, (), (LEAF,) * len(children)).unflatten(children)


def _taken(value: Reflected) -> tuple[list[Any], Any]:
    raise TypeError(f"{value} stands for values of other classes")


def _taken_given(value: Given) -> tuple[list[Any], Any]:
    return value.parts, value.context


def _with_keys(value: Given) -> tuple[list[tuple[Any, Any]], Any]:
    return [(pytree.SequenceKey(i), part) for i, part in enumerate(value.parts)], value.context


def _as_json(context: Context) -> list[Any]:
    kind, held, constants = context
    kept = [[i, as_json(constant)] for i, constant in constants]
    return [class_as_json(kind), as_json(held), kept]


def _from_json(made_of: list[Any]) -> Context:
    place, held, kept = made_of
    kind = class_of_json(place)
    if is_registered(kind):
        raise FileError(f"a {kind.__name__} is not written like this")
    return kind, from_json(held), tuple((i, from_json(constant)) for i, constant in kept)


def _given_again(parts: list[Any], context: list[Any]) -> Given:
    """A ``Given`` that was pickled."""
    return Given(parts, _from_json(context))


for _kind, _name, _take, _build in (
    (Reflected, SERIALIZED_NAMES[0], _taken, _built),
    (Given, SERIALIZED_NAMES[1], _taken_given, lambda parts, context: Given(list(parts), context)),
):
    pytree.register_pytree_node(
        _kind,
        _take,
        _build,
        serialized_type_name=_name,
        to_dumpable_context=_as_json,
        from_dumpable_context=_from_json,
        flatten_with_keys_fn=_with_keys,
    )
# The example inputs of a file are such values: classes are named in them, and looked for.
torch.serialization.add_safe_globals([_given_again])
