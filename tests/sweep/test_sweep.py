"""A sweep over models of our own: each outcome once, runs that go on, and what is told of them."""

import json
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from monograph.cli import app
from monograph.diagnostics import PythonFeatureError
from monograph.exportdb.exporters import EXPORTERS, Exported, Exporter
from monograph.shapes.dims import Dim
from monograph.sweep import (
    Ask,
    Catalogue,
    Entry,
    Limits,
    Listing,
    LocalExecutor,
    Lost,
    Outcome,
    Plan,
    Report,
    Row,
    Store,
    Task,
    Way,
)
from monograph.sweep.record import read_record, write_record
from monograph.sweep.report import cause_of
from monograph.sweep.trials import attempt

MODELS = '''
"""Models that come to different ends."""

import os
import signal

import torch
from torch import nn

from monograph.sweep import Entry

from ._shared import BATCH

NEEDS = ("json",)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.lin = nn.Linear(4, 4)

    def forward(self, *args):
        return self.function(self.lin, *args)


def made(function, inputs):
    return lambda: (Function(function), inputs)


def rows(batch, length=3):
    return (torch.randn(batch, length, 4),), {}


def square(batch, height, width):
    return (torch.randn(batch, height, width, 4),), {}


def keyword(batch):
    return (), {"x": torch.randn(batch, 4)}


def even(lin, x):
    assert x.shape[1] == x.shape[2]
    return lin(x)


def noisy(lin, x):
    torch.seed()
    return lin(x) + torch.randn(1)


def endless(lin, x):
    while torch.compiler.is_exporting():
        pass
    return lin(x)


def deadly(lin, x):
    if torch.compiler.is_exporting():
        os.kill(os.getpid(), signal.SIGSEGV)
    return lin(x)


def asking(lin, x):
    return lin(x) + (1 if torch.compiler.is_exporting() else 2)


def values(lin, x):
    return lin(x) if x.sum() > 0 else -lin(x)


def raising(lin, x):
    raise ValueError("never")


LENGTHS = {**BATCH, "length": (3, 5, 2)}
SIDES = {**BATCH, "height": (3, 5, 2), "width": (3, 5, 2)}


def entries():
    yield Entry("good", made(lambda lin, x: lin(x).relu(), rows), LENGTHS)
    yield Entry("by-name", lambda: (Named(), keyword), BATCH)
    yield Entry("square", made(even, square), SIDES)
    yield Entry("values", made(values, rows), LENGTHS)
    yield Entry("noisy", made(noisy, rows), LENGTHS)
    yield Entry("asking", made(asking, rows), LENGTHS)
    yield Entry("endless", made(endless, rows), LENGTHS)
    yield Entry("deadly", made(deadly, rows), LENGTHS)
    yield Entry("raising", made(raising, rows), LENGTHS)
    yield Entry("lazy", made(lambda lin, x: lin(x), rows), lambda: LENGTHS)


class Named(nn.Module):
    def forward(self, x):
        return x * 2
'''
MISSING = "import a_library_that_nobody_has\n\n\ndef entries():\n    return []\n"
FORMS = ("static", "dynamic", "dynamic-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models")
    (made / "own.py").write_text(MODELS)
    (made / "missing.py").write_text(MISSING)
    (made / "_shared.py").write_text('BATCH = {"batch": (2, 1, 3)}\n')
    return made


@pytest.fixture(scope="module")
def swept(folder, tmp_path_factory):
    """One run over all, with little time for each."""
    file = tmp_path_factory.mktemp("results") / "results.db"
    plan = Plan(Catalogue(folder), Store(file), ("monograph",), limits=Limits(seconds=1.0))
    with closing(LocalExecutor()) as runner:
        rows = list(plan.run(runner))
    [(library, problem)] = plan.problems.items()
    assert library == "missing"
    assert problem.startswith("ModuleNotFoundError: No module named 'a_library")
    return file, rows


def kinds(rows, exporter="monograph"):
    return {(r.name, r.form): r.outcome.kind for r in rows if r.exporter == exporter}


def test_every_end_is_an_outcome(swept):
    _, rows = swept
    assert kinds(rows, "eager") == {
        (name, ""): kind
        for name, kind in {
            "good": "right", "by-name": "right", "square": "right", "values": "right",
            "asking": "right", "noisy": "not repeatable", "endless": "right",
            "deadly": "right", "raising": "eager cannot", "lazy": "right",
        }.items()
    }  # fmt: skip
    found = kinds(rows)
    for name in ("good", "by-name", "square", "lazy"):
        assert {found[name, form] for form in FORMS} == {"right"}, name
    assert {found["values", form] for form in FORMS} == {"refused"}
    assert {found["asking", form] for form in FORMS} == {"as exported"}
    assert {found["endless", form] for form in FORMS} == {"hangs"}
    assert {found["deadly", form] for form in FORMS} == {"crashes"}
    assert not {name for name, _ in found} & {"noisy", "raising"}


def test_what_was_refused_says_where(swept):
    _, rows = swept
    refused = next(r.outcome for r in rows if r.name == "values" and r.form == "dynamic")
    assert refused.code == "MG-D101"
    assert refused.text == "return lin(x) if x.sum() > 0 else -lin(x)"
    assert refused.where.startswith("own.py:")  # in the folder, wherever it lies
    deadly = next(r.outcome for r in rows if r.name == "deadly" and r.form == "static")
    assert deadly.code == "SIGSEGV"


def test_what_eager_mode_can_vary_is_found_out(swept):
    _, rows = swept
    details = {r.name: r.outcome.details for r in rows if r.exporter == "eager"}
    assert details["good"]["varying"] == ["batch", "length"]
    assert details["good"]["calls"] == {
        "example": {"batch": 2, "length": 3},
        "batch 1": {"batch": 1, "length": 3},
        "other 1": {"batch": 3, "length": 5},
        "other 2": {"batch": 3, "length": 2},
    }
    assert details["square"]["varying"] == ["batch", "height", "width"]
    assert details["square"]["together"] == ["height", "width"]
    assert details["square"]["calls"]["other 1"] == {"batch": 3, "height": 5, "width": 5}


def run(folder, store, executor=None, **options):
    plan = Plan(Catalogue(folder), store, ("monograph",), **options)
    return list(plan.run(executor or _Fake()))


class _Fake:
    """Finds nearly every model right, without a process."""

    room = 3

    def __init__(self, names=("a", "b", "c"), torch="2.99.0"):
        self.names, self.torch, self.waiting, self.asked = names, torch, [], Counter()

    def submit(self, work):
        self.waiting.append(work)

    def answers(self):
        work = self.waiting.pop()
        self.asked[work.key] += 1
        return [(work, self.answer(work))]

    def answer(self, work):
        if isinstance(work, Ask):
            if work.library != "own":
                return Listing(problem="ImportError: no")
            digests = {name: f"digest of {name}" for name in self.names}
            return Listing("1.0", digests, self.torch + "+cpu", ("file",))
        if work.exporter == "eager":
            calls = {"example": {"batch": 2}, "batch 1": {"batch": 1}}
            return Outcome("right", details={"varying": ["batch"], "calls": calls})
        return Outcome("refused" if work.name == "b" else "right")


class _Lossy(_Fake):
    """Loses work, tells of it late, answers late and twice, in an order of its own."""

    def __init__(self, seed, losses=2):
        super().__init__()
        self.random, self.losses, self.late = random.Random(seed), losses, []

    def answers(self):
        found = [*self.late]
        self.late.clear()
        self.random.shuffle(self.waiting)
        for _ in range(self.random.randint(1, len(self.waiting) or 1)):
            work = self.waiting.pop() if self.waiting else None
            if work is None:
                break
            self.asked[work.key] += 1
            if self.asked[work.key] <= self.losses:
                found.append((work, Lost("the node is gone")))
                if self.random.random() < 0.5:  # its answer was on the way
                    self.late.append((work, self.answer(work)))
            else:
                found += [(work, self.answer(work))] * self.random.randint(1, 2)
        return found


def test_a_run_goes_on_where_it_was(folder, tmp_path):
    file = tmp_path / "results.db"
    cut_off = Plan(Catalogue(folder), Store(file), ("monograph",)).run(_Fake())
    first = [next(cut_off) for _ in range(5)]
    cut_off.close()
    second = run(folder, Store(file))
    assert Counter(r.exporter for r in [*first, *second]) == {"eager": 3, "monograph": 9}
    assert run(folder, Store(file)) == []
    assert len(run(folder, Store(file), again=True)) == 9
    assert {r.name for r in run(folder, Store(file), failing=True)} == {"b"}


@pytest.mark.parametrize("seed", range(20))
def test_no_verdict_is_lost_and_none_told_twice(folder, seed):
    whole, lossy = run(folder, Store()), run(folder, Store(), _Lossy(seed))
    assert Counter(r.key for r in lossy) == Counter(r.key for r in whole)
    by_key = {r.key: r for r in whole}
    assert all(r == by_key[r.key] for r in lossy)


def test_what_is_lost_each_time_is_told_and_tried_again(folder, tmp_path):
    file = tmp_path / "results.db"

    class _Kills(_Fake):
        def answer(self, work):
            return (
                Lost("the node is gone")
                if work.key[1:3] == ("a", "eager")
                else super().answer(work)
            )

    executor = _Kills()
    found = run(folder, Store(file), executor)
    [lost] = [r for r in found if r.outcome.kind == "lost"]
    assert (lost.name, executor.asked[lost.key]) == ("a", 4)
    assert "the node is gone" in lost.outcome.message
    assert {r.name for r in run(folder, Store(file))} == {"a"}


def test_an_executor_that_is_lossy_in_reading_a_library(folder):
    class _Never(_Fake):
        def answer(self, work):
            return Lost("gone")

    plan = Plan(Catalogue(folder), Store(), ("monograph",))
    assert list(plan.run(_Never())) == []
    assert set(plan.problems) == {"missing", "own"}
    assert "lost 4 times" in plan.problems["own"]


def test_stages_follow_what_is_right(folder, tmp_path):
    file = tmp_path / "results.db"
    first = run(folder, Store(file))
    second = run(folder, Store(file), stages=("file", "onnx"))  # which is not there
    assert {(r.name, r.stage) for r in second} == {("a", "file"), ("c", "file")}
    assert len(second) == 6
    assert run(folder, Store(file), stages=("file", "onnx")) == []
    assert len({r.key for r in [*first, *second]}) == len(first) + len(second)


def test_versions_of_torch_stand_beside_each_other(folder, tmp_path):
    store = Store(tmp_path / "results.db")
    run(folder, store, _Fake(torch="2.98.0"))
    assert len(run(folder, store, _Fake(torch="2.99.0"))) == 12
    assert {r.torch for r in store} == {"2.98.0", "2.99.0"}
    assert Report(store, "2.98.0").markdown() == Report(store, "2.99.0").markdown()


def test_what_was_built_in_another_way_is_measured_again(folder, tmp_path):
    store = Store(tmp_path / "results.db")
    run(folder, store)
    for row in list(store):
        if row.name == "a":
            row.content = "of another day"
    assert {r.name for r in run(folder, store)} == {"a"}


def test_parts_are_all_together(folder):
    parts = [{r.name for r in run(folder, Store(), part=(i, 3))} for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == ["a", "b", "c"]
    assert {r.name for r in run(folder, Store(), patterns=("own/[ab]", "other"))} == {"a", "b"}
    assert len({r.name for r in run(folder, Store(), most=2)}) == 2
    assert {r.form for r in run(folder, Store(), forms=("static",))} == {"", "static"}


def test_tasks_are_plain_data():
    task = Task("f", "own", "good", "monograph", "dynamic", ("batch",), {"example": {"batch": 2}})
    assert Task.of(json.loads(json.dumps(task.as_dict()))) == task


def entry(function, sizes=None):
    def build():
        return function, lambda batch: ((torch.randn(batch, 4),), {})

    return Entry("it", build, sizes or {"batch": (2, 1, 3)})


def attempted(function, export, monkeypatch, form="dynamic"):
    """What becomes of a function in the hands of an exporter that is made up."""
    monkeypatch.setitem(EXPORTERS, "made-up", Exporter("made-up", "Made up", export))
    catalogue = Catalogue(Path("nowhere"), _read={"own": {"it": entry(function)}})
    eager = attempt(catalogue, Task("", "own", "it"))
    assert eager.kind == "right"
    details = eager.details
    task = Task("", "own", "it", "made-up", form, tuple(details["varying"]), details["calls"])
    return attempt(catalogue, task)


def exported(run):
    return lambda model, args, kwargs, shapes: Exported(None, run, 3, lambda: run)


def test_other_results_are_wrong(monkeypatch):
    found = attempted(lambda x: x * 2, exported(lambda x: x * 2 + (x.shape[0] == 3)), monkeypatch)
    assert (found.kind, found.step) == ("wrong", "other 1")
    assert "apart by 1" in found.message
    found = attempted(lambda x: x * 2, exported(lambda x: x.double() * 2), monkeypatch)
    assert found.kind == "wrong"
    assert "torch.float64" in found.message
    found = attempted(lambda x: (x, x), exported(lambda x: (x,)), monkeypatch)
    assert found.kind == "wrong"
    assert "1 results" in found.message


def test_what_is_left_in_arguments_is_compared(monkeypatch):
    found = attempted(lambda x: x.add_(1) * 2, exported(lambda x: (x + 1) * 2), monkeypatch)
    assert found.kind == "wrong"


def test_a_small_difference_is_right(monkeypatch):
    found = attempted(lambda x: x * 2, exported(lambda x: x * 2 + 1e-6), monkeypatch)
    assert found.kind == "right"


def test_sizes_that_are_refused_narrow_a_program(monkeypatch):
    def several(x):
        if x.shape[0] == 1:
            raise PythonFeatureError("not one")
        return x * 2

    found = attempted(lambda x: x * 2, exported(several), monkeypatch)
    assert (found.kind, found.step, found.code) == ("narrowed", "batch 1", "MG-P101")
    assert attempted(lambda x: x * 2, exported(several), monkeypatch, "static").kind == "right"
    assert (
        attempted(lambda x: x * 2, exported(several), monkeypatch, "dynamic-1").kind == "cannot run"
    )


def test_an_export_that_raises(monkeypatch):
    def refuses(model, args, kwargs, shapes):
        raise PythonFeatureError("no")

    def breaks(model, args, kwargs, shapes):
        raise KeyError("s9")

    assert attempted(lambda x: x, refuses, monkeypatch).kind == "refused"
    found = attempted(lambda x: x, breaks, monkeypatch)
    assert (found.kind, found.code, found.text) == ("fails", "KeyError", 'raise KeyError("s9")')


def test_dimensions_that_follow_a_size_vary(monkeypatch):
    seen = []

    def keeps(model, args, kwargs, shapes):
        seen.append([(tuple(t.shape), spec) for t, spec in shapes.items()])
        return Exported(None, model, 3, lambda: model)

    assert attempted(lambda x: x * 2, keeps, monkeypatch).kind == "right"
    [[(shape, spec)]] = seen
    assert shape == (2, 4)
    assert list(spec) == [0]


def test_numbers_that_follow_a_size_vary(monkeypatch):
    seen = []

    def keeps(model, args, kwargs, shapes):
        seen.append([spec for _, spec in shapes.items()])
        return Exported(None, model, 3, lambda: model)

    def build():
        model = lambda x, k, fixed: x * k + fixed  # noqa: E731
        return model, lambda length: ((torch.randn(4, length), 1000 * length, 7), {})

    monkeypatch.setitem(EXPORTERS, "made-up", Exporter("made-up", "Made up", keeps))
    made = Entry("it", build, {"length": (2, 3, 5)})
    catalogue = Catalogue(Path("nowhere"), _read={"own": {"it": made}})
    details = attempt(catalogue, Task("", "own", "it")).details
    task = Task("", "own", "it", "made-up", "dynamic", ("length",), details["calls"])
    assert attempt(catalogue, task).kind == "right"
    assert seen == [[{1: Dim.DYNAMIC}, Dim.DYNAMIC]]


def row(name, kind, exporter="monograph", form="dynamic", message="", code="", text=""):
    details = {"varying": ["batch"]} if exporter == "eager" else {}
    outcome = Outcome(kind, code=code, message=message, text=text, details=details)
    return Row("own", name, exporter, form if exporter != "eager" else "", "c", outcome)


ROWS = [
    *(row(name, "right", "eager") for name in "abcd"),
    row("e", "eager cannot", "eager"),
    row("a", "right"),
    row("b", "refused", code="MG-O101", message="[MG-O101] a size of 7 | and s12", text="x @ y"),
    row("c", "refused", code="MG-O101", message="[MG-O101] a size of 9 | and s3", text="x @ y"),
    row("d", "narrowed", code="MG-I106", message="[MG-I106] Expected input at *args[0] to be 2"),
    row("b", "right", "torch"),
]


def test_the_report_counts_and_groups(tmp_path):
    report = Report(ROWS)
    assert report.ways() == [Way("monograph", "dynamic"), Way("torch", "dynamic")]
    assert report.counts(Way("monograph", "dynamic")) == {"right": 1, "refused": 2, "narrowed": 1}
    causes = report.causes(Way("monograph", "dynamic"))
    assert [(c.kind, [name for _, name in keys]) for c, keys in causes] == [
        ("refused", ["b", "c"]), ("narrowed", ["d"]),
    ]  # fmt: skip
    assert report.only_right_elsewhere("dynamic") == [("own", "b")]
    page = report.markdown()
    assert "## Monograph, dynamic: 1 of 4 right (25.0%)" in page
    assert "| 2 | refused MG-O101 | a size of # \\| and s | `x @ y` | own/b, own/c |" in page
    assert "eager cannot (1): own/e." in page


def test_other_exporters_are_compared_on_the_same_models():
    ours = [row("a", "right"), row("b", "right"), row("c", "refused"), row("d", "refused")]
    theirs = [row(n, k, "torch") for n, k in (("a", "wrong"), ("c", "right"), ("d", "fails"))]
    eager = [row(n, "right", "eager") for n in "abcd"]
    page = Report([*eager, *ours, *theirs]).markdown()
    assert (
        "Of 1 models that Monograph, dynamic gets right, 0 are right here; of 2 others, 1." in page
    )


def test_causes_do_not_depend_on_numbers():
    one = (
        "[MG-S101] Constraints violated (s1)!\n"
        "  - Not all values of s1 = x.shape[1] in the specified range are valid because s1 = 16.\n"
    )
    other = one.replace("s1", "s22").replace("16", "9").replace("x.shape", "ids.shape")
    assert cause_of(row("a", "refused", message=one)) == cause_of(
        row("b", "refused", message=other)
    )


def test_the_record_gives_the_same_report(tmp_path):
    file = tmp_path / "record.jsonl"
    write_record(reversed(ROWS), file)
    assert Report(read_record(file)).markdown() == Report(ROWS).markdown()
    first = file.read_text()
    write_record(read_record(file), file)
    assert file.read_text() == first


def command(*arguments):
    return CliRunner().invoke(app, ["sweep", *map(str, arguments)])


def test_the_command(folder, swept, tmp_path):
    file, _ = swept
    options = ["--from", folder, "--results", file]
    result = command("run", *options, "--only", "own/good")
    assert result.exit_code == 0, result.output
    assert "0 results added" in result.stderr.replace("\n", " ")
    assert "MG-D101" in command("show", "--results", file).stdout.replace("\n", "")
    page, record = tmp_path / "sweep.md", tmp_path / "record.jsonl"
    made = command("table", "--results", file, "--page", page, "--record", record)
    assert made.exit_code == 0, made.output
    assert "values" in page.read_text()
    assert record.exists()
    assert (
        command(
            "table", "--results", tmp_path / "none", "--page", page, "--record", record
        ).exit_code
        == 0
    )
    assert (
        command("table", "--results", tmp_path / "none", "--record", tmp_path / "none").exit_code
        == 2
    )


@pytest.mark.parametrize(
    "wrong", [("--exporter", "onnx"), ("--form", "all"), ("--shard", "3/2"), ("--shard", "x")]
)
def test_options_that_are_wrong(folder, wrong):
    result = command("run", "--from", folder, *wrong)
    assert result.exit_code == 2


def test_two_processes_at_a_time(folder):
    plan = Plan(Catalogue(folder), Store(), ("monograph",), ("static",), patterns=("own/[gbs]*",))
    with closing(LocalExecutor(2)) as runner:
        rows = list(plan.run(runner))
    assert {(r.name, r.outcome.kind) for r in rows} == {
        ("good", "right"), ("by-name", "right"), ("square", "right"),
    }  # fmt: skip
    assert len(rows) == 6
