"""The default mode's answer: a patch of the user's own file, tried before it is shown."""

import copy
import importlib.util
import subprocess

import pytest
import torch
from strict_programs import PROGRAMS
from typer.testing import CliRunner

import monograph
from monograph import DataDependentError
from monograph.cli import app
from monograph.testing import assert_equal

PATCHED = [  # each kind of statement; test_check goes through all programs
    "if_value", "guard_clause", "elif_chain", "newton_sqrt", "greedy_nms",
    "loop_over_nonzero", "none_then_used", "comprehension_with_condition",
]  # fmt: skip


def loaded(text, folder):
    path = folder / f"patched_{abs(hash(text))}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PATCHED)
def test_patches(name, tmp_path):
    f, inputs = PROGRAMS[name]
    with pytest.raises(DataDependentError) as refused:
        monograph.export(f, copy.deepcopy(inputs[0]))
    caught = refused.value
    assert caught.is_captured_in_strict_mode
    assert "strict=True" in str(caught)
    assert "fix, verified by exporting it" in str(caught)
    module = loaded(caught.patch.patches[0].after, tmp_path)
    patched = module.PROGRAMS[name][0]
    exported = monograph.export(patched, copy.deepcopy(inputs[0])).module()
    for args in inputs:
        given = [copy.deepcopy(args) for _ in range(3)]
        expected = f(*given[0])
        assert_equal(patched(*given[1]), expected, tolerance=1e-6)
        assert_equal(exported(*given[2]), expected, tolerance=1e-6)
    changed = [line for line in caught.patch.diff().splitlines() if line[:1] in "+-"]
    assert len(changed) < 60


SOURCE = """import torch
from torch import nn


class Model(nn.Module):
    # A comment that stays.
    def forward(self, x):
        if x.sum() > 0:   # as it was
            return x.sin()
        return x.cos()


def make():
    return Model(), (torch.ones(3),)
"""


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def test_command(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    run = CliRunner().invoke
    shown = run(app, ["check", f"{path}:make"])
    assert shown.exit_code == 1
    assert (
        "+        return monograph.cond(x.sum() > 0, lambda: x.sin(), lambda: x.cos())"
        in shown.output
    )
    assert path.read_text() == SOURCE
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "model")
    assert run(app, ["check", f"{path}:make", "--fix"]).exit_code == 0
    text = path.read_text()
    assert "# A comment that stays." in text
    assert "import monograph\n" in text
    module = loaded(text, tmp_path)
    model, args = module.make()
    assert torch.equal(model(*args), args[0].sin())
    assert torch.equal(model(-args[0]), (-args[0]).cos())
    exported = run(app, ["export", f"{path}:make"])
    assert "torch.ops.higher_order.cond" in exported.output


COMMENTED = """
import torch


def f(x):
    if x.sum() > 0:
        # upside down here
        y = x.sin()  # radians
    else:
        # as in the "# firmware"
        y = x.cos()
    return y
"""


def test_comments_are_kept(tmp_path):
    f = loaded(COMMENTED, tmp_path).f
    with pytest.raises(DataDependentError) as caught:
        monograph.export(f, (torch.ones(3),))
    after = caught.value.patch.patches[0].after
    assert "monograph.cond" in after
    for comment in ("# upside down here", "# radians", '# as in the "# firmware"'):
        assert after.count(comment) == 1
    assert_equal(loaded(after, tmp_path).f(-torch.ones(3)), f(-torch.ones(3)))
