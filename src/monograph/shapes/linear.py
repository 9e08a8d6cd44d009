"""Linear reasoning over facts: difference bounds, then the simplex method in exact fractions.

Monomials count as independent variables, so that a fact such as ``batch*seq >= 8`` takes part.
Both find non-negative multipliers of the facts: a certificate that anyone can add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from monograph.shapes.expr import Expr, Monomial, monomial_interval

__all__ = ["by_differences", "by_simplex"]

Multipliers = list[tuple[Expr, Fraction]]

_MAX_ROWS = 48
_MAX_COLUMNS = 48
_MAX_PIVOTS = 120
_ZERO, _ONE = Fraction(0), Fraction(1)


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


def by_simplex(goal: Expr, facts: Sequence[Expr]) -> Multipliers | None:
    """Multipliers with which the facts bound ``goal`` from below, as tightly as they can.

    Minimises ``goal`` over its monomials as variables, subject to the facts and to the monomials'
    own bounds. None where there is no bound, or where the budget is used up.
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

    def row_of(item: Expr) -> tuple[list[Fraction], Fraction]:
        coefficients = dict(item.terms)
        shift = sum(c * (bounds[m][0] or 0) for m, c in item.terms)
        row = [Fraction(sign * coefficients.get(m, 0)) for m, sign in columns]
        return row, Fraction(-item.const - shift)

    rows = [row_of(fact) for fact in facts]
    for m in names:
        lo, hi = bounds[m]
        if hi is not None:
            row = [Fraction(-sign if n == m else 0) for n, sign in columns]
            rows.append((row, Fraction((lo or 0) - hi)))
    if len(rows) > 2 * _MAX_ROWS:
        return None
    multipliers = _minimise(row_of(goal)[0], rows)
    if multipliers is None:
        return None
    return [(f, y) for f, y in zip(facts, multipliers, strict=False) if y > 0]


def _minimise(
    cost: list[Fraction], rows: list[tuple[list[Fraction], Fraction]]
) -> list[Fraction] | None:
    """Minimise ``cost @ x`` where ``row @ x >= bound`` for all rows and ``x >= 0``.

    Returns the multipliers of the rows (the solution of the dual problem), or None. Two phases:
    with an artificial variable for each row that zeros do not satisfy, these are made zero first.
    """
    tableau = _Tableau(len(cost), rows)
    if tableau.artificial:
        infeasibility = tableau.infeasibility()
        if not tableau.run(infeasibility, tableau.width) or infeasibility[-1] != 0:
            return None
    objective = tableau.reduced(cost)
    real = len(cost) + len(rows)
    return objective[len(cost) : real] if tableau.run(objective, real) else None


class _Tableau:
    """Rows of equations ``row @ x - slack (+ artificial) = bound``, the bound last.

    Its columns are the variables, a slack for each row, an artificial variable for some;
    ``basis`` says which column each row is solved for.
    """

    def __init__(self, n: int, rows: list[tuple[list[Fraction], Fraction]]) -> None:
        first = n + len(rows)
        self.artificial = [i for i, (_, bound) in enumerate(rows) if bound > 0]
        self.width = first + len(self.artificial)
        self.pivots = 0
        self.rows: list[list[Fraction]] = []
        self.basis: list[int] = []
        for i, (row, bound) in enumerate(rows):
            line = row + [_ZERO] * (self.width - n) + [bound]
            line[n + i] = -_ONE
            if bound > 0:
                column = first + self.artificial.index(i)
                line[column] = _ONE
            else:
                column = n + i
                line = [-x for x in line]
            self.basis.append(column)
            self.rows.append(line)

    def infeasibility(self) -> list[Fraction]:
        """The sum of the artificial variables, in terms of those outside the basis."""
        count = len(self.artificial)
        objective = [_ZERO] * (self.width - count) + [_ONE] * count + [_ZERO]
        for i in self.artificial:
            objective = [x - y for x, y in zip(objective, self.rows[i], strict=True)]
        return objective

    def reduced(self, cost: list[Fraction]) -> list[Fraction]:
        """``cost`` in terms of the variables outside the basis."""
        objective = cost + [_ZERO] * (self.width - len(cost) + 1)
        for row, column in zip(self.rows, self.basis, strict=True):
            factor = objective[column]
            if column < len(cost) and factor:
                objective = [x - factor * y for x, y in zip(objective, row, strict=True)]
        return objective

    def run(self, objective: list[Fraction], allowed: int) -> bool:
        """Pivot until ``objective``, of the first ``allowed`` columns, is least; False: it is not.

        With the rule of Bland, which cannot cycle.
        """
        while True:
            entering = next((j for j in range(allowed) if objective[j] < 0), None)
            if entering is None:
                return True
            ratios = [
                (row[-1] / row[entering], self.basis[i], i)
                for i, row in enumerate(self.rows)
                if row[entering] > 0
            ]
            self.pivots += 1
            if not ratios or self.pivots > _MAX_PIVOTS:
                return False
            self._pivot(min(ratios)[2], entering, objective)

    def _pivot(self, leaving: int, entering: int, objective: list[Fraction]) -> None:
        pivot = self.rows[leaving][entering]
        self.rows[leaving] = line = [x / pivot for x in self.rows[leaving]]
        for other in (*self.rows, objective):
            factor = other[entering]
            if other is not line and factor:
                other[:] = [x - factor * y if y else x for x, y in zip(other, line, strict=True)]
        self.basis[leaving] = entering
