"""Programs without weights, and programs for other devices."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph

import monograph
from monograph import Dim, InputError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("offset", torch.arange(7.0), persistent=False)

    def forward(self, ids):
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.embed(ids) * positions[:, None]
        x = torch.cond(x.sum() > 0, lambda x: x + torch.ones(4, device=x.device), torch.cos, (x,))
        return self.head(x) + self.offset


IDS = torch.tensor([[1, 2, 3]])
SHAPES = ({1: Dim("length", max=16)},)


def on_meta():
    with torch.device("meta"):
        return Net().eval(), torch.ones(1, 3, dtype=torch.int64)


def test_captured_without_weights_and_run_with_them():
    model, ids = on_meta()
    program = monograph.export(model, (ids,), dynamic_shapes=SHAPES)
    assert all(p.is_meta for p in program.parameters())
    real = Net().eval()
    values = {**real.state_dict(), "offset": real.offset}
    program.load_state_dict(values)
    module = program.module()
    for length in (3, 5):
        ids = torch.randint(0, 7, (1, length))
        torch.testing.assert_close(module(ids), real(ids))
    assert program.state_dict["head.weight"] is program.state_dict["embed.weight"]
    core = program.run_decompositions().module()
    torch.testing.assert_close(core(IDS), real(IDS))


def test_what_is_missing_unknown_or_of_another_shape():
    model, ids = on_meta()
    program = monograph.export(model, (ids,))
    real = Net().state_dict()
    with pytest.raises(InputError, match="offset"):
        program.load_state_dict(real)
    with pytest.raises(InputError, match="nobody"):
        program.load_state_dict({**real, "nobody": torch.ones(2)})
    with pytest.raises(InputError, match=r"embed\.weight"):
        program.load_state_dict({"embed.weight": torch.ones(2)})


def test_values_are_copied_or_taken():
    real, other = Net().eval(), Net().eval()
    program = monograph.export(real, (IDS,))
    program.load_state_dict(other.state_dict())
    torch.testing.assert_close(program.module()(IDS), other(IDS))
    assert program.state_dict["embed.weight"] is real.embed.weight
    program.load_state_dict(other.state_dict(), assign=True)
    assert program.state_dict["embed.weight"].data_ptr() == other.embed.weight.data_ptr()


def test_fake_weights():
    with FakeTensorMode():
        model, ids = Net().eval(), torch.ones(1, 3, dtype=torch.int64)
    program = monograph.export(model, (ids,))
    assert "linear" in str(program.graph)
    real = Net().eval()
    program.load_state_dict({**real.state_dict(), "offset": real.offset})
    torch.testing.assert_close(program.module()(IDS), real(IDS))


def test_a_program_for_a_device_that_is_not_here(tmp_path):
    program = monograph.export(Net().eval(), (IDS,), dynamic_shapes=SHAPES)
    before = str(program)
    there = program.to_device("cuda")
    assert "device(type='cuda')" in str(there)
    assert "device(type='cpu')" not in str(there)
    assert str(program) == before
    back = there.to_device("cpu")
    assert str(back) == before
    torch.testing.assert_close(back.module()(IDS), program.module()(IDS))
    theirs = there.to_torch()
    placed = [n.meta["val"].device.type for n in theirs.graph.nodes if n.op == "placeholder"]
    assert set(placed) == {"cuda"}
    monograph.save(there, tmp_path / "cuda.pt2")
    assert str(monograph.load(tmp_path / "cuda.pt2").graph) == str(there.graph)


def test_fake_cuda_weights_on_a_machine_without():
    model = nn.Linear(3, 3, device="meta")
    with FakeTensorMode():
        for name in ("weight", "bias"):
            looks = getattr(model, name)
            setattr(model, name, nn.Parameter(torch.empty(looks.shape, device="cuda")))
        x = torch.empty(2, 3, device="cuda")
    program = monograph.export(model, (x,))
    (linear,) = [n for n in program.graph.nodes if n.op == "call_function"]
    assert linear.meta["val"].device.type == "cuda"


def test_what_is_no_device():
    program = monograph.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),))
    with pytest.raises(monograph.diagnostics.InteropError, match="'gpu' is no device"):
        program.to_device("gpu")


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.register_buffer("calls", torch.zeros(2))

    def forward(self, x):
        self.calls.add_(1)
        return self.inner(x) + torch.ones(2, device=x.device) + self.calls


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Counting()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.part(x) * self.scale + torch.zeros(2, device=x.device)


@pytest.mark.parametrize("form", ["module", "unflatten"])
def test_a_module_is_moved_with_all_its_graphs(form):
    """Tensors, devices in graphs, and the checks at the door; the program stays where it is."""
    program = monograph.export(Outer(), (torch.ones(3, 2),))
    module = getattr(program, form)()
    module.to("meta")
    assert module(torch.ones(3, 2, device="meta")).is_meta
    assert all(tensor.is_meta for tensor in module.state_dict().values())
    with pytest.raises(InputError, match="to be on meta"):
        module(torch.ones(3, 2))
    expected = Outer()
    expected.load_state_dict(program.state_dict)
    torch.testing.assert_close(
        getattr(program, form)()(torch.ones(3, 2)), expected(torch.ones(3, 2))
    )
    for inner in module.__dict__["_graph_module"].modules():
        for node in getattr(inner, "graph", Graph()).nodes:
            if isinstance(node.meta.get("val"), torch.Tensor):
                assert node.meta["val"].is_meta, node


@pytest.mark.parametrize("form", ["module", "unflatten"])
def test_bodies_of_branches_are_moved(form):
    module = getattr(monograph.export(Net().eval(), (IDS,)), form)().to("meta")
    graphs = [m.graph for m in module.__dict__["_graph_module"].modules() if hasattr(m, "graph")]
    assert len(graphs) > 2
    devices = [
        value
        for graph in graphs
        for node in graph.nodes
        for value in (*node.args, *node.kwargs.values())
        if isinstance(value, torch.device)
    ]
    assert len(devices) >= 2
    assert {device.type for device in devices} == {"meta"}


def test_what_is_refused_is_left_where_it_is():
    def two(x):
        return x + 1, torch.ones(2, device="meta") * 2

    module = monograph.export(two, (torch.ones(2),)).module()
    with pytest.raises(InputError, match="several devices"):
        module.to("meta")
    held = monograph.export(Counting(), (torch.ones(1, 2),)).module()
    with pytest.raises(InputError, match="converted to"):
        held.to("meta", torch.float64)
    assert not any(tensor.is_meta for tensor in held.state_dict().values())
