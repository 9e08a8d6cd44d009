"""What a user sees of an error: tracebacks, the way to the line, failures when a program runs."""

import json
import re
import traceback

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import monograph
from monograph.cli import app
from monograph.diagnostics import UndecidedError


def helper(x):
    if x.sum() > 0:
        return x
    return -x


class Block(nn.Module):
    def forward(self, x):
        return helper(x) + 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Identity(), Block()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def refused(f, *args, **options):
    with pytest.raises(monograph.ExportError) as caught:
        monograph.export(f, args, **options)
    return caught.value


def test_the_way_to_the_line():
    error = refused(Net(), torch.ones(3))
    assert error.module == "layers.1"
    assert [line.function for line in error.calls] == ["forward", "forward", "helper"]
    assert error.calls[-1] == error.where
    text = str(error)
    assert "in layers.1, called by way of test_messages.py" in text
    assert "with your example inputs it is True" in text
    assert len(text.splitlines()) < 20
    data = error.as_dict()
    json.dumps(data)
    assert data["code"] == "MG-D101"
    assert data["where"]["text"] == "if x.sum() > 0:"
    assert data["where"]["column"] == 8
    assert data["module"] == "layers.1"
    assert [step["function"] for step in data["calls"]] == ["forward", "forward", "helper"]


def frames(error):
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.called_directly
def test_tracebacks_end_in_the_users_line(monkeypatch):
    error = refused(Net(), torch.ones(3))
    files = frames(error)
    assert files[-1] == __file__
    ours = [file for file in files if "monograph/" in file.replace("\\", "/")]
    assert len(ours) == 2, "export itself, and what it shares with export_variants"
    assert not any("torch" in file for file in files)
    assert error.__cause__ is None
    monkeypatch.setenv("MONOGRAPH_BACKTRACE", "1")
    assert len(frames(refused(Net(), torch.ones(3)))) > len(files) + 5


def test_names_as_users_write_them():
    error = refused(Net(), torch.ones(3))
    line = traceback.format_exception_only(error)[0]
    assert line.startswith("monograph.DataDependentError: [MG-D101]")


def test_a_failure_when_the_program_runs_names_the_users_line():
    def f(x, i):
        y = x * 2
        return y + torch.cond(x.sum() > 0, lambda x: x.gather(0, i), lambda x: x[:1], (x,))

    program = monograph.export(f, (torch.ones(3), torch.tensor([1]))).module()
    with pytest.raises(RuntimeError, match="out of bounds") as caught:
        program(torch.ones(3), torch.tensor([7]))
    notes = "\n".join(caught.value.__notes__)
    assert f'File "{__file__}"' in notes
    assert "x.gather(0, i)" in notes


def test_equal_functions_of_two_files_are_told_apart(tmp_path):
    text = "def f(x):\n    if x.sum() > 0:\n        return x\n    return -x\n"
    for name in ("one.py", "two.py"):
        namespace = {}
        path = tmp_path / name
        path.write_text(text)
        exec(compile(text, str(path), "exec"), namespace)
        assert refused(namespace["f"], torch.ones(2)).where.file == str(path)


def test_explained():
    program = monograph.export(lambda x, n: x * n, (torch.ones(2), 3))
    assert program.explain().splitlines() == [
        "constant-input (1):", "  the argument n is always 3",
    ]  # fmt: skip
    assert monograph.export(torch.sin, (torch.ones(2),)).explain() == ""


SOURCE = """
import torch
from monograph import Dim

def make():
    def f(x, n):
        return x[:2] * n if x.shape[0] > 3 else x
    return f, (torch.ones(5), 3), {}, ({0: Dim.AUTO}, None)
"""


@pytest.mark.parametrize(("options", "denied"), [
    ((), []),
    (("--deny", "specialised"), ["constant-input"]),
    (("--deny", "specialised,narrowed"), ["constant-input", "narrowed"]),
    (("--deny", "unstable"), []),
    (("--allow", "narrowed"), ["constant-input"]),
    (("--allow", "narrowed,specialised"), []),
])  # fmt: skip
def test_assumptions_that_are_errors(options, denied, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    done = CliRunner().invoke(app, ["export", f"{path}:make", *options])
    assert done.exit_code == bool(denied), done.output
    for kind in ("constant-input", "narrowed"):
        assert (f"  {kind}: " in done.stderr) == (kind in denied)


def picks_the_best(x):
    y = x[x > 0]
    return y.topk(3).values if y.numel() > 3 else y


def stops_at(n, x):
    k = n.item()
    return x * 2 if k != 3 else x


def is_small(n, x):
    return x * 2 if n.item() + 1 < 4.5 and x.sum() is not None else x


ASKING = {
    "prose": (picks_the_best, (torch.ones(9),), []),
    "other side": (stops_at, (torch.tensor(5), torch.ones(2)), ["k != 3"]),
    "example's side": (stops_at, (torch.tensor(3), torch.ones(2)), ["k == 3"]),
    "float": (is_small, (torch.tensor(2.5), torch.ones(2)), ["(n.item() + 1.0) < 4.5"]),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_is_to_be_checked_is_python_and_holds_for_the_example(name):
    program, args, checks = ASKING[name]
    with pytest.raises(UndecidedError) as caught:
        monograph.export(program, args)
    advised = re.findall(r"torch\._check\((.*)\)$", str(caught.value), re.MULTILINE)
    assert list(caught.value.checks) == checks
    assert set(advised) <= set(checks)
    for check in checks:
        assert eval(check, {"n": args[0], "k": args[0].item()})


@pytest.mark.called_directly
@pytest.mark.parametrize("call", [monograph.export, monograph.check])
def test_exceptions_of_the_program_have_the_users_frames_alone(call):
    def fails(x):
        try:
            return {}[x.shape[0]]
        except KeyError:
            raise ValueError("batch must be 3")  # noqa: B904

    with pytest.raises(ValueError, match="must be 3") as caught:
        call(fails, (torch.ones(2),))
    error = caught.value
    assert frames(error)[-1] == __file__
    ours = [file for file in frames(error) if "monograph/" in file.replace("\\", "/")]
    assert len(ours) <= 3, "what was called, and what it calls"
    assert not [file for file in frames(error.__context__) if "monograph/" in file]


def test_a_narrowed_range_is_told_the_right_way_round():
    def odd(x):
        if x.shape[0] != 2 * (x.shape[0] // 2):
            return x * 100
        return x + 1

    program = monograph.export(odd, (torch.zeros(4),), dynamic_shapes=({0: monograph.Dim.AUTO},))
    (text,) = [str(a) for a in program.assumptions]
    assert "asks for s0 % 2 != 0, taken as False: this program covers s0 % 2 == 0" in text
