"""What a program reads of the world outside is listed, whatever name it has for what it asks."""

import datetime
import importlib.util
import itertools
import os
import random
import sys
import textwrap

import numpy
import pytest
import torch

import monograph
from monograph.diagnostics import ExportError

X = torch.ones(3)


def kinds(kind, module, calls):
    """``time perf_counter()``: what is asked, and what it is called with."""
    for call in calls.split(";"):
        name, _, given = call.strip().partition("(")
        yield kind, module, name, given.removesuffix(")")


ASKED = [
    *kinds("time", "time", "time(); time_ns(); perf_counter(); monotonic(); process_time()"),
    *kinds("time", "time", "localtime(); ctime(); strftime('%H'); clock_gettime(0)"),
    *kinds("time", "datetime", "datetime.now(); datetime.utcnow(); datetime.today(); date.today()"),
    *kinds("random", "random", "random(); randint(0, 9); choice([1, 2]); getrandbits(3)"),
    *kinds("random", "random", "shuffle([1, 2]); gauss(0, 1); triangular(); randbytes(2)"),
    *kinds("random", "numpy.random", "rand(); randn(2); permutation(3); random()"),
    *kinds("random", "numpy.random", "default_rng(); poisson(); gamma(1.0)"),
    *kinds("random", "secrets", "token_bytes(2); randbelow(9); choice([1, 2]); randbits(3)"),
    *kinds("random", "uuid", "uuid4(); uuid1()"),
    *kinds("random", "os", "urandom(2)"),
    *kinds("random", "torch", "initial_seed()"),
    *kinds("environment", "os", "getpid(); getppid(); cpu_count(); uname(); getloadavg()"),
    *kinds("environment", "os", "getenv('HOME'); environ.get('HOME')"),
    *kinds("environment", "platform", "system(); node(); python_version(); machine(); platform()"),
    *kinds("environment", "socket", "gethostname()"),
    *kinds("file", "os", "listdir('.'); path.exists('.'); path.getmtime('.'); getcwd(); stat('.')"),
    *kinds("file", "glob", "glob('*')"),
    *kinds("file", "builtins", "open(FILE)"),
    *kinds("file", "io", "open(FILE)"),
    *kinds("file", "pathlib", "Path.read_text(pathlib.Path(FILE)); Path.exists(pathlib.Path('.'))"),
    *kinds("file", "numpy", "load(FILE + '.npy'); loadtxt(FILE); fromfile(FILE)"),
    *kinds("file", "torch", "load(FILE + '.pt')"),
    *kinds("setting", "torch", "is_grad_enabled(); is_inference_mode_enabled()"),
    *kinds("setting", "torch", "get_default_dtype(); get_num_threads(); get_default_device()"),
    *kinds("setting", "torch", "is_autocast_enabled(); is_autocast_enabled('cpu')"),
    *kinds("setting", "torch", "get_autocast_dtype('cpu'); are_deterministic_algorithms_enabled()"),
    *kinds("setting", "torch", "get_float32_matmul_precision(); is_anomaly_enabled()"),
    *kinds("setting", "torch", "cuda.is_available(); cuda.device_count()"),
    *kinds("setting", "torch", "backends.cuda.flash_sdp_enabled(); backends.mps.is_available()"),
    *kinds("setting", "torch", "distributed.is_available(); distributed.is_initialized()"),
]
# {f}: the function by its full name, {rest}: its name in the module, {given}: its arguments.
FORMS = {
    "named": "def program(x):\n    return used(x, {f}({given}))",
    "module renamed": "import {module} as m\nprogram = lambda x: used(x, m.{rest}({given}))",
    "named before": "f = {f}\ndef program(x):\n    return used(x, f({given}))",
    "closed over": """
        def made(f):
            return lambda x: used(x, f({given}))
        program = made({f})""",
    "of an instance": """
        class Program(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.f = {f}
            def forward(self, x):
                return used(x, self.f({given}))
        program = Program()""",
    "of a class": """
        class Program(torch.nn.Module):
            f = staticmethod({f})
            def forward(self, x):
                return used(x, self.f({given}))
        program = Program()""",
    "a default": "def program(x, f={f}):\n    return used(x, f({given}))",
    "a default by keyword": "def program(x, *, f={f}):\n    return used(x, f({given}))",
    "partial": """
        f = functools.partial({f}, {given})
        def program(x):
            return used(x, f())""",
    "made partial": "def program(x):\n    return used(x, functools.partial({f}, {given})())",
    "through map": """
        f = {f}
        def program(x):
            return used(x, next(map(lambda _: f({given}), [0])))""",
    "called by C": """
        f = {f}
        def program(x):
            return used(x, next(itertools.starmap(f, [({given})])))""",
    "in a dict": "FS = {{'f': {f}}}\ndef program(x):\n    return used(x, FS['f']({given}))",
    "in a list": "FS = [{f}]\ndef program(x):\n    return used(x, FS[0]({given}))",
    "in a tuple": "FS = ({f},)\ndef program(x):\n    return used(x, FS[0]({given}))",
}
# Where an object of Python's is made anew for each who asks, or has no name of its own.
_START = """
import builtins, datetime, functools, glob, io, itertools, os, pathlib, platform, random, secrets
import socket, time, uuid
import numpy, torch
import numpy.random
FILE = {file!r}
def used(x, found):
    return x * (2.0 if found is None else 3.0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    (folder / "numbers").write_text("1.0 2.0 3.0 4.0")
    numpy.save(folder / "numbers.npy", numpy.ones(2))
    torch.save(X, folder / "numbers.pt")
    return folder


_count = itertools.count()


def loaded(folder, source):
    """The program of a file of its own."""
    name = f"asks_outside_{next(_count)}"
    file = folder / f"{name}.py"
    file.write_text(_START.format(file=str(folder / "numbers")) + source)
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def source_of(asked, form):
    _, module, rest, given = asked
    arguments = f"{given}," if given and form == "called by C" else given
    return textwrap.dedent(FORMS[form]).format(
        f=f"{module}.{rest}", module=module, rest=rest, given=arguments
    )


def missed(folder, asked, form):
    """What a program that asks is exported to without telling it; None where it tells."""
    program = loaded(folder, source_of(asked, form))
    try:
        exported = monograph.export(program, (X,))
    except ExportError:
        return None
    found = [a.kind for a in exported.assumptions if a.where is not None]
    return None if asked[0] in found else f"{form}: {asked[1]}.{asked[2]}({asked[3]}): {found}"


def drawn(count):
    """So many of all, and all forms and all kinds among them."""
    every = list(itertools.product(ASKED, FORMS))
    chosen = [(asked, form) for asked, form in zip(ASKED, itertools.cycle(FORMS), strict=False)]
    return chosen + random.Random(0).sample(every, count)


@pytest.mark.parametrize(
    "asked", [pytest.param(drawn(60), id="some"),
              pytest.param(list(itertools.product(ASKED, FORMS)), id="all", marks=pytest.mark.slow)]
)  # fmt: skip
def test_what_is_asked_outside_is_listed(folder, asked):
    found = [missed(folder, *each) for each in asked]
    assert [each for each in found if each] == []


# Programs that hold a generator, read a flag, or change what they ask.
LISTED = {
    "a generator of the program's": ("random", "rng = random.Random(3)", "rng.random()"),
    "of numpy": ("random", "rng = numpy.random.default_rng(3)", "rng.random()"),
    "a method of it": ("random", "draw = random.Random(3).random", "draw()"),
    "another method of it": ("random", "draw = random.Random(3).randint", "draw(1, 2)"),
    "a method of numpy's": ("random", "draw = numpy.random.default_rng(3).random", "draw()"),
    "a new generator": ("random", "", "random.Random().random()"),
    "a new generator of numpy": ("random", "", "numpy.random.default_rng().random()"),
    "of the system": ("random", "rng = random.SystemRandom()", "rng.random()"),
    "a flag": ("setting", "", "torch.backends.cudnn.enabled"),
    "a flag of products": ("setting", "", "torch.backends.cuda.matmul.allow_tf32"),
    "arguments": ("environment", "", "sys.argv[0:]"),
    "arguments named": ("environment", "from sys import argv", "len(argv)"),
    "all variables": ("environment", "", "dict(os.environ)"),
    "a hash": ("id", "", "hash('a')"),
    "hash named": ("id", "h = hash", "h(('a', 1))"),
    "a class named": ("time", "from datetime import datetime as d", "d.now().year"),
    "a class that inherits": ("time", "class D(datetime.datetime): pass", "D.now().year"),
}
UNLISTED = {
    "a seeded generator": "random.Random(3).random()",
    "a seeded generator shuffles": "random.Random(3).shuffle([1, 2])",
    "a moment that is given": "time.gmtime(3).tm_year",
    "a text of a moment": "time.strftime('%Y', time.gmtime(3))",
    "a number's hash": "hash(3)",
    "a warning": "warnings.warn('a warning', stacklevel=1)",
    "a line of a log": "logging.getLogger('outside').info('a line')",
    "what a block sets": "asked_in_block()",
}
_MORE = """
import logging, sys, warnings
{before}
def asked_in_block():
    with torch.no_grad(), torch.autocast('cpu'):
        return torch.is_grad_enabled(), torch.is_autocast_enabled('cpu')
def program(x):
    return used(x, {asked})
"""


@pytest.mark.parametrize("name", LISTED)
def test_generators_and_flags_are_listed(folder, name):
    kind, before, asked = LISTED[name]
    program = loaded(folder, _MORE.format(before=before, asked=asked))
    listed = {each.kind for each in monograph.export(program, (X,)).assumptions}
    assert listed == {kind}


@pytest.mark.parametrize("name", UNLISTED)
@pytest.mark.filterwarnings("ignore:a warning")
def test_what_is_the_same_in_each_run_is_not_listed(folder, name):
    program = loaded(folder, _MORE.format(before="", asked=UNLISTED[name]))
    for strict in (False, True):
        exported = monograph.export(program, (X,), strict=strict)
        assert {each.kind for each in exported.assumptions} <= {"logging", "steered", "global"}, (
            strict
        )
    assert torch.equal(exported.module()(X), program(X))


def test_all_is_put_back(folder):
    program = loaded(folder, source_of(("time", "datetime", "datetime.now", ""), "of a class"))
    before = dict(vars(datetime.datetime)), sys.argv, hash, open, torch.is_grad_enabled, os.stat
    monograph.export(program, (X,))
    now = dict(vars(datetime.datetime)), sys.argv, hash, open, torch.is_grad_enabled, os.stat
    assert now == before
    assert datetime.datetime.now().year > 2000
    assert program.f == datetime.datetime.now
