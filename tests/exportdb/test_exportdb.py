"""Every case of ExportDB does what it declares."""

import textwrap

import pytest
import torch

from monograph import exportdb
from monograph.exportdb import Case
from monograph.exportdb.registry import CASES, CaseError, files_in, load
from monograph.exportdb.runner import CaseFailedError, run_case


@pytest.mark.parametrize("file", files_in(CASES), ids=lambda file: file.stem)
def test_case(file):
    run_case(load(file))


GOOD = '''
"""A title.

What it shows
-------------
Something.

What Monograph does
-------------------
Something.
"""

import torch
from torch import nn
from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=())


class Net(nn.Module):
    def forward(self, x):
        return torch.relu(x)


def model():
    return Net()


def inputs():
    return call(torch.ones(2))
'''


def run(tmp_path, text):
    file = tmp_path / "some_case.py"
    file.write_text(text.lstrip())
    run_case(load(file))


@pytest.mark.parametrize(
    "change",
    [
        'EXPECT = Expect(operators=("sin",))',
        'EXPECT = Expect(outputs=("USER_OUTPUT", "USER_OUTPUT"))',
        'EXPECT = Expect(assumptions=("random",))',
        'CASE = Case(tags=(), support=Support.UNSUPPORTED)\nEXPECT = Expect(code="MG-D101")',
        "def bad_inputs(): return [call(torch.zeros(2))]",
        "def more_inputs(): return [call(torch.zeros(3))]",
        'def dynamic_shapes(): return {"x": {0: Dim("n", min=2)}}\n'
        "def more_sizes(): return [call(torch.ones(1))]",
        'def dynamic_shapes(): return {"x": {0: Dim("n")}}\n'
        "def bad_sizes(): return [call(torch.ones(1))]",
        "def rewrite_other():\n    class Other(nn.Module):\n"
        "        def forward(self, x): return x + 1\n    return Other()",
        "class Net(nn.Module):\n    calls = 0\n    def forward(self, x):\n"
        "        self.calls += 1\n        return x + self.calls\n"
        "def more_inputs(): return [inputs()]",
    ],
)
def test_a_false_declaration_fails(change, tmp_path):
    run(tmp_path, GOOD)
    with pytest.raises(CaseFailedError):
        run(tmp_path, GOOD + change)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A title.", "no title"),
        ("What it shows", "What is shown"),
        ("def model", "def no_model"),
        ("CASE = ", "KASE = "),
    ],
)
def test_a_file_that_is_no_case(old, new, tmp_path):
    with pytest.raises(CaseError):
        run(tmp_path, GOOD.replace(old, new))


def test_the_marked_line_is_the_one_that_is_refused(tmp_path):
    text = GOOD.replace("tags=()", "tags=(), support=Support.UNSUPPORTED, strict=Support.SUPPORTED")
    text = text.replace(
        "        return torch.relu(x)",
        "        y = x + 1\n        if x.sum() > 0:  # refused: MG-D101\n"
        "            y = y + 1\n        return y",
    )
    text += 'EXPECT = Expect(code="MG-D101")\n'
    run(tmp_path, text)
    moved = text.replace("  # refused: MG-D101", "")
    moved = moved.replace("y = x + 1", "y = x + 1  # refused: MG-D101")
    with pytest.raises(CaseFailedError, match="names line"):
        run(tmp_path, moved)


def test_tags_are_a_closed_vocabulary():
    with pytest.raises(ValueError, match="unknown tags"):
        Case(("torch.unheard-of",))


def test_the_python_interface():
    found = list(exportdb.cases())
    assert [entry.name for entry in found] == sorted(entry.name for entry in found)
    assert exportdb.get("cond-operands") is exportdb.get("cond_operands")
    with pytest.raises(KeyError):
        exportdb.get("no-such-case")


def test_the_program_of_a_case_is_told_from_its_data():
    entry = exportdb.get("branch_on_value")
    source = entry.source_of()
    assert "class IfOnValue(nn.Module):" in source
    assert "import torch" in source
    for name in ("CASE", "def model", "exportdb", "class Where", "What it shows"):
        assert name not in source
    assert "torch.where" in entry.source_of("where")
    namespace = {}
    exec(textwrap.dedent(source), namespace)
    assert isinstance(namespace["IfOnValue"](), torch.nn.Module)
