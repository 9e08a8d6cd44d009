"""What users of ``torch.export`` write and look at is here by the same names."""

import io
import operator

import pytest
import torch
import torch._functorch.config
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import graph_signature
from torch.fx import traceback
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import monograph
from monograph.ir import signature


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen.add_(1)
        return self.lin(x) * torch.tensor(2.0)


X = torch.randn(2, 3)


def test_keywords():
    model = Scaled()
    program = monograph.export(
        mod=model, args=(X,), prefer_deferred_runtime_asserts_over_guards=True
    )
    decomposed = program.run_decompositions(decomp_table={})
    file = io.BytesIO()
    monograph.save(ep=decomposed, f=file)
    file.seek(0)
    torch.testing.assert_close(monograph.load(f=file).module()(X), model(X))


def test_a_module_that_checks_no_guards():
    def f(x):
        return x + 1 if x.shape[0] * x.shape[1] < 20 else x

    shapes = ({0: monograph.Dim.AUTO, 1: monograph.Dim.AUTO},)
    program = monograph.export(f, (X,), dynamic_shapes=shapes)
    large = torch.randn(5, 5)
    with pytest.raises(monograph.InputError, match="MG-I106"):
        program.module(check_guards=True)(large)
    torch.testing.assert_close(program.module(check_guards=False)(large), large + 1)
    with pytest.raises(monograph.InputError):
        program.module(check_guards=False)(large[0])


@pytest.mark.parametrize("kinds", ["InputKind", "OutputKind"])
def test_kinds_equal_torchs(kinds):
    ours, theirs = list(getattr(signature, kinds)), list(getattr(graph_signature, kinds))
    assert ours == theirs
    assert theirs == ours
    assert {*ours, *theirs} == {*ours}
    assert ours[0] != theirs[1]
    assert signature.InputKind.TOKEN != signature.OutputKind.TOKEN
    assert signature.InputKind.TOKEN != "TOKEN"


def test_what_a_program_offers():
    program = monograph.export(Scaled(), (X,))
    assert program.tensor_constants == program.constants
    assert len(program.tensor_constants) == 1
    for verifier in (program.verifier, *program.verifiers):
        verifier.check(program)


def test_dialects():
    program = monograph.export(Scaled(), (X,))
    file = io.BytesIO()
    monograph.save(program, file)

    def again(load):
        file.seek(0)
        return load(file)

    as_captured = [
        program,
        program.to_torch(),
        again(monograph.load),
        again(torch.export.load),
        monograph.from_torch(program.to_torch()),
        monograph.from_torch(torch.export.export(Scaled(), (X,))),
    ]
    assert {p.dialect for p in as_captured} == {"TRAINING"}
    decomposed = program.run_decompositions()
    others = [decomposed, decomposed.to_torch(), monograph.from_torch(decomposed.to_torch())]
    assert {p.dialect for p in others} == {"ATEN"}


@traceback.annotate_fn({"whole": [1, None]})
def _staged(x, pick):
    with traceback.annotate({"stage": 1}):
        y = torch.nn.functional.gelu(x)
        z = torch.cond(pick, lambda y: y.exp(), lambda y: y - 1, (y,))
    return z.cos()


def _annotated(program):
    """The stages of all operators, also those of branches."""
    return {
        str(node.target): dict(node.meta.get("custom") or {})
        for module in program.graph_module.modules()
        if isinstance(module, torch.fx.GraphModule)
        for node in module.graph.nodes
        if node.op == "call_function" and node.target is not operator.getitem
    }


def test_annotations_go_along():
    program = monograph.export(_staged, (X, torch.tensor(True)))
    expected = _annotated(program)
    first, both = {"whole": [1, None]}, {"whole": [1, None], "stage": 1}
    assert expected == {
        "aten.gelu.default": both,
        "cond": both,
        "aten.exp.default": both,
        "aten.sub.Tensor": both,
        "aten.cos.default": first,
    }
    file = io.BytesIO()
    monograph.save(program, file)

    def again(load):
        file.seek(0)
        return load(file)

    for other in (program.to_torch(), again(monograph.load), again(torch.export.load)):
        assert _annotated(other) == expected
    assert _annotated(monograph.from_torch(program.to_torch())) == expected
    opened = _annotated(program.run_decompositions())
    assert opened.pop("aten.erf.default", both) == both
    assert {str(tuple(custom)) for custom in opened.values()} == {
        str(tuple(custom)) for custom in expected.values()
    }


def test_what_readers_of_torchs_graphs_look_at():
    x = torch.randn(2, 3, requires_grad=True)
    shapes = ({0: monograph.Dim.DYNAMIC}, None)
    graph = monograph.export(_staged, (x, torch.tensor(True)), dynamic_shapes=shapes)
    graph = graph.to_torch().graph
    looks = {n.name: n.meta["tensor_meta"] for n in graph.nodes if n.name in ("gelu", "x")}
    assert looks["x"].requires_grad
    assert not looks["gelu"].requires_grad
    assert looks["gelu"].shape == graph.find_nodes(op="placeholder")[0].meta["val"].shape
    assert (looks["gelu"].dtype, looks["gelu"].is_quantized) == (torch.float32, False)
    state = monograph.export(Scaled(), (x,)).to_torch().graph.find_nodes(op="placeholder")
    requiring = {n.name for n in state if n.meta["val"].requires_grad}
    assert requiring == {"p_lin_weight", "p_lin_bias", "x"}


class Chooses(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.lin(x), lambda x: x - 1, (x,))


def test_branches_are_unflattened_by_torch():
    model = Chooses()
    whole = torch.export.unflatten(monograph.export(model, (X,)).to_torch())
    for x in (torch.ones(2, 3), -torch.ones(2, 3)):
        torch.testing.assert_close(whole(x), model(x))


def test_below_settings_of_fake_tensors():
    """Tensors without values, and torch set to carry real ones along (as its draft mode does)."""
    with FakeTensorMode():
        shapes = ({0: monograph.Dim.DYNAMIC},)
        program = monograph.export(nn.Linear(3, 4), (torch.randn(2, 3),), dynamic_shapes=shapes)
    assert [str(n.target) for n in program.graph.nodes][3] == "aten.linear.default"

    def f(x):
        return x * x.nonzero().shape[0]

    with torch._functorch.config.patch(fake_tensor_propagate_real_tensors=True):
        program = monograph.export(f, (X,))
    torch.testing.assert_close(program.module()(X), f(X))


def _truth_of_a_tensor(x):
    return x if x.sum() > 0 else -x


def _hidden_write(x):
    return torch.from_numpy(x.numpy())


def _branches_that_differ(x):
    return torch.cond(x.sum() > 0, lambda x: x, lambda x: (x, x), (x,))


REFUSED = [_truth_of_a_tensor, _hidden_write, _branches_that_differ]


@pytest.mark.parametrize("f", REFUSED)
def test_refusals_are_runtime_errors(f):
    with pytest.raises(RuntimeError) as caught:
        monograph.export(f, (torch.ones(2),))
    assert isinstance(caught.value, monograph.ExportError)


@pytest.mark.parametrize("f", REFUSED[:2])
def test_a_program_that_catches_a_refusal_is_refused_all_the_same(f):
    def careful(x):
        try:
            return f(x)
        except RuntimeError:
            return x * 2

    with pytest.raises(monograph.ExportError):
        monograph.export(careful, (torch.ones(2),))


def test_arguments_with_torchs_symbols_are_the_numbers_behind_them():
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    env = ShapeEnv()
    fake = FakeTensorMode(shape_env=env).from_tensor(x)
    assert not isinstance(fake.shape[0], int)
    fixed = monograph.export(model, (fake,))
    torch.testing.assert_close(fixed.module()(x), model(x))
    with pytest.raises(monograph.InputError):
        fixed.module()(x[:2])
    sized = monograph.export(model, (fake,), dynamic_shapes={"input": {0: monograph.Dim("n")}})
    for module in (sized.module(), sized.to_torch().module()):
        torch.testing.assert_close(module(x[:2]), model(x[:2]))
    with monograph.installed():
        theirs = torch.export.export(model, (fake,))
    torch.testing.assert_close(theirs.module()(x), model(x))
    with FakeTensorMode(shape_env=env):
        unknown = torch.empty(env.create_unbacked_symint(), 3)
    with pytest.raises(monograph.PythonFeatureError, match="no number is known for a size"):
        monograph.export(model, (unknown,))
