"""What is assumed, and what bounds follow of it."""

import pytest

from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import equal, holds, not_less
from monograph.shapes.supposing import forget, mark


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


def test_what_was_answered_before_an_attempt_is_known_after_it():
    env = ShapeEnv()
    n = env.symbol("n", 8, "n", 0, None)
    question, sign = not_less(n, 3), not_less(n * n, n)
    assert env.known(question) is None
    assert env.known(sign) is True
    before = mark(env)
    env.assume(question)
    assert env.known(question) is True
    asked = env.decider.statistics["questions"]
    forget(env, before)
    assert env.known(question) is None
    assert env.known(sign) is True
    assert env.decider.statistics["questions"] == asked
    env.assume(question)  # and what is learned after that is not taken for what was known before
    assert env.known(question) is True
    forget(env, before)
    assert env.known(question) is None


def test_what_is_learned_of_a_later_size_stays():
    env = ShapeEnv()
    env.symbol("n", 8, "n", 0, None)
    before = mark(env)
    m = env.symbol("m", 8, "m", 0, None)
    assert env.known(not_less(m, 2)) is None
    env.assume(not_less(m, 2))
    forget(env, before)
    assert env.known(not_less(m, 2)) is True
