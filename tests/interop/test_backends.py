"""What makes code of programs: inductor, AOTInductor, ONNX, and torch's quantisation."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from small_models import Net
from torch import nn

import monograph
from monograph import Dim
from monograph.diagnostics import InteropError

X = torch.randn(4, 3, 8, 8)
SIZES = (1, 4, 9)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def program(model):
    return monograph.export(model, (X,), dynamic_shapes=({0: Dim("batch", min=1, max=64)},))


def inputs():
    return [torch.randn(size, 3, 8, 8) for size in SIZES]


needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")


@needs_compiler
def test_inductor(program, model):
    compiled = program.compile("inductor")
    for x in inputs():
        torch.testing.assert_close(compiled(x), model(x))
    theirs = torch.compile(program.to_torch().module())
    torch.testing.assert_close(theirs(X), model(X))


@needs_compiler
def test_aoti(program, model, tmp_path):
    path = tmp_path / "net.pt2"
    compiled = program.compile("aoti", output=path)
    loaded = torch._inductor.aoti_load_package(str(path))
    for x in inputs():
        torch.testing.assert_close(compiled(x), model(x))
        torch.testing.assert_close(loaded(x), model(x))


CPP = """
#include <iostream>
#include <vector>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <ATen/ATen.h>

int main(int count, char** arguments) {
  c10::InferenceMode guard;
  torch::inductor::AOTIModelPackageLoader loader(arguments[1]);
  std::vector<at::Tensor> outputs = loader.run({at::ones({5, 3, 8, 8})});
  std::cout << outputs[0].sum().item<double>() << std::endl;
}
"""


@needs_compiler
def test_aoti_from_cpp(program, model, tmp_path):
    program.compile("aoti", output=tmp_path / "net.pt2")
    (tmp_path / "run.cpp").write_text(CPP)
    torch_root = Path(torch.__file__).parent
    includes = [torch_root / "include", torch_root / "include/torch/csrc/api/include"]
    abi = int(torch.compiled_with_cxx11_abi())
    flags = ["-std=c++20", "-O0", f"-D_GLIBCXX_USE_CXX11_ABI={abi}"]
    subprocess.run(
        ["g++", *flags, *(f"-I{path}" for path in includes),
         tmp_path / "run.cpp", "-o", tmp_path / "run",
         f"-L{torch_root / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10",
         f"-Wl,-rpath,{torch_root / 'lib'}"], check=True,
    )  # fmt: skip
    done = subprocess.run(
        [tmp_path / "run", tmp_path / "net.pt2"], check=True, capture_output=True, text=True
    )
    expected = model(torch.ones(5, 3, 8, 8))["y"].sum().item()
    assert abs(float(done.stdout) - expected) < 1e-4


def test_onnx(program, model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "net.onnx"
    program.compile("onnx", output=path)
    session = onnxruntime.InferenceSession(str(path))
    ((name, shape),) = [(given.name, given.shape) for given in session.get_inputs()]
    assert shape == ["batch", 3, 8, 8]
    assert [result.shape[0] for result in session.get_outputs()] == ["batch"]
    for x in inputs():
        (found,) = session.run(None, {name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), model(x)["y"], rtol=1e-4, atol=1e-5)


def test_onnx_of_a_branch(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")

    def f(x):
        if x.sum() > 0:
            return x * 2
        return x - 1

    path = tmp_path / "branch.onnx"
    monograph.export(f, (torch.ones(3),), strict=True).compile("onnx", output=path)
    session = onnxruntime.InferenceSession(str(path))
    for x in (torch.ones(3), -torch.ones(3)):
        (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), f(x))


def test_what_is_not_installed_says_so(program, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InteropError) as caught:
        program.compile("onnx")
    assert caught.value.code == "MG-F105"
    assert "pip install" in caught.value.hint


def test_there_is_no_such_backend(program, tmp_path):
    with pytest.raises(InteropError) as caught:
        program.compile("tpu")
    assert "aoti" in caught.value.hint
    with pytest.raises(InteropError):
        program.compile("aoti", output=tmp_path / "net.so")
    with pytest.raises(InteropError):
        program.compile("inductor", output=tmp_path / "net.pt2")


# It pins another torch: pip install --no-deps executorch tabulate flatbuffers ruamel.yaml, by hand.


def test_executorch():
    exir = pytest.importorskip("executorch.exir")
    runtime = pytest.importorskip("executorch.runtime")
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), torch.randn(2, 3)
    edge = exir.to_edge(monograph.export(model, (x,)).to_torch())
    method = runtime.Runtime.get().load_program(edge.to_executorch().buffer).load_method("forward")
    torch.testing.assert_close(method.execute([x])[0], model(x))


def test_quantised_by_torchao():
    pt2e = pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e")
    x86 = pytest.importorskip("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), torch.randn(2, 3)
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = pt2e.prepare_pt2e(monograph.export(model, (x,)).to_torch().module(), quantizer)
    prepared(x)
    converted = pt2e.convert_pt2e(prepared)
    assert any("quantize_per_tensor" in str(n.target) for n in converted.graph.nodes)
    torch.testing.assert_close(converted(x), model(x), atol=0.05, rtol=0.05)
