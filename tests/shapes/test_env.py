"""What is assumed, and what bounds follow of it."""

import pytest

from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import equal, holds, not_less


@pytest.mark.parametrize(
    ("bounded", "lo", "hi"),
    [
        (lambda n: equal((n + 15) // 16, 7), 97, 112),
        (lambda n: not_less((n + 31) // 32, 2), 33, None),
        (lambda n: not_less(4, n // 2 // 3), 0, 29),
        (lambda n: not_less(9, 2 * ((n - 1) // 3)), 0, 15),
    ],
)
def test_a_bounded_quotient_bounds_what_is_divided(bounded, lo, hi):
    env = ShapeEnv()
    n = env.symbol("n", 100, "n", 0, None)
    test = bounded(n)
    env.assume(test)
    (atom,) = n.symbols()
    assert (atom.lo, atom.hi) == (lo, hi)
    last = 300 if hi is None else hi + 40
    for value in range(last):  # by counting
        inside = lo <= value and (hi is None or value <= hi)
        assert holds(test, {"n": value}) is inside
