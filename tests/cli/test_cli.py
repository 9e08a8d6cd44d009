"""The command line."""

import pytest
import torch
from typer.testing import CliRunner

import monograph
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


VARIANTS = """
import torch
from monograph import Dim

def reduced(x, weights=None, *, how="mean"):
    x = x if weights is None else x * weights
    if x.shape[0] % 2:
        return [x.sum(0)]
    return x.mean(0) if how == "mean" else x.amax(0)

shapes = {"x": {0: Dim("n")}, "weights": {0: Dim("n")}}

def plain():
    return reduced, (torch.ones(4, 3),), {}, shapes

def weighted():
    return (torch.ones(4, 3), torch.ones(4, 1)), {}

largest = (torch.ones(4, 3),), {"how": "max"}, {"x": {0: Dim("n", min=2, max=4)}}
nonsense = 3
"""


def test_variants(tmp_path):
    path, out = tmp_path / "reductions.py", tmp_path / "out.pt2"
    path.write_text(VARIANTS)
    options = ["--variant", "weighted", "--variant", "largest", "--split"]
    result = run(f"{path}:plain", *options)
    assert result.exit_code == 0, result.stderr
    assert "plain(x: f32[2*_n, 3])" in result.stdout
    assert "largest_2(x: f32[n, 3], how='max') where 2 <= n <= 4, n % 2 != 0" in result.stdout
    assert result.stdout.count("class GraphModule") == 6
    result = run(f"{path}:plain", *options, "-o", out, "--summary")
    assert result.exit_code == 0, result.stderr
    assert list(monograph.load(out)) == [
        "plain", "plain_2", "weighted", "weighted_2", "largest", "largest_2",
    ]  # fmt: skip
    given, found = tmp_path / "given.pt", tmp_path / "found.pt"
    for n in (3, 4):
        torch.save((torch.ones(n, 3), torch.full((n, 1), 2.0)), given)
        options = ["--inputs", str(given), "--output", str(found)]
        result = CliRunner().invoke(app, ["run", str(out), *options])
        assert result.exit_code == 0, result.stderr
        result = torch.load(found)
        assert (result[0] if n == 3 else result).tolist() == [6.0 if n == 3 else 2.0] * 3


@pytest.mark.parametrize(
    ("name", "message"), [("absent", "has no absent"), ("nonsense", "nonsense is not (args,)")]
)
def test_what_is_no_variant(tmp_path, name, message):
    path = tmp_path / "reductions.py"
    path.write_text(VARIANTS)
    result = run(f"{path}:plain", "--variant", name)
    assert result.exit_code == 1
    assert message in result.stderr


RAISES = """
import torch
from torch import nn

class Three(nn.Module):
    def forward(self, x):
        if x.shape[0] != 3:
            raise ValueError("batch must be 3")
        return x

def make():
    return nn.Sequential(nn.Identity(), Three()), (torch.randn(2, 3),)

def misspelt():
    return nn.Identity(), (torch.randn(2, 3),), {}, {"inputs": {0: "b"}}

def longer():
    return lambda a, b: torch.zeros(max(a.shape[0], b.shape[0])), VARYING

D = torch.export.Dim.DYNAMIC
VARYING = (torch.ones(3), torch.ones(5)), {}, ({0: D}, {0: D})
"""


@pytest.fixture
def raising(tmp_path):
    path = tmp_path / "raising.py"
    path.write_text(RAISES.replace("), VARYING", "), *VARYING"))
    return path


@pytest.mark.parametrize("command", ["export", "check"])
def test_an_exception_of_the_program_is_shown_with_its_lines(raising, command):
    result = CliRunner().invoke(app, [command, f"{raising}:make"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == ["ValueError", "batch must be 3"]
    assert "raising.py:8 (forward)   raise ValueError" in result.stderr
    assert len(result.stderr.splitlines()) < 8


def test_a_file_that_cannot_be_imported(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import torch\n\nsize = 1 // 0\n")
    result = run(path)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "broken.py:3 (<module>)   size = 1 // 0" in result.stderr


def test_a_mistake_in_dynamic_shapes_is_nowhere_in_the_command_line(raising):
    result = run(f"{raising}:misspelt")
    assert "MG-S102" in result.stderr
    assert "inputs" in result.stderr
    assert "typer" not in result.stderr


def test_functions_of_sizes_have_names_in_a_summary(raising):
    result = run(f"{raising}:longer", "--summary")
    assert "max" in result.stdout
    assert " at 0x" not in result.stdout


def test_version():
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("monograph 0.")


def test_export_compares_with_eager_mode(file):
    done = run(f"{file}:make", "--verify", "12", "--summary")
    assert done.exit_code == 0, done.output
    assert "12 calls as in eager mode, 0 refused" in done.stderr
