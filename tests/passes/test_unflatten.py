"""``unflatten``: the modules come back, and can be exchanged."""

import copy
import dataclasses
from collections import namedtuple

import corpus
import pytest
import torch
from corpus import CORPUS, assert_same, run
from torch import nn
from torch.utils._pytree import _register_namedtuple

import monograph
from monograph import Dim


@pytest.mark.parametrize("name", CORPUS)
def test_same_numbers(name):
    whole, other = corpus.exported_times(2, name)
    unflat, module = other.unflatten(), whole.module()
    for call in corpus.calls_of(name):
        assert_same(run(unflat, call), run(module, call))


class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.lin = nn.Linear(width, width)

    def forward(self, x, scale=1.0):
        return x + self.lin(self.norm(x)) * scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.shared = Block()
        self.head = nn.Linear(4, 9, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, ids):
        self.calls.add_(1)
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        x = self.shared(self.shared(x))
        x = torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))
        return self.head(x) + torch.arange(ids.shape[1])[:, None]


IDS = torch.randint(0, 9, (2, 3))
SHAPES = ({1: Dim("length", max=16)},)


def exported(**options):
    torch.manual_seed(0)
    model = Net().eval()
    return model, monograph.export(model, (IDS,), dynamic_shapes=SHAPES, **options)


@pytest.mark.parametrize("source", ["captured", "decomposed", "from a file"])
def test_the_hierarchy(source, tmp_path):
    model, program = exported()
    if source == "decomposed":
        program = program.run_decompositions()
    elif source == "from a file":
        monograph.save(program, tmp_path / "net.pt2")
        program = monograph.load(tmp_path / "net.pt2")
    tree = program.unflatten()
    names = {name for name, _ in tree.named_modules()}
    assert {"embed", "layers.0", "layers.0.norm", "layers.1.lin", "shared.lin", "head"} <= names
    assert "shared@1" not in names, "both calls do the same"
    assert tree.state_dict().keys() == model.state_dict().keys()
    assert tree.get_parameter("head.weight") is tree.get_parameter("embed.weight")
    for length in (3, 7):
        ids = torch.randint(0, 9, (2, length))
        torch.testing.assert_close(tree(ids), model(ids))
    assert tree.state_dict()["calls"] == 2
    with pytest.raises(monograph.InputError):
        tree(torch.randint(0, 9, (2, 17)))


def test_gradients_flow():
    model, program = exported()
    tree = program.unflatten()
    tree(IDS).sum().backward()
    model(IDS).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(tree.get_parameter(name).grad, parameter.grad)


def test_a_child_is_exchanged():
    model, program = exported()
    tree = program.unflatten()
    other = Block().eval()
    model.layers[1] = other
    tree.set_submodule("layers.1", other)
    torch.testing.assert_close(tree(IDS), model(IDS))
    lin = nn.Linear(4, 4)
    model.shared.lin = lin
    tree.set_submodule("shared.lin", lin)
    torch.testing.assert_close(tree(IDS), model(IDS))


class Pair(nn.Module):
    def forward(self, inputs, *, factor, flag=True):
        x, y = inputs["x"], inputs["y"]
        return {"sum": x + y * factor, "parts": [x, y - 1]} if flag else None


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair = Pair()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        found = self.pair({"y": self.lin(x), "x": x}, factor=x.mean(), flag=True)
        return found["sum"] * found["parts"][1]


def test_a_call_signature_is_kept():
    model, x = Outer().eval(), torch.randn(2, 3)
    program = monograph.export(model, (x,), preserve_module_call_signature=("pair",))
    tree = program.unflatten()
    torch.testing.assert_close(tree(x), model(x))

    class Other(nn.Module):
        def forward(self, inputs, *, factor, flag):
            assert flag is True
            return {"sum": inputs["x"] * factor, "parts": [inputs["y"], inputs["y"]]}

    model.pair = Other()
    tree.set_submodule("pair", Other())
    torch.testing.assert_close(tree(x), model(x))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def forward(self, x):
        return self.block(self.block(x), 3.0)


def test_calls_that_differ_are_two_children():
    model, x = Twice().eval(), torch.randn(2, 4)
    tree = monograph.export(model, (x,)).unflatten()
    torch.testing.assert_close(tree(x), model(x))
    assert {"block", "block@1"} <= {name for name, _ in tree.named_children()}
    weights = {id(p) for n, p in tree.named_parameters(remove_duplicate=False) if "weight" in n}
    assert len(weights) == 2


@dataclasses.dataclass
class State:
    h: torch.Tensor
    c: torch.Tensor


Outcome = namedtuple("Outcome", "y state")


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x, state, *, gain=1.0):
        h = torch.tanh(self.lin(x) + state.h) * gain
        return Outcome(h * 2, State(h, state.c + h))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = Cell()

    def forward(self, x, state):
        for _ in range(2):
            x, state = self.cell(x, state)
        y, state = self.cell(x, state, gain=0.5)
        return y, state


@pytest.mark.parametrize("source", ["captured", "decomposed", "from a file"])
def test_signatures_of_several_calls_with_classes(source, tmp_path):
    if source == "from a file":
        torch.export.register_dataclass(State, serialized_type_name="tests.State")
        _register_namedtuple(Outcome, serialized_type_name="tests.Outcome")
    model = Recurrent()
    args = torch.randn(2, 4), State(torch.randn(2, 4), torch.randn(2, 4))
    program = monograph.export(model, args, preserve_module_call_signature=("cell",))
    calls = [e.fqn for e in program.module_call_graph if e.signature is not None]
    assert calls == ["", "cell", "cell@1", "cell@2"]
    if source == "decomposed":
        program = program.run_decompositions()
    elif source == "from a file":
        monograph.save(program, tmp_path / "cell.pt2")
        program = monograph.load(tmp_path / "cell.pt2")
    tree = program.unflatten()
    assert_same(leaves(tree(*args)), leaves(model(*args)))
    assert [name for name, _ in tree.named_children()] == ["cell", "cell@1"]
    other = Cell()
    tree.set_submodule("cell", other)
    tree.set_submodule("cell@1", other)
    model.cell = other
    assert_same(leaves(tree(*args)), leaves(model(*args)))
    tree.set_submodule("cell", nn.Identity())
    with pytest.raises((monograph.InputError, TypeError)):
        tree(*args)
    tree.set_submodule("cell", Wrong())
    with pytest.raises(monograph.InputError, match="the result of cell to be a Outcome"):
        tree(*args)


def leaves(result):
    y, state = result
    return y, state.h, state.c


class Wrong(nn.Module):
    def forward(self, x, state):
        return x, state


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.inner.register_buffer("calls", torch.zeros(2), persistent=False)
        self.inner.register_buffer("unread", torch.ones(1))
        self.inner.tied = self.inner.weight

    def forward(self, x):
        self.inner.calls.add_(1)
        return self.inner(x) @ self.inner.tied + self.inner.calls


def test_a_copy_has_tensors_of_its_own():
    eager, x = Remembering(), torch.ones(1, 2)
    module = monograph.export(eager, (x,)).unflatten()
    copied = copy.deepcopy(module)
    assert copied.state_dict().keys() == module.state_dict().keys()
    assert [n for n, _ in copied.named_buffers()] == [n for n, _ in module.named_buffers()]
    assert copied.inner.tied is copied.inner.weight
    first = module(x)
    torch.testing.assert_close(first, eager(x))
    torch.testing.assert_close(copied(x), first)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    copied.inner.calls.zero_()
    torch.testing.assert_close(copied(x), torch.ones(1, 2))
    torch.testing.assert_close(module(x), first + 1)
    again = copy.deepcopy(copied)
    torch.testing.assert_close(again(x), torch.full((1, 2), 2.0))
    again.to("meta")
    assert again(torch.ones(1, 2, device="meta")).is_meta
