"""Monograph in the place of torch's exporter: what callers get, and what is put back."""

import copy
import io
import logging
import pickle
import subprocess
import sys
import threading

import pytest
import torch
from small_models import Net
from torch import nn
from torch.export import export as imported_before

import monograph
from monograph.interop import decomposing, exporter, private

ORIGINAL = private.exporter()
OF_TORCH = torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode
LINEAR = torch.ops.aten.linear.default


class Branching(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x + 1
        return x - 1


X = torch.randn(4, 3, 8, 8)
SHAPES = {"x": {0: torch.export.Dim("batch", min=1, max=64)}, "scale": None}


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    monograph.uninstall()
    assert private.exporter() is ORIGINAL


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def program(model):
    with monograph.installed():
        return torch.export.export(model, (X,), dynamic_shapes=SHAPES)


def targets(program):
    return [node.target for node in program.graph.nodes if node.op == "call_function"]


def is_ours(program):
    return isinstance(program, decomposing.Decomposing)


def agrees(program, model):
    for size in (1, 4, 9):
        x = torch.randn(size, 3, 8, 8)
        torch.testing.assert_close(program.module()(x), model(x))


def test_everybody_gets_our_programs_until_it_is_taken_back(model):
    monograph.install()
    monograph.install()
    assert is_ours(torch.export.export(model, (X,)))
    assert is_ours(imported_before(mod=model, args=(X,), kwargs={"scale": 2.0}, strict=True))
    monograph.uninstall()
    assert private.exporter() is ORIGINAL
    assert not is_ours(imported_before(model, (X,)))
    monograph.uninstall()
    assert private.exporter() is ORIGINAL


def test_a_program_is_torchs_own(program, model, tmp_path):
    assert isinstance(program, torch.export.ExportedProgram)
    assert program.dialect == "TRAINING"
    program.validate()
    agrees(program, model)
    torch.testing.assert_close(torch.export.unflatten(program)(X), model(X))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    agrees(torch.export.load(file), model)


def test_copies_are_decomposed_like_the_first(program, model):
    copied = copy.deepcopy(program)
    assert is_ours(copied)
    found = copied.run_decompositions()
    agrees(found, model)
    assert LINEAR not in targets(found)


def test_a_pickle_keeps_what_is_noted(program, model):
    again = pickle.loads(pickle.dumps(program))
    assert is_ours(again)
    assert [n.meta.get("nn_module_stack") for n in again.graph.nodes] == [
        n.meta.get("nn_module_stack") for n in program.graph.nodes
    ]
    agrees(again, model)
    assert copy.copy(program).graph is program.graph


def test_decompositions_are_of_the_same_kind(program, model):
    found = program.run_decompositions()
    assert is_ours(found)
    assert found.dialect == "ATEN"
    agrees(found, model)
    assert torch.ops.aten.conv2d.default not in targets(found)
    assert is_ours(found.run_decompositions({}))


def test_a_table_says_what_is_kept(program, model):
    kept = program.run_decompositions({})
    assert {LINEAR, torch.ops.aten.conv2d.default} <= set(targets(kept))
    table = torch.export.default_decompositions()
    del table[LINEAR]
    found = program.run_decompositions(table)
    assert LINEAR in targets(found)
    assert torch.ops.aten.conv2d.default not in targets(found)
    agrees(found, model)
    given = program.run_decompositions({torch.ops.aten.relu.default: lambda x: x.clamp(min=0)})
    assert torch.ops.aten.relu.default not in targets(given)
    assert torch.ops.aten.clamp.default in targets(given)
    agrees(given, model)


def test_what_was_edited_is_decomposed_as_it_is(program):
    edited = copy.deepcopy(program)
    (relu,) = edited.graph.find_nodes(op="call_function", target=torch.ops.aten.relu.default)
    relu.target = torch.ops.aten.sigmoid.default
    edited.graph_module.recompile()
    found = edited.run_decompositions()
    assert torch.ops.aten.sigmoid.default in targets(found)
    torch.testing.assert_close(found.module()(X), edited.module()(X))


def test_a_refusal_is_ours_unless_torchs_exporter_is_asked_for(caplog):
    x = torch.ones(3)
    with monograph.installed(), pytest.raises(monograph.DataDependentError):
        torch.export.export(Branching(), (x,))
    with caplog.at_level(logging.WARNING, "monograph.installed"):
        for _ in range(2):
            with monograph.installed(fallback=True), pytest.raises(OF_TORCH):
                torch.export.export(Branching(), (x,))
    assert [r.getMessage().count("MG-D101") for r in caplog.records if "refused" in r.message] == [
        1,
        1,
    ]


def test_what_torch_can_do_is_done_where_ours_refuses(model, monkeypatch):
    def refuse(*args, **keywords):
        raise monograph.ExportError("no")

    with exporter.installed(exporter.Settings(refuse, fallback=True)):
        found = torch.export.export(model, (X,))
    assert not is_ours(found)


def test_strict_mode_may_be_chosen_for_all(model):
    with monograph.installed(strict=True):
        found = torch.export.export(Branching(), (torch.ones(3),))
    for x in (torch.ones(3), -torch.ones(3)):
        assert torch.equal(found.module()(x), Branching()(x))


def test_a_draft_is_ours_where_it_exports_and_torchs_where_it_does_not(model):
    with monograph.installed():
        sound = torch.export.draft_export(model, (X,))
        unsound = torch.export.draft_export(Branching(), (torch.ones(3),))
    assert is_ours(sound)
    assert sound._report.successful()
    assert not is_ours(unsound)
    assert not unsound._report.successful()


def test_a_with_is_of_its_thread_and_nests(model):
    found = {}

    def work(name):
        found[name] = is_ours(torch.export.export(model, (X,)))

    def in_a_thread(name):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join()

    with monograph.installed():
        in_a_thread("beside a with")
        with monograph.installed(strict=True):
            assert is_ours(torch.export.export(Branching(), (torch.ones(3),)))
        with pytest.raises(monograph.DataDependentError):
            torch.export.export(Branching(), (torch.ones(3),))
        monograph.install()
        in_a_thread("installed")
        monograph.uninstall()
        work("a with after uninstall")
    assert found == {
        "beside a with": False, "installed": True, "a with after uninstall": True,
    }  # fmt: skip


def test_many_threads_put_everything_back(model):
    errors = []

    def work():
        try:
            for _ in range(3):
                with monograph.installed():
                    assert is_ours(torch.export.export(nn.ReLU(), (torch.ones(2),)))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_an_error_inside_puts_everything_back():
    with pytest.raises(KeyError), monograph.installed():
        raise KeyError
    assert private.exporter() is ORIGINAL


def test_what_another_has_put_over_ours_stays(monkeypatch):
    def theirs(*args, **keywords):
        return ORIGINAL(*args, **keywords)

    with monograph.installed():
        private.set_exporter(theirs)
    assert private.exporter() is theirs
    private.set_exporter(ORIGINAL)


def test_what_is_no_module_is_refused_by_torch():
    with monograph.installed(), pytest.raises(ValueError, match="to be an instance of"):
        torch.export.export(torch.sin, (torch.ones(2),))


def test_a_script_is_run_with_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch\n"
        "from torch.export import export\n"
        "from beside import Net\n"
        "program = export(Net(), (torch.ones(3),))\n"
        "print(type(program).__name__, program.module()(-torch.ones(3)).tolist(), *sys.argv[1:])\n"
    )
    (tmp_path / "beside.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n"
        "        if x.sum() > 0:\n            return x + 1\n        return x - 1\n"
    )
    command = [sys.executable, "-m", "monograph.run", "--strict", str(script), "--fallback", "4"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "Decomposing [-2.0, -2.0, -2.0] --fallback 4\n"


def test_a_module_is_run_with_it(tmp_path):
    (tmp_path / "tool.py").write_text(
        "import torch\n"
        "print(type(torch.export.export(torch.nn.ReLU(), (torch.ones(1),))).__name__)\n"
    )
    command = [sys.executable, "-m", "monograph.run", "-m", "tool"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "Decomposing\n"
