"""What operators come from, as torch's tools look it up in programs that ``to_torch`` makes."""

import io

import torch
from torch import nn
from torch.fx.passes.utils.source_matcher_utils import get_source_partitions
from torch.fx.traceback import get_graph_provenance_json

import monograph


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 3)
        self.norm = nn.LayerNorm(3)

    def forward(self, x):
        h = self.first(x).split(2, dim=-1)
        y = self.second(torch.cat([h[0], h[1].sin()], -1))
        return torch.cond(x.sum() > 0, lambda a: self.norm(a), lambda a: a + 1, (y,))


X = torch.randn(2, 3)
PROGRAM = monograph.export(Net(), (X,))


def calls(graph):
    return {n.name: n.meta["torch_fn"][0] for n in graph.nodes if "torch_fn" in n.meta}


def test_operators_are_found_by_the_function_that_was_called():
    for program in (PROGRAM, PROGRAM.run_decompositions()):
        theirs = program.to_torch()
        found = get_source_partitions(theirs.graph, ["linear", "sin", "cond"])
        assert {name: len(parts) for name, parts in found.items()} == {
            "linear": 2, "sin": 1, "cond": 1,
        }  # fmt: skip
        for part in found["linear"]:
            (result,) = part.output_nodes
            assert result.meta["val"].shape[0] == 2
    before, after = (calls(p.to_torch().graph) for p in (PROGRAM, PROGRAM.run_decompositions()))
    assert before["linear"] == "linear_1"
    assert before["linear_1"] == "linear_2"
    assert {name: call for name, call in after.items() if call.startswith("linear")} == {
        "permute": "linear_1", "addmm": "linear_1", "permute_1": "linear_2", "addmm_1": "linear_2",
    }  # fmt: skip
    assert before["getitem"] == before["getitem_1"] == before["split"]


def test_what_a_decomposition_replaced_goes_along():
    decomposed = PROGRAM.run_decompositions()
    replaced = [("linear", "aten.linear.default")]
    file = io.BytesIO()
    monograph.save(decomposed, file)
    file.seek(0)
    for program in (decomposed, monograph.load(file), monograph.from_torch(decomposed.to_torch())):
        found = {n.name: n.meta.get("from_node") for n in program.graph.nodes}
        assert found["addmm"] == found["permute"] == replaced
        assert found["sin"] is None
        program.validate()
        told = get_graph_provenance_json(program.to_torch().module().graph)["addmm"]
        assert [told[0]["name"], told[0]["from_node"][0]["name"]] == ["addmm", "linear"]


def test_torchs_own_provenance_is_read():
    theirs = torch.export.export(Net(), (X,)).run_decompositions()
    program = monograph.from_torch(theirs)
    found = {str(n.target): n.meta.get("from_node") for n in program.graph.nodes}
    assert found["aten.addmm.default"] == [("linear_1", "aten.linear.default")]
    assert found["aten.sin.default"] is None
    inside = next(iter(program.graph.find_nodes(op="get_attr")))
    branch = getattr(program.graph_module, inside.target).graph
    norm = next(n for n in branch.nodes if "layer_norm" in str(n.target))
    assert norm.meta["from_node"] == [("layer_norm", "aten.layer_norm.default")]


def test_fake_tensors_of_one_mode():
    sized = monograph.export(Net(), (X,), dynamic_shapes={"x": {0: monograph.Dim("n")}})
    module = sized.with_fake_tensors()
    values = [n.meta["val"] for n in module.graph.nodes if "val" in n.meta]
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    (mode,) = {t.fake_mode for t in tensors}
    assert mode.shape_env is not None
    x = next(n.meta["val"] for n in module.graph.nodes if n.name == "x")
    with mode:
        assert str((x + x).shape[0]) == str(x.shape[0])
