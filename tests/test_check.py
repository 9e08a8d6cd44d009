"""``check``: every problem, its line, and a change that was tried."""

import copy
import json
import os
import re
import subprocess
from pathlib import Path

import failing_programs
import pytest
import strict_programs
import torch
from advice import loaded
from failing_programs import PROGRAMS
from torch import nn
from typer.testing import CliRunner

import monograph
from monograph.cli import app
from monograph.testing import assert_equal

FILE = Path(failing_programs.__file__)
SNAPSHOTS = Path(__file__).parent / "snapshots"
LINES = FILE.read_text().splitlines()
ASKING = {  # what the default mode refuses of what strict mode captures
    name: (f, inputs) for name, (f, inputs) in strict_programs.PROGRAMS.items()
}


def text_of(report):
    """A report without what depends on where files lie, and on their other lines."""
    text = re.sub(r"\S*?(\w+)\.py:\d+", r"\1.py", str(report)).replace(str(FILE), FILE.name)
    return re.sub(r"(?m)^@@ .*$", "@@", text) + "\n"


def same_results(make, fixed, calls, shapes):
    """The changed program, and what it exports to, give what the program gives."""
    exported = monograph.export(fixed(), copy.deepcopy(calls[0]), dynamic_shapes=shapes)
    programs = [make(), fixed(), exported.module()]
    for call in calls:
        given = [copy.deepcopy(call) for _ in programs]
        results = []
        for program, args in zip(programs, given, strict=True):
            torch.manual_seed(0)
            with torch.no_grad():
                results.append((program(*args), args))
        for result in results[1:]:
            assert_equal(result, results[0], tolerance=1e-4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_located_short_and_fixed(name, tmp_path):
    entry = PROGRAMS[name]
    calls = copy.deepcopy(entry.calls)
    report = monograph.check(entry.make(), calls[0], dynamic_shapes=entry.shapes)
    assert not report.is_clean
    assert report.assumptions == [] or report.program is not None
    for problem in report.problems:
        assert len(str(problem).splitlines()) < 20
        assert problem.error.hint or problem.fix
        if problem.code in ("MG-S102", "MG-S103"):  # where it is declared
            assert problem.where.file == __file__
            continue
        assert problem.where.file == str(FILE)
        line = LINES[problem.where.line - 1]
        assert re.search(rf"# refused: {problem.code}\b", line), line
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("MONOGRAPH_UPDATE_SNAPSHOTS") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(text_of(report))
    assert text_of(report) == snapshot.read_text()
    if entry.unfixable:
        assert report.fix is None
        return
    assert "ready patch" in report.summary
    assert all(problem.fix for problem in report.problems)
    after = FILE.read_text()
    if report.fix.patches:
        (patch,) = report.fix.patches
        assert patch.file == str(FILE)
        after = patch.after
    same_results(entry.make, loaded(after, tmp_path).PROGRAMS[name].make, calls,
                 report.dynamic_shapes)  # fmt: skip


EACH = [
    pytest.param(name, marks=[] if i % 2 else [pytest.mark.slow]) for i, name in enumerate(ASKING)
]


@pytest.mark.parametrize("name", EACH)
def test_branches_and_loops_are_rewritten(name, tmp_path):
    f, inputs = ASKING[name]
    report = monograph.check(f, copy.deepcopy(inputs[0]))
    if report.is_clean:
        return
    (patch,) = report.fix.patches
    assert all(problem.where.file == strict_programs.__file__ for problem in report.problems)
    fixed = loaded(patch.after, tmp_path).PROGRAMS[name][0]
    same_results(lambda: f, lambda: fixed, inputs, None)
    changed = [line for line in report.fix.diff().splitlines() if line[:1] in "+-"]
    assert len(changed) < 60


def test_nine_of_ten_are_fixed():
    asking = len(ASKING)
    unfixable = [name for name, entry in PROGRAMS.items() if entry.unfixable]
    assert len(PROGRAMS) >= 70
    assert len(unfixable) <= 0.1 * (len(PROGRAMS) + asking)


# All at once -------------------------------------------------------------------------------------


class Many(nn.Module):
    def forward(self, x, n):
        for row in x.expand(30, 3):
            if row.sum() > 100:
                x = x + 1
        k = int(n)
        if k > 2:
            x = x * k
        print(f"{x.max().item():.1f}")
        return x


def test_goes_on_after_a_problem():
    report = monograph.check(Many(), (torch.ones(1, 3), torch.tensor(3)))
    found = {problem.where.text: problem for problem in report.problems}
    assert found["if row.sum() > 100:"].count == 30
    assert found["if k > 2:"].code == "MG-D105"
    assert any("x.max().item()" in text for text in found)
    assert report.program is None
    assert "30 times" in str(report)
    assert len(report.as_dict()["problems"]) == len(report.problems)
    json.dumps(report.as_dict())


def test_an_exception_that_eager_mode_does_not_raise():
    def f(x, mask=None):
        if mask is None and not torch.compiler.is_compiling():
            mask = torch.ones(3)
        return x * mask[:2]

    report = monograph.check(f, (torch.ones(2),))
    (problem,) = report.problems
    assert problem.code == "MG-P110"
    assert problem.where.text == "return x * mask[:2]"
    with pytest.raises(ZeroDivisionError):  # eager mode, too
        monograph.check(lambda x: x * (1 // 0), (torch.ones(2),))


def test_what_cannot_be_compared_is_not_promised():
    class Uncopied(nn.Module):
        def __deepcopy__(self, memo):
            raise TypeError("no copies")

        def forward(self, x):
            if x.sum() > 0:
                return x + 1
            return x

    report = monograph.check(Uncopied(), (torch.ones(2),))
    assert report.program is not None
    assert "its results are not compared" in str(report)
    assert report.as_dict()["compared"] is False


def test_a_clean_program():
    report = monograph.check(nn.Linear(2, 2), (torch.ones(1, 2),), prove=True)
    assert report.is_clean
    assert report.summary == "exports"
    assert isinstance(report.program, monograph.ExportedProgram)


def test_nothing_of_the_users_is_changed():
    model, x = Gated(), torch.ones(3)
    before = copy.deepcopy(model.state_dict())
    code = Gated.forward.__code__
    report = monograph.check(model, (x,))
    assert report.fix is not None
    assert Gated.forward.__code__ is code
    assert torch.equal(model.seen, before["seen"])
    with pytest.raises(monograph.DataDependentError):
        monograph.export(model, (x,))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen.add_(1)
        if x.sum() > 0:
            return x + self.seen
        return x


# The mark ----------------------------------------------------------------------------------------


@monograph.convert
def first_large(x):
    for row in x:
        if row.sum() > 3:
            break
    else:
        row = x[0]
    return row


def test_a_marked_function_is_converted_in_the_default_mode():
    program = monograph.export(lambda x: first_large(x) * 2, (torch.zeros(3, 2),)).module()
    for x in (torch.zeros(3, 2), torch.eye(3, 2) * 5, torch.arange(6.0).reshape(3, 2)):
        torch.testing.assert_close(program(x), first_large(x) * 2)

    def unmarked(x):
        return first_large(x) if x.sum() > 0 else x[0]

    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(unmarked, (torch.zeros(3, 2),))
    assert caught.value.where.function == "unmarked"


def test_what_cannot_be_marked():
    with pytest.raises(monograph.PythonFeatureError):
        monograph.convert(torch.sin)


# The command -------------------------------------------------------------------------------------

SOURCE = """import torch
from torch import nn
from monograph import Dim


class Model(nn.Module):
    def forward(self, x, y):
        if x.sum() > 0:
            x = x.sin()
        return x + y


def make():
    rows = Dim("rows")
    x = torch.arange(3.0)
    return Model(), (x, x), {}, ({0: rows}, {0: Dim("columns")})


def clean():
    return nn.ReLU(), (torch.ones(3),)
"""


def command(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some_program.py"
    path.write_text(SOURCE)
    return path


def test_status_and_formats(file):
    assert command(f"{file}:clean").exit_code == 0
    assert command(f"{file}:nobody").exit_code == 2
    shown = command(f"{file}:make")
    assert shown.exit_code == 1
    assert "with a ready patch" in shown.stdout
    assert "if x.sum() > 0:" in shown.stdout
    data = json.loads(command(f"{file}:make", "--format", "json").stdout)
    assert {problem["code"] for problem in data["problems"]} == {"MG-D101", "MG-S101"}
    assert data["problems"][0]["where"]["file"] == str(file)
    sarif = json.loads(command(f"{file}:make", "--format", "sarif").stdout)
    region = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] in (8, 10)


def test_fix_writes_what_was_tried(file):
    subprocess.run(["git", "init", "-q"], cwd=file.parent, check=True)
    refused = command(f"{file}:make", "--fix")
    assert refused.exit_code == 1
    assert "uncommitted changes" in refused.stderr
    assert file.read_text() == SOURCE
    done = command(f"{file}:make", "--fix", "--force")
    assert done.exit_code == 0, done.output
    assert "it exports, and gives what eager mode gives" in done.stderr
    text = file.read_text()
    assert "monograph." in text
    assert 'Dim("columns")' not in text
    assert command(f"{file}:make").exit_code == 0
