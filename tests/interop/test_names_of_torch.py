"""Programs that were written for ``torch.export`` run with ``import monograph as torch_export``."""

import copy
import dataclasses
import io

import names_of_torch
import pytest
import torch
from torch import nn

import monograph as torch_export
from monograph import Dim
from monograph.graph_signature import InputKind

X, Y = torch.randn(4, 3), torch.randn(4, 3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x, others, scale=2):
        return self.linear(x) * scale + others["y"]


class Branching(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x + 1
        return x - 1


class Asking(nn.Module):
    def forward(self, x):
        return x if float(x.sum().sin().item()) > 0.3 else x[1:]


ARGS = X, {"y": Y}


@pytest.fixture(scope="module")
def program():
    return torch_export.export(mod=Net(), args=ARGS)


@pytest.mark.called_directly
def test_each_name_has_a_counterpart_or_a_reason():
    """``python tests/interop/names_of_torch.py`` writes the table."""
    text = names_of_torch.PAGE.read_text()
    assert names_of_torch.with_table(text) == text
    assert text.count(names_of_torch.BEGIN) == 1


@pytest.mark.called_directly
def test_a_gap_and_a_keyword_that_is_not_taken_are_found(monkeypatch):
    with pytest.raises(AttributeError, match="sharded_export"):
        names_of_torch.row("", "sharded_export", len)
    monkeypatch.setattr(torch.export, "save", lambda ep, f, *, compressed=False: None)
    with pytest.raises(AttributeError, match=r"monograph.save does not take compressed"):
        names_of_torch.row("", "save", torch.export.save)


def test_sizes_by_tensor_and_by_examples_as_a_specification():
    by_tensor = torch_export.ShapesCollection()
    by_tensor[X] = {0: Dim("batch")}
    by_tensor[Y] = (Dim("batch"), None)
    model = Net()
    shapes = by_tensor.dynamic_shapes(model, ARGS)
    assert shapes.keys() == {"x", "others"}
    assert (shapes["x"], shapes["others"]["y"]) == (by_tensor[X], by_tensor[Y])
    torch_export.export(model, ARGS, dynamic_shapes=shapes).module()(X[:2], {"y": Y[:2]})
    with pytest.raises(ValueError, match="none of the arguments"):
        by_tensor.dynamic_shapes(model, (X, {"y": Y.clone()}))

    examples = torch_export.AdditionalInputs()
    examples.add((X[:2], {"y": Y[:2]}), {"scale": 3})
    found = examples.dynamic_shapes(model, ARGS, {"scale": 2})
    varying = (Dim.DYNAMIC, None)
    assert found == {"x": varying, "others": {"y": varying}, "scale": Dim.DYNAMIC}
    made = torch_export.export(model, ARGS, {"scale": 2}, dynamic_shapes=found)
    examples.verify(ep=made)
    with pytest.raises(torch_export.InputError):
        examples.verify(torch_export.export(model, ARGS, {"scale": 2}))
    for other in ((X, {"y": 1}), (X, {"z": Y}), (X.sum(), {"y": Y})):
        wrong = torch_export.AdditionalInputs()
        wrong.add(other)
        with pytest.raises(ValueError, match=r"additional input|cannot vary"):
            wrong.dynamic_shapes(model, ARGS)
    with pytest.raises(ValueError, match="Net: missing a required argument"):
        examples.dynamic_shapes(model, (X,))


def test_suggestions_are_read_from_the_text_of_an_error():
    shapes = {"x": {0: Dim("n")}, "others": {"y": {0: Dim("m")}}}
    with pytest.raises(torch_export.ConstraintViolationError) as refused:
        torch_export.export(Net(), ARGS, dynamic_shapes=shapes)
    refine = torch_export.refine_dynamic_shapes_from_suggested_fixes
    followed = torch_export.refine_dynamic_shapes(shapes, refused.value)
    assert repr(refine(str(refused.value), shapes)) == repr(followed)
    assert repr(followed["others"]["y"][0]) == "Dim('n')"
    text = """Constraints violated (dim)! For more information, ...
    Suggested fixes:

        dim = Dim('dim', min=3, max=6)  # this refines the range
        fixed = 4
        dy = 2*dx + 1
        any = Dim.AUTO
    """
    fixed = refine(
        msg=text, dynamic_shapes=[Dim("dim"), Dim("fixed"), Dim("dy"), Dim("any"), Dim("other")]
    )
    assert repr(fixed) == "[Dim('dim', min=3, max=6), 4, 2*dx + 1, Dim.AUTO, Dim('other')]"
    with pytest.raises(ValueError, match="no fixes"):
        refine("an error", shapes)


def test_modules_by_the_function_with_an_adapter(program):
    class FromAList(torch_export.FlatArgsAdapter):
        def adapt(self, target_spec, input_spec, input_args, metadata=None, obj=None):
            assert (target_spec.num_leaves, input_spec.num_leaves) == (2, 3)
            assert isinstance(obj, torch_export.UnflattenedModule)
            return input_args[:2]

    plain = torch_export.unflatten(module=program)
    adapted = torch_export.unflatten(program, flat_args_adapter=FromAList())
    expected = program.module()(*ARGS)
    assert torch.equal(plain(*ARGS), expected)
    assert torch.equal(adapted(*ARGS), expected)
    assert torch.equal(copy.deepcopy(adapted)([X, Y, "unused"]), expected)
    with pytest.raises(torch_export.InputError):
        plain([X, Y, "unused"])


def test_a_draft_says_what_stands_in_the_way(program):
    draft = torch_export.draft_export(Net(), ARGS)
    assert draft.report.is_clean
    assert len(draft.graph.nodes) == len(program.graph.nodes)
    fixed = torch_export.draft_export(Branching(), (X,))
    assert [p.error.code for p in fixed.report.problems] == ["MG-D101"]
    assert torch.equal(fixed.module()(X), Branching()(X))
    of_torch = torch_export.draft_export(Asking(), (X,), dynamic_shapes={"x": {0: Dim("n")}})
    assert not of_torch.report.is_clean
    assert torch.equal(of_torch.module()(X), Asking()(X))
    with pytest.raises(torch_export.ExportError):  # torch drafts none of those either
        torch_export.draft_export(torch.jit.script(Branching()), (X,))


def test_a_dataclass_is_registered_for_torch():
    @dataclasses.dataclass
    class Point:
        x: torch.Tensor
        y: torch.Tensor

    torch_export.register_dataclass(Point, serialized_type_name="test_names_of_torch.Point")
    leaves, spec = torch.utils._pytree.tree_flatten(Point(X, Y))
    assert len(leaves) == 2
    assert spec.type is Point


def test_a_program_moves_by_the_pass(program):
    move = torch_export.move_to_device_pass
    for location in ("meta", {"cpu": "meta"}):
        values = [n.meta["val"] for n in move(program, location).graph.nodes if n.users]
        assert all(value.device.type == "meta" for value in values)
    assert move(ep=program, location={"cuda:0": "cuda:1"}) is program


def test_kinds_and_signatures_are_edited_as_torchs(program):
    kinds = torch_export.graph_signature.InputKind
    assert kinds is InputKind
    assert kinds.PARAMETER == torch.export.graph_signature.InputKind.PARAMETER
    edited = copy.deepcopy(program)
    signature = edited.graph_signature
    (result,) = signature.user_outputs
    call = torch_export.ModuleCallSignature(
        [torch_export.graph_signature.TensorArgument(result)], [], None, None
    )
    nodes = {node.name: node for node in edited.graph.nodes}
    with edited.graph_module._set_replace_hook(signature.get_replace_hook(replace_inputs=True)):
        with edited.graph.inserting_after(nodes[result]):
            new = edited.graph.call_function(torch.ops.aten.relu.default, (nodes[result],))
        new.meta = dict(nodes[result].meta)
        nodes[result].replace_all_uses_with(new, lambda user: user is not new)
    call.replace_all_uses_with(nodes[result], new)
    assert call.inputs == [torch_export.graph_signature.TensorArgument(new.name)]
    assert signature.user_outputs == (new.name,)
    assert program.graph_signature.user_outputs == (result,)
    edited.validate()
    edited.graph_module.recompile()
    assert torch.equal(edited.module()(*ARGS), program.module()(*ARGS).relu())
    assert not signature.input_tokens + signature.output_tokens + signature.lifted_custom_objs
    assert signature.backward_signature is signature.assertion_dep_token is None


def test_files_with_versions_and_protocols(program):
    file = io.BytesIO()
    torch_export.save(ep=program, f=file, opset_version={"aten": 7, "mine": 3}, pickle_protocol=5)
    loaded = torch_export.load(f=io.BytesIO(file.getvalue()), expected_opset_version={"mine": 3})
    assert torch.equal(loaded.module()(*ARGS), program.module()(*ARGS))
    with pytest.raises(torch_export.FileError, match="mine in version 3, and 2 is known"):
        torch_export.load(io.BytesIO(file.getvalue()), expected_opset_version={"mine": 2})
    reader = torch.export.pt2_archive.PT2ArchiveReader(io.BytesIO(file.getvalue()))
    assert '"aten": 7' in reader.read_string("models/model.json")


def test_decompositions_with_torchs_keywords(program):
    table = torch_export.default_decompositions()
    assert torch.ops.aten.addmm.default not in table.materialize()
    found = program.run_decompositions(decomp_table=table, decompose_custom_triton_ops=True)
    assert "addmm" in str(found.graph)
    assert torch.allclose(found.module()(*ARGS), program.module()(*ARGS))
