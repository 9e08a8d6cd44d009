"""The command line."""

import pytest
from typer.testing import CliRunner

from monograph.cli import app

FILE = """
import torch
from torch import nn

def make():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (torch.randn(2, 3),)

class Fixed(nn.Module):
    def forward(self):
        return torch.arange(3)

fixed = Fixed()

def branches():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x
    return Branch(), (torch.randn(2),)

def nonsense():
    return 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some_model.py"
    path.write_text(FILE)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_prints_the_program(file):
    result = run(f"{file}:make")
    assert result.exit_code == 0
    assert "torch.ops.aten.linear.default(input, p_0_weight, p_0_bias)" in result.stdout
    assert "export" in result.stderr


def test_summary(file):
    result = run(f"{file}:make", "--summary")
    assert result.exit_code == 0
    assert "16 in 2 tensors" in result.stdout
    assert "aten.relu.default" in result.stdout


def test_module_instance(file):
    assert "aten.arange" in run(f"{file}:fixed").stdout


def test_default_is_what_the_file_offers(tmp_path):
    path = tmp_path / "only_one.py"
    path.write_text(FILE.partition("class Fixed")[0])
    assert "aten.linear" in run(path).stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "name what to export"), (":absent", "has no absent"), (":nonsense", "is not a module"),
        (":branches", "MG-D101"),
    ],
)  # fmt: skip
def test_mistakes(file, name, message):
    result = run(f"{file}{name}")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_no_such_file(tmp_path):
    assert "there is no file" in run(tmp_path / "none.py").stderr
