"""Sizes at the door of an exported program: bound to symbols, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monograph.diagnostics import InputError, SourceLine
from monograph.shapes.dims import DerivedDim, Dim
from monograph.shapes.env import Guard, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import brief, holds
from monograph.shapes.text import format_expr

__all__ = ["Bound", "Place", "SizeChecks", "checks_of_specs"]


@dataclass(frozen=True)
class Place:
    """A size that gives a symbol: leaf, dimension (None for a number), slope and offset."""

    leaf: int
    dim: int | None
    path: str
    slope: int
    offset: int

    def of(self, leaves: list[Any]) -> float:
        """The size, or the number, in the leaves of a call."""
        leaf = leaves[self.leaf]
        size: float = leaf if self.dim is None else leaf.shape[self.dim]
        return size


@dataclass(frozen=True)
class Bound:
    """A declared symbol: its first place, the others, and what it has turned out to be."""

    name: str
    places: list[Place]
    now: Int | None  # an expression of others, a number, or None
    lower: int | None
    upper: int | None
    values: tuple[int, ...] | None


@dataclass(frozen=True)
class SizeChecks:
    """All that is asked of the sizes of a call.

    ``reasons``: what bounds and ranges say already, with the lines that it comes from.
    """

    bounds: list[Bound]
    definitions: dict[str, tuple[str, int, int]]
    ranges: dict[str, tuple[int | None, int | None]]
    guards: list[Guard]
    reasons: list[Guard] = field(default_factory=list)

    def run(self, leaves: list[Any]) -> dict[str, Any]:
        """Check the leaves of a call; returns the symbols' values.

        Raises:
            InputError: MG-I106, in the wording that users of ``torch.export`` know.
        """
        values: dict[str, Any] = {}
        for bound in self.bounds:
            values[bound.name] = _bind(bound, leaves)
        for name, (source, step, offset) in self.definitions.items():
            values[name] = (values[source] - offset) // step
        try:
            self._check_symbols(values)
        except InputError as error:
            self._explain(error, values)
            raise
        for guard in self.guards:
            if not holds(guard.test, values):
                given = ", ".join(f"{name} = {values[name]}" for name in guard.symbols)
                raise InputError(
                    f"Expected inputs to satisfy {brief(guard.test)}, but got {given}",
                    code="MG-I106",
                    where=SourceLine.of(guard.where),
                    hint=guard.message or "the program was captured for such sizes at this line.",
                )
        return values

    def _check_symbols(self, values: dict[str, Any]) -> None:
        for bound in self.bounds:
            _check(bound, values, self.definitions)
        for name, (source, step, offset) in self.definitions.items():
            lo, hi = self.ranges.get(name, (None, None))
            first = next((b.places[0] for b in self.bounds if b.name == source), None)
            if first is not None:
                _check_range(
                    first,
                    values[source],
                    None if lo is None else lo * step + offset,
                    None if hi is None else hi * step + offset,
                )

    def _explain(self, error: InputError, values: dict[str, Any]) -> None:
        """Say which line of the program wants the sizes that ``values`` are not."""
        for guard in self.reasons:
            if set(guard.symbols) <= values.keys() and not holds(guard.test, values):
                error.where = SourceLine.of(guard.where)
                error.hint = (
                    guard.message or "the program was captured for such sizes at this line."
                )
                return


def _bind(bound: Bound, leaves: list[Any]) -> float:
    first = bound.places[0]
    size = first.of(leaves)
    if isinstance(size, float):
        return size
    if (size - first.offset) % first.slope:
        form = DerivedDim(Dim(bound.name), first.slope, first.offset)
        _refuse(first, f"of the form {form}, where {bound.name} is an integer", size, _CUT)
    value = (size - first.offset) // first.slope
    for place in bound.places[1:]:
        wanted = place.slope * value + place.offset
        size = place.of(leaves)
        if size != wanted:
            _refuse(place, f"equal to {wanted}", size, _agreeing(first))
    return value


def _check(bound: Bound, values: dict[str, Any], definitions: dict[str, Any]) -> None:
    first, value = bound.places[0], values[bound.name]
    if isinstance(value, float):
        return
    if bound.now is not None:
        expected = bound.now.evaluate(values) if isinstance(bound.now, Expr) else bound.now
        if expected != value:
            scaled = first.slope * expected + first.offset
            own = isinstance(bound.now, Expr) and any(
                definitions.get(a.name, ("",))[0] == bound.name for a in bound.now.symbols()
            )
            text = f"of the form {format_expr(bound.now)}" if own else f"equal to {scaled}"
            _refuse(first, text, first.slope * value + first.offset, _CUT)
    if bound.values is not None and value not in bound.values:
        _refuse(
            first,
            f"one of {sorted(first.slope * v + first.offset for v in bound.values)}",
            first.slope * value + first.offset,
            _WIDER,
        )
    lo = None if bound.lower is None else first.slope * bound.lower + first.offset
    hi = None if bound.upper is None else first.slope * bound.upper + first.offset
    _check_range(first, value, lo, hi)


def _check_range(place: Place, value: int, lo: int | None, hi: int | None) -> None:
    size = place.slope * value + place.offset
    if lo is not None and size < lo:
        _refuse(place, f">= {lo}", size, _WIDER)
    if hi is not None and size > hi:
        _refuse(place, f"<= {hi}", size, _WIDER)


_CUT = "pad or cut the input to such a size."
_WIDER = "pad or cut the input, or export with a wider range in dynamic_shapes."


def _agreeing(first: Place) -> str:
    return f"it follows from the size at {_where(first)}: pass inputs whose sizes agree."


def _where(place: Place) -> str:
    return place.path if place.dim is None else f"{place.path}.shape[{place.dim}]"


def _refuse(place: Place, wanted: str, size: float, hint: str) -> None:
    raise InputError(
        f"Expected input at {_where(place)} to be {wanted}, but got {size}",
        code="MG-I106",
        hint=hint,
    )


def checks_of_specs(
    env: ShapeEnv,
    sizes: list[tuple[int, int | None, str, Expr]],
    guards: list[Guard],
    floats: Mapping[str, Place] | None = None,
) -> SizeChecks | None:
    """What a call must satisfy, from the sizes of its leaves alone.

    ``sizes``: leaf, dimension (None for a number), path and expression of each size that varies.
    ``floats``: where numbers come from that are no integers.
    """
    places: dict[str, list[Place]] = {}
    rest: list[tuple[Expr, Bound]] = []
    for leaf, dim, path, expr in sizes:
        atoms = expr.symbols()
        is_line = len(expr.terms) == 1 and len(expr.terms[0][0]) == 1
        if is_line and len(atoms) == 1 and expr.atoms() == atoms:
            place = Place(leaf, dim, path, expr.terms[0][1], expr.const)
            places.setdefault(atoms[0].name, []).append(place)
        else:
            place = Place(leaf, dim, path, 1, 0)
            rest.append((expr, Bound(f"{path}.{dim}", [place], expr, None, None, None)))
    bounds = []
    for name, found in places.items():
        found.sort(key=lambda p: (p.slope, p.offset) != (1, 0))
        symbol = env.symbols[name].expr
        assert isinstance(symbol, Expr)
        atom = symbol.atoms()[0]
        bounds.append(Bound(name, found, None, atom.lo, atom.hi, None))
    for name, place in (floats or {}).items():
        bounds.append(Bound(name, [place], None, None, None, None))
    known = {*places, *(floats or {})}
    kept = [bound for expr, bound in rest if {a.name for a in expr.symbols()} <= known]
    guards = [guard for guard in guards if set(guard.symbols) <= known]
    return SizeChecks([*bounds, *kept], {}, {}, guards) if bounds or kept else None
