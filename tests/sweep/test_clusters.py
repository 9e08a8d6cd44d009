"""A sweep on a cluster of several nodes of this machine, one of which is killed on the way."""

import importlib.util
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monograph.sweep import Catalogue, Limits, LocalExecutor, Plan, Store
from monograph.sweep.record import write_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra `ray`"),
]
LIMITS = Limits(30, 1)
WAYS = {"exporters": ("monograph",), "forms": ("static", "dynamic"), "stages": ("file",)}

MODELS = """
import torch
from torch import nn


class Chain(nn.Module):
    def __init__(self, depth, act):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(4, 4) for _ in range(depth)))
        self.act = act

    def forward(self, x):
        y = getattr(torch, self.act)(self.layers(x))
        return y if self.act != "sign" or y.sum() > 0 else -y
"""
MODEL = """
[[models]]
name = "{act}-{depth}"
build = "models.py:Chain"
with = {{ depth = {depth}, act = "{act}" }}
sizes = {{ batch = [2, 1, 3] }}
args = ["f32[batch, 4]"]
"""


def test_a_node_that_is_killed_takes_no_verdict_with_it(tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    models = [(act, depth) for act in ("relu", "tanh", "sigmoid", "sign") for depth in (1, 2, 3)]
    text = "".join(MODEL.format(act=act, depth=depth) for act, depth in models)
    zoo, here, there = (tmp_path / name for name in ("zoo.toml", "here.jsonl", "there.jsonl"))
    zoo.write_text(text)
    plan = Plan(Catalogue(zoo), Store(), **WAYS, limits=LIMITS)
    with closing(LocalExecutor()) as executor:
        assert len(list(plan.run(executor))) == 12 + 24 + 18  # eager, exports, files
    write_record(plan.store, here)
    program = Path(__file__).with_name("killed_node.py")
    done = subprocess.run(
        [sys.executable, program, zoo, there], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert there.read_text() == here.read_text()
