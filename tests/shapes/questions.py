"""Generated questions to the integer engine, checked against enumeration.

``python tests/shapes/questions.py 1000000`` asks a million (minutes; both processors are used).
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sys
import time
from collections import Counter
from typing import Any

from monograph.shapes.certificates import check, check_apart
from monograph.shapes.decide import Answer, Decider, Verdict
from monograph.shapes.expr import Expr, Int, Scope, value_of

NAMES = ("a", "b", "c")


class Case:
    """A scope with a few symbols, random facts, and the values that these allow."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.scope = Scope()
        self.decider = Decider(self.scope)
        self.boxes: dict[str, range] = {}
        self.symbols: list[Expr] = []
        for name in NAMES[: rng.choice((1, 2, 2, 3))]:
            lo = rng.choice((0, 0, 1, 1, 2, -3, -1, 5, 2**63 - 4))
            hi = rng.choice((None, None, lo, lo + 1, lo + 3, lo + 6))
            self.symbols.append(self.scope.symbol(name, lo, hi))
            self.boxes[name] = range(lo, (lo + 7 if hi is None else hi) + 1)
        for _ in range(rng.choice((0, 0, 1, 2, 3))):
            fact = self.linear()
            if isinstance(fact, Expr):
                if rng.random() < 0.15:
                    self.decider.distinct.append(fact)
                else:
                    self.decider.facts.append(fact)
        self.points = [p for p in self._box() if self._holds(p)]

    def _box(self) -> list[dict[str, int]]:
        names = list(self.boxes)
        return [
            dict(zip(names, values, strict=True))
            for values in itertools.product(*self.boxes.values())
        ]

    def _holds(self, point: dict[str, int]) -> bool:
        return all(f.evaluate(point) >= 0 for f in self.decider.facts) and all(
            f.evaluate(point) != 0 for f in self.decider.distinct
        )

    def linear(self) -> Int:
        total: Int = self.rng.randint(-6, 6)
        for symbol in self.symbols:
            total = total + self.rng.choice((0, 1, -1, 1, -1, 2, -3)) * symbol
        return total

    def expression(self, depth: int) -> tuple[Int, Any]:
        """An expression, and a function that computes it with Python's own integers."""
        rng, scope = self.rng, self.scope
        if depth == 0 or rng.random() < 0.15:
            if rng.random() < 0.35:
                constant = rng.choice((0, 1, 2, 3, 4, 7, 8, -1, -5, 64, 2**62))
                return constant, lambda p: constant
            i = rng.randrange(len(self.symbols))
            return self.symbols[i], lambda p: p[NAMES[i]]
        kind = rng.choice(
            ("+", "+", "-", "*", "*k", "//k", "//k", "%k", "max", "min", "round", "trunc", "ceil",
             "//", "%", "isqrt", "abs")
        )  # fmt: skip
        left, f = self.expression(depth - 1)
        k = rng.choice((1, 2, 3, 4, 7, 8, -2, -3, 10))
        if kind == "*k":
            return left * k, lambda p: f(p) * k
        if kind == "//k":
            return scope.floordiv(left, k), lambda p: f(p) // k
        if kind == "%k":
            return scope.mod(left, k), lambda p: f(p) % k
        if kind == "round":
            return scope.rounddiv(left, k), lambda p: _round(f(p), k)
        if kind == "trunc":
            return scope.truncdiv(left, k), lambda p: _trunc(f(p), k)
        if kind == "ceil":
            return scope.ceildiv(left, k), lambda p: -(-f(p) // k)
        if kind == "abs":
            return scope.absolute(left), lambda p: abs(f(p))
        if kind == "isqrt":
            squared = scope.absolute(left)
            return scope.isqrt(squared), lambda p: _isqrt(abs(f(p)))
        right, g = self.expression(depth - 1)
        if kind == "+":
            return left + right, lambda p: f(p) + g(p)
        if kind == "-":
            return left - right, lambda p: f(p) - g(p)
        if kind == "*":
            return left * right, lambda p: f(p) * g(p)
        if kind == "max":
            return scope.maximum(left, right), lambda p: max(f(p), g(p))
        if kind == "min":
            return scope.minimum(left, right), lambda p: min(f(p), g(p))
        divisor = scope.absolute(right) + 1
        if kind == "//":
            return scope.floordiv(left, divisor), lambda p: f(p) // (abs(g(p)) + 1)
        return scope.mod(left, divisor), lambda p: f(p) % (abs(g(p)) + 1)


def _round(n: int, k: int) -> int:
    from fractions import Fraction

    return round(Fraction(n, k))


def _trunc(n: int, k: int) -> int:
    return abs(n) // abs(k) * (1 if (n >= 0) == (k > 0) else -1)


def _isqrt(n: int) -> int:
    import math

    return math.isqrt(n)


def problem_with(case: Case, kind: str, item: Int, answer: Answer) -> str | None:
    """What is wrong with ``answer``, if anything."""
    values = [value_of(item, point) for point in case.points]
    truth = {value >= 0 if kind == "nonnegative" else value == 0 for value in values}
    if answer.verdict is Verdict.DEPENDS:
        assert answer.witnesses is not None
        for witness, wanted in zip(answer.witnesses, (True, False), strict=True):
            value = value_of(item, witness)
            if (value >= 0 if kind == "nonnegative" else value == 0) is not wanted:
                return f"the witness {witness} says the opposite"
            whole = {s.atoms()[0].name: s.atoms()[0].lo for s in case.symbols} | witness
            decider = case.decider
            names = set(witness)
            for fact in decider.facts:
                if {a.name for a in fact.symbols()} <= names and fact.evaluate(whole) < 0:
                    return f"the witness {witness} violates {fact!r} >= 0"
            for fact in decider.distinct:
                if {a.name for a in fact.symbols()} <= names and fact.evaluate(whole) == 0:
                    return f"the witness {witness} violates {fact!r} != 0"
            for symbol in case.symbols:
                atom = symbol.atoms()[0]
                given = witness.get(atom.name, atom.lo)
                if given < atom.lo or (atom.hi is not None and given > atom.hi):  # type: ignore[operator]
                    return f"the witness {witness} is out of range"
        return None
    if answer.verdict is Verdict.UNKNOWN:
        return None
    if truth - {answer.verdict is Verdict.PROVED}:
        return f"{answer.verdict.name} is wrong"
    return _problem_with_certificate(case, kind, item, answer)


def _problem_with_certificate(case: Case, kind: str, item: Int, answer: Answer) -> str | None:
    certificate = answer.certificate
    if certificate is None:
        return None if isinstance(item, int) else "no certificate"
    facts = case.decider.facts
    if (
        kind == "zero"
        and isinstance(item, Expr)
        and check_apart(certificate, item, case.decider.distinct)
    ):
        return None if answer.verdict is Verdict.REFUTED else "certificate of the wrong kind"
    return None if check(certificate, facts) else "the certificate does not hold"


def ask(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Ask ``count`` questions; returns how they were answered, and every wrong answer."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    asked = 0
    while asked < count:
        case = Case(rng)
        if not case.points:
            continue
        for _ in range(6):
            item, plain = case.expression(rng.choice((1, 2, 2, 3, 4)))
            for point in case.points:
                if value_of(item, point) != plain(point):
                    wrong.append(f"seed {seed}: {item!r} differs at {point}")
            other, _ = case.expression(1)
            question = item - other
            kind = rng.choice(("nonnegative", "nonnegative", "zero"))
            answer = getattr(case.decider, kind)(question)
            asked += 1
            problem = problem_with(case, kind, question, answer)
            outcomes[answer.verdict.value] += 1
            if answer.verdict is Verdict.UNKNOWN:
                values = [value_of(question, p) for p in case.points]
                yes = [v >= 0 if kind == "nonnegative" else v == 0 for v in values]
                outcomes[
                    "unknown, mixed" if any(yes) and not all(yes) else "unknown, one-sided"
                ] += 1
            if problem:
                facts = ", ".join(map(repr, case.decider.facts))
                ranges = {a.name: (a.lo, a.hi) for s in case.symbols for a in s.atoms()}
                wrong.append(f"seed {seed}: {kind} {question!r} with {ranges} {facts}: {problem}")
    return outcomes, wrong


def main(count: int) -> None:
    """Ask ``count`` questions on all processors, and print what came of it."""
    start = time.perf_counter()
    share = 2000
    jobs = [(seed, min(share, count - done)) for seed, done in enumerate(range(0, count, share))]
    total: Counter[str] = Counter()
    wrong: list[str] = []
    with multiprocessing.Pool() as pool:
        for outcomes, found in pool.starmap(ask, jobs, chunksize=4):
            total.update(outcomes)
            wrong.extend(found)
    print(f"{count:,} questions in {time.perf_counter() - start:.0f} s, {len(wrong)} wrong answers")
    for name, number in total.most_common():
        print(f"  {name}: {number:,} ({100 * number / count:.1f} %)")
    for line in wrong[:20]:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
