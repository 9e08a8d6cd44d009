"""The commands that work on files."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import monograph
from monograph import Dim
from monograph.cli import app

X = torch.randn(4, 3)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    program = monograph.export(model, (X,), dynamic_shapes=({0: Dim("batch", max=8)},))
    monograph.save(program, tmp_path / "a.pt2")
    return tmp_path / "a.pt2"


def test_show(file):
    result = run("show", file)
    assert result.exit_code == 0
    assert "torch.ops.aten.linear.default" in result.stdout
    assert "p_0_weight: PARAMETER target='0.weight'" in result.stdout
    assert "size batch" in result.stdout
    assert "16 in 2 tensors" in result.stdout
    assert "torch.ops.aten.linear.default(" not in run("show", file, "--summary").stdout


def test_export_to_a_file(tmp_path):
    (tmp_path / "some_net.py").write_text(
        "import torch\n\ndef make():\n    return torch.nn.Linear(2, 2), (torch.ones(1, 2),)\n"
    )
    result = run("export", tmp_path / "some_net.py", "-o", tmp_path / "net.pt2")
    assert result.exit_code == 0
    assert monograph.load(tmp_path / "net.pt2").parameters()


def test_run(file, tmp_path):
    for given in ((X,), X, ((X,), {})):
        torch.save(given, tmp_path / "in.pt")
        result = run("run", file, "--inputs", tmp_path / "in.pt", "--output", tmp_path / "out.pt")
        assert result.exit_code == 0, result.stderr
        found = torch.load(tmp_path / "out.pt")
        torch.testing.assert_close(found, monograph.load(file).module()(X))
    torch.save((torch.ones(9, 3),), tmp_path / "in.pt")
    result = run("run", file, "--inputs", tmp_path / "in.pt", "--output", tmp_path / "out.pt")
    assert result.exit_code == 1
    assert "MG-I106" in result.stderr


def test_diff(file, tmp_path):
    assert run("diff", file, file).exit_code == 0
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    with torch.no_grad():
        model[0].bias[1] += 1
    monograph.save(monograph.export(model, (X,)), tmp_path / "b.pt2")
    result = run("diff", file, tmp_path / "b.pt2")
    assert result.exit_code == 1
    assert "tanh" in result.stdout
    assert "-batch: VR[0, 8]" in result.stdout
    assert "model: 0.bias: 1 of 4 differ, by 1 at most" in result.stdout
    assert "0.weight:" not in result.stdout


def test_compile(file, tmp_path):
    pytest.importorskip("onnxscript")
    result = run("compile", file, "--backend", "onnx", "-o", tmp_path / "a.onnx")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "a.onnx").stat().st_size > 100


@pytest.mark.parametrize("command", ["show", "diff", "run", "compile"])
def test_a_file_that_is_none(command, tmp_path):
    path = tmp_path / "broken.pt2"
    path.write_bytes(b"nothing")
    rest = {"diff": [path], "run": ["--inputs", path, "--output", path],
            "compile": ["-o", tmp_path / "x.pt2"]}.get(command, [])  # fmt: skip
    result = run(command, path, *rest)
    assert result.exit_code == 1
    assert "MG-F101" in result.stderr
