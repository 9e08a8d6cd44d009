"""What an export that succeeds has no use for is not loaded by it."""

import os
import subprocess
import sys

PROGRAM = """
import sys
import torch
import monograph
before = set(sys.modules)
monograph.export(torch.nn.Linear(2, 2), (torch.ones(2, 2),))
monograph.export(torch.nn.LSTM(4, 4), (torch.ones(3, 2, 4),))
print(*sorted(set(sys.modules) - before))
"""
LATER = (
    "graph_module", "inference.agreement", "interop.files", "ir.verify", "passes.decomposed",
    "passes.unflatten", "source.advice", "source.strict", "verification",
)  # fmt: skip
# A name that was bound before anything of Monograph was loaded, and a draw of a module that numpy
# loads when it is first asked for.
MET_WHILE_CAPTURING = """
import sys
import numpy as np
import torch
from torch import cond
import monograph
assert "numpy.random" not in sys.modules
def chosen(x):
    return cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
ep = monograph.export(chosen, (torch.ones(2),))
assert ep.module()(-torch.ones(2)).tolist() == [-2, -2]
def drawn(x):
    return x + np.random.randint(3)
assert "numpy.random.randint()" in str(monograph.export(drawn, (torch.ones(2),)).assumptions[0])
"""


def outcome(program, folder):
    file = folder / "program.py"
    file.write_text(program)
    found = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MONOGRAPH_VERIFY": "0"},
    )
    return found.stdout


def test_what_is_not_needed_is_not_loaded(tmp_path):
    loaded = outcome(PROGRAM, tmp_path).split()
    assert "monograph.stages" in loaded
    assert not [name for name in LATER if f"monograph.{name}" in loaded]
    assert len(loaded) < 150
    assert "torch._dynamo" not in loaded


def test_what_is_loaded_while_capturing_is_seen(tmp_path):
    outcome(MET_WHILE_CAPTURING, tmp_path)
