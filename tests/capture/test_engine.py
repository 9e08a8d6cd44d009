"""The engine at its edges: values, constants, randomness, custom operators, foreign modules."""

import copy
import os
import random
import re
import secrets
import subprocess
import sys
import time
from os import urandom
from pathlib import Path
from random import randint
from time import perf_counter
from uuid import uuid4

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import DataDependentError, ExportError, PythonFeatureError
from monograph.inference.rules import RULES
from monograph.testing import assert_exports

X = torch.randn(2, 3)

QUESTIONS = {
    "if": ("MG-D101", lambda x: x if x.sum() > 0 else -x),
    "while": ("MG-D105", lambda x: [x for _ in iter(lambda: bool(x.max() > 1), False)]),
    "and": ("MG-D101", lambda x: (x.sum() > 0) and (x.sum() < 1)),
    "assert": ("MG-D101", lambda x: x.all() or x),
    "index": ("MG-D102", lambda x: [1, 2][x.sum().long()]),
    "range": ("MG-D102", lambda x: [x for _ in range(x.long().sum())]),
    "format": ("MG-D102", lambda x: f"{x.mean():.2f}"),
    "numpy": ("MG-D103", lambda x: x.numpy()),
    "np_function": ("MG-D103", lambda x: np.sin(x)),
    "equal": ("MG-D101", lambda x: x if torch.equal(x, x + 1) else -x),
    "allclose": ("MG-D101", lambda x: x if torch.allclose(x, x + 1) else -x),
    "in": ("MG-D105", lambda x: 3.0 in x),
    "sorted": ("MG-D101", lambda x: sorted([x[0, 0], x[0, 1]])),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_about_values(name):
    code, f = QUESTIONS[name]
    with pytest.raises(DataDependentError) as caught:
        monograph.export(f, (X,))
    assert caught.value.code == code
    assert caught.value.where.file == __file__
    assert caught.value.where.line == f.__code__.co_firstlineno
    assert caught.value.hint


def test_error_text():
    def f(x):
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(DataDependentError) as caught:
        monograph.export(f, (X,))
    text = str(caught.value)
    assert "if x.sum() > 0:" in text
    assert "   ^^^^^^^^^^^" in text
    assert "bool(tensor)" in text


def test_values_of_buffers_are_not_known():
    model = nn.Module()
    model.register_buffer("n", torch.tensor(3))
    model.forward = lambda x: x * model.n.item()
    program = monograph.export(model, (X,))
    model.n.fill_(5)
    assert torch.equal(program.module()(X), 5 * X)
    model.forward = lambda x: x if model.n else -x
    with pytest.raises(DataDependentError, match="buffer n"):
        monograph.export(model, (X,))


TABLE = torch.tensor([[1, 2], [3, 4]])

KNOWN = {
    "tensor": lambda x: x * torch.tensor(3).item(),
    "computed": lambda x: x * (torch.arange(4).sum() + 1).item(),
    "tolist": lambda x: x.reshape(torch.tensor([3, 2]).tolist()),
    "closed_over": lambda x: x * TABLE.max().item() + TABLE[0, 1],
    "closed_over_list": lambda x: x * sum(TABLE[0].tolist()),
    "if": lambda x: x if (torch.ones(3) > 0).all() else -x,
    "numpy": lambda x: x * torch.from_numpy(np.arange(3.0, dtype=np.float32)),
    "to_numpy": lambda x: x * float(torch.arange(3).numpy().sum()),
    "nonzero": lambda x: x[:, torch.tensor([True, False, True]).nonzero().squeeze(1)],
    "mask": lambda x: x[:, torch.tensor([True, False, True])],
    "list_index": lambda x: x[[0, 1], [1, 2]],
    "written_constant": lambda x: x + torch.zeros(3).index_fill_(0, torch.tensor([1]), 2.0),
    "written_and_read": lambda x: x * _written().item(),
    "shape_tensor": lambda x: x * torch.tensor(x.shape).prod().item(),
    "legacy": lambda x: x + torch.Tensor([1.0, 2.0, 3.0]),
    "as_tensor": lambda x: x + torch.as_tensor([1, 2, 3]),
    "tensor_of_tensors": lambda x: torch.tensor([x[0, 0], 2.0, x.sum()]),
    "tensor_of_known": lambda x: x + torch.tensor([torch.tensor(1.0), 2.0, 3]),
    "linspace": lambda x: x + torch.linspace(0, 1, steps=3),
    "iterate": lambda x: sum(i.item() for i in torch.arange(3)) + x,
    "equal": lambda x: x + torch.equal(torch.ones(2), torch.ones(2)),
}


def _written():
    t = torch.zeros(3)
    t[1] = 5
    t += 1
    return t[1]


@pytest.mark.parametrize("name", KNOWN)
def test_known_values(name):
    assert_exports(KNOWN[name], (X,))


RANDOM = {
    "dropout": lambda x: F.dropout(x, 0.5),
    "rand": lambda x: x + torch.rand(2, 3),
    "randn_like": lambda x: x + torch.randn_like(x),
    "randint": lambda x: x + torch.randint(0, 5, (3,)),
    "randperm": lambda x: x[:, torch.randperm(3)],
    "normal": lambda x: x + torch.normal(0.0, 1.0, (3,)),
    "bernoulli": lambda x: torch.bernoulli(x.sigmoid()),
    "multinomial": lambda x: torch.multinomial(x.softmax(-1), 2),
    "unused_first": lambda x: (torch.rand(5), x + torch.rand(3))[1],
    "order": lambda x: (torch.rand(3), torch.randn(3)),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.5, True),
    "feature_dropout": lambda x: F.dropout1d(x, 0.5, True),
    "gumbel": lambda x: F.gumbel_softmax(x),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_equal_eager(name):
    assert_exports(RANDOM[name], (X,))


def test_explicit_generator():
    generator = torch.Generator().manual_seed(3)
    program = monograph.export(lambda x: x + torch.rand(3, generator=generator), (X,))
    expected = X + torch.rand(3, generator=torch.Generator().manual_seed(3))
    assert torch.equal(program.module()(X), expected)


def test_seeding_is_refused():
    def f(x):
        torch.manual_seed(0)
        return x + 1

    with pytest.raises(PythonFeatureError) as caught:
        monograph.export(f, (X,))
    assert caught.value.code == "MG-P103"


FIXED = {
    "random": ("random", lambda x: x * random.random()),
    "numpy": ("random", lambda x: x * float(np.random.rand())),
    "time": ("time", lambda x: x * (time.time() > 0)),
    "id": ("id", lambda x: x + id(x) % 7),
    "time by name": ("time", lambda x: x * (perf_counter() > 0)),
    "random by name": ("random", lambda x: x * randint(0, 3)),
    "the system's": ("random", lambda x: x * len(urandom(3))),
    "a uuid": ("random", lambda x: x * (uuid4().int % 7)),
    "a secret": ("random", lambda x: x * secrets.randbelow(3)),
    "the process": ("environment", lambda x: x * (os.getpid() % 7)),
    "the environment": ("environment", lambda x: x * len(os.environ["PATH"])),
    "the environment by name": ("environment", lambda x: x * len(os.getenv("PATH"))),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_is_fixed_is_listed(name):
    kind, f = FIXED[name]
    program = monograph.export(f, (X,))
    (assumption,) = program.assumptions
    assert assumption.kind == kind
    assert assumption.where.file == __file__
    assert assumption.where.line == f.__code__.co_firstlineno
    assert str(assumption) in str(program)


def test_names_are_what_they_were_after_a_capture():
    for name in ("time by name", "random by name", "the environment"):
        monograph.export(FIXED[name][1], (X,))
    assert (perf_counter, randint) == (time.perf_counter, random.randint)
    assert type(os.environ).__getitem__.__module__ == "os"


# Custom operators ----------------------------------------------------------------------------


@torch.library.custom_op("monograph_tests::scale", mutates_args=())
def scale(x: torch.Tensor, by: float) -> torch.Tensor:
    return x * by


@scale.register_fake
def _(x, by):
    return torch.empty_like(x)


@torch.library.custom_op("monograph_tests::bare", mutates_args=())
def bare(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@torch.library.custom_op("monograph_tests::writes", mutates_args=("x",))
def writes(x: torch.Tensor) -> None:
    x.add_(1)


def test_custom_operator():
    program = assert_exports(lambda x: scale(x.sin(), 2.0).cos(), (X,))
    targets = [str(n.target) for n in program.graph.nodes if n.op == "call_function"]
    assert targets == ["aten.sin.default", "monograph_tests.scale.default", "aten.cos.default"]


def test_custom_operator_without_fake():
    with pytest.raises(PythonFeatureError) as caught:
        monograph.export(lambda x: bare(x), (X,))
    assert caught.value.code == "MG-P102"
    assert 'register_fake("monograph_tests::bare")' in caught.value.hint
    assert caught.value.where.file == __file__


@torch.library.custom_op("monograph_tests::step", mutates_args=("x", "state"))
def step(x: torch.Tensor, by: float, state: torch.Tensor | None = None) -> torch.Tensor:
    x.mul_(by)
    if state is not None:
        state.add_(x.sum())
    return x.mean()


@step.register_fake
def _(x, by, state=None):
    return x.new_empty(())


def test_custom_operator_that_writes():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("state", torch.zeros(()))

        def forward(self, x):
            y = x.clone()
            writes(y[0])
            mean = step(y[:, 1:], 2.0, self.state)
            return y, mean, step(x, 0.5)

    program = assert_exports(Model(), (X.clone(),))
    assert list(program.graph_signature.buffers_to_mutate.values()) == ["state"]
    assert "torch.ops.higher_order.auto_functionalized(torch.ops.monograph_tests.step" in str(
        program
    )


@torch.library.custom_op("monograph_tests::writes_each", mutates_args=("tensors",))
def writes_each(tensors: list[torch.Tensor], by: float) -> None:
    for i, tensor in enumerate(tensors):
        tensor.add_(by * (i + 1))


def test_custom_operator_that_writes_a_list():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("keys", torch.zeros(3))
            self.register_buffer("values", torch.zeros(3))

        def forward(self, x):
            y = x.clone()
            writes_each([y[0], y[1]], 2.0)
            writes_each([self.keys, x, self.values], 1.0)
            return y, self.keys * self.values

    program = assert_exports(Model(), (X.clone(),))
    assert list(program.graph_signature.buffers_to_mutate.values()) == ["keys", "values"]
    assert_exports(lambda x: writes_each([], 1.0) or x * 1, (X,))


@pytest.mark.parametrize("f", [
    lambda x: writes_each([x, x], 1.0),
    lambda x: writes_each([x, x[0]], 1.0),
    lambda x: step(x, 2.0, x.view(-1)),
])  # fmt: skip
def test_custom_operator_that_writes_one_memory_twice(f):
    with pytest.raises(monograph.MutationError, match="share memory") as caught:
        monograph.export(f, (X.clone(),))
    assert caught.value.code == "MG-M105"
    assert ".clone()" in caught.value.hint


def test_library_operator():
    library = torch.library.Library("monograph_tests_library", "DEF")
    library.define("double(Tensor input) -> Tensor")
    library.impl("double", lambda x: x * 2, "CompositeExplicitAutograd")
    torch.library.register_fake("monograph_tests_library::double", torch.empty_like, lib=library)
    assert_exports(lambda x: torch.ops.monograph_tests_library.double(x), (X,))


# Modules of other kinds ----------------------------------------------------------------------


def test_scripted_submodule():
    inner = torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x) * 2

    model = Model()
    program = monograph.export(model, (X,))
    assert torch.equal(program.module()(X), model(X))


def test_what_is_scripted_is_refused_by_name():
    class Branching(nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                return x + 1
            return x - 1

    class Outer(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = torch.jit.script(inner)

        def forward(self, x):
            return self.inner(x) * 2

    @torch.jit.script
    def function(x: torch.Tensor) -> torch.Tensor:
        return x

    traced = torch.jit.trace(nn.Linear(3, 4), (X,))
    for scripted in (torch.jit.script(nn.Linear(3, 4)), traced, function):
        with pytest.raises(monograph.PythonFeatureError, match=r"torch\.jit\.Script(Module|Func)"):
            monograph.export(scripted, (X,))
    with pytest.raises(monograph.PythonFeatureError, match=r"a torch\.jit\.ScriptModule asks"):
        monograph.export(Outer(Branching()), (X,))
    shapes = {"x": {0: monograph.Dim("n")}}
    with pytest.raises(monograph.PythonFeatureError, match=r"a torch\.jit\.ScriptModule asks"):
        monograph.export(Outer(nn.Flatten(0)), (X,), dynamic_shapes=shapes)


def test_scripted_function():
    @torch.jit.script
    def f(x: torch.Tensor) -> torch.Tensor:
        return x.sin() + 1

    assert_exports(lambda x: f(x) * 2, (X,))


def test_compiled_submodule():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.compile(nn.Linear(3, 4))

        def forward(self, x):
            return self.inner(x) * 2

    model = Model()
    program = monograph.export(model, (X,))
    names = [str(n.target) for n in program.graph.nodes if n.op == "call_function"]
    assert names == ["aten.linear.default", "aten.mul.Tensor"]
    assert torch.equal(program.module()(X), F.linear(X, model.inner.weight, model.inner.bias) * 2)


def test_compiled_function():
    compiled = torch.compile(lambda x: x.sin() + 1)
    program = monograph.export(lambda x: compiled(x) * 2, (X,))
    assert torch.equal(program.module()(X), (X.sin() + 1) * 2)


def test_hooks_run():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model[0].register_forward_hook(lambda module, args, result: result + 1)
    model[1].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    program = monograph.export(model, (X,))
    assert torch.equal(program.module()(X), model(X))


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.orthogonal,
        nn.utils.parametrizations.spectral_norm,
    ],
)
def test_parametrizations(wrap):
    model = wrap(nn.Linear(3, 3)).eval()
    program = monograph.export(model, (X,))
    torch.testing.assert_close(program.module()(X), model(X))


def test_spectral_norm_in_training():
    model = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)).train()
    assert_exports(model, (X,), tolerance=1e-6)


MODULES = {
    "mha": (nn.MultiheadAttention(8, 2, batch_first=True), [(2, 4, 8)] * 3),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [(2, 4, 8)]),
    "transformer": (nn.Transformer(8, 2, 1, 1, 16, batch_first=True), [(2, 4, 8), (2, 3, 8)]),
    "lstm": (nn.LSTM(3, 4, 2, bidirectional=True), [(5, 2, 3)]),
    "gru": (nn.GRU(3, 4), [(5, 2, 3)]),
    "rnn": (nn.RNN(3, 4), [(5, 2, 3)]),
    "conv1d": (nn.Conv1d(3, 4, 3, padding="same"), [(2, 3, 8)]),
    "conv3d": (nn.Conv3d(3, 4, 2), [(2, 3, 4, 4, 4)]),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, 2), [(2, 3, 4, 4)]),
    "group_norm": (nn.GroupNorm(2, 4), [(2, 4, 3, 3)]),
    "local_response": (nn.LocalResponseNorm(2), [(2, 4, 3, 3)]),
    "upsample": (nn.Upsample(scale_factor=2, mode="bilinear"), [(1, 3, 4, 4)]),
    "pixel_shuffle": (nn.PixelShuffle(2), [(1, 4, 2, 2)]),
    "adaptive_max": (nn.AdaptiveMaxPool2d(2), [(1, 3, 5, 5)]),
    "avg_pool": (nn.AvgPool2d(2, ceil_mode=True), [(1, 3, 5, 5)]),
    "prelu": (nn.PReLU(), [(2, 3)]),
    "bilinear": (nn.Bilinear(3, 3, 2), [(2, 3), (2, 3)]),
    "fold": (nn.Sequential(nn.Unfold(2), nn.Fold((4, 4), 2)), [(1, 3, 4, 4)]),
    "pad": (nn.ReflectionPad2d(1), [(1, 3, 4, 4)]),
    "ctc": (nn.CosineSimilarity(), [(2, 3), (2, 3)]),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("grad", [True, False])
def test_torch_modules(name, grad):
    model, shapes = MODULES[name]
    args = tuple(torch.randn(shape) for shape in shapes)
    with torch.set_grad_enabled(grad):
        assert_exports(copy.deepcopy(model).eval(), args, tolerance=1e-5)


def test_fused_encoder_path_is_not_taken():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with torch.no_grad():
        program = monograph.export(layer, (torch.randn(2, 4, 8),))
    targets = {str(node.target) for node in program.graph.nodes}
    assert "aten._transformer_encoder_layer_fwd.default" not in targets
    assert "aten.linear.default" in targets
    assert torch.backends.mha.get_fastpath_enabled()


def test_python_exceptions():
    def f(x):
        try:
            y = x.t().view(-1)
        except RuntimeError:
            y = x.t().reshape(-1)
        try:
            x + torch.ones(7)
        except RuntimeError:
            y = y + 1
        try:
            x.sum(5)
        except IndexError:
            y = y + 1
        return y

    assert_exports(f, (X,))


def test_exceptions_of_the_program_pass_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        monograph.export(f, (X,))


def test_attributes_on_tensors():
    def f(x):
        x.tag = "mine"
        y = x + 1
        y.extra = x
        return y.extra * 2 if x.tag == "mine" else x

    assert_exports(f, (X,))


def test_deepcopy_and_copy_inside():
    assert_exports(lambda x: copy.deepcopy(x).add_(1) + copy.copy(x), (X,))


def test_printing_inside(capsys):
    monograph.export(lambda x: (print(x, f"{x}", repr(x + 1)), x)[1], (X,))
    assert "f32[2, 3]" in capsys.readouterr().out


SIZES = [(0, 3), (1, 3), (1, 1), (3, 1), (0,), (1,), ()]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_zero_and_one(size):
    def f(x):
        y = (x * 2 + 1).relu()
        y = y.unsqueeze(0).expand(3, *x.shape).contiguous().clone()
        y[0] = 4
        return y, y.sum(), y.flatten(), y.reshape(-1), torch.cat([y, y]), y.transpose(0, -1)

    assert_exports(f, (torch.randn(size),))


DTYPES = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8,
          torch.bool, torch.complex64]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_type_promotion(dtype):
    a = torch.ones(2, 3).to(dtype)
    scalar = torch.tensor(2).to(dtype)

    def f(a, scalar):
        results = [a + 1, a * 2.5, a + scalar, a * True, a / 2, 1 + a, a == 1, a * a, a.float() + a]
        results += [a + torch.ones(3, dtype=torch.float16), scalar * 1.5, scalar + 1]
        if not dtype.is_complex:
            results += [a > 0.5, torch.maximum(a, a), a.clamp(0, 1) if dtype != torch.bool else a]
            results += [torch.where(a > 0, a, 1.0), a.sum(), a.float().mean(), a**2]
        return results

    assert_exports(f, (a, scalar))


def test_numbers_that_are_equal_but_not_the_same():
    for number in (1, 1.0, True, 1 + 0j, 1, 0, -0.0, False, 0j):
        assert_exports(lambda x, n=number: x * n, (torch.arange(3),))


def _uses_default_dtype(x):
    return x / 2 + torch.ones(3), torch.zeros(2), x * 1.5


def test_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert_exports(
            lambda x: (x / 2 + torch.ones(3), torch.zeros(2), x * 1.5), (torch.arange(3),)
        )
    finally:
        torch.set_default_dtype(torch.float32)
    assert_exports(lambda x: (x / 2 + torch.ones(3), torch.zeros(2), x * 1.5), (torch.arange(3),))


def test_memory_of_tensors_is_refused():
    for f in (lambda x: x.data_ptr(), lambda x: x.untyped_storage(), lambda x: x.storage()):
        with pytest.raises(PythonFeatureError) as caught:
            monograph.export(f, (X,))
        assert caught.value.code == "MG-P106"


def test_assume_constant_result():
    class Model(nn.Module):
        @monograph.assume_constant_result
        def count(self, y):
            return y.int().item()

        def forward(self, x, y):
            return x[: self.count(y)]

    model = Model()
    program = monograph.export(model, (torch.randn(5, 2), torch.tensor(4)))
    assert program.module()(torch.randn(5, 2), torch.tensor(4)).shape == (4, 2)
    assert [a.kind for a in program.assumptions] == ["constant-result"]


def test_cold_start_needs_no_compiler():
    code = (
        "import sys, torch, monograph; from torch import nn; F = nn.functional\n"
        "m = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),"
        "nn.Flatten(), nn.Linear(72, 10), nn.LayerNorm(10), nn.Softmax(-1)).eval()\n"
        "p = monograph.export(m, (torch.randn(2, 3, 8, 8),))\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mistake_of_ours_says_so(monkeypatch):
    # What is no spec makes one of our own functions fail.
    monkeypatch.setitem(RULES, torch.ops.aten.cosh.default, lambda spec: 3)
    with pytest.raises(monograph.InternalError, match="TypeError") as caught:
        monograph.export(lambda x: x.cosh().sin(), (X,))
    assert caught.value.where.file == __file__
    report = Path(re.search(r"\S+monograph-report-\S+\.txt", caught.value.hint)[0])
    text = report.read_text()
    report.unlink()
    assert torch.__version__ in text
    assert "x.cosh().sin()" in text
    assert "torch.float32[2, 3]" in text
    with pytest.raises(KeyError, match="mine"):
        monograph.export(lambda x: {}["mine"], (X,))


def test_errors_are_ours():
    assert issubclass(ExportError, monograph.MonographError)
    with pytest.raises(monograph.OperatorError, match=r"aten\.matmul") as caught:
        monograph.export(lambda x: x @ x, (X,))
    assert caught.value.where.text.endswith("(X,))")
