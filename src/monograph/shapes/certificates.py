"""Why an expression is never negative, and a checker that shares no code with the search.

A certificate is a tree. ``check`` goes through it and accepts a step only if it follows by the
arithmetic stated in its class.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monograph.shapes.expr import (
    Atom,
    Expr,
    Int,
    Monomial,
    atom_interval,
    congruence,
    interval,
    monomial_interval,
    shared_atoms,
)

if TYPE_CHECKING:
    from fractions import Fraction  # loaded where a proof combines facts

__all__ = [
    "Apart",
    "Bounded",
    "Branch",
    "Certificate",
    "Combined",
    "Defined",
    "Factored",
    "Shifted",
    "check",
    "check_apart",
    "definitions",
    "factored_bound",
    "shifted_bound",
    "steps",
    "unfolded",
]

_MOST_DIVISOR = 257  # of the divisors of a divisor


@dataclass(frozen=True)
class Bounded:
    """The bounds of the monomials and the residue class settle it."""

    goal: Int


@dataclass(frozen=True)
class Shifted:
    """With every symbol written as its lower bound plus a rest, no coefficient is negative."""

    goal: Expr


@dataclass(frozen=True)
class Factored:
    """All terms share atoms that are never negative: where these are zero so is the goal, and

    where they are at least one, shifting the goal's other factor leaves no negative coefficient.
    """

    goal: Expr


@dataclass(frozen=True)
class Defined:
    """Replacing ``atom`` by a bound of its definition gives ``lower``, and ``rest`` proves that."""

    goal: Expr
    atom: Atom
    lower: Int
    rest: Certificate


@dataclass(frozen=True)
class Branch:
    """Both cases hold: ``max(about, 0)`` as ``about`` and as 0; or both signs of ``about``."""

    about: Int
    first: Certificate
    second: Certificate
    goal: Expr | None = None


@dataclass(frozen=True)
class Combined:
    """``goal`` minus the facts, each times its multiplier, is greater than -1 by its bounds."""

    goal: Expr
    multipliers: tuple[tuple[Expr, Fraction], ...]

    def bound(self) -> Fraction:
        """A lower bound of the goal; ``-inf`` is returned as -1."""
        scale = math.lcm(*(y.denominator for _, y in self.multipliers))
        rest: Int = scale * self.goal
        for fact, multiplier in self.multipliers:
            rest = rest - int(multiplier * scale) * fact
        lo = interval(rest)[0]
        from fractions import Fraction

        return Fraction(-1) if lo is None else Fraction(lo, scale)

    def __str__(self) -> str:
        return " and ".join(f"{fact!r} >= 0" for fact, _ in self.multipliers)


@dataclass(frozen=True)
class Apart:
    """The bounds, the residue class or a fact say that ``goal`` is never zero."""

    goal: Expr


Certificate = Apart | Bounded | Shifted | Factored | Defined | Branch | Combined


def check(certificate: Certificate, facts: Sequence[Expr]) -> bool:
    """Whether ``certificate`` proves that its goal is never negative, given ``facts``."""
    if isinstance(certificate, Bounded):
        if isinstance(certificate.goal, int):
            return certificate.goal >= 0
        return _monomial_bound(certificate.goal) >= 0
    if isinstance(certificate, Apart):
        return False  # of another kind: see check_apart
    if isinstance(certificate, Shifted):
        bound = shifted_bound(certificate.goal)
        return bound is not None and bound >= 0
    if isinstance(certificate, Factored):
        bound = factored_bound(certificate.goal)
        return bound is not None and bound >= 0
    if isinstance(certificate, Defined):
        possible = unfolded(certificate.goal, certificate.atom)
        return certificate.lower in possible and _proves(certificate.rest, certificate.lower, facts)
    if isinstance(certificate, Combined):
        signs = all(multiplier >= 0 for _, multiplier in certificate.multipliers)
        known = all(
            fact in facts
            or any(fact in definitions(a) or fact in steps(a) for a in fact.scope.atoms)
            for fact, _ in certificate.multipliers
        )
        return signs and known and certificate.bound() > -1
    if certificate.goal is None:
        about = certificate.about
        return _proves(certificate.first, about, facts) and _proves(
            certificate.second, -about, facts
        )
    return _proves_cases(certificate, facts)


def check_apart(certificate: Certificate, goal: Expr, distinct: Sequence[Expr]) -> bool:
    """Whether ``certificate`` proves that ``goal`` is never zero without inequalities."""
    lo, hi = interval(goal)
    modulus, remainder = congruence(goal)
    if not isinstance(certificate, Apart) or certificate.goal is not goal:
        return False
    has_sign = (lo is not None and lo > 0) or (hi is not None and hi < 0)
    is_distinct = goal in distinct or -goal in distinct
    return has_sign or is_distinct or bool(modulus and remainder % modulus)


def _proves(certificate: Certificate, goal: Int, facts: Sequence[Expr]) -> bool:
    stated = certificate.about if isinstance(certificate, Branch) else certificate.goal
    if isinstance(certificate, Branch) and certificate.goal is not None:
        stated = certificate.goal
    return stated == goal and check(certificate, facts)


def _proves_cases(certificate: Branch, facts: Sequence[Expr]) -> bool:
    goal = certificate.goal
    assert goal is not None
    for atom in goal.atoms():
        if atom.kind == "pos" and atom.args[0] == certificate.about:
            pairs = ((certificate.first, atom.args[0]), (certificate.second, 0))
            return all(
                _proves(proof, goal.scope.replaced_atom(goal, atom, value), facts)
                for proof, value in pairs
            )
    return False


def _monomial_bound(goal: Expr) -> float | int:
    lo = interval(goal)[0]
    return -1 if lo is None else lo


def definitions(atom: Atom) -> list[Expr]:
    """Inequalities that hold by what an atom is."""
    if atom.kind == "symbol" or not atom.args or not isinstance(atom.args[0], Expr):
        return []
    n = atom.args[0]
    me = n.scope.bare(atom)
    found: list[Int] = []
    if atom.kind == "div":
        k = atom.args[1]
        found = [n - k * me, k * me - n + (k - 1)]
    elif atom.kind == "ratio":
        m = atom.args[1]
        lo = interval(m)[0]
        if lo is not None and lo >= 0:  # a divisor of 0 has raised
            found = [n - m * me, m * me + m - 1 - n]
    elif atom.kind == "pos":
        found = [me - n]
    elif atom.kind == "long":
        found = [me - n, n - me]
    elif atom.kind == "isqrt":
        found = [n - me * me, me * me + 2 * me - n]
    return [item for item in found if isinstance(item, Expr)]


def steps(atom: Atom) -> list[Expr]:
    """Inequalities that hold by what a quotient is of other quotients: ``n // 4`` of ``n // 2``."""
    if atom.kind != "div" or not isinstance(atom.args[0], Expr):
        return []
    n, k = atom.args
    assert isinstance(n, Expr)
    me = n.scope.bare(atom)
    found: list[Int] = []
    for times, inner in _in_steps(n, k):
        found += [inner - times * me, times * me - inner + (times - 1)]
    return [item for item in found if isinstance(item, Expr)]


def _in_steps(n: Expr, k: Int) -> Iterator[tuple[int, Int]]:
    """``n // k`` is ``inner // m``: with the quotients of ``n`` by divisors of ``k`` that exist."""
    if not isinstance(k, int):
        return
    for d in _divisors(k):
        whole = n.const // d
        atom = n.scope.existing("div", (n - whole * d, d))
        if atom is not None:
            yield k // d, n.scope.bare(atom) + whole


@functools.cache
def _divisors(k: int) -> tuple[int, ...]:
    return tuple(d for d in range(2, min(k, _MOST_DIVISOR)) if k % d == 0)


def unfolded(goal: Expr, atom: Atom) -> list[Int]:
    """Expressions that are non-negative only if ``goal`` is, without ``atom``.

    For ``q = n // k``: ``k * goal + k - 1`` with ``k*q`` replaced by ``n`` (where its cofactor is
    negative) or by ``n - k + 1`` (where it is positive). For ``max(d, 0)`` with cofactors that are
    not negative: ``goal`` with it replaced by ``d``, or by 0. A long expression in place of its
    atom. Empty where a cofactor's sign is not known.
    """
    scope = goal.scope
    if atom.kind == "long":
        return [scope.replaced_atom(goal, atom, atom.args[0])]
    is_division = atom.kind == "div"
    k = atom.args[1] if is_division else 1
    choices: tuple[Int, ...] = (atom.args[0],) if is_division else (atom.args[0], 0)
    found: list[Int] = []
    others = tuple(term for term in goal.terms if atom.index not in term[0])
    without = scope.make(others, goal.const) * k + (k - 1)
    for value in choices:
        total = without
        for monomial, coefficient in goal.terms:
            if atom.index not in monomial:
                continue
            cofactor = list(monomial)
            cofactor.remove(atom.index)
            if atom.index in cofactor or not _is_nonnegative(goal, tuple(cofactor)):
                return []
            if not is_division and coefficient < 0:
                return []
            rest: Int = (
                scope.make(((tuple(cofactor), coefficient),), 0) if cofactor else coefficient
            )
            low = value + (1 - k) if is_division and coefficient > 0 else value
            total = total + rest * low
        found.append(total)
    return found


def _is_nonnegative(goal: Expr, monomial: Monomial) -> bool:
    if not monomial:
        return True
    lo = monomial_interval(goal.scope, monomial)[0]
    return lo is not None and lo >= 0


def shifted_bound(goal: Expr, least: Mapping[int, int] | None = None) -> int | None:
    """The constant of ``goal`` after ``x = lo + x'``, if no other coefficient is negative.

    ``least``: what the atoms with these indices are at least.
    """
    scope = goal.scope
    total: dict[Monomial, int] = {(): goal.const}
    for monomial, coefficient in goal.terms:
        part: dict[Monomial, int] = {(): coefficient}
        for index in monomial:
            lo = atom_interval(scope, scope.atoms[index])[0]
            if lo is None:
                return None
            if least is not None:
                lo = max(lo, least.get(index, lo))
            following: dict[Monomial, int] = {}
            for m, c in part.items():
                longer = tuple(sorted((*m, index)))
                following[longer] = following.get(longer, 0) + c
                if lo:
                    following[m] = following.get(m, 0) + c * lo
            part = following
        for m, c in part.items():
            total[m] = total.get(m, 0) + c
    bound = total.pop((), 0)
    return bound if all(c >= 0 for c in total.values()) else None


def factored_bound(goal: Expr) -> int | None:
    """The shifted bound of the factor that is left when the atoms common to all terms are out."""
    if goal.const or len(goal.terms) < 2:
        return None
    shared = shared_atoms(goal)
    if not shared:
        return None
    lows = [atom_interval(goal.scope, goal.scope.atoms[index])[0] for index in shared]
    if any(lo is None or lo < 0 for lo in lows):
        return None
    factor = goal.exact_quotient(goal.scope.make(((shared, 1),), 0))
    if not isinstance(factor, Expr):
        return factor
    return shifted_bound(factor, dict.fromkeys(shared, 1))
