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

UNPATCHED = {  # no simple form: strict mode captures them
    "logic_as_values", "none_then_used", "none_by_ternary", "other_ranks", "return_in_with",
    "if_in_match", "zero_argument_super", "ctc_collapse",
    "break_on_value", "continue_on_value", "return_in_loop", "loop_else", "while_true",
    "loop_over_nonzero", "list_in_unknown_loop", "flag_variable", "moe_hit_experts", "greedy_nms",
    "adaptive_computation_time", "newton_sqrt", "rnnt_greedy", "mask_all_before_attention",
    "mask_all_by_ternary", "comprehension_with_condition", "comprehension_of_unknown_length",
    "any_and_all", "length_of_a_list", "list_that_is_extended", "list_in_a_while_loop",
    "dict_in_a_loop", "keep_list_of_unknown_length", "return_in_try", "break_in_with",
}  # fmt: skip


def loaded(text, folder):
    path = folder / f"patched_{abs(hash(text))}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PROGRAMS)
def test_patches(name, tmp_path):
    f, inputs = PROGRAMS[name]
    try:
        monograph.export(f, copy.deepcopy(inputs[0]))
    except DataDependentError as error:
        caught = error
    else:
        return  # an assertion, or nothing that depends on values
    assert caught.is_captured_in_strict_mode
    assert "strict=True" in str(caught)
    if name in UNPATCHED:
        assert caught.patch is None
        return
    assert "fix, verified by exporting it" in str(caught)
    module = loaded(caught.patch.after, tmp_path)
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
    shown = run(app, ["rewrite", f"{path}:make"])
    assert shown.exit_code == 0
    assert (
        "+        return monograph.cond(x.sum() > 0, lambda: x.sin(), lambda: x.cos())"
        in shown.output
    )
    assert path.read_text() == SOURCE
    refused = run(app, ["rewrite", f"{path}:make", "--apply"])
    assert refused.exit_code == 1
    assert path.read_text() == SOURCE
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "model")
    assert run(app, ["rewrite", f"{path}:make", "--apply"]).exit_code == 0
    text = path.read_text()
    assert "# A comment that stays." in text
    assert "import monograph\n" in text
    again = run(app, ["rewrite", f"{path}:make"])
    assert again.exit_code == 0
    module = loaded(text, tmp_path)
    model, args = module.make()
    assert torch.equal(model(*args), args[0].sin())
    assert torch.equal(model(-args[0]), (-args[0]).cos())
    exported = run(app, ["export", f"{path}:make"])
    assert "torch.ops.higher_order.cond" in exported.output
