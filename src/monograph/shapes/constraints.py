"""What a capture has found out about sizes, against what was declared of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from monograph.shapes.dims import (
    AdditionalInputs,
    AnyDim,
    DerivedDim,
    Dim,
    ShapesCollection,
    derived,
    parse_shape,
    read_dim,
)
from monograph.shapes.env import AS_CAUGHT, AS_LONG, TAKEN_AS_EQUAL, Guard, Place, ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.questions import brief, cut, text_of, truth
from monograph.shapes.text import format_expr

__all__ = ["Range", "Violations", "compare", "ranges_of", "refine", "sentence"]


@dataclass(frozen=True)
class Range:
    """``lower <= size <= upper``; None for no bound. Printed as ``torch.export`` does."""

    lower: int | None
    upper: int | None

    def __contains__(self, value: int) -> bool:
        above = self.lower is None or value >= self.lower
        return above and (self.upper is None or value <= self.upper)

    def __repr__(self) -> str:
        lower = "-int_oo" if self.lower is None else self.lower
        return f"VR[{lower}, {'int_oo' if self.upper is None else self.upper}]"


class Declared(Protocol):
    """One declared symbol: "named", "DYNAMIC" or "AUTO", and its range."""

    name: str
    kind: str
    lo: int | None
    hi: int | None

    @property
    def is_open(self) -> bool:
        """Whether nothing was said of its least value: the program tells whether 0 is allowed."""


@dataclass
class Violations:
    """Why the program does not hold for all declared sizes.

    ``lines`` say it, each with the place in the program; ``fixes`` maps names to what would hold
    (a ``Dim``, a ``DerivedDim`` or a number), with ``news`` for dimensions that these need.
    """

    names: list[str] = field(default_factory=list)
    lines: list[tuple[str, Place | None]] = field(default_factory=list)
    fixes: dict[str, AnyDim | int] = field(default_factory=dict)

    def add(self, name: str, line: str, where: Place | None) -> None:
        """One more reason, about the dimension ``name``."""
        if name not in self.names:
            self.names.append(name)
        if (line, where) not in self.lines:
            self.lines.append((line, where))


def ranges_of(env: ShapeEnv) -> dict[str, Range]:
    """The range of every symbol that is left, by name."""
    found: dict[str, Range] = {}
    for name, symbol in env.symbols.items():
        if isinstance(symbol.expr, Expr) and not symbol.is_given_up:
            atom = symbol.expr.atoms()[0]
            if atom.index not in env.scope.replacements:
                found[name] = Range(atom.lo, atom.hi)
    return found


def sentence(guard: Guard, env: ShapeEnv) -> str:
    """One guard as a sentence, for the list of assumptions."""
    where = guard.where
    source = where.text if where is not None else ""
    needs = brief(guard.test)
    if guard.kind == "fixed":
        why = guard.message or "Python needs this number itself"
        return f"`{source}`: {why}, so this program covers {needs}"
    if guard.message in (TAKEN_AS_EQUAL, AS_CAUGHT, AS_LONG):
        return f"`{source}`: {guard.message}, so this program covers {needs}"
    if guard.kind == "precondition":
        note = f" ({guard.message})" if guard.message else ""
        return f"`{source}` raises an error unless {needs}{note}"
    asked = cut(guard.asked, 120)
    return f"`{source}` asks for {asked}, taken as {guard.answer}: this program covers {needs}"


def compare(env: ShapeEnv, declared: Mapping[str, Declared]) -> Violations:
    """Every way in which the capture is narrower than the declarations allow it to be."""
    found = Violations()
    scope = env.scope
    for name, declaration in declared.items():
        symbol = env.symbols[name].expr
        if not isinstance(symbol, Expr):
            continue
        now = scope.normal(symbol)
        cause = _cause(env, name)
        where = None if cause is None else cause.where
        source = f"{name} = {env.symbols[name].source}"
        if isinstance(now, int):
            if declaration.kind != "AUTO" and (declaration.lo, declaration.hi) != (now, now):
                found.add(
                    name,
                    f"Not all values of {source} in the specified range are valid because {name} "
                    f"was inferred to be a constant ({now})."
                    + (f" {cause.message}." if cause is not None and cause.message else ""),
                    where,
                )
                found.fixes[name] = now
        elif declaration.kind == "named" and now is not symbol:
            _compare_tied(env, declared, name, now, found, where)
    for guard in env.guards:
        if guard.kind != "precondition" and guard.is_narrowing:
            _compare_guard(env, declared, guard, found)
    _range_fixes(env, declared, found)
    return found


def _cause(env: ShapeEnv, name: str) -> Guard | None:
    """The last guard that is about ``name``."""
    return next((g for g in reversed(env.guards) if name in g.symbols), None)


def _compare_tied(
    env: ShapeEnv,
    declared: Mapping[str, Declared],
    name: str,
    now: Expr,
    found: Violations,
    where: Place | None,
) -> None:
    sources = {n: f"{n} = {env.symbols[n].source}" for n in env.symbols}
    others = [atom.name for atom in now.symbols()]
    named = [n for n in others if n in declared]
    if named and all(declared[n].kind == "AUTO" for n in named):
        return  # the other one gives way
    as_dim = _dim_of(env, declared, now)
    if as_dim is not None:
        found.fixes[name] = as_dim
    if not named:  # k * a new symbol
        cause = next((g for g in env.guards if g.solved and name in g.symbols), None)
        if cause is not None and cause.kind == "precondition":
            found.fixes.pop(name, None)
            return  # the program itself refuses other sizes
        found.add(
            name,
            f"Not all values of {sources[name]} in the specified range satisfy that it is of the "
            f"form {format_expr(now)}.",
            where,
        )
        return
    if format_expr(now) == named[0]:
        text = f"The values of {sources[name]} and {sources[named[0]]} must always be equal."
    else:
        text = f"The values of {sources[name]} must always be equal to {format_expr(now)}."
    found.add(name, text, where)


def _dim_of(env: ShapeEnv, declared: Mapping[str, Declared], now: Expr) -> AnyDim | None:
    if len(now.terms) != 1 or len(now.terms[0][0]) != 1:
        return None
    atom = now.scope.atoms[now.terms[0][0][0]]
    slope = now.terms[0][1]
    if atom.kind != "symbol" or slope < 1:
        return None
    known = declared.get(atom.name)
    dim = getattr(known, "dim", None) or Dim(atom.name, min=max(atom.lo or 0, 0), max=atom.hi)
    return dim if (slope, now.const) == (1, 0) else DerivedDim(dim, slope, now.const)


def _compare_guard(
    env: ShapeEnv, declared: Mapping[str, Declared], guard: Guard, found: Violations
) -> None:
    kinds = {declared[n].kind for n in guard.symbols if n in declared}
    if "named" not in kinds or "AUTO" in kinds:
        return
    names = [n for n in guard.symbols if n in declared and declared[n].kind == "named"]
    if len(names) == 1:
        if _excludes_only_zero(declared[names[0]], guard, names[0]):
            return
        source = f"{names[0]} = {env.symbols[names[0]].source}"
        if not isinstance(env.scope.normal(env.symbols[names[0]].expr), Expr):  # type: ignore[arg-type]
            return  # a constant: said already
        line = (
            f"Not all values of {source} in the specified range satisfy the generated guard "
            f"{text_of(guard.test)}"
        )
        found.add(names[0], line, guard.where)
        return
    if guard.solved:
        return  # an equality that tied two dimensions: said already
    for name in names:
        found.add(
            name,
            f"The values of {' and '.join(names)} do not always satisfy the generated guard "
            f"{text_of(guard.test)}",
            guard.where,
        )
    found.fixes.setdefault(names[-1], Dim.AUTO)


def _excludes_only_zero(declaration: Declared, guard: Guard, name: str) -> bool:
    """A size that nobody said may be 0, and that may not: reported, but no error."""
    if not declaration.is_open or guard.symbols != [name] or truth(guard.test, {name: 0}):
        return False
    tried = [*range(1, 70), 127, 128, 129, 1000, 4096, 100_000]
    return all(truth(guard.test, {name: n}) for n in tried) and guard.is_lower_bound()


def _range_fixes(env: ShapeEnv, declared: Mapping[str, Declared], found: Violations) -> None:
    """What is left of each range that was found too wide."""
    roots: set[str] = set()
    for fix in found.fixes.values():
        if isinstance(fix, (Dim, DerivedDim)):
            roots.add(fix.line()[0].__name__)
    for name in [*found.names, *sorted(roots - set(found.names))]:
        declaration = declared.get(name)
        if name in found.fixes or declaration is None:
            continue
        atom = env.symbols[name].expr
        if not isinstance(atom, Expr) or not isinstance(env.scope.normal(atom), Expr):
            continue
        symbol = atom.atoms()[0]
        if symbol.index in env.scope.replacements:
            continue
        lo, hi = symbol.lo, symbol.hi
        if (lo, hi) != (declaration.lo, declaration.hi):
            least = lo if declaration.lo != lo or not declaration.is_open else None
            found.fixes[name] = Dim(name, min=least, max=hi)
        elif name in found.names:
            found.fixes[name] = Dim.AUTO


# Following suggestions -----------------------------------------------------------------------


def refine(spec: object, fixes: Mapping[str, AnyDim | int]) -> object:
    """``spec`` with the dimensions that ``fixes`` names replaced."""
    if isinstance(spec, ShapesCollection):
        return spec.mapped(lambda shape: refine(shape, fixes))
    if isinstance(spec, AdditionalInputs):
        return spec
    if isinstance(spec, dict):
        return type(spec)((key, refine(item, fixes)) for key, item in spec.items())
    if isinstance(spec, (tuple, list)):
        return type(spec)(refine(item, fixes) for item in spec)
    if isinstance(spec, str):
        return [refine(item, fixes) for item in parse_shape(spec)]
    if spec is None or isinstance(spec, int) or spec is ...:
        return spec
    try:
        item = read_dim(spec)
    except ValueError:
        return spec
    if not isinstance(item, (Dim, DerivedDim)):
        return spec
    root, slope, offset = item.line()
    fix = _resolved(root.__name__, fixes)
    if fix is None:
        return spec
    if isinstance(fix, int):
        return slope * fix + offset
    return _composed(fix, slope, offset)


def _composed(fix: AnyDim, slope: int, offset: int) -> AnyDim:
    if isinstance(fix, (Dim, DerivedDim)):
        root, inner, const = fix.line()
        return derived(root, slope * inner, slope * const + offset)
    return fix


def _resolved(name: str, fixes: Mapping[str, AnyDim | int]) -> AnyDim | int | None:
    """The fix of ``name``, whose own root may have one."""
    fix = fixes.get(name)
    if isinstance(fix, (Dim, DerivedDim)):
        root, slope, offset = fix.line()
        if root.__name__ != name and root.__name__ in fixes:
            inner = _resolved(root.__name__, fixes)
            if isinstance(inner, int):
                return slope * inner + offset
            if inner is not None:
                return _composed(inner, slope, offset)
    return fix
