"""Buffers, attributes and the user's objects: what becomes state, what stays untouched."""

import contextlib
import copy
import functools
import importlib
import itertools
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

import monograph
from monograph import DataDependentError, MonographError, MutationError
from monograph.capture.abstract import AbstractTensor
from monograph.testing import assert_exports

X = torch.randn(2, 3)


class Counter(nn.Module):
    """Rebinds one buffer, writes another, and keeps a Python number."""

    def __init__(self):
        super().__init__()
        self.register_buffer("h", torch.zeros(3))
        self.register_buffer("calls", torch.tensor(0), persistent=False)
        self.steps = 0

    def forward(self, x):
        self.h = self.h * 0.9 + x.mean(0)
        self.calls += 1
        self.steps += 1
        return self.h + x, self.calls


class Plain(nn.Module):
    """State in plain attributes: a tensor and a list of tensors."""

    def __init__(self):
        super().__init__()
        self.state = torch.zeros(3)
        self.items = [torch.ones(3), torch.zeros(3)]

    def forward(self, x):
        self.state = self.state + x.sum(0)
        self.items[0].add_(1)
        self.items[1] = self.items[1] - x[0]
        return self.state + self.items[0] * self.items[1]


@pytest.mark.parametrize("model", [Counter, Plain])
def test_state_lives_on(model):
    program = assert_exports(model(), (X,), more_inputs=[(X + 1,), (X + 2,)])
    kinds = {spec.kind.name for spec in program.graph_signature.output_specs}
    assert kinds == {"BUFFER_MUTATION", "USER_OUTPUT"}


def test_plain_state_is_a_buffer_that_is_not_saved():
    module = monograph.export(Plain(), (X,)).module()
    assert {name for name, _ in module.named_buffers()} == {"state", "items.0", "items.1"}
    assert not module.state_dict()


class Swap(nn.Module):
    """Two buffers change places; old content is returned."""

    def __init__(self):
        super().__init__()
        self.register_buffer("a", torch.zeros(3))
        self.register_buffer("b", torch.ones(3))
        self.register_buffer("c", torch.full((3,), 2.0))

    def forward(self, x):
        old, part = self.a, self.a[1:]
        self.a, self.b = self.b, self.a
        held = torch.empty(2)
        held.copy_(self.c[1:])
        self.c += x[0]
        self.c = self.c.view(3)
        return old, part, self.a + x, held, self.b * 2


@pytest.mark.parametrize("grad", [True, False])
def test_what_is_overwritten_is_copied_first(grad):
    with torch.set_grad_enabled(grad):
        assert_exports(Swap(), (X,), more_inputs=[(X + 1,), (X + 2,)])


def test_batch_norm_in_training():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8),
        nn.BatchNorm1d(8, affine=False),
    )  # fmt: skip
    model.train()
    x = torch.randn(5, 3, 6, 6)
    assert_exports(model, (x,), more_inputs=[(x * 2 + 1,)], tolerance=1e-5)


def test_instance_norm_with_statistics():
    model = nn.InstanceNorm1d(4, track_running_stats=True, affine=True).train()
    assert_exports(model, (torch.randn(2, 4, 5),), tolerance=1e-5)


def test_batch_norm_node_is_functional():
    program = monograph.export(nn.BatchNorm1d(3).train(), (torch.randn(4, 3),))
    assert program.graph_signature.buffers_to_mutate.keys() == {
        "getitem_3", "getitem_4", "add",
    }  # fmt: skip


def test_buffer_that_changes_shape():
    class Growing(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("cache", torch.zeros(1, 3))

        def forward(self, x):
            self.cache = torch.cat([self.cache, x])
            return self.cache.sum()

    model = Growing()
    with pytest.raises(MutationError) as caught:
        monograph.export(model, (X,))
    assert caught.value.code == "MG-M103"
    assert model.cache.shape == (1, 3)
    assert type(model.cache) is torch.Tensor


def test_lazily_filled_buffer():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", None)
            self.table = None

        def forward(self, x):
            if self.table is None:
                self.table = torch.arange(x.shape[1])
            return x * self.table

    model = Lazy()
    program = assert_exports(model, (X,))
    assert model.table is None
    assert [a.kind for a in program.assumptions] == ["settled"]


def test_parameter_that_is_replaced():
    class Replacing(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def forward(self, x):
            self.w = nn.Parameter(self.w * 2)
            return x * self.w

    with pytest.raises(MutationError) as caught:
        monograph.export(Replacing(), (X,))
    assert caught.value.code == "MG-M106"


CACHE = {}
HISTORY = []
LAST = None


class Messy(nn.Module):
    """Leaves its tensors everywhere."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.table = {"a": [1]}
        self.note = type("Note", (), {})()
        self.note.last = None
        self.register_buffer("empty", None)

    def forward(self, x, fail=False):
        global LAST
        y = x * 2
        self.seen[:] = [y]
        self.table["b"] = y
        self.table["a"][:] = [1, y]
        self.note.last = y
        self.extra = y
        CACHE["y"] = y
        HISTORY[:] = [y]
        if fail == "history":
            HISTORY.append(y + len(self.seen))
            self.seen.append(y)
            CACHE[len(CACHE)] = y
        LAST = y
        random.random()
        np.random.rand()
        torch.randn(3)
        if fail == "user":
            raise ValueError("mine")
        if fail == "interrupt":
            raise KeyboardInterrupt
        if fail == "data" and y.sum() > 0:
            return x
        return y


@pytest.mark.parametrize("fail", [False, "user", "interrupt", "data", "history"])
def test_everything_is_put_back(fail):
    CACHE.clear()
    HISTORY.clear()
    globals()["LAST"] = None
    model = Messy()
    before = copy.deepcopy(model.__dict__)
    generators = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    entry_points = nn.Module.__call__, torch.tensor, random.random, id, torch.autograd.Function
    expected = {
        "user": pytest.raises(ValueError, match="mine"),
        "interrupt": pytest.raises(KeyboardInterrupt),
        "data": pytest.raises(DataDependentError),
        "history": pytest.raises(MutationError),
    }
    with expected.get(fail, contextlib.nullcontext()):
        monograph.export(model, (X,), {"fail": fail})
    assert model.seen == []
    assert model.table == {"a": [1]}
    assert model.note.last is None
    assert model.__dict__.keys() == before.keys()
    assert CACHE == {}
    assert HISTORY == []
    assert LAST is None
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert random.getstate() == generators[1]
    assert np.random.get_state()[1].tolist() == generators[2]
    now = nn.Module.__call__, torch.tensor, random.random, id, torch.autograd.Function
    assert now == entry_points
    assert not torch.compiler.is_exporting()
    assert not torch.compiler.is_compiling()
    assert "tolist" not in vars(torch.Tensor)
    assert torch.equal(torch.ones(2) + 1, torch.full((2,), 2.0))
    assert not isinstance(model.forward(X), AbstractTensor)


def test_closures_and_classes_are_put_back():
    history, total = [], None

    class Keeps(nn.Module):
        last = None
        table = {}

        def forward(self, x):
            nonlocal total
            type(self).last = x + 1
            type(self).added = x + 2
            total = x.sum()
            history[:] = [x * 2]
            return x + 3

    model = Keeps()
    program = monograph.export(model, (X,))
    assert Keeps.last is None
    assert not hasattr(Keeps, "added")
    assert total is None
    assert history == []
    assert {a.kind for a in program.assumptions} == {"class", "closure"}

    def f(x):
        nonlocal total
        total = x
        history.append(x)
        return x * 2

    for strict in (False, True):
        with pytest.raises(MutationError) as caught:
            monograph.export(f, (X,), strict=strict)
        assert caught.value.code == "MG-M107"
        assert caught.value.where.text == "history.append(x)"
    assert total is None
    assert history == []


def test_side_effects_are_listed():
    program = monograph.export(Messy(), (X,))
    kinds = {assumption.kind for assumption in program.assumptions}
    assert {"attribute", "global", "random"} <= kinds


def test_the_compiler_is_not_disturbed():
    # It is first imported while a program is captured, and makes tables of what it finds.
    code = (
        "import sys, torch, monograph\n"
        "from torch.utils.checkpoint import checkpoint\n"
        "f = {'fake': lambda x: torch.fft.fft(x).real.cummax(0).values,"
        "     'checkpoint': lambda x: checkpoint(torch.sin, x, use_reentrant=False)}[sys.argv[1]]\n"
        "monograph.export(f, (torch.randn(4),))\n"
        "def g(x): return x + torch.tensor(float(len({id(g): 1})))\n"
        "class M(torch.nn.Module):\n"
        "    def forward(self, x): return g(x)\n"
        "print(torch.export.export(M(), (torch.randn(4),), strict=True))\n"
    )
    for way in ("fake", "checkpoint"):
        subprocess.run([sys.executable, "-c", code, way], check=True, capture_output=True)


def test_a_tensor_that_outlives_the_capture_says_what_it_is():
    class Keeps:
        def __await__(self):
            kept = yield
            while True:
                yield kept

    async def keeper():
        await Keeps()

    hidden = keeper()  # what a coroutine holds is nobody else's to see
    hidden.send(None)

    def f(x):
        hidden.send(x + 1)
        return x

    monograph.export(f, (X,))
    with pytest.raises(monograph.InternalError, match="stands for a value inside"):
        hidden.send(None) + 1
    assert "f32[2, 3]" in repr(hidden.send(None))


def test_two_threads():
    results = {}

    def work(i):
        model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, i + 1))
        for _ in range(5):
            program = monograph.export(model, (X,))
        results[i] = torch.equal(program.module()(X), model(X))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(4), True)


def test_other_threads_run_eagerly_meanwhile():
    model, stop, wrong = nn.Linear(3, 3), threading.Event(), []

    def work():
        while not stop.is_set():
            if isinstance(model(X), AbstractTensor) or isinstance(
                torch.tensor([1.0]), AbstractTensor
            ):
                wrong.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(20):
        monograph.export(model, (X,))
    stop.set()
    thread.join()
    assert not wrong


def test_constant_read_and_then_written():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = torch.tensor(3)

        def forward(self, x):
            n = self.step.item()
            self.step.add_(1)
            return x * n

    with pytest.raises(MutationError) as caught:
        monograph.export(Both(), (X,))
    assert caught.value.code == "MG-M104"


def test_tied_weights_enter_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 3)
            self.b = nn.Linear(3, 3)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    program = assert_exports(Tied(), (X,))
    assert program.graph_signature.parameters == ("a.weight", "a.bias", "b.bias")
    module = program.module()
    assert set(program.state_dict) == {"a.weight", "a.bias", "b.weight", "b.bias"}
    assert module.a.weight is module.b.weight


def test_parameters_that_no_module_owns():
    free = nn.Parameter(torch.ones(3))

    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.zeros(3))]
            self.made = self.weights[0] * 2

        def forward(self, x):
            return x * self.weights[0] + self.weights[1] * free + self.made

    program = monograph.export(Listed(), (X,))
    names = {"weights.0", "weights.1", "lifted_parameter_2"}
    assert set(program.graph_signature.parameters) == names
    assert set(program.state_dict) == names
    assert [a.kind for a in program.assumptions] == ["gradient"]
    module = program.module()
    module(X).sum().backward()
    assert {name for name, p in module.named_parameters() if p.grad is not None} == names


def test_module_shares_storage_but_not_tensors():
    model = nn.Linear(3, 3)
    module = monograph.export(model, (X,)).module()
    assert module.weight is not model.weight
    assert module.weight.data_ptr() == model.weight.data_ptr()
    with torch.no_grad():
        model.weight.zero_()
    assert torch.equal(module(X), model(X))
    module.load_state_dict({"weight": torch.ones(3, 3), "bias": torch.zeros(3)})
    assert torch.equal(model.weight, torch.ones(3, 3))


class Unlucky(nn.Module):
    """Names that the program's module uses itself."""

    def __init__(self):
        super().__init__()
        self.graph = nn.Linear(3, 3)
        self.plan = nn.Parameter(torch.ones(3))
        self.register_buffer("graph_module", torch.ones(3))
        self.register_buffer("_plan", torch.ones(3))

    def forward(self, x):
        return self.graph(x) * self.plan + self.graph_module + self._plan


def test_unlucky_names():
    program = assert_exports(Unlucky(), (X,))
    assert set(program.module().state_dict()) == set(Unlucky().state_dict())


def test_copies_of_programs():
    model = nn.Linear(3, 3)
    program = monograph.export(model, (X,))
    copied = copy.deepcopy(program.graph_module)
    assert torch.equal(copied(model.weight, model.bias, X)[0], model(X))
    module = copy.deepcopy(program.module())
    assert torch.equal(module(X), model(X))


class Looping(nn.Module):
    """Branches, a loop, sizes that vary, tied weights, and a buffer that is written."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.tied = self.lin.weight
        self.register_buffer("calls", torch.tensor(0.0))

    def forward(self, x):
        self.calls += 1
        while x.sum() < 10:
            x = x + self.lin(x).abs() + 1
        return x @ self.tied if self.calls > 1 else x[x[:, 0] > 0]


def test_copies_are_independent():
    torch.manual_seed(0)
    model = Looping()
    options = {"dynamic_shapes": ({0: monograph.Dim("n", min=1)},), "strict": True}
    x = torch.rand(4, 3)
    expected = [copy.deepcopy(model)(x)]
    again = copy.deepcopy(model)
    again(x)
    expected.append(again(x))
    program = monograph.export(model, (X,), **options)
    copied = copy.deepcopy(program)
    modules = [copied.module(), copy.deepcopy(program.module()), copy.deepcopy(copied).module()]
    for module in modules:
        for value in expected:
            assert torch.equal(module(x), value)
    assert program.state_dict["calls"] == 0
    assert modules[1].lin.weight is modules[1].tied
    assert modules[1].lin.weight is not program.state_dict["lin.weight"]
    assert [n.name for n in copied.graph.nodes] == [n.name for n in program.graph.nodes]
    copied.graph.erase_node(next(n for n in reversed(copied.graph.nodes) if n.op == "output"))
    assert torch.equal(program.module()(x), expected[0])


def test_train_and_eval():
    module = monograph.export(nn.Dropout().eval(), (X,)).module()
    assert module.eval() is module
    with pytest.raises(monograph.InputError) as caught:
        module.train()
    assert caught.value.code == "MG-I105"
    with pytest.raises(monograph.InputError):
        monograph.export(nn.Linear(3, 3).eval(), (X,)).module().double()


def test_move_to_another_device():
    model = nn.Linear(3, 3)
    module = monograph.export(lambda x: model(x) + torch.zeros(3, device="cpu"), (X,)).module()
    moved = module.to("meta")
    assert moved(X.to("meta")).device.type == "meta"
    assert model.weight.device.type == "cpu"
    with pytest.raises(monograph.InputError):
        moved(X)


class Scaled(torch.Tensor):
    """Whole numbers and a scale; what operators do is done to their product."""

    @staticmethod
    def __new__(cls, whole, scale):
        return torch.Tensor._make_wrapper_subclass(cls, whole.shape, dtype=scale.dtype)

    def __init__(self, whole, scale):
        self.whole, self.scale = whole, scale

    def __tensor_flatten__(self):
        return ["whole", "scale"], None

    @classmethod
    def __torch_dispatch__(cls, op, types, args, kwargs=None):
        if op is torch.ops.aten.detach.default:
            return cls(args[0].whole, args[0].scale)
        if op is torch.ops.aten.sin.default:
            return NotImplemented
        given = [a.whole * a.scale if isinstance(a, cls) else a for a in args]
        return op(*given, **(kwargs or {}))


class Twice(Scaled):
    """A tensor that consists of one that consists of others."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    def __tensor_flatten__(self):
        return ["inner"], None

    @classmethod
    def __torch_dispatch__(cls, op, types, args, kwargs=None):
        if op is torch.ops.aten.detach.default:
            return cls(args[0].inner)
        return op(*[a.inner * 2 if isinstance(a, cls) else a for a in args], **(kwargs or {}))


def scaled(tensor):
    return Scaled((tensor * 10).round().to(torch.int8), torch.tensor(0.1))


class WithWrappers(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 4)
        self.lin.weight = nn.Parameter(scaled(self.lin.weight.detach()))
        self.deep = nn.Parameter(Twice(scaled(torch.ones(4))), requires_grad=False)
        self.register_buffer("shift", scaled(torch.ones(4)), persistent=False)
        self.plain = scaled(torch.ones(4) / 2)

    def forward(self, x):
        inside = Scaled(x.to(torch.int8), x.mean())  # as activations are quantised
        return self.lin(x) * self.deep + self.shift, inside.relu() + self.plain[:3]


@pytest.mark.parametrize("strict", [False, True])
def test_tensors_that_consist_of_others(strict, tmp_path):
    """Their parts are the state of the program, and nothing of the class is left in it."""
    model = WithWrappers()
    n = monograph.Dim("n")
    program = monograph.export(model, (X,), dynamic_shapes=({0: n},), strict=strict)
    assert set(program.state_dict) == {
        "lin.weight.whole", "lin.weight.scale", "lin.bias", "deep.inner.whole", "deep.inner.scale",
    }  # fmt: skip
    assert "shift.whole" in program.constants
    assert [a.text for a in program.assumptions if a.kind == "gradient"] == [
        "lin.weight is a Scaled: its parts are buffers, and no gradient is kept"
    ]
    assert program.range_constraints["n"].lower == 0
    monograph.save(program, tmp_path / "m.pt2")
    loaded = monograph.load(tmp_path / "m.pt2")
    opened = program.run_decompositions()
    for rows in (1, 2, 5):
        x = torch.randn(rows, 3)
        expected = model(x)
        for each in (program, loaded, opened):
            torch.testing.assert_close(each.module()(x), expected)
    other = WithWrappers()
    for name in ("whole", "scale"):
        other.lin.weight.__dict__[name] = getattr(model.lin.weight, name) * 3
    program.load_state_dict(
        {**program.state_dict, "lin.weight.whole": other.lin.weight.whole,
         "lin.weight.scale": other.lin.weight.scale}
    )  # fmt: skip
    other.lin.bias = model.lin.bias
    torch.testing.assert_close(program.module()(X), other(X))


def test_an_operator_that_a_wrapper_has_no_word_for():
    with pytest.raises(MonographError, match="Scaled does not say what") as caught:
        monograph.export(lambda x: Scaled(x.to(torch.int8), x.mean()).sin(), (X,))
    assert caught.value.code == "MG-P104"
    with pytest.raises(MonographError, match="is a Scaled") as caught:
        monograph.export(lambda x: x + 1, (scaled(X),))
    assert caught.value.code == "MG-P104"
    with pytest.raises(MonographError, match="is a Scaled") as caught:
        monograph.export(lambda x: Scaled(x.to(torch.int8), x.mean()), (X,))
    assert caught.value.code == "MG-P104"


def test_torchs_own_wrappers_are_refused():
    """They are more than what they consist of."""
    masked = torch.masked.masked_tensor(torch.ones(3), torch.tensor([True, False, True]))

    class OfTorch(Scaled):
        __module__ = "torch.distributed.tensor"

    for tensor in (masked, OfTorch(torch.ones(3).to(torch.int8), torch.tensor(0.1))):
        model = nn.Module()
        model.register_buffer("held", tensor)
        model.forward = lambda x, model=model: x + (model.held * 2).sum()
        with pytest.raises(MonographError, match="held is a") as caught:
            monograph.export(model, (X,))
        assert caught.value.code == "MG-P104"


@functools.lru_cache
def _cached_mask(size):
    return torch.ones(size)


def test_a_cache_that_a_program_fills_has_no_tensors_of_the_capture():
    def f(x):
        return x * _cached_mask(3)

    for change in (monograph.export, monograph.check):
        change(f, (torch.ones(3),))
        assert type(_cached_mask(3)) is torch.Tensor
        assert torch.equal(f(torch.ones(3)), torch.ones(3))


def _numbers():
    kept = torch.ones(3)
    while True:
        yield kept


ITERATORS = {
    "a generator": _numbers, "a counter": lambda: itertools.count(5),
    "a list": lambda: iter([2, 3]), "a tuple": lambda: iter((2, 3)),
    "a range": lambda: iter(range(2, 4)),
}  # fmt: skip


@pytest.mark.parametrize("kind", ITERATORS)
def test_an_iterator_that_is_kept_is_no_state(kind):
    model = nn.Module()
    model.items = ITERATORS[kind]()
    model.forward = lambda x: x * next(model.items)
    with pytest.raises(MonographError) as caught:
        monograph.export(model, (torch.ones(3),))
    assert caught.value.code == "MG-M107"
    assert kind in ("a generator", "a counter") or next(model.items) == 2  # it was set back
    model.forward = lambda x: x * next(iter([2]))
    assert not monograph.export(model, (torch.ones(3),)).assumptions


class _Counter:
    last = None


def test_class_attributes_of_the_programs_file_are_put_back():
    def f(x):
        _Counter.last = x + 1
        return x * 2

    monograph.export(f, (torch.ones(3),))
    assert _Counter.last is None


def test_what_asks_whether_it_is_exported_is_told():
    def asks():
        return torch.compiler.is_exporting() or torch.compiler.is_compiling()

    def f(x):
        return (x + 1 if asks() else x) * (2 if torch.compiler.is_compiling() else 3)

    program = monograph.export(f, (torch.ones(2),))
    assert program.module()(torch.ones(2)).tolist() == [4, 4]
    told = [a for a in program.assumptions if a.kind == "exporting"]
    assert [a.where.function for a in told] == ["asks", "f"]
    assert "is_exporting()" in told[0].text
    assert "is_compiling()" in told[1].text


def test_what_only_torch_asks_is_not_told():
    model = torch.nn.LSTM(3, 4)
    program = monograph.export(model, (torch.ones(5, 2, 3),))
    assert not [a for a in program.assumptions if a.kind == "exporting"]


def test_programs_of_earlier_exports_are_no_state_of_a_later_one(tmp_path, monkeypatch):
    """As in a notebook, whose variables are globals of what it exports."""
    source = """
import torch
from monograph import export

def first(x, n):
    return x[: n.item()]

def padded(x, n):
    return torch.cat([x, torch.zeros(n.item())])

def of(function, k):
    return export(function, (torch.ones(6), torch.tensor(k)))
"""
    (tmp_path / "of_a_notebook.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    notebook = importlib.import_module("of_a_notebook")
    notebook.program = notebook.of(notebook.first, 4)
    later = notebook.of(notebook.padded, 3)
    assert [a.text.split(" raises")[0] for a in later.assumptions] == [
        "`return torch.cat([x, torch.zeros(n.item())])`"
    ]


_WITHOUT_SPEC = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "compressed": lambda: torch.eye(3).to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
}


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("kind", _WITHOUT_SPEC)
def test_a_buffer_that_no_program_can_hold_is_left_out_where_it_is_not_read(
    kind, persistent, tmp_path
):
    class Model(nn.Module):
        def __init__(self, is_read=False):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.is_read = is_read
            self.register_buffer("table", _WITHOUT_SPEC[kind](), persistent=persistent)

        def forward(self, x):
            return self.table @ x if self.is_read else self.linear(x)

    model, x = Model(), torch.randn(3, 3)
    ep = monograph.export(model, (x,))
    assert list(ep.state_dict) == ["linear.weight", "linear.bias"]
    assert any("table is a" in str(found) for found in ep.assumptions)
    monograph.save(ep, tmp_path / "program.pt2")
    for program in (ep, monograph.load(tmp_path / "program.pt2")):
        torch.testing.assert_close(program.module()(x), model(x))
    with pytest.raises(monograph.PythonFeatureError, match="table is a"):
        monograph.export(Model(is_read=True), (x,))
