"""Calls of Python's functions on sizes and numbers that vary, however the function is named.

Each program is written to a file, exported from one example and compared with eager mode at other
sizes: equal, or refused with a code. What the same program asks of ``int``, ``float`` and the like
beside such a call is what it always is.
"""

import builtins
import functools
import importlib.util
import itertools
import math
import numbers
import operator
import queue
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch
from torch._dynamo.source import ConstantSource
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from monograph import Dim, InputError, InternalError, MonographError, ShapeError, export
from monograph.capture.python.builtin_functions import CALL_SITES

R = torch.randn
_numbers = itertools.count()


@pytest.fixture
def module(tmp_path, request):
    """Makes a module of a text: a file, as programs are."""
    made = []

    def make(text):
        name = f"program_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        found = importlib.util.module_from_spec(spec)
        sys.modules[name] = found
        spec.loader.exec_module(found)
        made.append(name)
        return found

    yield make
    for name in made:
        del sys.modules[name]


# The sweep -----------------------------------------------------------------------------------

# What is called, further arguments, what makes a number of the result, whether any size must do.
FUNCTIONS = {
    "int": ("int", "", "{}", True),
    "float": ("float", "", "{}", True),
    "round": ("round", "", "{}", True),
    "round to tens": ("round", ", -1", "{}", True),
    "abs": ("abs", "", "{}", True),
    "max": ("max", ", 3", "{}", True),
    "min": ("min", ", 3", "{}", True),
    "pow": ("pow", ", 2", "{}", True),
    "divmod": ("divmod", ", 3", "{}[0] + {}[1]", True),
    "operator.index": ("operator.index", "", "{}", True),
    "operator.neg": ("operator.neg", "", "{}", True),
    "operator.floordiv": ("operator.floordiv", ", 2", "{}", True),
    "operator.truediv": ("operator.truediv", ", 2", "{}", True),
    "math.floor": ("math.floor", "", "{}", True),
    "math.ceil": ("math.ceil", "", "{}", True),
    "math.trunc": ("math.trunc", "", "{}", True),
    "math.sqrt": ("math.sqrt", "", "{}", True),
    "math.isqrt": ("math.isqrt", "", "{}", True),
    "math.exp": ("math.exp", "", "{} / 1e3", True),
    "math.log": ("math.log", "", "{}", True),
    "math.log2": ("math.log2", "", "{}", True),
    "math.pow": ("math.pow", ", 2", "{}", True),
    "math.log to a base": ("math.log", ", 3", "{}", False),
    "math.gcd": ("math.gcd", ", 6", "{}", False),
    "math.fabs": ("math.fabs", "", "{}", False),
    "math.factorial": ("math.factorial", "", "{} % 97", False),
    "bool": ("bool", "", "{}", False),
    "str": ("str", "", "len({})", False),
    "hash": ("hash", "", "{}", False),
    "range": ("range", "", "len({})", False),
    "bin": ("bin", "", "len({})", False),
    "complex": ("complex", "", "{}.real", False),
    "numpy.int64": ("numpy.int64", "", "int({})", False),
    "a subclass of int": ("Number", "", "{} + 0", False),
}
FORMS = {
    "plain": "F(N{})",
    "an alias": "alias(N{})",
    "an alias of the module": "ALIAS(N{})",
    "a default argument": "with_default(N)",
    "a partial": "functools.partial(F)(N{})",
    "a partial of the module": "PARTIAL(N{})",
    "a keyword-only default": "with_keyword(N)",
    "a comprehension": "[F(n{}) for n in (N,)][0]",
    "a generator": "next(F(n{}) for n in (N,))",
    "a lambda": "(lambda n: F(n{}))(N)",
    "a lambda of the module": "LAMBDA(N)",
    "another module": "other.apply(N)",
    "a function inside": "inner(N)",
    "a class attribute": "Holder().function(N{})",
    "a method": "Holder().method(N)",
    "a table": 'TABLE["F"](N{})',
    "unpacked arguments": "F(*[N{}])",
    "map": "list(map(F, [N]{}))[0]",
    "map, unpacked": "only(*map(F, [N]{}))",
}
# A sum, a maximum, a sorted list: of one item, so that no order is asked.
OF_ONE = {
    "sum of map": "sum(map(F, [N]))",
    "sorted by it": "sorted([N], key=F)[0]",
    "max by it": "max([N, N], key=F)",
    "reduced": "functools.reduce(lambda a, n: F(n), [N, N])",
}
NUMBERS = {
    "a size": "x.shape[0]",
    "arithmetic": "(x.shape[0] * 3 + 1) // 2",
    "a float": "x.shape[0] / 2 + 1",
    "an item": "t.item()",
}
_ONLY_INTEGERS = {"operator.index", "math.isqrt", "math.gcd", "math.factorial", "range", "bin"}
_IN_FULL = ("int", "max")
HEAD = """
import functools, itertools, math, operator
import numpy
import torch
import {other} as other

class Number(int):
    pass

ALIAS = {F}
PARTIAL = functools.partial({F})
LAMBDA = lambda n: {F}(n{more})
TABLE = {{"F": {F}}}
ORIGINALS = int, float, len, max, min, sorted, map, math.sqrt, functools.reduce

def only(value):
    return value

def with_default(n, function={F}):
    return function(n{more})

def with_keyword(n, *, function={F}):
    return function(n{more})

class Holder:
    function = staticmethod({F})

    def method(self, n):
        return self.function(n{more})

def what_it_always_is():
    return (
        type(3) is int and type(0.5) is float and {{int: 1, float: 2}}[type(3)] == 1
        and isinstance(3, int) and not isinstance(0.5, int) and issubclass(bool, int)
        and torch.ones(1, dtype=int).dtype is torch.int64 and int.from_bytes(b"a", "big") == 97
        and ORIGINALS == (int, float, len, max, min, sorted, map, math.sqrt, functools.reduce)
        and all(a is b for a, b in zip(
            ORIGINALS, (int, float, len, max, min, sorted, map, math.sqrt, functools.reduce)))
        and {{max: 1}}[max] == 1 and int("7") == 7 and int(3.9) == 3 and max([1, 5], key=abs) == 5
    )
"""
BODY = """
def program_{number}(x, t):
    alias = {F}

    def inner(n):
        return {F}(n{more})

    value = {call}
    value = {result}
    same = what_it_always_is()
    return x * value if same else x - 1e6
"""


def _programs(name, in_full=False):
    function, more, result, is_exact = FUNCTIONS[name]
    forms = FORMS if more else {**FORMS, **OF_ONE}
    pairs = itertools.product(forms.items(), NUMBERS.items())
    for i, ((form, call), (kind, number)) in enumerate(pairs):
        if kind == "a float" and name in _ONLY_INTEGERS:
            continue
        if name not in _IN_FULL and form != "plain" and i % 4 != i // 4 % 4:
            continue  # each form with one kind of number
        if not is_exact and not in_full and form != "plain" and (i // 4 + len(name)) % 4:
            continue  # a refusal is tried with advice, and takes ten times as long
        if "map" in form and more:
            call = call.replace("{}", ", [" + more[2:] + "]")
        text = call.replace("{}", more).replace("F(", f"{function}(").replace("(F", f"({function}")
        text = text.replace("=F)", f"={function})")
        text = re.sub(r"\bN\b", number, text)
        in_result = result if form not in ("sorted by it", "max by it") else "{}"
        yield form, kind, text, in_result.replace("{}", "value"), is_exact


def _refusal(error):
    assert error.code, error
    assert not isinstance(error, InternalError), error


def _tried(program, dim):
    """How often eager mode's result was had, and refused, at further sizes; None: not exported."""
    example = (R(4, 3), torch.tensor(5))
    try:
        program(*example)
    except TypeError:  # there is no such sum, or order
        return None
    try:
        run = export(program, example, dynamic_shapes=({0: dim}, None)).module()
    except MonographError as error:
        return _refusal(error)
    same = refused = 0
    for size, number in ((4, 5), (1, 1), (3, 9), (12, 30)):
        args = R(size, 3), torch.tensor(number)
        expected = program(*args)
        try:
            found = run(*args)
        except (MonographError, RuntimeError):
            refused += 1
            continue
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        same += 1
    return same, refused


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, (*_, is_exact) in FUNCTIONS.items() if not is_exact])
def test_a_call_that_may_be_refused_however_it_is_written(name, module):
    _compared_however_it_is_written(name, module, in_full=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_however_it_is_written(name, module):
    _compared_however_it_is_written(name, module, in_full=False)


def _compared_however_it_is_written(name, module, in_full):
    function, more, _, _ = FUNCTIONS[name]
    number = "class Number(int):\n    pass\n" if function == "Number" else ""
    other = module(
        f"import math, operator\nimport numpy\n{number}\n"
        f"def apply(n):\n    return {function}(n{more})\n"
    )
    programs = list(_programs(name, in_full))
    text = HEAD.format(F=function, more=more, other=other.__name__)
    for i, (_, _, call, result, _) in enumerate(programs):
        text += BODY.format(number=i, F=function, more=more, call=call, result=result)
    made = module(text)
    before = dict(vars(made))
    for i, (form, kind, call, _, is_exact) in enumerate(programs):
        found = _tried(getattr(made, f"program_{i}"), Dim.DYNAMIC if is_exact else Dim.AUTO)
        if is_exact:
            assert found == (4, 0), f"{form}, {kind}: {call}"
    assert vars(made) == before


# Where it is done ----------------------------------------------------------------------------

DYNAMIC = ({0: Dim.DYNAMIC},)
COUNTED = """
    import torch

    def helper(x):
        return int(x.shape[0] / 2) + max(x.shape[0], 3)

    def program(x):
        return x * helper(x)
"""


def _same(run, program, sizes=(1, 2, 3, 9)):
    for size in sizes:
        x = R(size, 3)
        torch.testing.assert_close(run(x), program(x))


def test_functions_are_put_back(module):
    made = module(COUNTED)
    codes = made.helper.__code__, made.program.__code__
    seen = queue.SimpleQueue()  # a list would be put back

    def program(x):
        seen.put(made.helper.__code__ is codes[0])
        return made.program(x)

    run = export(program, (R(4, 3),), dynamic_shapes=DYNAMIC).module()
    assert False in [seen.get() for _ in range(seen.qsize())]  # while it was captured
    _same(run, program)
    assert (made.helper.__code__, made.program.__code__) == codes
    assert made.helper.__code__ is codes[0]
    assert "int" not in vars(made)
    assert builtins.int is int

    def failing(x):
        made.program(x)
        raise KeyError("the program's own")

    with pytest.raises(KeyError):
        export(failing, (R(4, 3),), dynamic_shapes=DYNAMIC)
    assert made.helper.__code__ is codes[0]


def test_another_thread_calls_what_it_always_does(module):
    made = module(
        """
        import math

        TABLE = {int: "int", float: "float", max: "max"}

        def asked(n):
            return (
                int(n), float(n), max(n, 3), math.sqrt(n), len([n]), sorted([n, 1], key=int),
                TABLE[type(n)], TABLE[max], type(n) is int, isinstance(n, int),
                list(map(int, [n, 2.5])), int.__name__, int is type(3),
            )

        def program(x, meet):
            n = asked_here(x)
            meet()
            return x * n

        def asked_here(x):
            n = x.shape[0]
            return int(n) + float(n) + max(n, 3) + asked_in_both(n)

        def asked_in_both(n):
            return sum(map(int, [n, 2]))
        """
    )
    expected = made.asked(9), made.asked_in_both(9), type(made.asked_in_both(9))
    found = queue.SimpleQueue()  # no container whose content is put back

    def meet():
        def run():
            found.put((made.asked(9), made.asked_in_both(9), type(made.asked_in_both(9))))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    program = functools.partial(made.program, meet=meet)
    run = export(lambda x: program(x), (R(4, 3),), dynamic_shapes=DYNAMIC).module()
    assert not found.empty()
    while not found.empty():
        assert found.get() == expected
    _same(run, program)


def test_another_thread_has_sizes_of_its_own(module):
    made = module(COUNTED)
    env = ShapeEnv()
    source = ConstantSource("n")
    symbol = env.create_symbol(7, source, dynamic_dim=DimDynamic.DYNAMIC)
    n = env.create_symintnode(symbol, hint=7, source=source)
    assert isinstance(n, torch.SymInt)
    functions = (int, float, round, operator.index, lambda k: divmod(int(k), 3), "{}".format, str)
    expected = [function(n) for function in functions]
    found = queue.SimpleQueue()

    def program(x):
        thread = threading.Thread(target=lambda: found.put([f(n) for f in functions]))
        thread.start()
        thread.join()
        return made.program(x)

    export(program, (R(4, 3),), dynamic_shapes=DYNAMIC)
    assert found.get() == expected


def test_another_thread_in_the_midst_of_captures(module):
    made = module(COUNTED)
    stop, wrong = threading.Event(), []

    def work():
        x = torch.ones(6, 3)
        expected = made.program(x)
        while not stop.is_set():
            if not torch.equal(made.program(x), expected) or type(made.helper(x)) is not int:
                wrong.append(made.helper(x))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC)
    finally:
        stop.set()
        thread.join()
    assert not wrong


def test_functions_that_differ_in_one_line(module):
    made = module(
        """
        FIRST, SECOND = (lambda n: int(n / 2)), (lambda n: int(n / 2) + 100)

        def program(x):
            return x * FIRST(x.shape[0]) + SECOND(x.shape[0])
        """
    )
    _same(export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC).module(), made.program)


def test_functions_made_anew_while_the_program_runs(module):
    made = module(
        """
        def halving():
            return lambda n: int(n / 2)

        class Scaled:
            def __init__(self):
                self.convert = halving()

            def __call__(self, n):
                def inner(k):
                    return self.convert(k) + float(k)
                return super().__hash__() * 0 + inner(n)

        def program(x):
            return x * Scaled()(x.shape[0])
        """
    )
    for _ in range(3):
        _same(export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC).module(), made.program)


def test_a_file_that_has_changed_is_not_believed(module):
    made = module(COUNTED)
    path = Path(made.__file__)
    path.write_text(path.read_text().replace("+ max", "- max"))
    with pytest.raises(ShapeError, match="inferred to be a constant"):
        export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC)
    exported = export(made.program, (R(4, 3),), dynamic_shapes=({0: Dim.AUTO},))
    assert "fixed" in [a.kind for a in exported.assumptions]
    _same(exported.module(), made.program, sizes=(4,))
    with pytest.raises(InputError):
        exported.module()(R(9, 3))


def test_an_exception_is_the_programs_own(module):
    made = module(
        """
        def program(x, text):
            n = int(x.shape[0])
            try:
                k = int(text)
            except ValueError:
                k = float(text)
            return x * n * k

        def failing(x, text):
            return x * int(x.shape[0]) + int(text)
        """
    )
    run = export(made.program, (R(4, 3), "0.5"), dynamic_shapes=({0: Dim.DYNAMIC}, None)).module()
    _same(lambda x: run(x, "0.5"), lambda x: made.program(x, "0.5"))
    with pytest.raises(ValueError, match="invalid literal") as raised:
        export(made.failing, (R(4, 3), "half"), dynamic_shapes=({0: Dim.DYNAMIC}, None))
    assert not isinstance(raised.value, MonographError)


@pytest.mark.parametrize(
    "shown",
    [
        "print(f'{n} rows')",
        "text = f'{n} rows'; print(text)",
        "text = str(n); torch._check(n > 0, lambda: text)",
        "text = f'{n} rows'; assert n > 0, text",
        "warnings.warn(str(n))",
        "logging.getLogger('none').debug(f'{n}')",
    ],
)
def test_a_text_that_is_shown_fixes_nothing(module, shown):
    made = module(
        f"""
        import logging, warnings
        import torch

        def program(x):
            n = x.shape[0]
            {shown}
            return x * n
        """
    )
    _same(export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC).module(), made.program)


def test_a_text_that_is_asserted_steers():
    """What an assertion compares is no text that is only shown: it is that of the number."""

    def program(x):
        assert f"{x.shape[0]} rows" == "4 rows", f"{x.shape[0]} rows"
        return x * 2

    exported = export(program, (R(4, 3),), dynamic_shapes=({0: Dim.AUTO},))
    assert [a.kind for a in exported.assumptions] == ["fixed"]
    _same(exported.module(), program, sizes=(4,))


def test_without_source_a_size_is_fixed():
    space = {}
    exec("def program(x):\n    return x * int(x.shape[0] / 2)\n", space)
    program = space["program"]
    with pytest.raises(ShapeError, match="inferred to be a constant"):
        export(program, (R(4, 3),), dynamic_shapes=DYNAMIC)
    exported = export(program, (R(4, 3),), dynamic_shapes=({0: Dim.AUTO},))
    assert [a.kind for a in exported.assumptions] == ["fixed"]
    _same(exported.module(), program, sizes=(4,))
    with pytest.raises(InputError):
        exported.module()(R(8, 3))


def test_in_strict_mode_beside_a_branch(module):
    made = module(
        """
        import torch

        def program(x, scale=2):
            n = int(x.shape[0] / 2)
            if x.sum() > 0:
                y = x * float(n) + max(n, 1)
            else:
                y = x - sum(map(int, x.shape))
            if type(scale) is int and {int: True}[type(3)]:
                y = y + torch.ones(3, dtype=int)
            return y, len(x) * 1.0
        """
    )
    for _ in range(2):
        exported = export(made.program, (R(4, 3),), dynamic_shapes=DYNAMIC, strict=True)
        run = exported.module()
        for sign, size in itertools.product((1, -1), (1, 2, 5)):
            x = torch.ones(size, 3) * sign
            torch.testing.assert_close(run(x), made.program(x))
    assert any("type(scale) is int" in a.text for a in exported.assumptions), exported.assumptions


def test_what_the_type_of_a_size_is():
    """A size that varies is an ``int`` where the program asks."""
    seen = queue.SimpleQueue()

    def program(x):
        n = x.shape[0]
        seen.put((type(n), isinstance(n, int), type(x.shape[1]) is int))
        return x * n

    export(program, (R(4, 3),), dynamic_shapes=DYNAMIC)
    assert seen.get() == (int, True, True)


KINDS_OF_NUMBERS = [
    lambda x: isinstance(x.shape[0], int),
    lambda x: isinstance(x.shape[0] * 2 + 1, (str, int)),
    lambda x: isinstance(x.shape[0], int | str),
    lambda x: isinstance(x.shape[0], numbers.Integral),
    lambda x: isinstance(x.shape[0], numbers.Number),
    lambda x: isinstance(x.shape[0], bool),
    lambda x: isinstance(x.shape[0], float),
    lambda x: isinstance(x.shape[0], (str, torch.Tensor, list)),
    lambda x: isinstance(x.shape[0] / 2, float),
    lambda x: isinstance(x.shape[0] / 2, int),
    lambda x: isinstance(x.shape[0] / 2, numbers.Real),
    lambda x: isinstance(x.shape[0] > 2, bool),
    lambda x: isinstance(x.shape[0] > 2, int),
    lambda x: x.shape[0].__class__ is int,
    lambda x: issubclass(x.shape[0].__class__, int),
    lambda x: all(isinstance(n, int) for n in x.shape),
]


@pytest.mark.parametrize("asked", KINDS_OF_NUMBERS)
def test_a_program_is_told_that_a_number_is_what_it_is_in_eager_mode(asked):
    def program(x):
        return x + 1 if asked(x) else x - 1

    _same(export(program, (R(4, 3),), dynamic_shapes=DYNAMIC).module(), program)
    assert vars(torch.SymInt).get("__class__") is None  # as it was


# Frames, in other Pythons --------------------------------------------------------------------

STUB = Path(__file__).with_name("asked_of_frames.py")
PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.1[1-9]*/bin/python"))


@pytest.mark.parametrize("python", [sys.executable, *map(str, PYTHONS)])
def test_what_frames_ask(python):
    done = subprocess.run([python, str(STUB)], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr


# What is known before anything runs ----------------------------------------------------------


def test_callees_are_themselves_outside_a_capture():
    functions = (
        int,
        float,
        len,
        max,
        math.sqrt,
        map,
        functools.partial(int),
        [].sort,
        operator.add,
    )
    for function in functions:
        assert CALL_SITES.choose(function) is function
