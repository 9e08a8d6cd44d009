"""Linear reasoning over facts: difference bounds, then the simplex method in exact fractions.

Monomials count as independent variables, so that a fact such as ``batch*seq >= 8`` takes part.
Both find non-negative multipliers of the facts: a certificate that anyone can add up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from monograph.shapes.expr import Expr, Monomial, monomial_interval

__all__ = ["Multipliers", "by_differences", "by_simplex"]

Multipliers = list[tuple[Expr, Fraction]]

_MAX_ROWS = 48
_MAX_COLUMNS = 48
_MOST_WORK = 30_000  # numbers of the tableau that are computed


def by_differences(goal: Expr, facts: Sequence[Expr]) -> Multipliers | None:
    """Facts of the form ``x - y + c >= 0`` whose sum is at most ``goal``, of that form too.

    The sum with the least constant is a shortest path from ``y`` to ``x`` (Bellman and Ford).
    """
    ends = _difference(goal)
    if ends is None:
        return None
    edges = [(d, fact) for fact in facts if (d := _difference(fact)) is not None]
    # fact: x - y + c >= 0, so x >= y - c. A path from y to x sums to x - y + total >= 0.
    best: dict[Monomial | None, tuple[int, tuple[Expr, ...]]] = {ends[1]: (0, ())}
    for _ in range(len(edges)):
        changed = False
        for (plus, minus, const), fact in edges:
            known = best.get(minus)
            if known is None:
                continue
            total = known[0] + const
            if len(known[1]) < 32 and (plus not in best or total < best[plus][0]):
                best[plus] = (total, (*known[1], fact))
                changed = True
        if not changed:
            break
    found = best.get(ends[0])
    if found is None or found[0] > ends[2]:
        return None
    return [(fact, Fraction(1)) for fact in found[1]]


def _difference(expr: Expr) -> tuple[Monomial | None, Monomial | None, int] | None:
    """``(x, y, c)`` for ``x - y + c``; None stands for no monomial on that side."""
    plus: Monomial | None = None
    minus: Monomial | None = None
    for monomial, coefficient in expr.terms:
        if coefficient == 1 and plus is None:
            plus = monomial
        elif coefficient == -1 and minus is None:
            minus = monomial
        else:
            return None
    return plus, minus, expr.const


def by_simplex(goal: Expr, facts: Sequence[Expr], effort: Counter[str]) -> Multipliers | None:
    """Multipliers with which the facts bound ``goal`` from below, as tightly as they can.

    Minimises ``goal`` over its monomials as variables, subject to the facts and to the monomials'
    own bounds. None where there is no bound, or where the budget is used up. ``effort`` counts the
    numbers that were computed.
    """
    scope = goal.scope
    names = sorted({m for item in (goal, *facts) for m, _ in item.terms})
    if len(names) > _MAX_COLUMNS or len(facts) > _MAX_ROWS:
        return None
    bounds = {m: monomial_interval(scope, m) for m in names}
    # Every variable is shifted to start at zero; one without a lower bound is a difference.
    columns: list[tuple[Monomial, int]] = []
    for m in names:
        columns.append((m, 1))
        if bounds[m][0] is None:
            columns.append((m, -1))

    def row_of(item: Expr) -> tuple[list[int], int]:
        coefficients = dict(item.terms)
        shift = sum(c * (bounds[m][0] or 0) for m, c in item.terms)
        return [sign * coefficients.get(m, 0) for m, sign in columns], -item.const - shift

    rows = [row_of(fact) for fact in facts]
    for m in names:
        lo, hi = bounds[m]
        if hi is not None:
            rows.append(([-sign if n == m else 0 for n, sign in columns], (lo or 0) - hi))
    if len(rows) > 2 * _MAX_ROWS:
        return None
    multipliers = _minimise(row_of(goal)[0], rows, effort)
    if multipliers is None:
        return None
    return [(f, y) for f, y in zip(facts, multipliers, strict=False) if y > 0]


def _minimise(
    cost: list[int], rows: list[tuple[list[int], int]], effort: Counter[str]
) -> list[Fraction] | None:
    """Minimise ``cost @ x`` where ``row @ x >= bound`` for all rows and ``x >= 0``.

    Returns the multipliers of the rows (the solution of the dual problem), or None. Two phases:
    with an artificial variable for each row that zeros do not satisfy, these are made zero first.
    """
    tableau = _Tableau(len(cost), rows, effort)
    real = len(cost) + len(rows)
    if tableau.artificial:
        tableau.aim_at_feasibility()
        if not tableau.run(tableau.width) or tableau.objective[-1] != 0:
            return None
        tableau.leave_artificial(real)
    tableau.aim_at(cost)
    if not tableau.run(real):
        return None
    return [Fraction(x, tableau.scale) for x in tableau.objective[len(cost) : real]]


class _Tableau:
    """Rows of equations ``row @ x - slack (+ artificial) = bound``, the bound last.

    Its columns are the variables, a slack for each row, an artificial variable for some;
    ``basis`` says which column each row is solved for. Each row is kept in integers, as a positive
    multiple of itself (Edmonds and Bareiss); the objective is ``objective / scale``.
    """

    def __init__(self, n: int, rows: list[tuple[list[int], int]], effort: Counter[str]) -> None:
        first = n + len(rows)
        self.artificial = [i for i, (_, bound) in enumerate(rows) if bound > 0]
        self.width = first + len(self.artificial)
        self.work = 0
        self.effort = effort
        self.rows: list[list[int]] = []
        self.basis: list[int] = []
        self.objective: list[int] = []
        self.scale = 1
        for i, (row, bound) in enumerate(rows):
            line = [*row, *[0] * (self.width - n), bound]
            line[n + i] = -1
            if bound > 0:
                column = first + self.artificial.index(i)
                line[column] = 1
            else:
                column = n + i
                line = [-x for x in line]
            self.basis.append(column)
            self.rows.append(line)

    def aim_at_feasibility(self) -> None:
        """The objective is the sum of the artificial variables."""
        count = len(self.artificial)
        self.objective = [0] * (self.width - count) + [1] * count + [0]
        for i in self.artificial:
            self._clear(self.rows[i], self.basis[i])

    def leave_artificial(self, real: int) -> None:
        """Solve for one of the first ``real`` columns in each row of an artificial variable.

        It is zero by now, and would not stay so: a column that enters elsewhere may raise it.
        """
        for i, column in enumerate(self.basis):
            row = self.rows[i]
            entering = next((j for j in range(real) if row[j]), None) if column >= real else None
            if entering is not None:
                self.rows[i] = row if row[entering] > 0 else [-x for x in row]
                self._pivot(i, entering)

    def aim_at(self, cost: list[int]) -> None:
        """The objective is ``cost``, in terms of the variables outside the basis."""
        self.objective = cost + [0] * (self.width - len(cost) + 1)
        self.scale = 1
        for row, column in zip(self.rows, self.basis, strict=True):
            if column < len(cost):
                self._clear(row, column)

    def run(self, allowed: int) -> bool:
        """Pivot until the objective, of the first ``allowed`` columns, is least; False: it is not.

        With the rule of Bland, which cannot cycle.
        """
        while True:
            entering = next((j for j in range(allowed) if self.objective[j] < 0), None)
            if entering is None:
                return True
            leaving = self._leaving(entering)
            numbers = len(self.rows) * self.width
            self.work += numbers
            self.effort["numbers"] += numbers
            if leaving is None or self.work > _MOST_WORK:
                return False
            self._pivot(leaving, entering)

    def _leaving(self, entering: int) -> int | None:
        """The row with the least ``bound / row[entering]``; of several, the oldest column's."""
        best: int | None = None
        for i, row in enumerate(self.rows):
            if row[entering] <= 0:
                continue
            if best is None:
                best = i
                continue
            other = self.rows[best]
            left, right = row[-1] * other[entering], other[-1] * row[entering]
            if left < right or (left == right and self.basis[i] < self.basis[best]):
                best = i
        return best

    def _pivot(self, leaving: int, entering: int) -> None:
        line = self.rows[leaving]
        for i, other in enumerate(self.rows):
            if i != leaving and other[entering]:
                found, _ = _without(other, line, entering)
                shared = math.gcd(*found) or 1
                self.rows[i] = [x // shared for x in found] if shared > 1 else found
        self._clear(line, entering)
        self.basis[leaving] = entering

    def _clear(self, line: list[int], column: int) -> None:
        """Take the variable of ``column``, for which ``line`` is solved, out of the objective."""
        if self.objective[column]:
            found, multiple = _without(self.objective, line, column)
            scale = self.scale * multiple
            shared = math.gcd(scale, *found)
            self.objective, self.scale = [x // shared for x in found], scale // shared


def _without(other: list[int], line: list[int], column: int) -> tuple[list[int], int]:
    """A positive multiple of ``other``, less what makes its ``column`` zero, and which multiple."""
    pivot, factor = line[column], other[column]
    shared = math.gcd(pivot, factor)
    pivot, factor = pivot // shared, factor // shared
    return [pivot * x - factor * y for x, y in zip(other, line, strict=True)], pivot
