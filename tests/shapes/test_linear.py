"""The simplex method of the prover, against another one."""

import random
from collections import Counter

import pytest
from scipy.optimize import linprog

from monograph.shapes import linear


def test_the_least_value_is_found():
    """Multipliers prove a bound, and it is the greatest: that of SciPy's solution."""
    draw = random.Random(0)
    found = 0
    for _ in range(400):
        width = draw.randint(1, 4)
        cost = [draw.randint(-3, 5) for _ in range(width)]
        rows = [
            ([draw.randint(-3, 3) for _ in range(width)], draw.randint(-4, 4))
            for _ in range(draw.randint(1, 7))
        ]
        opposite = [([-x for x in rows[0][0]], -rows[0][1])] if draw.random() < 0.5 else []
        rows += opposite  # an equation: phase one ends with variables that are zero
        coefficients = [[-x for x in row] for row, _ in rows]
        wanted = linprog(cost, A_ub=coefficients, b_ub=[-bound for _, bound in rows])
        multipliers = linear._minimise(cost, rows, Counter())
        if wanted.status != 0:  # nothing satisfies the rows, or there is no least value
            assert multipliers is None
            continue
        found += 1
        assert multipliers is not None
        assert all(y >= 0 for y in multipliers)
        for j in range(width):
            total = sum(y * row[j] for y, (row, _) in zip(multipliers, rows, strict=True))
            assert total <= cost[j]
        bound = sum(y * bound for y, (_, bound) in zip(multipliers, rows, strict=True))
        assert float(bound) == pytest.approx(wanted.fun, abs=1e-6)
    assert found > 100
