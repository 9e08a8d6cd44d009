"""What is demanded on the way to something is so from there on."""

import pytest

from monograph.shapes import sides
from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import equal
from monograph.shapes.sides import Undone, found_on_all_sides


def _found(run, env):
    return found_on_all_sides(env, run, lambda one, other: one == other, lambda _: set(), ())


def test_a_loop_that_demands_what_ends_it_ends():
    env = ShapeEnv()
    n, m = (env.symbol(name, 1, name, 0, None) for name in "nm")
    size = n - m * ((n + m) // 2) + (m + 3) // 4 * n  # more than can be assumed of it

    def run():
        turns = 0
        while turns < 10 and (turns == 0 or not env.decide(equal(size, 1))):
            env.require(equal(size, 1))
            turns += 1
        return turns

    assert _found(run, env) == 1


def test_a_way_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(sides, "_MOST_ASKED", 50)
    env = ShapeEnv()
    n = env.symbol("n", 5, "n", 0, None)

    def run():
        at = 0
        while not env.decide(equal(n, 10 + at)):  # each of them is another question
            at += 1
        return at

    with pytest.raises(Undone):
        _found(run, env)
