"""What a program asks of the types of its numbers and tensors: as in eager mode, in both modes."""

import functools
import numbers
import operator
import queue
import threading

import pytest
import torch
from tests.capture import type_asking
from torch import nn

from monograph import Dim, export
from monograph.capture.python import type_calls

KINDS = {int: 3, float: 4, bool: 5, torch.Tensor: 6, nn.Parameter: 7}
kind_of = type


@functools.singledispatch
def by_kind(item):
    return 5


by_kind.register(int)(lambda item: 7)
by_kind.register(torch.Tensor)(lambda item: 8)
for each in (1, 1.0, True, torch.ones(1)):
    by_kind(each)  # it remembers the types that it has met


class Visitor:
    def visit(self, item):
        return getattr(self, "visit_" + type(item).__name__)(item)

    def visit_int(self, item):
        return 2 * item

    def visit_Tensor(self, item):
        return 3 * item


def named(item):
    match item:
        case bool():
            return 11
        case int(number):
            return number
        case float():
            return 12
        case torch.Tensor():
            return 13
    return 14


def twice(item):
    def inner():
        return [type(item) for _ in range(2)]

    return inner()


QUESTIONS = {
    "is": lambda a: type(a) is int,
    "is, the other way": lambda a: torch.Tensor is type(a),
    "is not": lambda a: type(a) is not int,
    "equal": lambda a: type(a) == int,  # noqa: E721
    "among": lambda a: type(a) in (int, torch.Tensor),
    "in a set": lambda a: type(a) in {int, torch.Tensor},
    "class": lambda a: a.__class__ is int or a.__class__ is torch.Tensor,
    "getattr": lambda a: operator.attrgetter("__class__")(a) in KINDS,
    "name": lambda a: len(type(a).__name__),
    "name of the class": lambda a: len(a.__class__.__qualname__),
    "module": lambda a: type(a).__module__ == "torch",
    "bases": lambda a: len(type(a).__mro__),
    "issubclass": lambda a: issubclass(type(a), (int, float)),
    "abstract": lambda a: issubclass(type(a), numbers.Integral) + isinstance(a, numbers.Real),
    "union": lambda a: isinstance(a, int | float),
    "table": lambda a: KINDS[type(a)],
    "get": lambda a: KINDS.get(type(a), 9),
    "in a list": lambda a: [int, float, bool, torch.Tensor].index(type(a)),
    "singledispatch": by_kind,
    "match": named,
    "visitor": lambda a: Visitor().visit(a),
    "like another": lambda a: type(a) is int,
    "instance of its type": lambda a: isinstance(a, type(a)) + isinstance(3, type(a)),
    "alias": lambda a: kind_of(a) is int,
    "local alias": lambda a: (lambda kind: kind(a) is int)(type),
    "map": lambda a: sum(KINDS[kind] for kind in map(type, [a, a])),
    "key": lambda a: len({KINDS[kind] for kind in sorted([type(a)], key=repr)}),
    "functions inside": lambda a: KINDS[twice(a)[1]],
    "walrus": lambda a: KINDS[kind] if (kind := type(a)) else 0,
    "another file": type_asking.kind_told,
    "method elsewhere": lambda a: type_asking.Teller().told(a),
    "hash": lambda a: hash(type(a)) == hash(int),
    "types are types": lambda a: isinstance(type(a), type) and isinstance(int, type),
    "one is made": lambda a: type("Made", (), {"size": 4}).size,
}
OPERANDS = {
    "size": lambda x: x.shape[0],
    "sum": lambda x: x.shape[0] + x.shape[1],
    "length": len,
    "quotient": lambda x: x.shape[0] / 2,
    "truth": lambda x: x.shape[0] > 1,
    "count": lambda x: x.numel(),
    "tensor": lambda x: x,
    "result": lambda x: x + 1,
}
# A visitor has no methods for these, and a truth or a fraction is no whole number.
NOT_OF = {"visitor": ("quotient", "truth")}


@pytest.mark.parametrize("asked", OPERANDS)
def test_types_are_those_of_eager_mode(asked):
    operand = OPERANDS[asked]
    questions = {name: q for name, q in QUESTIONS.items() if asked not in NOT_OF.get(name, ())}

    def program(x):
        item = operand(x)
        return {name: x * question(item) for name, question in questions.items()}

    for strict in (False, True):
        made = export(
            program,
            (torch.ones(3, 4),),
            dynamic_shapes=((Dim.DYNAMIC, Dim.DYNAMIC),),
            strict=strict,
        )
        for x in (torch.ones(3, 4), torch.ones(5, 2), torch.ones(1, 1)):
            found, wanted = made.module()(x), program(x)
            different = [name for name in wanted if not torch.equal(found[name], wanted[name])]
            assert not different, (asked, strict)


def test_parameters_and_buffers_have_their_types():
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))
            self.register_buffer("mean", torch.ones(4))
            self.plain = torch.ones(4)

        def forward(self, x):
            found = 1
            for each in (self.weight, self.mean, self.plain, x):
                found = found * 10 + KINDS[type(each)] + KINDS[each.__class__]
            return x * found

    model, x = Layers(), torch.ones(4)
    assert torch.equal(export(model, (x,)).module()(x), model(x))


def test_numbers_of_values_have_their_types():
    def program(x):
        n = int(x.sum())
        return x * (2 if type(n) is int else 3) * (2 if type(x.sum().item()) is float else 3)

    x = torch.ones(3)
    assert torch.equal(export(program, (x,)).module()(x), program(x))


def test_without_source():
    space = {}
    exec("def program(x): return x * (2 if type(x.shape[0]) is int else 3)", space)
    x = torch.ones(3)
    made = export(space["program"], (x,), dynamic_shapes=((Dim.DYNAMIC,),))
    assert torch.equal(made.module()(torch.ones(5)), torch.full((5,), 2.0))


def test_code_is_put_back_and_other_threads_see_their_own_types():
    seen = queue.SimpleQueue()

    class Own(torch.Tensor):
        pass

    def kind(item):
        return type(item)

    def program(x):
        worker = threading.Thread(target=lambda: seen.put(kind(torch.ones(2).as_subclass(Own))))
        worker.start()
        worker.join()
        return x * (2 if kind(x.shape[0]) is int else 3)

    before = kind.__code__
    made = export(program, (torch.ones(3),), dynamic_shapes=((Dim.DYNAMIC,),))
    assert seen.get() is Own
    assert kind.__code__ is before
    assert torch.equal(made.module()(torch.ones(2)), torch.full((2,), 2.0))


def test_patched_code_computes_what_it_did():
    """Many constants and many names: instructions with arguments beyond a byte."""
    numbers_ = "".join(f"    x = x + a{i} + {1000 + i}\n" for i in range(300))
    text = f"def sums(n):\n    x = 0\n{numbers_}    return type(n), x, [type(i) for i in (n, x)]\n"
    space = {f"a{i}": i for i in range(300)}
    exec(text, space)
    sums = space["sums"]
    wanted = sums(2.0)
    patched = type_calls._patched(sums.__code__, space)
    assert patched is not sums.__code__
    assert [*patched.co_positions()] == [*sums.__code__.co_positions()]
    sums.__code__ = patched
    for _ in range(20):  # specialised on the way
        assert sums(2.0) == wanted


def test_nothing_is_patched_where_nothing_calls_it():
    def plain(x):
        return isinstance(x, type), type

    assert type_calls._patched(plain.__code__, globals()) is plain.__code__
