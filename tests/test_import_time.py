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
# Operators without a rule, whose results torch's fake tensors tell.
ON_FAKES = """
import sys
import torch
import monograph
from monograph.inference import fakes
def programs(x, y):
    return (torch.atan2(x[1:], y), torch.lerp(x[1:], y, 0.5), x.cummax(0), torch.special.i0e(x),
            torch.nn.functional.pdist(y), torch.trapezoid(x), x.var(0))
any_size = {0: monograph.Dim.DYNAMIC}
x, y = torch.ones(5, 3), torch.ones(4, 3)
ep = monograph.export(programs, (x, y), dynamic_shapes=(any_size, any_size))
assert [each.shape for each in ep.module()(x, y)[:2]] == [(4, 3), (4, 3)]
assert monograph.torch_internals._fake_mode_class.cache_info().misses
fakes.outcome_on_fakes(torch.ops.aten.atan2.default, (fakes.spec_of(x), fakes.spec_of(x)), {}, None)
assert "torch._dynamo" not in sys.modules
assert torch.compile(torch._refs.atan2, backend="eager")(x, x).shape == (5, 3)
ep = monograph.export(programs, (x, y), dynamic_shapes=(any_size, any_size))
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


def test_fake_tensors_do_not_load_the_compiler(tmp_path):
    outcome(ON_FAKES, tmp_path)
