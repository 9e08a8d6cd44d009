"""Scripts for tools that export by themselves: as their users write them, with one line more."""

import io
import runpy
import shutil

import pytest
import torch

import monograph
from monograph.interop import decomposing

LINE = "import monograph; monograph.install()\n"
MODEL = """
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.lin = nn.Linear(4, 2)

    def forward(self, x):
        return self.lin(self.norm(self.conv(x)).relu().mean((2, 3)))


model, x = Net().eval(), torch.randn(4, 3, 8, 8)
"""
ONNX = """
program = torch.onnx.export(
    model, (x,), dynamo=True, dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, verbose=False
)
"""
ONNX_AXES = """
program = torch.onnx.export(
    model, (x,), dynamo=True, input_names=["x"], dynamic_axes={"x": {0: "batch"}}, verbose=False
)
"""
AOTI = """
batch = torch.export.Dim("batch", min=1, max=64)
exported = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
path = torch._inductor.aoti_compile_and_package(exported, package_path=__file__ + ".pt2")
compiled = torch._inductor.aoti_load_package(path)
"""
PT2E = """
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

quantizer = x86.X86InductorQuantizer()
quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
exported = torch.export.export(model, (x,))
prepared = prepare_pt2e(exported.module(), quantizer)
prepared(x)
converted = convert_pt2e(prepared)
"""
QAT = """
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_qat_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

quantizer = x86.X86InductorQuantizer()
quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_qat=True))
exported = torch.export.export(model.train(), (x,))
prepared = prepare_qat_pt2e(exported.module(), quantizer)
steps = torch.optim.SGD(prepared.parameters(), lr=0.01)
losses = []
for _ in range(5):
    loss = (prepared(x) - 1).square().mean()
    losses.append(loss.item())
    steps.zero_grad()
    loss.backward()
    steps.step()
"""
CONVERTED = """
from torchao.quantization.pt2e import move_exported_model_to_eval

move_exported_model_to_eval(prepared)
trained = prepared(x)
converted = convert_pt2e(prepared)
"""
EXECUTORCH = """
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

exported = torch.export.export(model, (x,))
edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
lowered = edge.to_executorch().buffer
"""
OPENVINO = """
import openvino

exported = torch.export.export(model, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
compiled = openvino.compile_model(openvino.convert_model(exported), "CPU")
"""
TRANSFORMERS = """
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.exporters import DynamoExporter
from transformers.exporters.configs import DynamoConfig

config = LlamaConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, vocab_size=64, max_position_embeddings=64,
)
model = LlamaForCausalLM(config).eval()
ids = torch.randint(0, 64, (2, 8))
given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
exported, _ = DynamoExporter().export_program(model, given, DynamoConfig(dynamic=True))
"""
UNFLATTENED = """
exported = torch.export.export(model, (x,), preserve_module_call_signature=("conv",))
modules = torch.export.unflatten(exported)
"""


@pytest.fixture
def run(tmp_path):
    def runs(text):
        path = tmp_path / "script.py"
        path.write_text(LINE + MODEL + text)
        return runpy.run_path(str(path))

    yield runs
    monograph.uninstall()


def batches():
    return [torch.randn(size, 3, 8, 8) for size in (1, 2, 5, 9)]


@pytest.mark.parametrize("text", [ONNX, ONNX_AXES], ids=["dynamic_shapes", "dynamic_axes"])
def test_onnx(run, text, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    found = run(text)
    program = found["program"]
    assert isinstance(program.exported_program, decomposing.Decomposing)
    (given,) = program.model_proto.graph.input
    assert given.type.tensor_type.shape.dim[0].dim_param == "batch"
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    for x in batches():
        (y,) = session.run(None, {given.name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), found["model"](x), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")
def test_aoti(run):
    found = run(AOTI)
    assert isinstance(found["exported"], decomposing.Decomposing)
    for x in batches():
        torch.testing.assert_close(found["compiled"](x), found["model"](x))


def test_pt2e(run):
    pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e")
    found = run(PT2E)
    assert isinstance(found["exported"], decomposing.Decomposing)
    converted, x = found["converted"], found["x"]
    assert any("quantize_per_tensor" in str(node.target) for node in converted.graph.nodes)
    torch.testing.assert_close(converted(x), found["model"](x), atol=0.05, rtol=0.05)


def test_qat_prepares_and_trains(run):
    pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e")
    found = run(QAT)
    assert isinstance(found["exported"], decomposing.Decomposing)
    assert found["losses"][-1] < found["losses"][0]
    assert found["prepared"].norm.num_batches_tracked == 5
    assert any(
        "activation_post_process" in str(node.target) for node in found["prepared"].graph.nodes
    )


@pytest.mark.slow
def test_qat_folds_batch_norms(run):
    pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e")
    found = run(QAT + CONVERTED)
    converted = found["converted"]
    assert not any("batch_norm" in str(node.target) for node in converted.graph.nodes)
    torch.testing.assert_close(converted(found["x"]), found["trained"], atol=0.05, rtol=0.05)


@pytest.mark.slow
def test_executorch(run):
    """Lowered for XNNPACK, and run. It pins another torch: see CONTRIBUTING."""
    pytest.importorskip("executorch.exir")
    runtime = pytest.importorskip("executorch.runtime")
    found = run(EXECUTORCH)
    assert isinstance(found["exported"], decomposing.Decomposing)
    method = runtime.Runtime.get().load_program(found["lowered"]).load_method("forward")
    torch.testing.assert_close(method.execute([found["x"]])[0], found["model"](found["x"]))


def test_openvino(run):
    pytest.importorskip("openvino")
    found = run(OPENVINO)
    assert isinstance(found["exported"], decomposing.Decomposing)
    for x in batches():
        (y,) = found["compiled"](x.numpy()).values()
        # Its kernels may compute with less than 32 bits.
        torch.testing.assert_close(torch.from_numpy(y), found["model"](x), atol=0.01, rtol=0.01)


@pytest.mark.slow
def test_an_exporter_of_a_library(run):
    pytest.importorskip("transformers.exporters")
    found = run(TRANSFORMERS)
    assert isinstance(found["exported"], decomposing.Decomposing)
    module, model = found["exported"].module(), found["model"]
    for batch, length in ((2, 8), (1, 5), (3, 9)):
        ids = torch.randint(0, 64, (batch, length))
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        torch.testing.assert_close(module(**given).logits, model(**given).logits)


class Norming(torch.nn.Module):
    """Statistics that are arguments, of which one is read before it is written, or after."""

    def __init__(self, is_read_after):
        super().__init__()
        self.is_read_after = is_read_after

    def forward(self, x, mean, var):
        scale = (var + 1e-5).sqrt()
        y = torch.nn.functional.batch_norm(x / scale[:, None, None], mean, var, training=True)
        return y + var.mean() if self.is_read_after else y


@pytest.mark.parametrize("is_read_after", [False, True])
def test_statistics_that_are_arguments_are_written_in_place(is_read_after):
    def arguments():
        torch.manual_seed(0)
        return torch.randn(2, 3, 4, 4), torch.randn(3), torch.rand(3)

    model = Norming(is_read_after)
    program = monograph.export(model, arguments())
    theirs = program.to_torch()
    writes = torch.ops.aten.batch_norm.default in {n.target for n in theirs.graph.nodes}
    assert writes is not is_read_after
    copied = program.module()
    copied.recompile()
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    loaded = monograph.load(file)
    assert loaded.graph_signature == program.graph_signature
    eager = arguments()
    expected = model(*eager)
    for module in (theirs.module(), copied, loaded.module(), monograph.from_torch(theirs).module()):
        given = arguments()
        torch.testing.assert_close(module(*given), expected)
        torch.testing.assert_close(given, eager)


def test_a_count_of_batches_is_written_in_place_and_read_back(run):
    found = run("exported = torch.export.export(model.train(), (x,))\n")
    exported, model, x = found["exported"], found["model"], found["x"]
    targets = [node.target for node in exported.graph.nodes if node.op == "call_function"]
    assert targets[1:3] == [torch.ops.aten.add_.Tensor, torch.ops.aten.batch_norm.default]
    assert not exported.graph_signature.buffers_to_mutate
    back = monograph.from_torch(exported)
    assert set(back.graph_signature.buffers_to_mutate.values()) == set(dict(model.named_buffers()))
    for count, module in enumerate((exported.module(), back.module()), start=1):
        module(x)
        assert model.norm.num_batches_tracked == count
    copied = back.module()
    copied.recompile()
    copied(x)
    assert model.norm.num_batches_tracked == 3


def test_unflatten(run):
    found = run(UNFLATTENED)
    assert isinstance(found["exported"], decomposing.Decomposing)
    torch.testing.assert_close(found["modules"](found["x"]), found["model"](found["x"]))
    found["modules"].conv.forward = lambda x: torch.zeros(len(x), 4, 8, 8)
    assert not torch.allclose(found["modules"](found["x"]), found["model"](found["x"]))
