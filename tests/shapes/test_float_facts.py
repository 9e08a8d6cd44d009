"""What follows from facts about floats holds for every float for which the facts do."""

import itertools
import math
import random

import pytest
import torch

from monograph import export
from monograph.diagnostics import UndecidedError
from monograph.shapes.env import ShapeEnv
from monograph.shapes.float_facts import FloatFacts
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import CompareFloats, negated, truth

_VALUES = (-math.inf, -1e308, -2.5, -1.0, -5e-324, -0.0, 0.0, 5e-324, 0.1, 1.0, 2.5, 1e308,
           math.inf, math.nan)  # fmt: skip
_CONSTANTS = (-1.0, 0.0, 0.1, 1.0, 2.5)
_OPS = ("lt", "le", "gt", "ge", "eq", "ne")
_X, _Y = (FloatExpr("symbol", (), name) for name in "xy")


def _float(random_, depth=2):
    if depth == 0 or random_.random() < 0.3:
        return random_.choice((_X, _X, _Y, *_CONSTANTS))
    op = random_.choice(("add", "sub", "mul", "truediv", "neg", "abs", "sqrt", "exp", "max", "min"))
    count = 1 if op in ("neg", "abs", "sqrt", "exp") else 2
    return FloatExpr(op, tuple(_float(random_, depth - 1) for _ in range(count)))


def _comparison(random_, depth):
    test = CompareFloats(random_.choice(_OPS), _float(random_, depth), _float(random_, depth))
    return negated(test) if random_.random() < 0.3 else test


def _holds(test, values):
    try:
        return truth(test, values)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None


@pytest.mark.parametrize("seed", range(400))
def test_what_follows_is_so(seed):
    random_ = random.Random(seed)
    facts = FloatFacts()
    assumed = [_comparison(random_, 1) for _ in range(random_.randrange(4))]
    for test in assumed:
        facts.assume(test)
    questions = [_comparison(random_, 2) for _ in range(20)]
    answers = [(q, facts.known(q)) for q in questions]
    for x, y in itertools.product(_VALUES, repeat=2):
        values = {"x": x, "y": y}
        if all(_holds(test, values) for test in assumed):
            for question, answer in answers:
                found = _holds(question, values)
                assert answer is None or found is None or found is answer, (assumed, question, x, y)


@pytest.mark.parametrize(
    ("fact", "question", "answer"),
    [
        (("gt", _X, 0.0), ("gt", _X, 0.0), True),
        (("gt", _X, 0.0), ("ge", _X, 0.0), True),
        (("gt", _X, 0.0), ("ne", _X, 0.0), True),
        (("gt", _X, 0.0), ("gt", _X, -1.0), True),
        (("gt", _X, 0.0), ("lt", 0.0, _X), True),
        (("gt", _X, 0.0), ("lt", _X, 0.0), False),
        (("gt", _X, 0.0), ("gt", _X, 1.0), None),
        (("ge", _X, 0.0), ("gt", _X, 0.0), None),
        (("gt", _X, _Y), ("le", _X, _Y), False),
        (("gt", _X, _Y), ("ne", _Y, _X), True),
        (("not gt", _X, 0.0), ("gt", _X, 0.0), False),
        (("not gt", _X, 0.0), ("le", _X, 0.0), None),  # it may be NaN
        (("gt", _X, 1.0), ("gt", FloatExpr("add", (_X, 1.0)), 1.5), True),
        (("gt", _X, 1.0), ("gt", FloatExpr("sqrt", (_X,)), 0.5), True),
        (("gt", _X, 1.0), ("lt", FloatExpr("neg", (_X,)), 0.0), True),
    ],
)
def test_what_a_fact_says(fact, question, answer):
    facts = FloatFacts()
    facts.assume(CompareFloats(*fact))
    assert facts.known(CompareFloats(*question)) is answer


def test_facts_are_forgotten_with_all_others():
    env = ShapeEnv()
    number = env.float_symbol("f", None, "v")
    test = CompareFloats("gt", number, 0.0)
    env.assume(test)
    assert env.known(test) is True
    env.restart([])
    assert env.known(test) is None


def _number(value):
    return torch.tensor(value)


def test_a_fact_about_a_number_answers_questions():
    def program(s, x):
        v = s.item()
        torch._check(v > 0)
        y = x * 2 if v > 0 and v != -1.0 else x
        return torch.full((2,), v), y + torch.arange(0.0, 1.0, v).sum(), 3 if v < 0 else 4

    run = export(program, (_number(0.25), torch.ones(2))).module()
    for value in (0.25, 0.5, 2.0):
        args = _number(value), torch.ones(2)
        torch.testing.assert_close(run(*args), program(*args))
    with pytest.raises(RuntimeError):
        run(_number(-1.0), torch.ones(2))


def test_a_fact_of_a_branch_ends_with_it():
    def program(s):
        v = s.item()
        y = torch.cond(s > 0, lambda s: _checked(s, v), lambda s: s * 2, (s,))
        return y + 1 if v > 0 else y

    def _checked(s, v):
        torch._check(v > 0)
        return s * 3

    with pytest.raises(UndecidedError):
        export(program, (_number(1.5),))
