"""A catalogue of one's own: as tests, and checked before a commit."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from monograph.cli import app

ZOO = """
[[models]]
name = "linear"
build = "models.py:Linear"
sizes = { batch = [2, 1, 3] }
args = ["f32[batch, 4]"]

[[models]]
name = "branch"
build = "branches.py:Branch"
args = ["f32[3]"]
"""
EXPECT = 'expect = { static = "refused MG-D101" }\n'
BRANCH = """
from torch import nn


class Branch(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x
"""
MODELS = """
from torch import nn
from widths import WIDTH


class Linear(nn.Linear):
    def __init__(self):
        super().__init__(4, WIDTH)
"""


@pytest.fixture
def zoo(tmp_path):
    (tmp_path / "zoo.toml").write_text(ZOO)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "widths.py").write_text("WIDTH = 2\n")
    (tmp_path / "branches.py").write_text(BRANCH)
    return tmp_path / "zoo.toml"


def test_each_model_is_a_test(zoo):
    branch = ZOO.split("\n\n")[1]
    models = [
        'forms = ["static", "dynamic"]\nstages = ["file"]', ZOO,
        branch.replace('"branch"', '"known"') + EXPECT,
        branch.replace('"branch"', '"other"') + EXPECT.replace("D101", "D105"),
    ]  # fmt: skip
    zoo.write_text("\n".join(models))
    (zoo.parent / "tests").mkdir()
    command = [
        sys.executable, "-m", "pytest", "-p", "monograph.sweep.plugin", "-v",
        "--exportdb-models=zoo.toml", "tests",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=zoo.parent, capture_output=True, text=True, check=False)
    for way in ("static", "static-file", "dynamic", "dynamic-file"):
        assert f"zoo.toml::linear[monograph-{way}] PASSED" in done.stdout, done.stdout
    assert "zoo.toml::branch[monograph-static-file] SKIPPED" in done.stdout
    assert "branch[monograph-dynamic" not in done.stdout  # it has no size that varies
    for name, verdict in (("branch", "FAILED"), ("known", "PASSED"), ("other", "FAILED")):
        assert f"zoo.toml::{name}[monograph-static] {verdict}" in done.stdout
    assert done.returncode == 1
    assert "refused MG-D101, and the catalogue expects: right" in done.stdout
    assert "refused MG-D101, and the catalogue expects: refused MG-D105" in done.stdout
    assert "branches.py:7  return x + 1 if x.sum() > 0 else x" in done.stdout


def check(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def git(folder, *words):
    own = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True)


def test_the_models_of_a_catalogue_are_checked(zoo):
    found = check(zoo)
    assert found.exit_code == 1
    assert "linear: it exports" in found.stdout
    assert "MG-D101" in found.stdout
    assert "2 of 2 models checked, 1 not as expected" in found.stderr
    assert check(f"{zoo}:linear").exit_code == 0
    assert check(f"{zoo}:other").exit_code == 2
    zoo.write_text(ZOO + EXPECT.replace("static", "dynamic"))
    assert "branch: refused MG-D101, as expected" in check(zoo).stdout


def test_what_has_changed_is_checked(zoo):
    folder = zoo.parent

    def checked(*options):
        lines = check(zoo, "--changed", *options).stdout.splitlines()
        return {line.split(":")[0] for line in lines if line[0].isalpha() and "exports" in line}

    assert check(zoo, "--changed").exit_code == 2  # no repository
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    assert checked() == set()
    (folder / "widths.py").write_text("WIDTH = 3\n")  # which models.py imports
    assert checked() == {"linear"}
    file = folder / "models.py"
    assert "nothing has changed" not in check(f"{file}:Linear", "--changed").stderr
    git(folder, "commit", "-qam", "two")
    assert checked() == set()
    assert checked("--since", "HEAD~1") == {"linear"}
    assert "nothing has changed since HEAD" in check(f"{file}:Linear", "--changed").stderr
    zoo.write_text(ZOO.replace("batch = [2, 1, 3]", "batch = [2, 1]"))
    assert checked() == {"linear"}
    git(folder, "checkout", "-q", ".")
    zoo.write_text(ZOO + ZOO.replace('"linear"', '"another"').split("\n\n")[0])
    assert checked() == {"another"}
    assert check(zoo, "--changed", "--since", "nowhere").exit_code == 2
