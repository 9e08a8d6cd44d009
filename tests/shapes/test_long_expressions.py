"""Expressions that would grow with every operator: they get names, and stay short and exact."""

import torch

import monograph
from monograph.shapes.certificates import check
from monograph.shapes.decide import Decider, Verdict
from monograph.shapes.expr import Expr, Scope, interval
from monograph.shapes.text import format_expr, parse


def rounds(scope, size, count):
    """A size that is cut and joined ``count`` times; of integers, or of expressions."""
    maximum = max if scope is None else scope.maximum
    minimum = min if scope is None else scope.minimum
    for _ in range(count):
        size = maximum(size - 1, 0) + minimum(size, 3)
        size = minimum(size, maximum(size - 1, 2)) // 2 + size // 3 * 2
    return size


def test_sizes_stay_short_and_exact():
    scope = Scope()
    a = scope.symbol("a")
    found = rounds(scope, a, 30)
    for atom in scope.atoms:
        longest = 200 if atom.kind == "long" else 32
        assert all(arg.weight <= longest for arg in atom.args if isinstance(arg, Expr))
    assert len(format_expr(found)) < 600
    for value in (0, 1, 2, 3, 7, 40, 1001):
        assert found.evaluate({"a": value}) == rounds(None, value, 30)


def test_products_of_long_sums_stay_short():
    scope = Scope()
    sums = []
    for letter in "ab":
        parts = [scope.floordiv(scope.symbol(f"{letter}{i}"), i + 2) for i in range(20)]
        sums.append(sum(parts, 0))
    left, right = sums[0] * sums[1], sums[1] * sums[0]
    assert left is right
    assert len(left.terms) < 70
    values = {f"{letter}{i}": 7 * i + ord(letter) for letter in "ab" for i in range(20)}
    expected = [sum(values[f"{c}{i}"] // (i + 2) for i in range(20)) for c in "ab"]
    assert left.evaluate(values) == expected[0] * expected[1]


def test_what_a_name_stands_for_is_known():
    scope = Scope()
    a = scope.symbol("a", 1, 50)
    parts = [scope.floordiv(a * (i + 3), i + 41) for i in range(1, 37)]
    total = sum(parts, 0)
    name = scope.shortened(total)
    assert name is not total
    assert scope.shortened(total) is name
    assert interval(name) == interval(total)
    decider = Decider(scope)
    answer = decider.nonnegative(name - parts[0])
    assert answer.verdict is Verdict.PROVED
    assert check(answer.certificate, [])
    assert decider.zero(name - total).verdict is Verdict.PROVED
    assert parse(format_expr(name + 1), scope, {}) is name + 1
    assert scope.substitute(name, {a.atoms()[0].index: 2}) == total.evaluate({"a": 2})


def test_a_window_is_cut_and_joined_again(monkeypatch):
    """Nodes and questions grow with the rounds; they used to be multiplied by each."""
    deciders = []
    make = Decider.__init__

    def noted(self, scope):
        deciders.append(self)
        make(self, scope)

    monkeypatch.setattr(Decider, "__init__", noted)

    def rolled(x):
        for _ in range(8):
            x = torch.cat([x[1:], x[:3]])[: max(x.shape[0] - 1, 2)]
        return x

    ep = monograph.export(
        rolled, (torch.randn(40, 3),), dynamic_shapes=({0: monograph.Dim.DYNAMIC},)
    )
    assert len(ep.graph.nodes) < 8 * 25
    assert sum(d.statistics["questions"] for d in deciders) < 8 * 100
    for size in (0, 1, 2, 3, 5, 20, 41):
        x = torch.randn(size, 3)
        torch.testing.assert_close(ep.module()(x), rolled(x))
