"""What Python may ask of a number, asked of numbers that vary: of sizes, items, and truths of both.

Each method of ``int``, ``float`` and ``bool``, each function of ``math``, ``operator`` and
``builtins`` that takes numbers, and what programs do with numbers else, is a program of its own,
exported from one example and run at other sizes: equal to eager mode, or refused by an error of
ours with its line. Never a bare ``TypeError``, and never another result.
"""

import builtins
import importlib.util
import itertools
import math
import operator
import re
import sys
import zlib

import pytest
import torch

import monograph.exporting
from monograph import Dim, InternalError, MonographError, export

NUMBERS = {
    "a size": "x.shape[0]",
    "a difference": "(x.shape[0] - x.shape[1])",
    "an item": "t.item()",
    "a float": "(x.shape[0] / 2 + 0.25)",
    "a float item": "f.item()",
    "a truth": "(x.shape[0] < x.shape[1])",
    "a truth of an item": "(t.item() > 3)",
    "a truth item": "b.item()",
}
HEAD = """
import array, bisect, collections, copy, datetime, decimal, fractions, functools, heapq, itertools
import json, math, operator, pprint, random, string, struct, textwrap
import numpy as np
import torch


@functools.lru_cache(None)
def cached(n):
    return n * 2


@functools.cache
def cached_pair(pair):
    return pair[0] * pair[1]


def number(value):
    if isinstance(value, torch.Tensor):
        return value.double().sum()
    if value is None or value is NotImplemented:
        return 0.5
    if isinstance(value, str):
        return sum(map(ord, value)) + len(value) * 1000
    if isinstance(value, (bytes, bytearray)):
        return sum(value)
    if isinstance(value, complex):
        return value.real + 3 * value.imag
    if isinstance(value, np.ndarray):
        return float(value.sum())
    if isinstance(value, slice):
        return number([value.start, value.stop, value.step])
    if isinstance(value, dict):
        return number(list(value.items()))
    if isinstance(value, type):
        return 7
    if hasattr(value, "__iter__"):
        total = 0
        for i, each in enumerate(value):
            total = total + (i + 1) * number(each)
        return total
    return value * 1
"""
# How methods and functions are called; what eager mode refuses of it is no program.
_OPERANDS = ("", "2", "3.5", "x.shape[1]", "-2, 5", "2, 'big'", "'>6'")
_OF_MATH = ("N", "N, 2", "2, N", "N, x.shape[1]", "[N, 2]", "N, 2.0", "[N, 2], [3, N]")
_OF_OPERATOR = ("N", "N, 2", "2, N", "2.5, N", "True, N", "N, x.shape[1]", "[1, 2, 3], N")
_OF_BUILTINS = ("N", "N, 2", "2, N", "N, 2, 7", "7, N, 5", "[N, 2]", "[N, 3], key=lambda v: -v",
                "'abcdefgh', N", "range(N)", "N, int", "0, N")  # fmt: skip
_OF_NO_NUMBER = {
    "attrgetter", "breakpoint", "compile", "copyright", "credits", "delattr", "delitem", "dir",
    "eval", "exec", "exit", "globals", "help", "id", "input", "itemgetter", "license", "locals",
    "memoryview", "methodcaller", "object", "open", "print", "quit", "setattr", "setitem", "super",
    "vars", "call", "is_", "is_not", "isinstance", "staticmethod", "classmethod", "property",
}  # fmt: skip
_OF_OBJECTS = {*dir(object), "__getformat__", "__getnewargs__", "__setformat__"} - {
    "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__repr__", "__str__",
    "__format__",
}  # fmt: skip
# Programs that must hold for any size, whatever the number is, where eager mode has an answer.
ANY_SIZE = [
    "N ^ True", "True ^ N", "N & True", "True | N", "~N", "-N", "+N", "N << 2", "1 << N", "N >> 1",
    "N + N", "N * 2.5", "N ** 2", "N % 3", "N // 3", "N // 2.5", "17.5 // N", "N / 3", "2.5 % N",
    "divmod(N, 3)", "pow(N, 2, 5)", "abs(N)", "round(N)", "N == 'a'", "N != 'a'", "N == None",
    "N.real", "N.imag", "functools.reduce(operator.mul, [N, 2, 3])",
    "math.prod([N, 2])", "cached(N)", "cached_pair((N, 2))", "list(map(cached, [N]))",
    "copy.copy(N)", "copy.deepcopy([N])", "N * x", "int(N)", "float(N)",
]  # fmt: skip
ANY_ANSWER = [
    "N < 2 < x.shape[1]", "N in [1, 2, 4]", "N in {1, 2, 4}", "N in (1, N)", "N and 3", "N or 3",
    "{4: 1, 5: 2}.get(N, 7)", "{4: 1}.get((N, 2), 3)", "{4: 1, 1: 2, 5: 3, 0: 4}[N]", "{N: 1}",
    "{N, 3}", "set(x.shape)", "dict([(N, 1)])", "collections.Counter([N, 3])[3]", "not N",
    "list(range(14))[:N]", "list(range(14))[N]", "'ab' * N", "[1] * N", "N * (1, 2)", "bytes(N)",
    "bytearray(N)", "range(N)[0:2]", "list(range(0, N, 2))", "list(range(N, 0, -1))",
    "sum(i for i in range(N))", "list(enumerate([1, 2], N))", "list(zip(range(N), [1, 2]))",
    "slice(0, N).indices(10)", "slice(None, N, 2)", "N ** -1", "N ** 0.5", "2 ** N", "17 // N",
    "f'{N}'", "f'{N:d}'", "f'{N:>5}'", "f'{N:.2f}'", "f'{N!r}'", "'%d' % N", "'%s' % N", "str(N)",
    "'%r' % (N,)", "'%5.1f' % N", "'%x' % N", "'{}'.format(N)", "'{:d}'.format(N)", "repr([N])",
    "str(x.shape)", "'-'.join(map(str, [N, 2]))", "json.dumps([N])", "pprint.pformat([N])",
    "string.Template('$n').substitute(n=N)", "textwrap.indent(str(N), ' ')", "struct.pack('i', N)",
    "array.array('i', [N])", "chr(N)", "list(itertools.repeat(1, N))", "complex(N)", "hash(N)",
    "list(itertools.islice(itertools.count(), N))", "max([N, 3], key=lambda v: -v)",
    "sorted([3, N, 1], reverse=True)", "max([], default=N)", "collections.deque([1, 2, 3], N)",
    "bisect.bisect([1, 3, 5, 7], N)", "heapq.nlargest(1, [N, 3])", "fractions.Fraction(N, 3)",
    "decimal.Decimal(N) + 1", "datetime.timedelta(N).days", "random.Random(0).randint(0, N)",
    "random.Random(0).sample(range(40), N)", "random.Random(N).random()",
    "random.Random(0).choices([1, 2], k=N)", "np.sqrt(N)", "np.arange(N)", "np.zeros(N)",
    "np.full(3, N)", "np.array([N, 2])", "np.prod(x.shape)", "np.log2(N)", "np.floor(N / 2)",
    "np.int64(N)", "np.float32(N)", "np.linspace(0, 1, N)", "np.maximum(N, 3)", "np.add(N, 1)",
    "np.int64(3) + N", "N + np.int64(3)", "np.float64(2.5) * N", "N < np.int64(3)", "np.round(N)",
    "np.array([1, 2]) * N", "np.clip(N, 1, 5)", "np.random.RandomState(0).randint(N)",
    "x * N", "x + N", "x.long() * N", "torch.full((2,), N)", "torch.tensor([N, 2])",
    "x / N", "x % N", "x ** N", "x < N", "x == N", "(x > 0) & N", "x.long() ^ N",
    "torch.where(x > 0, N, x)", "x.clamp(max=N)", "torch.arange(N)", "torch.scalar_tensor(N)",
    "torch.Size([N, 2]).numel()", "torch.sym_int(N)", "torch.sym_float(N)", "torch.sym_not(N > 1)",
    "sum([N, N])", "max(N, 3)", "torch.sym_max(N, 3)", "torch.sym_ite(N > 2, N, 3)",
    "len(set(x.shape))",
]  # fmt: skip


def _methods(kind):
    for name in sorted(set(dir(kind)) - _OF_OBJECTS):
        if callable(getattr(kind, name)):
            yield from (f"N.{name}({args})" for args in _OPERANDS)
        else:
            yield f"N.{name}"


def _functions(module, arguments):
    prefix = "" if module is builtins else module.__name__ + "."
    for name in sorted(set(dir(module)) - _OF_NO_NUMBER):
        found = getattr(module, name)
        is_error = isinstance(found, type) and issubclass(found, BaseException)
        if callable(found) and not name.startswith("_") and not is_error:
            yield from (f"{prefix}{name}({args})" for args in arguments)


CHAPTERS = {
    "integers": list(_methods(int)),
    "floats": list(_methods(float)),
    "truths": list(_methods(bool)),
    "math": list(_functions(math, _OF_MATH)),
    "operator": list(_functions(operator, _OF_OPERATOR)),
    "builtins": list(_functions(builtins, _OF_BUILTINS)),
    "any size": ANY_SIZE,
    "any answer": ANY_ANSWER,
}
_KIND_OF = {"floats": ("a float", "a float item"), "truths": tuple(NUMBERS)[5:]}
_serial = itertools.count()
_DYNAMIC = ({0: Dim.AUTO, 1: Dim.AUTO}, None, None, None)
_SIZES = [(4, 5, 3), (2, 2, 3), (7, 9, 5), (3, 4, 6), (1, 1, 1)]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Makes a program of an expression: in a file of its own, as programs are."""
    monkeypatch.syspath_prepend(tmp_path)
    head = f"head_of_numbers_{next(_serial)}"
    (tmp_path / f"{head}.py").write_text(HEAD)
    # What else a user could write is found by further exports, and none of this test's business.
    monkeypatch.setattr(monograph.exporting, "_advise", lambda *args: None)
    monkeypatch.setattr(monograph.exporting, "_exports", lambda *args: True)

    def make(text, number):
        text = re.sub(r"(?<![A-Za-z_])N(?![A-Za-z_(])", number, text)
        name = f"program_of_numbers_{next(_serial)}"
        path = tmp_path / f"{name}.py"
        path.write_text(
            f"from {head} import *\n\ndef program(x, t, f, b):\n    value = {text}\n"
            "    return x * 0 + number(value), value is NotImplemented\n"
        )
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        finally:
            del sys.modules[name]
        return module.program

    return make


def _arguments(rows, number, columns):
    return (
        torch.ones(rows, columns),
        torch.tensor(number),
        torch.tensor(number + 0.5),
        torch.tensor(number > 4),
    )


def _outcome(program):
    """``any size``, ``guarded``, ``refused``, or what is wrong; None: eager mode refuses it."""
    example = _arguments(*_SIZES[0])
    try:
        if program(*example)[1]:
            return None
    except Exception:
        return None
    try:
        run = export(program, example, dynamic_shapes=_DYNAMIC).module()
    except InternalError as error:
        return f"a mistake of ours: {error}"
    except MonographError as error:
        return "refused" if error.where is not None and error.code else f"no line: {error}"
    except Exception as error:
        return f"a bare {type(error).__name__}: {error}"
    refused = 0
    for sizes in _SIZES:
        args = _arguments(*sizes)
        try:
            expected = program(*args)[0]
        except Exception:
            continue
        try:
            found = run(*args)[0]
        except (MonographError, RuntimeError):
            refused += 1
            continue
        if found.dtype != expected.dtype or not torch.allclose(found, expected, equal_nan=True):
            return f"wrong at {sizes}: {found.flatten()[0]}, not {expected.flatten()[0]}"
    return "guarded" if refused else "any size"


def _wrong(chapter, written, kind_of, *, every=1):
    """What is wrong with a chapter's questions: all of them, or one in ``every``."""
    for i, text in enumerate(CHAPTERS[chapter]):
        if zlib.crc32(text.encode()) % every:
            continue
        kind = kind_of(i)
        found = _outcome(written(text, NUMBERS[kind]))
        right = (None, "any size") if chapter == "any size" else (
            None, "any size", "guarded", "refused"
        )  # fmt: skip
        if found not in right:
            yield f"{text} of {kind}: {found}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_some_questions_of_one_kind_of_number(chapter, written):
    kinds = _KIND_OF.get(chapter, tuple(NUMBERS))
    every = 1 if chapter == "any size" else 6
    assert not list(_wrong(chapter, written, lambda i: kinds[i % len(kinds)], every=every))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_each_question_of_each_kind_of_number(chapter, kind, written):
    assert not list(_wrong(chapter, written, lambda i: kind))


@pytest.mark.parametrize(
    "count",
    [
        lambda x: x.shape.numel(),
        lambda x: x.size()[1:].numel(),
        lambda x: torch.Size.numel(x.shape),
        lambda x: torch.Size([x.shape[0], 2]).numel(),
    ],
)
def test_the_product_of_sizes_varies_with_them(count):
    D = monograph.Dim.DYNAMIC
    x = torch.randn(2, 3)
    program = monograph.export(lambda x: x + count(x), (x,), dynamic_shapes=({0: D, 1: D},))
    assert not program.assumptions
    for other in (x, torch.randn(1, 4), torch.randn(5, 1), torch.randn(0, 2)):
        torch.testing.assert_close(program.module()(other), other + count(other))
