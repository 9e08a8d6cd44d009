"""Arguments and results: containers, constants, names, and what a call must look like."""

import copy
import dataclasses
import enum
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import monograph
from monograph import InputError, PythonFeatureError
from monograph.testing import assert_equal, assert_exports

X, Y = torch.randn(2, 3), torch.randn(2, 3)
Point = namedtuple("Point", "x y")


class Mode(enum.Enum):
    ADD = "add"
    MUL = "mul"


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    scale: float = 2.0
    inner: object = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: torch.Tensor
    y: torch.Tensor


class Cache:
    """A plain object with tensors, as model libraries have them."""

    def __init__(self, keys):
        self.keys = keys
        self.length = len(keys)


class Options(dict):
    """A dict of a class of its own."""


CONTAINERS = {
    "tuple": (X, Y),
    "nested": ((X, [Y]), {"a": X}),
    "list": [X, Y],
    "dict": {"b": X, "a": Y},
    "dict_int_keys": {1: X, 2: Y},
    "ordered": OrderedDict(b=X, a=Y),
    "defaultdict": defaultdict(list, {"a": X}),
    "deque": deque([X, Y], maxlen=5),
    "namedtuple": Point(X, Y),
    "dataclass": Batch(X, 3.0, (Y, None)),
    "frozen": Frozen(X, Y),
    "object": Cache([X, Y]),
    "namespace": SimpleNamespace(x=X, y=1),
    "dict_subclass": Options(a=X),
    "size": (X, torch.Size([2, 3])),
    "constants": (X, 1, 2.5, True, None, "s", torch.float32, torch.device("cpu"), Mode.ADD, 1j),
    "empty": (X, (), [], {}),
}


def tensors(value):
    leaves, _ = monograph.ir.structure.flatten(value)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_in_and_out(name):
    value = CONTAINERS[name]

    def f(value):
        return value, sum(t.sum() for t in tensors(value))

    program = monograph.export(f, (value,))
    result, total = program.module()(value)
    assert type(result) is type(value)
    assert_equal(result, value)
    assert_equal(total, f(value)[1])


def test_default_dict_keeps_its_factory():
    program = monograph.export(lambda d: d, (defaultdict(list, {"a": X}),))
    assert program.module()(defaultdict(list, {"a": X}))["new"] == []


def test_dict_order_of_the_call_does_not_matter():
    program = monograph.export(lambda d: d["a"] - d["b"], ({"a": X, "b": Y},))
    assert torch.equal(program.module()({"b": Y, "a": X}), X - Y)


@pytest.mark.parametrize(
    ("exported", "other"),
    [
        (Mode.ADD, Mode.MUL), ("sum", "mean"), (3, 4), (3, 3.0), (1, True), (2.5, 2.25),
        (True, False), (None, 1), (torch.float32, torch.float64), (None, X), (3, torch.tensor(3)),
        (torch.Size([1]), torch.Size([2])), (len, repr),
    ],
)  # fmt: skip
def test_constants_are_checked(exported, other):
    program = monograph.export(lambda x, c: x + 1, (X, exported))
    module = program.module()
    assert torch.equal(module(X, exported), X + 1)
    with pytest.raises(InputError) as caught:
        module(X, other)
    assert caught.value.code in ("MG-I103", "MG-I101")
    assert "args[1]" in str(caught.value)


def test_constants_are_assumptions():
    program = monograph.export(lambda x, k: x * k, (X, 3))
    assert [str(a) for a in program.assumptions] == ["the argument k is always 3"]


class Takes(nn.Module):
    def forward(self, x, /, y, *rest, scale=1, flag=None, **more):
        total = x + y * scale
        for tensor in (*rest, *more.values()):
            total = total + tensor
        return total


def test_arguments_by_position_and_by_name():
    program = assert_exports(Takes(), (X, Y, X, Y), {"flag": X, "p": Y, "q": X})
    names = [s.arg.name for s in program.graph_signature.input_specs]
    assert names == ["x", "y", "rest_0", "rest_1", "flag", "p", "q"]


def test_position_or_name_at_the_call():
    program = monograph.export(lambda a, b, c=1: a - b, (X,), {"b": Y})
    module = program.module()
    for call in (lambda: module(X, Y), lambda: module(X, b=Y), lambda: module(b=Y, a=X)):
        assert torch.equal(call(), X - Y)


def test_names_follow_the_paths():
    program = monograph.export(
        lambda batch, cache: batch["x"] + cache[0].keys[1] + batch["in"][0],
        ({"x": X, "in": (Y,)}, (Cache([X, Y]),)),
    )
    names = [s.arg.name for s in program.graph_signature.input_specs]
    assert names == ["batch_x", "batch_in_0", "cache_0_keys_0", "cache_0_keys_1", "cache_0_length"]
    again = monograph.export(
        lambda batch, cache: batch["x"] + cache[0].keys[1] + batch["in"][0],
        ({"x": X, "in": (Y,)}, (Cache([X, Y]),)),
    )
    assert [n.name for n in program.graph.nodes] == [n.name for n in again.graph.nodes]


def test_odd_names():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleDict({"a-b": nn.Linear(3, 3), "1": nn.Linear(3, 3)})

        def forward(self, input, lambda_, torch_, **kwargs):
            total = input + lambda_["a b"] + torch_["class"] + kwargs["self_"]
            return self.parts["a-b"](total) + self.parts["1"](kwargs["add"])

    args = (X, {"a b": X}, {"class": Y})
    program = assert_exports(Odd(), args, {"self_": X, "add": Y, "device": Y})
    names = [n.name for n in program.graph.nodes if n.op == "placeholder"]
    assert names[4:] == ["input", "lambda__a_b", "torch__class", "self_", "add", "_device"]


WRONG = {
    "size": (lambda m: m(torch.randn(3, 3), {"k": Y}),
             r"Expected input at \*args\[0\].shape\[0\] to be equal to 2, but got 3"),
    "rank": (lambda m: m(torch.randn(2), {"k": Y}), r"\*args\[0\] to have 2 dimensions"),
    "dtype": (lambda m: m(X.double(), {"k": Y}), r"\*args\[0\] to have dtype torch.float32"),
    "device": (lambda m: m(X.to("meta"), {"k": Y}), r"\*args\[0\] to be on cpu"),
    "missing": (lambda m: m(X), r"missing a required argument: 'd'"),
    "extra": (lambda m: m(X, {"k": Y}, Y), r"too many positional arguments"),
    "key": (lambda m: m(X, {"q": Y}), r"missing \*args\[1\]\['k'\]; unexpected \*args\[1\]\['q'\]"),
    "type": (lambda m: m(X, [Y]), r"\*args\[1\] to be a dict, but got a list"),
    "not_a_tensor": (lambda m: m(1.0, {"k": Y}), r"\*args\[0\] to be a tensor"),
    "object": (lambda m: m(object(), {"k": Y}), r"\*args\[0\] to be a tensor or a constant"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    call, message = WRONG[name]
    module = monograph.export(lambda x, d: x + d["k"], (X, {"k": Y})).module()
    with pytest.raises(InputError, match=message):
        call(module)


def test_calling_the_program_is_refused():
    with pytest.raises(monograph.ExportError, match=r"ep.module\(\)"):
        monograph.export(lambda x: x, (X,))(X)


def test_results_that_are_not_computed():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))
            self.register_buffer("b", torch.zeros(3))
            self.c = torch.ones(2)

        def forward(self, x):
            y = x + 1
            return x, y, y, self.w, self.b, self.c, 3, "text", None, x, y.shape, x.dtype

    program = assert_exports(Model(), (X,))
    result = program.module()(X)
    assert result[0] is X
    assert result[9] is X
    assert result[1] is result[2]
    assert isinstance(result[3], nn.Parameter)
    assert result[-2] == torch.Size([2, 3])


def test_results_that_only_share_a_node_have_their_own_memory():
    def f(x):
        a = torch.empty(2, 3)
        a.copy_(x)
        b = x.clone()
        c = torch.empty(2, 3).copy_(b)
        return a, b, c

    a, b, c = monograph.export(f, (X,)).module()(X)
    pointers = {t.data_ptr() for t in (a, b, c, X)}
    assert len(pointers) == 4


def test_no_arguments():
    assert_exports(lambda: torch.arange(3) + torch.tensor([1, 2, 3]))
    assert_exports(nn.Identity(), (X,))


def helper(model, x, *, power):
    return model(x) ** power


def test_functions_methods_partials():
    model = nn.Linear(3, 3)

    class Codec(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(3, 4)

        def encode(self, x, *, scale=1.0):
            return self.encoder(x) * scale

        def forward(self, x):
            raise NotImplementedError

    codec = Codec()
    program = monograph.export(codec.encode, (X,), {"scale": 2.0})
    assert program.graph_signature.parameters == ("encoder.weight", "encoder.bias")
    assert torch.equal(program.module()(X, scale=2.0), codec.encode(X, scale=2.0))

    program = monograph.export(lambda x: model(x), (X,))
    assert program.graph_signature.parameters == ("model.weight", "model.bias")
    program = monograph.export(functools.partial(helper, model, power=2), (X,))
    assert program.graph_signature.parameters == ("arg0.weight", "arg0.bias")
    assert torch.equal(program.module()(X), model(X) ** 2)

    class Callable:
        def __call__(self, x):
            return x * 2

    assert torch.equal(monograph.export(Callable(), (X,)).module()(X), X * 2)


REFUSED = {
    "class": lambda: monograph.export(nn.ReLU, (X,)),
    "not_callable": lambda: monograph.export(3, (X,)),
    "args": lambda: monograph.export(nn.ReLU(), X),
    "argument": lambda: monograph.export(lambda x, m: x, (X, nn.Linear(3, 3))),
    "set": lambda: monograph.export(lambda x: x, ({X},)),
    "result": lambda: monograph.export(lambda x: {x.shape}, (X,)),
    "sparse": lambda: monograph.export(lambda x: x, (X.to_sparse(),)),
    "cycle": lambda: monograph.export(lambda x: x, (cyclic(),)),
}


def cyclic():
    items = [X]
    items.append(items)
    return items


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(PythonFeatureError) as caught:
        REFUSED[name]()
    assert caught.value.hint


def test_transformers_cache_goes_in_and_out():
    from bench.models import llama

    model, (ids,), _ = llama()
    with torch.no_grad():
        program = assert_exports(model, (ids,), {"use_cache": True}, tolerance=1e-5)
        result = program.module()(ids, use_cache=True)
    cache = result.past_key_values
    assert type(cache).__name__ == "DynamicCache"
    step = ids[:, :1]
    program = monograph.export(model, (step,), {"past_key_values": copy.deepcopy(cache)})
    assert "argument" in {a.kind for a in program.assumptions}
    with torch.no_grad():
        actual = program.module()(step, past_key_values=copy.deepcopy(cache))
        expected = model(step, past_key_values=copy.deepcopy(cache))
    assert_equal(actual, expected, tolerance=1e-5)


def test_containers_of_the_caller_stay_as_they_are():
    def f(x, d):
        d["y"] = x + 1
        d["items"].append(x)
        return d["y"]

    given = {"items": []}
    program = monograph.export(f, (X, given))
    assert given == {"items": []}
    assert [a.kind for a in program.assumptions] == ["argument"]


def test_preserved_module_call_signature():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    program = monograph.export(model, (X,), preserve_module_call_signature=("1",))
    entries = {entry.fqn: entry.signature for entry in program.module_call_graph}
    assert list(entries) == ["", "0", "1"]
    assert entries["0"] is None
    assert [a.name for a in entries["1"].inputs] == ["linear"]
    assert [a.name for a in entries["1"].outputs] == ["relu"]
    assert entries[""].forward_arg_names == ["input"]


def test_a_program_may_call_an_argument_as_it_likes():
    x = torch.randn(2, 3)

    def twice(self, _self=1):
        return self * 2 + _self

    for program, args in ((torch.Tensor.relu, (x,)), (twice, (x,))):
        assert torch.equal(monograph.export(program, args).module()(*args), program(*args))


class Kind(enum.Enum):
    ONE = 1


def test_constant_results_that_code_has_no_words_for(tmp_path):
    def described(x):
        found = SimpleNamespace(x=x * 2, kind=Kind, one=Kind.ONE, function=torch.sin)
        return found, Kind, slice(1, 2), torch.float32, "it's", None, 2.5

    x = torch.randn(2)
    program = monograph.export(described, (x,))
    assert_equal(program.module()(x), described(x))
    assert_equal(copy.deepcopy(program.module())(x), described(x))
    assert "torch.ops.aten.mul" in program.graph_module.code
    assert "torch.ops.aten.mul" in program.module().code


@pytest.mark.parametrize("given", [Point(X, Y), [X, Y]], ids=["named tuple", "list"])
def test_positional_arguments_in_another_sequence(given):
    program = monograph.export(lambda x, y: x - y, given)
    assert torch.equal(program.module()(X, Y), X - Y)
    assert monograph.check(lambda x, y: x - y, given).is_clean
    assert type(program.example_inputs[0]) is tuple


def test_one_tensor_is_no_tuple_of_arguments():
    for ask in (monograph.export, monograph.check):
        with pytest.raises(PythonFeatureError, match=r"write \(x,\)"):
            ask(lambda x: x + 1, X)


def test_one_container_as_two_arguments():
    """What is only read may be passed twice; a change would be seen in both, and is refused."""
    box = Cache([X, Y])

    def reads(a, b):
        return a.keys[0] - b.keys[1]

    def changes(a, b):
        a.keys.append(a.keys[0] * 2)
        return sum(b.keys)

    assert torch.equal(monograph.export(reads, (box, box)).module()(box, box), X - Y)
    for args in ((box, box), (Cache(box.keys), Cache(box.keys))):
        with pytest.raises(monograph.MutationError, match="are one object") as caught:
            monograph.export(changes, args)
        assert caught.value.code == "MG-M102"
        assert "pass two" in caught.value.hint
    module = monograph.export(changes, (Cache([X]), Cache([X, Y]))).module()
    assert torch.equal(module(Cache([X]), Cache([X, Y])), X + Y)
