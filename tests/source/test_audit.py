"""Strict mode's guarantees: side effects and unstable values are refused with their line."""

import enum
import logging
import os
import random
import time
from threading import Thread

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, MonographError
from monograph.capture.python.frames import SourceLine
from monograph.testing import assert_exports

X = torch.randn(2, 3)
KEPT = []
SETTINGS = {"scale": 2}


class Base(nn.Module):
    limit = 3

    def __init__(self):
        super().__init__()
        self.history = []
        self.count = 0
        self.nested = {"a": [1]}
        self.lin = nn.Linear(3, 3)
        self.register_buffer("total", torch.zeros(3))


class Appends(Base):
    def forward(self, x):
        y = self.lin(x)
        self.history.append(y)  # here
        return y


class Counts(Base):
    def forward(self, x):
        self.count += 1
        return self.lin(x) * self.count


class Deep(Base):
    def forward(self, x):
        self.change()
        return self.lin(x)

    def change(self):
        self.nested["a"].append(5)  # here


class OfClass(Base):
    def forward(self, x):
        type(self).limit = 4
        return x * self.limit


class Spelled(Base):
    name = ""

    def forward(self, x):
        self.name = self.name + "a"  # here
        return x * len(self.name)


def to_global(x):
    KEPT.append(x.shape)  # here
    return x + 1


def to_dict(x):
    SETTINGS["scale"] = 3  # here
    return x * SETTINGS["scale"]


def closing_over():
    seen = []

    def f(x):
        seen.append(1)  # here
        return x + 1

    return f


def rebinding():
    calls = 0

    def f(x):
        nonlocal calls
        calls = calls + 1  # here
        return x + calls

    return f


def writing(x):
    with open("/tmp/never-written", "w") as file:  # here
        file.write("x")
    return x


def by_chance(x):
    return x * random.random()  # here


def by_time(x):
    return x * time.time()  # here


def by_identity(x):
    return x * id(x)  # here


def by_order(x):
    total = x
    for name in {"scale", "shift", "bias"}:  # here
        total = total * len(name) + 1
    return total


def by_order_of_a_list(x):
    names = {"scale", "shift", "bias"}
    return x * len(list(names)[1])  # here


def by_order_in_a_comprehension(x):
    names = frozenset(SETTINGS) | {"bias"}
    return torch.stack([x * len(name) for name in names])  # here


REFUSED = {
    "MG-M107": [Appends(), Deep(), Spelled(), to_global, closing_over(), writing],
    "MG-P108": [by_chance, by_time, by_identity, by_order, by_order_of_a_list,
                by_order_in_a_comprehension],
}  # fmt: skip
CASES = [(code, f) for code, fs in REFUSED.items() for f in fs]


@pytest.mark.parametrize(
    ("code", "f"), CASES, ids=[getattr(f, "__name__", type(f).__name__) for _, f in CASES]
)
def test_refused_with_its_line(code, f):
    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X,), strict=True)
    assert caught.value.code == code
    assert caught.value.hint
    where = caught.value.where
    assert isinstance(where, SourceLine)
    assert where.file == __file__
    assert where.text.endswith("# here")
    assert not os.path.exists("/tmp/never-written")


@pytest.mark.parametrize("make", [Counts, OfClass, lambda: to_dict, rebinding])
def test_what_settles_and_what_counts_is_no_side_effect(make):
    torch.manual_seed(0)
    f = make()
    module = monograph.export(f, (X,), strict=True).module()
    before = dict(SETTINGS)
    try:
        for _ in range(3):
            torch.testing.assert_close(module(X), f(X))
    finally:
        SETTINGS.update(before)
        Base.limit = OfClass.limit = 3


READS = {
    "item": lambda x: x * len(os.environ["PATH"]),
    "get": lambda x: x * len(os.environ.get("PATH", "")),
    "getenv": lambda x: x * len(os.getenv("PATH", "")),
    "in": lambda x: x * ("PATH" in os.environ),
    "not there": lambda x: x * len(os.getenv("NEVER_SET", "four")),
}


@pytest.mark.parametrize("name", READS)
def test_the_environment_is_configuration(name):
    """What it said is fixed, and listed with its line, as in the default mode."""
    f = READS[name]
    programs = [monograph.export(f, (X,), strict=strict) for strict in (False, True)]
    for program in programs:
        [found] = [a for a in program.assumptions if a.kind == "environment"]
        assert ("NEVER_SET" if name == "not there" else "PATH") in found.text
        assert (found.where.file, found.where.line) == (__file__, f.__code__.co_firstlineno)
        torch.testing.assert_close(program.module()(X), f(X))


class Kind(enum.Enum):
    FULL, SLIDING = "full", "sliding"


def of_each_kind(x):
    """As models with several kinds of layers make the masks of each kind once."""
    masks = {}
    for name in {"full", "sliding", "chunked"}:
        masks[name] = x * len(name)
    return masks["full"] + masks["sliding"] * masks["chunked"]


def of_positions(x):
    layers = ["full", "sliding", "full"]
    last = {kind: layers.index(kind) for kind in set(layers)}
    return x * last["sliding"] + last["full"]


def with_a_branch(x):
    scales = {kind: 1 + len(kind.value) for kind in frozenset(Kind)}
    if x.sum() > 0:
        return x * scales[Kind.FULL]
    return x * scales[Kind.SLIDING]


def adds_tensors(x):
    for tensor in {x + 1, x + 2}:  # of whose addresses nobody knows
        x = x - tensor
    return x


def first_of_some(x):
    return x * len(next(iter({"scale", "shift", "bias"})))


def timed(x):
    began = time.perf_counter()
    y = x.sin()
    logging.getLogger("model").debug("took %f", time.perf_counter() - began)
    return y


def waits(x):
    until = time.monotonic() + 0.001
    while time.monotonic() < until:
        pass
    return x + 1


def memo_of_identities(x):
    memo = {}
    for tensor in (x, x + 1, x):
        if id(tensor) not in memo:
            memo[id(tensor)] = tensor * 2
    return torch.stack(list(memo.values()))


def among_tensors(x):
    seen = {x}
    y = x + 1
    return y * len(seen | {y, x})


@pytest.mark.parametrize("f", [timed, waits, memo_of_identities, among_tensors])
def test_chance_that_decides_nothing_is_listed(f):
    program = monograph.export(f, (X,), strict=True)
    assert {a.kind for a in program.assumptions} & {"time", "id"}
    for x in (X, -X):
        torch.testing.assert_close(program.module()(x), f(x))


def early(x):
    return x + (1 if time.time() > 1000 else 2)


def slow(x):
    began = time.perf_counter()
    y = x + 1
    return y if time.perf_counter() - began < 100 else x


def by_address(x):
    first, second = sorted((x, x + 1), key=id)
    return first - second


@pytest.mark.parametrize("f", [early, slow, by_address])
def test_chance_that_decides_something_is_refused(f):
    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X,), strict=True)
    assert caught.value.code == "MG-P108"
    assert caught.value.where.function == f.__name__


@pytest.mark.parametrize("f", [of_each_kind, of_positions, with_a_branch])
def test_a_set_whose_order_decides_nothing(f):
    program = monograph.export(f, (X,), strict=True, dynamic_shapes={"x": {0: Dim("n")}})
    assert not [a for a in program.assumptions if a.kind == "set-order"]
    for x in (X, -X, X[:1], X[:0]):
        torch.testing.assert_close(program.module()(x), f(x))


@pytest.mark.parametrize("f", [adds_tensors, first_of_some, by_order])
def test_an_order_that_decides_is_the_one_of_this_run_in_the_default_mode(f):
    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X,), strict=True)
    assert caught.value.code == "MG-P108"
    monograph.export(f, (X,))


def test_the_callers_containers():
    def f(x, d):
        d["y"] = x
        return x

    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X, {}), strict=True)
    assert caught.value.code == "MG-M107"


def test_prints_are_dropped_and_listed(capsys, caplog):
    def f(x):
        print("shape", x.shape)
        logging.getLogger("model").warning("running")
        return x + 1

    program = monograph.export(f, (X,), strict=True)
    assert [a.kind for a in program.assumptions] == ["print", "logging"]
    assert capsys.readouterr().out == ""


def test_state_that_is_tensors_is_fine():
    class Model(Base):
        def forward(self, x):
            self.total = self.total + x.sum(0)
            self.total.mul_(2)
            local = []
            local.append(x)
            table = {"x": x}
            table["y"] = x + 1
            return local[0] + table["y"]

    program = monograph.export(Model(), (X,), strict=True)
    assert program.assumptions == []
    assert_exports(Model(), (X,))


def test_user_code_keeps_its_own_errors():
    def f(x):
        y = x - 1
        if x.sum() > 0:
            y = x + 1
        return y["no such key"]

    with pytest.raises(IndexError) as caught:
        monograph.export(f, (X,), strict=True)
    lines = [entry for entry in caught.traceback if str(entry.path) == __file__]
    assert lines[-1].statement.lines[0].strip() == 'return y["no such key"]'
    assert lines[-1].name == "f"


def test_a_capture_is_repeated_and_compared(monkeypatch):
    def f(x):
        return x.sin() if int(Thread().name[7:]) % 2 else x.cos()

    monkeypatch.setenv("MONOGRAPH_REPEAT", "1")
    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X,))
    assert caught.value.code == "MG-P109"
    assert caught.value.where.line == f.__code__.co_firstlineno + 1
    monograph.export(Base().lin, (X,), strict=True)


def formats(x):
    return f"{x.mean().item():.3f}"


def uses_numpy(x):
    return torch.from_numpy(x.numpy() + 1)


PATTERNS = {
    "format of a value": (formats, "MG-D102"),
    "numpy": (uses_numpy, "MG-D103"),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_that_are_refused(name):
    f, code = PATTERNS[name]
    with pytest.raises(MonographError) as caught:
        monograph.export(f, (X,), strict=True)
    assert caught.value.code == code


def test_a_function_without_source_is_traced():
    space = {"torch": torch}
    exec("def f(x):\n    return x.sin() + 1\n", space)
    assert_exports(space["f"], (X,))
    program = monograph.export(space["f"], (X,), strict=True)
    assert torch.equal(program.module()(X), X.sin() + 1)
    exec("def g(x):\n    if x.sum() > 0:\n        return x\n    return -x\n", space)
    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(space["g"], (X,), strict=True)
    assert caught.value.code == "MG-D101"


def test_flags_and_marks_hold_in_strict_mode():
    @torch._dynamo.disable
    def helper(x):
        return x + (1 if torch.compiler.is_exporting() and torch.compiler.is_compiling() else 2)

    @monograph.assume_constant_result
    def count(x):
        return int(x.sum().item())

    def f(x):
        return helper(x) * count(x)

    x = torch.ones(2, 3)
    program = monograph.export(f, (x,), strict=True)
    assert "constant-result" in [a.kind for a in program.assumptions]
    assert torch.equal(program.module()(x), (x + 1) * 6)


class Steered(nn.Module):
    def __init__(self, activation, layers):
        super().__init__()
        self.activation, self.dropout = activation, 0.0
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(layers))

    def rate(self):
        return self.dropout or 1.0

    def forward(self, x, mask=None):
        if self.activation == "relu" and mask is None:
            x = x.relu()
        for layer in self.layers:
            x = layer(x)
        names = [n for n in sorted({"q", "k"}) if n != "q"]
        y = x * self.rate() if x.shape[0] > 1 else x
        while x.sum() > 100:  # of tensors: an operator, nothing is fixed
            x = x - 1
        return x + y + len(names)


def test_python_values_that_steered_are_listed():
    """With what they were, also those of a second export, after the functions are known."""
    for activation, layers in (("relu", 2), ("gelu", 3), ("relu", 2)):
        program = monograph.export(Steered(activation, layers), (X,), strict=True)
        first_line = Steered.forward.__code__.co_firstlineno
        found = {
            (a.where.line - first_line, a.text) for a in program.assumptions if a.kind == "steered"
        }
        assert {a.where.file for a in program.assumptions} == {__file__}
        test = '`self.activation == "relu" and mask is None`'
        assert found == {
            (1, f"{test} is {activation == 'relu'} (self.activation = {activation!r})"),
            (3, f"`self.layers` has {layers} items"),
            (5, '`sorted({"q", "k"})` has 2 items'),
            (5, "`n != \"q\"` is False (n = 'q')"),
            (5, "`n != \"q\"` is True (n = 'k')"),
            (6, "`x.shape[0] > 1` is True"),
            (-2, "`self.dropout` is 0.0"),
        }
        assert "7 Python values steered the program" in str(program)


def test_a_size_that_varies_is_no_python_value():
    def f(x):
        return x * 2 if x.shape[0] > 1 else x

    x = torch.randn(4, 3)
    shapes = ({0: monograph.Dim("n", min=2)},)
    program = monograph.export(f, (x,), dynamic_shapes=shapes, strict=True)
    assert program.assumptions == []


def test_source_that_is_not_at_hand():
    names = {}
    text = "def twin(x, flag=1):\n    return x * 2 if flag else x"
    exec(compile(text, "nowhere.py", "exec"), names)

    def f(x):
        return names["twin"](x) + 1

    for _ in range(2):
        program = monograph.export(f, (X,), strict=True)
        (note,) = program.assumptions
        assert note.kind == "no-source"
        assert (note.where.file, note.where.function) == ("nowhere.py", "twin")
    assert torch.equal(program.module()(X), X * 2 + 1)
