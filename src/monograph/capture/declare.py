"""From a specification of sizes to the symbols of a capture."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from monograph.capture.inputs import Argument, Arguments, Root
from monograph.diagnostics import ShapeError
from monograph.ir.structure import Structure, flatten
from monograph.shapes.dims import (
    AdditionalInputs,
    AnyDim,
    DerivedDim,
    Dim,
    DimHint,
    ShapesCollection,
    parse_shape,
    read_dim,
)
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr

__all__ = ["Declaration", "declare", "is_meant", "read_specification"]

_STATIC = {"", None}


@dataclass
class Declaration:
    """One symbol that was declared.

    ``kind``: "named" for a ``Dim``, "DYNAMIC", "AUTO". ``places``: the leaf, the dimension (None
    for a number), slope and offset of each size that it gives.
    """

    name: str
    kind: str
    dim: Dim | None
    places: list[tuple[Argument, int | None, int, int]] = field(default_factory=list)
    lo: int | None = 0
    hi: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing was said of its least value."""
        return self.dim is None or not self.dim.has_min


# A specification, leaf by leaf ---------------------------------------------------------------


def read_specification(root: Root, arguments: Arguments, spec: object) -> list[Any]:
    """For each leaf of the arguments: a dict from dimension to what was declared, or None.

    A number's declaration stands under the key None.

    Raises:
        ShapeError: MG-S102, naming the part that does not fit and the paths that there are.
    """
    found: list[Any] = [None] * len(arguments.leaves)
    if spec is None:
        return found
    if isinstance(spec, AdditionalInputs) or type(spec).__name__ == "AdditionalInputs":
        return _from_examples(arguments, spec)
    if isinstance(spec, ShapesCollection):
        return [_entry_by_identity(leaf, spec.shapes) for leaf in arguments.leaves]
    of_torch = getattr(spec, "_shapes", None)  # a ``ShapesCollection`` of ``torch.export``
    if isinstance(of_torch, dict):
        return [_entry_by_identity(leaf, of_torch) for leaf in arguments.leaves]
    if isinstance(spec, (tuple, list)):
        _read_by_position(root, arguments, spec, found)
    elif isinstance(spec, dict):
        _read_by_name(root, arguments, spec, found)
    else:
        _refuse(f"dynamic_shapes is a {type(spec).__name__}, not a dict or a tuple", arguments)
    return found


def _entry_by_identity(leaf: Argument, shapes: dict[int, object]) -> dict[int | None, Any] | None:
    entry = shapes.get(id(leaf.example))
    return None if entry is None else _entry(leaf, entry)


def _read_by_position(
    root: Root, arguments: Arguments, spec: Sequence[object], found: list[Any]
) -> None:
    """One entry for each parameter, in the order of the signature, or for each argument.

    They differ by ``*args`` and ``**kwargs``, which are a tuple and a dict of entries then.
    """
    parameters = _by_parameter(root, arguments)
    given = list(zip(parameters, spec, strict=False))
    if len(spec) <= len(parameters) and any(_is_entry_of(*pair) for pair in given):
        for (name, group), entry in given:
            _spread_group(group, entry, arguments, found, name)
        return
    tops = [top for _, group in parameters for top in _tops_of(group)]
    if len(spec) > len(tops):
        _refuse(f"dynamic_shapes has {len(spec)} entries for {len(tops)} arguments", arguments)
    for (_, structure, first), entry in zip(tops, spec, strict=False):
        _spread(structure, entry, arguments, first, found)


def _is_entry_of(parameter: tuple[str, _Group], entry: object) -> bool:
    """Whether ``entry`` has the form of all that ``*args`` or ``**kwargs`` stand for."""
    group = parameter[1]
    if isinstance(group, dict):
        return isinstance(entry, dict) and bool(entry) and entry.keys() <= group.keys()
    return (
        isinstance(group, list)
        and isinstance(entry, (tuple, list))
        and len(entry) == len(group)
        and any(isinstance(item, (dict, tuple, list)) for item in entry)
    )


def _read_by_name(
    root: Root, arguments: Arguments, spec: dict[Any, object], found: list[Any]
) -> None:
    parameters = _by_parameter(root, arguments)
    by_name = {top[0]: top[1:] for _, group in parameters for top in _tops_of(group)}
    grouped = {name: group for name, group in parameters if not isinstance(group, tuple)}
    for key, entry in spec.items():
        if key in by_name:
            structure, first = by_name[key]
            _spread(structure, entry, arguments, first, found)
        elif key in grouped:
            _spread_group(grouped[key], entry, arguments, found, key)
        elif isinstance(key, str) and _by_pattern(key, entry, arguments, found):
            continue
        elif root.signature is not None and key in root.signature.parameters:
            if entry not in (None, {}, (), []):
                _refuse(f"dynamic_shapes names {key!r}, which was not passed", arguments)
        else:
            _refuse(f"dynamic_shapes names {key!r}, which is no argument", arguments)


# The name, the structure and the first leaf of an argument.
_Top = tuple[str, Structure, int]
# What a parameter stands for: an argument, or those of ``*args`` or ``**kwargs``.
_Group = _Top | list[_Top] | dict[str, _Top]


def _by_parameter(root: Root, arguments: Arguments) -> list[tuple[str, _Group]]:
    """The arguments by parameters, as the signature has them; by their own names without one."""
    tops = list(_top_level(arguments))
    count = len(arguments.args.children)
    by_position, by_name = tops[:count], {top[0]: top for top in tops[count:]}
    found: list[tuple[str, _Group]] = []
    for parameter in root.signature.parameters.values() if root.signature else ():
        name, kind = parameter.name, parameter.kind
        if kind is parameter.VAR_POSITIONAL:
            found.append((name, by_position))
            by_position = []
        elif kind is parameter.VAR_KEYWORD:
            found.append((name, by_name))
            by_name = {}
        elif by_position and kind is not parameter.KEYWORD_ONLY:
            found.append((name, by_position.pop(0)))
        elif name in by_name:
            found.append((name, by_name.pop(name)))
    return [*found, *((top[0], top) for top in (*by_position, *by_name.values()))]


def _tops_of(group: _Group) -> list[_Top]:
    if isinstance(group, dict):
        return list(group.values())
    return group if isinstance(group, list) else [group]


def _top_level(arguments: Arguments) -> Iterator[_Top]:
    """Those by position, then those by name."""
    first = 0
    for structure in arguments.args.children:
        count = structure.num_leaves
        name = arguments.leaves[first].parts[0] if count else ""
        yield name, structure, first
        first += count
    for (_, name), structure in zip(arguments.kwargs.keys, arguments.kwargs.children, strict=True):
        yield name, structure, first
        first += structure.num_leaves


def _spread_group(
    group: _Group, entry: object, arguments: Arguments, found: list[Any], key: str
) -> None:
    if isinstance(group, tuple):
        _spread(group[1], entry, arguments, group[2], found)
    elif isinstance(group, dict) and isinstance(entry, dict):
        for name, inner in entry.items():
            if name not in group:
                _refuse(f"dynamic_shapes names {key}[{name!r}], which was not passed", arguments)
            _spread(group[name][1], inner, arguments, group[name][2], found)
    elif isinstance(group, list) and isinstance(entry, (tuple, list)):
        for (_, structure, first), inner in zip(group, entry, strict=False):
            _spread(structure, inner, arguments, first, found)
    elif entry is not None:
        _refuse(f"dynamic_shapes[{key!r}] does not have the form of *{key}", arguments)


def is_meant(leaf: Argument, key: str) -> bool:
    """Whether ``key`` of a specification, the name of an argument or a pattern, means a leaf."""
    return leaf.dotted.startswith(key + ".") or any(
        fnmatch.fnmatchcase(leaf.dotted, form) for form in (key, key + ".*", key.removesuffix(".*"))
    )


def _by_pattern(key: str, entry: object, arguments: Arguments, found: list[Any]) -> bool:
    """``"past.*"`` or ``"past.0.keys"``: every leaf under that path that has such dimensions.

    (A cache counts in tensors without dimensions, beside those of its keys and values.)
    """
    hits = [i for i, leaf in enumerate(arguments.leaves) if is_meant(leaf, key)]
    has_them = [i for i in hits if _has_dimensions(arguments.leaves[i].example, entry)]
    for i in has_them or hits:
        leaf = arguments.leaves[i]
        if isinstance(leaf.example, torch.Tensor) or not isinstance(entry, (dict, tuple, list)):
            found[i] = _entry(leaf, entry)
    return bool(hits)


def _has_dimensions(example: object, entry: object) -> bool:
    if not isinstance(example, torch.Tensor) or not isinstance(entry, dict):
        return True
    return all(type(dim) is int and -example.dim() <= dim < example.dim() for dim in entry)


def _spread(
    structure: Structure, entry: object, arguments: Arguments, first: int, found: list[Any]
) -> None:
    """Give ``entry`` to the leaves of ``structure``, the first of which is number ``first``."""
    if entry is None:
        return
    if structure.kind is None:
        found[first] = _entry(arguments.leaves[first], entry)
        return
    leaves = range(first, first + structure.num_leaves)
    if _is_for_each(structure, entry):
        for i in leaves:
            if isinstance(arguments.leaves[i].example, torch.Tensor):
                found[i] = _entry(arguments.leaves[i], entry)
        return
    names = [name for _, name in structure.keys]
    if isinstance(entry, dict):
        wanted = {str(key): inner for key, inner in entry.items()}
        unknown = [key for key in wanted if key not in names]
        if unknown:
            path = arguments.leaves[first].dotted.rsplit(".", 1)[0] if len(leaves) else ""
            _refuse(f"dynamic_shapes names {path}.{unknown[0]}, which is not there", arguments)
        entries = [wanted.get(name) for name in names]
    elif isinstance(entry, (tuple, list)):
        entries = list(entry)
        if len(entries) == structure.num_leaves != len(names):  # flat, for a nested container
            for i, inner in zip(leaves, entries, strict=True):
                found[i] = None if inner is None else _entry(arguments.leaves[i], inner)
            return
        if len(entries) > len(names):
            path = arguments.leaves[first].dotted.rsplit(".", 1)[0] if len(leaves) else ""
            _refuse(
                f"dynamic_shapes has {len(entries)} entries at {path}, which has {len(names)}",
                arguments,
            )
    elif hasattr(entry, "__dict__"):  # a dataclass or a cache that holds specifications
        entries = [getattr(entry, name, None) for name in names]
    else:
        _refuse(f"{entry!r} is no specification of a {structure.kind.__name__}", arguments)
    start = first
    for child, inner in zip(structure.children, entries, strict=False):
        _spread(child, inner, arguments, start, found)
        start += child.num_leaves


def _is_for_each(structure: Structure, entry: object) -> bool:
    """Whether ``entry`` describes one tensor, and so every tensor in the container."""
    if isinstance(entry, (str, DimHint)) or type(entry).__name__ == "_DimHint":
        return True
    if not isinstance(entry, dict) or not entry or not all(type(key) is int for key in entry):
        return False
    return all(
        inner is not None and not isinstance(inner, (dict, tuple, list)) for inner in entry.values()
    )


def _entry(leaf: Argument, entry: object) -> dict[int | None, Any] | None:
    """The declaration of one leaf, by dimension."""
    try:
        if not isinstance(leaf.example, torch.Tensor):
            return _entry_of_number(leaf, entry)
        rank = leaf.example.dim()
        if isinstance(entry, str):
            entry = parse_shape(entry)
        if isinstance(entry, DimHint) or type(entry).__name__ == "_DimHint":
            entry = [entry] * rank
        if isinstance(entry, dict):
            pairs = list(entry.items())
        elif isinstance(entry, (tuple, list)):
            entries = list(entry)
            if ... in entries:
                at = entries.index(...)
                entries[at : at + 1] = [None] * (rank - len(entries) + 1)
            if len(entries) != rank:
                raise ValueError(f"{len(entries)} sizes for a tensor of {rank} dimensions")
            pairs = list(enumerate(entries))
        else:
            raise ValueError(f"{entry!r} does not describe a tensor")
        found: dict[int | None, Any] = {}
        for dim, item in pairs:
            if type(dim) is not int or not -rank <= dim < rank:
                raise ValueError(f"dimension {dim!r} of a tensor of {rank} dimensions")
            found[dim % rank] = read_dim(item)
        return found
    except ValueError as error:
        raise ShapeError(
            f"the specification of {leaf.path} ({leaf.dotted}): {error}",
            hint=(
                'write {dimension: Dim("name")}: whole numbers, from 0 on, or from -1 backwards.'
                if isinstance(leaf.example, torch.Tensor)
                else f'it is no tensor: write {{"{leaf.dotted}": Dim.DYNAMIC}} where it varies.'
            ),
        ) from None


def _entry_of_number(leaf: Argument, entry: object) -> dict[int | None, Any] | None:
    if entry in ({}, (), []):
        return None
    item = read_dim(entry)
    if item is None or isinstance(item, int):
        return None
    if type(leaf.example) not in (int, float):
        raise ValueError(f"a {type(leaf.example).__name__} cannot vary, only tensors and numbers")
    return {None: item}


def _from_examples(arguments: Arguments, spec: object) -> list[Any]:
    """Whatever differs between the examples is ``Dim.DYNAMIC``."""
    found: list[Any] = [None] * len(arguments.leaves)
    examples = getattr(spec, "examples", None) or getattr(spec, "_examples", [])
    for args, kwargs in examples:
        leaves, structure = flatten(tuple(args))
        named, named_structure = flatten(dict(kwargs or {}))
        if (structure, named_structure) != (arguments.args, arguments.kwargs):
            _refuse("an additional input has another structure than the example", arguments)
        pairs = zip(arguments.leaves, (*leaves, *named), strict=True)
        for i, (leaf, other) in enumerate(pairs):
            example = leaf.example
            if isinstance(example, torch.Tensor):
                if not isinstance(other, torch.Tensor) or other.dim() != example.dim():
                    _refuse(f"an additional input differs in kind at {leaf.path}", arguments)
                for dim, (one, two) in enumerate(zip(example.shape, other.shape, strict=True)):
                    if one != two:
                        found[i] = {**(found[i] or {}), dim: Dim.DYNAMIC}
            elif type(example) in (int, float) and other != example:
                found[i] = {None: Dim.DYNAMIC}
    return found


def _refuse(what: str, arguments: Arguments) -> NoReturn:
    paths = ", ".join(leaf.dotted for leaf in arguments.leaves[:12])
    more = " ..." if len(arguments.leaves) > 12 else ""
    raise ShapeError(what, hint=f"the arguments are: {paths}{more}.")


# Symbols -------------------------------------------------------------------------------------


def declare(
    env: ShapeEnv, arguments: Arguments, specification: list[Any], hints: dict[str, float]
) -> tuple[list[Any], dict[str, Declaration]]:
    """Make the symbols; returns, for each leaf, what ``enter_argument`` wants, and all symbols.

    ``hints`` are values of symbols to go by instead of the example's.

    Raises:
        ShapeError: MG-S103 for an example outside its range, MG-S102 for contradictions.
    """
    table: dict[str, Declaration] = {}
    leaves: list[dict[int | None, tuple[str, int, int] | int]] = []
    count = 0
    for leaf, entry in zip(arguments.leaves, specification, strict=True):
        mine: dict[int | None, tuple[str, int, int] | int] = {}
        for dim, item in (entry or {}).items():
            if item is None:
                continue
            if isinstance(item, int):
                _check_static(leaf, dim, item)
                continue
            if isinstance(item, DimHint):
                name = f"s{count}"
                count += 1
            else:
                name = (item.root if isinstance(item, DerivedDim) else item).__name__
            slope, offset = _declare_one(table, name, item)
            table[name].places.append((leaf, dim, slope, offset))
            mine[dim] = (name, slope, offset)
        leaves.append(mine)
    symbols = {name: _symbol(env, declaration, hints) for name, declaration in table.items()}
    return [
        _sizes(leaf, mine, symbols) for leaf, mine in zip(arguments.leaves, leaves, strict=True)
    ], table


def _declare_one(table: dict[str, Declaration], name: str, item: AnyDim) -> tuple[int, int]:
    if isinstance(item, DimHint):
        table[name] = Declaration(name, item.kind, None, [], item.min or 0, item.max)
        return 1, 0
    root, slope, offset = item.line()
    known = table.get(name)
    if known is None:
        table[name] = Declaration(name, "named", root, [], root.min, root.max)
    elif known.dim is not root and known.dim is not None:
        ranges = [(d.min, d.max, d.values) for d in (known.dim, root)]
        if ranges[0] != ranges[1] and (0, None, None) not in ranges:
            raise ShapeError(
                f"two dimensions are called {name}, with different ranges: {known.dim} and {root}"
            )
        if ranges[0] == (0, None, None):
            known.dim, known.lo, known.hi = root, root.min, root.max
    return slope, offset


def _check_static(leaf: Argument, dim: int | None, wanted: int) -> None:
    size = leaf.example.shape[dim] if dim is not None else leaf.example
    if size != wanted:
        raise ShapeError(
            f"{leaf.dotted}.shape[{dim}] is {size} in the example, and {wanted} was declared",
            code="MG-S103",
            hint="leave it out where it does not vary; where it does, write a Dim.",
        )


def _symbol(env: ShapeEnv, declaration: Declaration, hints: dict[str, float]) -> Expr | FloatExpr:
    leaf, dim, _, _ = declaration.places[0]
    values = {_value_at(*place) for place in declaration.places}
    first = source_of(leaf, dim)
    for place in declaration.places:
        found, slope, offset = _size_at(place[0], place[1]), place[2], place[3]
        if isinstance(found, float):
            return env.float_symbol(declaration.name, found, first)
        if (found - offset) % slope:
            text = DerivedDim(declaration.dim, slope, offset) if declaration.dim else ""
            raise ShapeError(
                f"{source_of(place[0], place[1])} is {found} in the example, which is not of the "
                f"form {text}",
                code="MG-S103",
            )
    if len(values) > 1:
        sizes = ", ".join(
            f"{source_of(p[0], p[1])} = {_size_at(p[0], p[1])}" for p in declaration.places
        )
        raise ShapeError(
            f"{declaration.name} has different values in the example: {sizes}", code="MG-S103"
        )
    hint = values.pop()
    lo, hi = declaration.lo, declaration.hi
    if dim is None and declaration.dim is None and declaration.lo == 0:
        lo = declaration.lo = None  # a number that is no size
    allowed = declaration.dim.values if declaration.dim else None
    if allowed is not None and hint not in allowed:
        raise ShapeError(
            f"{declaration.name}: {hint} not in {set(allowed)} ({first} of the example)",
            code="MG-S103",
        )
    if (lo is not None and hint < lo) or (hi is not None and hint > hi):
        bounds = f"[{lo}, {'int_oo' if hi is None else hi}]"
        raise ShapeError(
            f"{declaration.name}: {hint} not in range {bounds} ({first} of the example)",
            code="MG-S103",
            suggested_fixes={
                declaration.name: Dim(
                    declaration.name,
                    min=min(lo, hint) if lo else None,
                    max=None if hi is None else max(hi, hint),
                )
            },
            hint="widen the range, or export with an example inside it.",
        )
    for place_leaf, place_dim, slope, offset in declaration.places:
        if place_dim is not None and lo is not None and slope * lo + offset < 0:
            lo = declaration.lo = -(offset // slope)  # a size is not negative
            del place_leaf
    hint = int(hints.get(declaration.name, hint))
    symbol = env.symbol(declaration.name, hint, first, lo, hi)
    if allowed is not None:
        env.limit_to(symbol, allowed)
    return symbol


def source_of(leaf: Argument, dim: int | None) -> str:
    """``x.shape[0]``; the name itself for a number."""
    return leaf.source if dim is None else f"{leaf.source}.shape[{dim}]"


def _size_at(leaf: Argument, dim: int | None) -> Any:
    return leaf.example if dim is None else int(leaf.example.shape[dim])


def _value_at(leaf: Argument, dim: int | None, slope: int, offset: int) -> Any:
    found = _size_at(leaf, dim)
    return found if isinstance(found, float) else (found - offset) // slope


def _sizes(
    leaf: Argument, mine: dict[Any, Any], symbols: dict[str, Any]
) -> tuple[Int, ...] | Int | FloatExpr | None:
    if not mine:
        return None
    if None in mine:
        name, slope, offset = mine[None]
        symbol = symbols[name]
        return symbol if isinstance(symbol, FloatExpr) else slope * symbol + offset
    sizes: list[Int] = []
    for i, size in enumerate(leaf.example.shape):
        if i not in mine:
            sizes.append(int(size))
        else:
            name, slope, offset = mine[i]
            sizes.append(slope * symbols[name] + offset)
    return tuple(sizes)
