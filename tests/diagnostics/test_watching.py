"""How far an export is, and where its time went."""

import logging
import time

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import monograph
from monograph.cli import app
from monograph.diagnostics import watching
from monograph.diagnostics.watching import Clock, Watch


class Slow(nn.Module):
    def __init__(self, seconds=0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.seconds = seconds

    def forward(self, x):
        x = self.layers(x)
        time.sleep(self.seconds)
        return x.relu()


X = (torch.ones(2, 3),)


def test_counts():
    statistics = monograph.export(Slow(), X).statistics
    assert statistics.nodes == 2 + 1 + 3 + 1
    assert statistics.operators == {"aten.linear.default": 1, "aten.relu.default": 2}
    assert (statistics.parameters, statistics.elements, statistics.bytes) == (2, 12, 48)
    assert "7 nodes, 3 calls of 2 operators" in str(statistics)


def test_operators_of_branches_are_counted():
    def f(x):
        return monograph.cond(x.sum() > 0, torch.sin, torch.cos, (x,))

    operators = monograph.export(f, (torch.ones(3),)).statistics.operators
    assert operators["aten.sin.default"] == operators["aten.cos.default"] == 1


def test_phases_are_always_timed():
    times = monograph.export(Slow(0.05), X).times
    assert times.phases["capture"] >= 0.05
    assert times.phases["assembly"] > 0
    assert sum(times.phases.values()) <= times.total
    assert (times.captures, times.modules, times.operators) == (1, {}, {})


def test_modules_and_operators_are_timed_where_asked_for():
    with monograph.timings():
        program = monograph.export(Slow(0.05), X)
    times = program.times
    assert set(times.modules) == {"layers.0", "layers.1", "(the root)"}
    assert {name: calls for name, (_, calls) in times.operators.items()} == {
        "aten.linear.default": 1,
        "aten.relu.default": 2,
        "(between operators)": 0,
    }
    assert times.modules["(the root)"][0] >= 0.05  # the time before its operator
    assert times.operators["(between operators)"][0] >= 0.05
    assert sum(s for s, _ in times.operators.values()) <= times.total
    same = monograph.export(Slow(), X)
    assert [n.name for n in same.graph.nodes] == [n.name for n in program.graph.nodes]


def test_every_moment_is_counted_once():
    clock = Clock()
    clock.enter("outer", "before")
    clock.enter("inner")
    time.sleep(0.02)
    clock.leave()
    clock.leave()
    assert clock.seconds["inner"] >= 0.02 > clock.seconds["outer"]
    assert clock.calls == {"outer": 1, "inner": 1}


def test_a_loaded_program_has_no_times(tmp_path):
    monograph.save(monograph.export(Slow(), X), tmp_path / "m.pt2")
    statistics = monograph.load(tmp_path / "m.pt2").statistics
    assert statistics.times is None
    assert statistics.nodes == 7


def test_progress_names_the_phase_the_module_and_the_nodes(capsys):
    class Telling(nn.Module):
        def forward(self, x):
            print(watching.current_watch().progress())
            return x + 1

    watch = Watch()
    with watching.watching(watch):
        monograph.export(nn.Sequential(nn.ReLU(), Telling()), X)
    assert capsys.readouterr().out.startswith("capture: 2 nodes, in 1, ")
    assert watching.current_watch() is None
    assert watch.recorder is None


def test_the_log_says_how_far_it_is(caplog, monkeypatch):
    monkeypatch.setattr(watching, "_SECONDS", 0.02)
    with caplog.at_level(logging.INFO, "monograph"):
        monograph.export(Slow(0.2), X)
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("capture: ") and "nodes" in line for line in lines)
    assert lines[-1].startswith("export: ")
    caplog.clear()
    monograph.export(Slow(), X)
    assert not caplog.records


@pytest.mark.parametrize("flag", ["--timings", "--summary"])
def test_on_the_command_line(flag, tmp_path):
    file = tmp_path / "m.py"
    file.write_text(
        "import torch\nfrom torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Linear(3, 3), nn.ReLU()), (torch.ones(2, 3),)\n"
    )
    result = CliRunner().invoke(app, ["export", f"{file}:make", flag])
    assert result.exit_code == 0, result.output
    assert "aten.linear.default" in result.stdout
    assert ("in all (the program ran once)" in result.stdout) is (flag == "--timings")
