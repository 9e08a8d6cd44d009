"""What the README says is so."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from monograph import exportdb

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md"]
README = (ROOT / "README.md").read_text()


def test_example_and_its_output(tmp_path):
    blocks = (re.search(rf"```{kind}\n(.*?)```", README, re.S) for kind in ("python", "text"))
    code, output = (block.group(1) for block in blocks)
    assert code == (ROOT / "examples" / "quickstart.py").read_text()
    path = tmp_path / "quickstart.py"
    path.write_text(code)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    printed = done.stdout.replace(str(tmp_path) + "/", "")
    assert [line.rstrip() for line in printed.splitlines()] == [
        line.rstrip() for line in output.splitlines()
    ]


@pytest.mark.parametrize("name", ["README.md", "docs/explanation/features.md"])
def test_as_many_patterns_as_there_are(name):
    found = re.findall(r"(\d+) patterns of programs|catalogue's (\d+)", (ROOT / name).read_text())
    assert {int(a or b) for a, b in found} == {len(list(exportdb.cases()))}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), target


def test_dependencies_have_a_row():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match("[a-z0-9-]+", each).group() for each in project["dependencies"]]
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| ([a-z0-9-]+) \|", text[text.index("## Why these dependencies") :], re.M)
    first = rows.index("torch")
    assert sorted(rows[first : first + len(names)]) == sorted(names)
