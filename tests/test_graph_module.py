"""``ep.module()`` is an ``fx.GraphModule``: its graph can be read, run, edited and recompiled."""

import copy
import inspect
import pickle

import pytest
import torch
from corpus import CORPUS, assert_same, calls_of, exported, run, sample
from torch import nn
from torch.fx import GraphModule, Interpreter

import monograph
from monograph import Dim

aten = torch.ops.aten


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x, mask=None, *, pair):
        self.seen.add_(1)
        y = self.lin(x).relu() + pair["a"]
        return {"y": y if mask is None else y * mask, "kept": 3}


X = torch.randn(3, 4)
GIVEN = (X, torch.ones(3, 4)), {"pair": {"a": torch.ones(4)}}
N = Dim("n")
SIZES = {"x": {0: N}, "mask": {0: N}, "pair": None}


def masked():
    return monograph.export(Masked(), *GIVEN, dynamic_shapes=SIZES)


def test_it_is_read_as_a_graph_module():
    module = masked().module()
    names = set(module.state_dict())
    assert isinstance(module, GraphModule)
    assert list(inspect.signature(module.forward).parameters) == ["x", "mask", "pair"]
    assert "def forward(self, x, mask, pair)" in module.code
    assert "lin.weight" in module.print_readable(print_output=False)
    ops = [(n.op, str(n.target)) for n in module.graph.nodes if n.op != "call_function"]
    assert ops == [
        *(("get_attr", name) for name in ("lin.weight", "lin.bias", "seen")),
        *(("placeholder", name) for name in ("x", "mask", "pair_a")),
        ("output", "output"),
    ]
    module.graph.lint()
    assert set(module.state_dict()) == names
    assert module.graph is module.graph
    assert all("val" in n.meta for n in module.graph.nodes if n.op == "placeholder")


def test_a_graph_that_is_edited_is_what_runs():
    program, model = masked(), Masked()
    module = program.module()
    model.load_state_dict(module.state_dict())
    (relu,) = (n for n in module.graph.nodes if n.target is aten.relu.default)
    relu.target = aten.neg.default
    assert_same(module(*GIVEN[0], **GIVEN[1]), model(*GIVEN[0], **GIVEN[1]))
    module.recompile()
    assert "aten.neg" in module.code
    expected = -model.lin(X) + 1
    for each in (module, copy.deepcopy(module)):
        found = each(X, mask=torch.ones(3, 4), **GIVEN[1])
        torch.testing.assert_close(found["y"], expected)
        assert found["kept"] == 3
    assert module.seen == 2
    with pytest.raises(monograph.InputError):
        module(X[:2], torch.ones(3, 4), **GIVEN[1])
    assert list(inspect.signature(module.forward).parameters) == ["x", "mask", "pair"]
    again = program.module()
    assert_same(again(*GIVEN[0], **GIVEN[1]), model(*GIVEN[0], **GIVEN[1]))


def test_copies():
    module = masked().module()
    expected = module(*GIVEN[0], **GIVEN[1])
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert_same(other(*GIVEN[0], **GIVEN[1]), expected)
        assert "lin.weight" in other.print_readable(print_output=False)
        assert other.lin.weight is not module.lin.weight
        assert other.graph is not module.graph


@pytest.mark.parametrize("name", sample(3))
def test_the_graph_computes_what_the_program_computes(name):
    module, other = exported(name).module(), exported(name).module()
    other.recompile()
    for call in calls_of(name):
        assert_same(run(other, call), run(module, call))


def test_the_corpus_is_not_empty():
    assert len(sample(3)) > len(CORPUS) // 4


def test_an_interpreter_runs_it():
    module = monograph.export(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (X,)).module()
    torch.testing.assert_close(Interpreter(module).run(X), module(X))


def test_quantisers_find_the_batch_norm():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    x = torch.randn(2, 3, 6, 6)
    module = monograph.export(copy.deepcopy(model), (x,)).module()
    targets = {n.target for n in module.graph.nodes}
    assert aten.batch_norm.default in targets
    module.recompile()
    for each in (model, module):
        each(x).pow(2).sum().backward()
    for (_, a), (_, b) in zip(model.named_parameters(), module.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert_same(module.state_dict(), model.state_dict())


def test_a_constant_and_a_branch():
    def f(x):
        y = x * torch.tensor([1.0, 2.0, 3.0, 4.0])
        return torch.cond(y.sum() > 0, lambda y: y.sin(), lambda y: y - 1, (y,))

    module = monograph.export(f, (X,)).module()
    module.recompile()
    for x in (X.abs(), -X.abs()):
        torch.testing.assert_close(module(x), f(x))


def test_exported_again():
    """By Monograph and by torch, by the names of the arguments, for sizes that vary."""
    module, model = masked().module(), Masked()
    model.load_state_dict(module.state_dict())
    larger = (torch.randn(5, 4), torch.ones(5, 4)), GIVEN[1]
    expected = model(*larger[0], **larger[1])
    shapes = {"x": {0: N}, "mask": {0: N}, "pair": {"a": None}}
    torchs = torch.export.Dim("n")
    for again in (
        monograph.export(module, *GIVEN, dynamic_shapes=shapes),
        torch.export.export(
            module, *GIVEN, dynamic_shapes={**shapes, "x": {0: torchs}, "mask": {0: torchs}}
        ),
    ):
        assert_same(again.module()(*larger[0], **larger[1]), expected)
