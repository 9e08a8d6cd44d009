"""What a frame asks, read from its source: in any Python from 3.11 on, and without torch.

``python tests/capture/asked_of_frames.py`` prints ``ok`` where each question is seen.
"""

import functools
import importlib
import math
import sys
import types
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "monograph"
if __name__ == "__main__":  # the package itself imports torch
    package = types.ModuleType("monograph")
    package.__path__ = [str(SOURCE)]
    sys.modules["monograph"] = package
nodes = importlib.import_module("monograph.capture.python.nodes")
truths = importlib.import_module("monograph.capture.python.truths")
handlers = importlib.import_module("monograph.capture.python.exception_handlers")
call_sites = importlib.import_module("monograph.capture.python.call_sites")


class Value:
    """Notes what is asked of it; ``answers`` are given in turn, then the last of them."""

    def __init__(self, *answers):
        self.answers = list(answers) or [True]
        self.seen = []

    def _answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __bool__(self):
        frame = sys._getframe(1)
        found = truths.assertion_at(frame)
        caught = found is not None and handlers.may_be_caught([frame], (frame, found.statement))
        if found is None or caught:
            self.seen.append("caught" if caught else None)
        else:
            self.seen.append((found.wanted, found.message(frame)))
        return self._answer()

    def _compare(self, other):
        return self

    __lt__ = __gt__ = __le__ = __ge__ = __eq__ = __ne__ = _compare
    __hash__ = None

    def method(self):
        return self

    def __getitem__(self, index):
        frame = sys._getframe(1)
        node = nodes.syntax_of(frame.f_code).node_at(frame.f_lasti)
        self.seen.append(type(node).__name__)
        return self

    def __setitem__(self, index, item):
        self[index]


# Each program with what the questions that it asks of ``v`` are: (wanted, message), None for a
# choice, "caught" for an exception that the program takes.


def assert_name(v):
    assert v


def assert_message(v):
    assert v.method(), "must hold"


def assert_compared(v):
    assert v < 3, "small"


def assert_chain(v):
    assert 0 < v < 9, "between"


def assert_not(v):
    assert not v, "none"


def assert_both(v):
    assert v and v.method(), "both"


def assert_either(v):
    assert v or v.method(), "either"


def if_raise(v):
    if v:
        raise ValueError("bad")


def if_not_raise(v):
    if not v:
        raise ValueError("bad")


def if_compared_raise(v):
    if v > 3:
        raise ValueError(f"bad: {3}")


def if_lines_raise(v):
    if (
        v.method()
        > 3
    ):  # fmt: skip
        raise ValueError("over lines")


def if_or_raise(v):
    if v or v.method():
        raise ValueError("one of them")


def if_and_raise(v):
    if v and v.method():
        raise ValueError("both of them")


def if_compared_and_not_raise(v):
    if v is not None and not v.method():
        raise ValueError("there, and not so")


def if_chain_and_not_raise(v):
    if 0 < 1 < 2 and not v.method():
        raise ValueError("between, and not so")


def if_compared_or_not_raise(v):
    if v is None or not v.method():
        raise ValueError("neither")


def if_chain_raise(v):
    if 0 < v < 9:
        raise ValueError("inside")


def if_else_raise(v):
    if v:
        return 1
    else:
        raise ValueError("else")


def if_return_raise(v):
    if v:
        return 1
    raise ValueError("after")


def elif_raise(v):
    if v:
        return 1
    elif v.method():
        return 2
    else:
        raise ValueError("neither")


def message_in_a_name(v):
    text = "in a name"
    if v:
        raise ValueError(text)


def walrus_raise(v):
    if w := v.method():
        raise ValueError("named") from None
    return w


def caught(v):
    try:
        if v:
            raise ValueError("bad")
    except ValueError:
        return 1


def caught_by_its_base(v):
    try:
        if v:
            raise IndexError("caught")
    except (TypeError, LookupError):
        pass


def caught_by_what_nobody_knows(v):
    kinds = [TypeError, KeyError]
    try:
        if v:
            raise IndexError("caught")
    except tuple(kinds):
        pass


def another_is_caught(v):
    try:
        if v:
            raise ValueError("another")
    except (IndexError, RuntimeError):
        pass


def another_than_the_assertion_is_caught(v):
    try:
        assert v, "another"
    except RuntimeError:
        pass


def in_a_handler(v):
    try:
        raise KeyError
    except KeyError:
        if v:
            raise ValueError("bad") from None


def finally_passes_on(v):
    try:
        if v:
            raise ValueError("bad")
    finally:
        len("")


def with_passes_on(v):
    with open(__file__):
        if v:
            raise ValueError("bad")


def choice(v):
    if v:
        return 1
    return 2


def choice_that_does_something_first(v):
    if v:
        print(end="")
        raise ValueError("bad")


def ternary(v):
    return 1 if v else 2


def ternary_in_a_test(v):
    if 1 if v else 2:
        raise_it = False
        return raise_it


def logical_value(v):
    return v and v.method() and 3


def negation(v):
    return not v


def loop(v):
    while v.method():
        pass


def loop_in_lines(v):
    while v > 3:
        v = v.method()


def condition_of_a_comprehension(v):
    return [i for i in (1, 2) if v]


def condition_of_a_generator(v):
    return list(i for i in (1, 2) if v.method())


def in_a_lambda(v):
    return (lambda n: 1 if n else 2)(v)


def guard_of_a_case(v):
    match 3:
        case 3 if v:
            return 1


def asked_by_bool(v):
    if bool(v):
        raise ValueError("by bool")


def asked_by_any(v):
    if any([v, v]):
        raise ValueError("by any")


def asked_by_max(v):
    if max(v, v) is None:
        raise ValueError("by max")


def asked_by_in(v):
    if v in (1, 2):
        raise ValueError("by in")


def asked_by_two_tuples(v):
    pair = (v, 1)
    if pair == (Value(), 2):
        raise ValueError("by tuples")


def indexed(v):
    v[0]
    v[0] = 1
    v[0:1]
    if v[0]:
        raise ValueError("of an item")


def subscript_over_lines(v):
    return v.method()[
        len("a")
    ]  # fmt: skip


F, T = False, True
PROGRAMS = [
    (assert_name, [T], [(T, None)]),
    (assert_message, [T], [(T, "must hold")]),
    (assert_compared, [T], [(T, "small")]),
    (assert_chain, [T], [(T, "between"), (T, "between")]),
    (assert_not, [F], [(F, "none")]),
    (assert_both, [T], [(T, "both"), (T, "both")]),
    (assert_either, [F, T], [None, (T, "either")]),
    (if_raise, [F], [(F, "bad")]),
    (if_not_raise, [T], [(T, "bad")]),
    (if_compared_raise, [F], [(F, "bad: ")]),
    (if_lines_raise, [F], [(F, "over lines")]),
    (if_or_raise, [F], [(F, "one of them"), (F, "one of them")]),
    (if_and_raise, [T, F], [None, (F, "both of them")]),
    (if_compared_and_not_raise, [T], [(T, "there, and not so")]),
    (if_chain_and_not_raise, [T], [(T, "between, and not so")]),
    (if_compared_or_not_raise, [T], [(T, "neither")]),
    (if_chain_raise, [T, F], [None, (F, "inside")]),
    (if_else_raise, [T], [(T, "else")]),
    (if_return_raise, [T], [(T, "after")]),
    (elif_raise, [F, T], [None, (T, "neither")]),
    (message_in_a_name, [F], [(F, "in a name")]),
    (walrus_raise, [F], [(F, "named")]),
    (caught, [F], ["caught"]),
    (caught_by_its_base, [F], ["caught"]),
    (caught_by_what_nobody_knows, [F], ["caught"]),
    (another_is_caught, [F], [(F, "another")]),
    (another_than_the_assertion_is_caught, [T], [(T, "another")]),
    (in_a_handler, [F], [(F, "bad")]),
    (finally_passes_on, [F], [(F, "bad")]),
    (with_passes_on, [F], [(F, "bad")]),
    (choice, [T], [None]),
    (choice_that_does_something_first, [F], [None]),
    (ternary, [T], [None]),
    (ternary_in_a_test, [T], [None]),
    (logical_value, [T], [None, None]),
    (negation, [T], [None]),
    (loop, [T, F], [None, None]),
    (loop_in_lines, [T, F], [None, None]),
    (condition_of_a_comprehension, [T], [None, None]),
    (condition_of_a_generator, [T], [None, None]),
    (in_a_lambda, [T], [None]),
    (guard_of_a_case, [T], [None]),
    (asked_by_bool, [F], [None]),
    (asked_by_any, [F], [None, None]),
    (asked_by_max, [T], [None]),
    (asked_by_in, [F], [None, None]),
    (asked_by_two_tuples, [T], [None]),
    (indexed, [F], ["Subscript", "Subscript", "Subscript", "Subscript", (F, "of an item")]),
    (subscript_over_lines, [T], ["Subscript"]),
]


def test_what_is_asked():
    wrong = []
    for program, answers, expected in PROGRAMS:
        value = Value(*answers)
        program(value)
        if value.seen != expected:
            wrong.append(f"{program.__name__}: {value.seen}, expected {expected}")
    assert not wrong, "\n".join(wrong)


# Calls ---------------------------------------------------------------------------------------


def _doubled(n):
    return 2 * n


_instead = {}
SITES = call_sites.CallSites(lambda function: _instead.get(function, function))
_partial = functools.partial(math.floor)


class _Base:
    def scaled(self, n):
        return n * 3


class Calling(_Base):
    convert = math.floor

    def scaled(self, n):
        return super().scaled(n) + math.floor(n)

    def by_attribute(self, n, *, function=math.floor):
        names = sorted(locals())
        return function(n), Calling.convert(n), names, [math.floor(i) for i in (n,)]


def calling(n):
    def inner(k):
        return math.floor(k) + offset

    offset = 1
    return inner(n), (lambda k: math.floor(k))(n), f"{math.floor(n)}"


def two_lambdas():
    return (lambda n: math.floor(n), lambda n: math.floor(n) + 100)


LAMBDAS = two_lambdas()


def test_callees_are_chosen():
    codes = [f.__code__ for f in (calling, Calling.scaled, Calling.by_attribute, *LAMBDAS)]
    eager = (4, 3, "3"), 12.5 - 2, (3, 3, ["function", "n", "self"], [3]), (3, 103)

    def results():
        return (
            calling(3.5), Calling().scaled(2.5) - (2.5 * 3 + 2) + 10.5,
            Calling().by_attribute(3.5), tuple(f(3.5) for f in LAMBDAS),
        )  # fmt: skip

    assert results() == eager
    # The second lambda stands in the line of the first: it is known by then.
    assert [SITES.learn(code) for code in codes] == [True, True, True, True, False]
    assert results() == eager
    with SITES.installed():
        assert results() == eager  # nothing is chosen: the same calls
        _instead[math.floor] = _doubled
        assert calling(3.5) == (8.0, 7.0, "7.0")
        assert Calling().scaled(2.5) == 2.5 * 3 + 5
        assert Calling().by_attribute(3.5) == (7.0, 7.0, ["function", "n", "self"], [7.0])
        assert tuple(f(3.5) for f in LAMBDAS) == (7.0, 107.0)
        del _instead[math.floor]
    assert results() == eager
    assert codes == [f.__code__ for f in (calling, Calling.scaled, Calling.by_attribute, *LAMBDAS)]


def test_code_without_source_is_left_as_it_is():
    space = {}
    exec("def lost(v):\n    if v: raise ValueError('bad')\n", space)
    code = space["lost"].__code__
    assert not SITES.learn(code)
    assert nodes.syntax_of(code) is None
    value = Value(False)
    space["lost"](value)
    assert value.seen == [None]


if __name__ == "__main__":
    assert "torch" not in sys.modules
    test_what_is_asked()
    test_callees_are_chosen()
    test_code_without_source_is_left_as_it_is()
    print("ok")
