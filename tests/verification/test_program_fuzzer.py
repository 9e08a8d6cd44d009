"""Random programs: some go through all stages here, many by ``make fuzz``."""

import dataclasses
import json

import pytest
import torch

from monograph.ir.structure import flatten
from monograph.testing import fuzz as fuzzing
from monograph.testing import trust
from monograph.testing.fuzz import STAGES, Source, fuzz, main
from monograph.testing.trust import Tried, note


def test_random_programs_are_right_or_refused():
    found = fuzz(seed=7, programs=25)
    assert not found.finds, found.finds[0].test
    assert found.right.total() > 25
    assert len(found.right) > 4


def test_the_same_seed_draws_the_same_programs():
    one, other = (fuzz(seed=3, programs=4) for _ in range(2))
    assert (one.right, one.refused) == (other.right, other.refused)


def test_a_stage_that_is_wrong_is_found_and_made_small(monkeypatch):
    def wrong(program, args, kwargs):
        def more(*args, **kwargs):
            leaves, structure = flatten(program(*args, **kwargs))
            return structure.unflatten([leaf + 1 for leaf in leaves])

        return STAGES["static"](more, args, kwargs)

    monkeypatch.setattr(fuzzing, "STAGES", {**STAGES, "file": wrong})
    found = fuzz(seed=7, programs=10)
    (find,) = [each for each in found.finds if each.kind == "differs"][:1]
    assert find.stage == "file"
    assert find.test.count("\n    v") <= 2
    compile(find.test, "a test", "exec")


def test_a_stage_that_crashes_is_found(monkeypatch):
    def crashes(program, args, kwargs):
        raise KeyError("a name")

    monkeypatch.setattr(fuzzing, "STAGES", {**STAGES, "static": crashes})
    found = fuzz(seed=7, programs=3)
    assert {find.kind for find in found.finds} == {"KeyError"}


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (("v = x * 2", "u = torch.rand_like(x)"), "leaves out draws"),  # nobody reads it
        (("v = x * torch.rand_like(x)",), "right"),
    ],
)
def test_a_last_draw_that_nobody_reads_is_counted_apart(tmp_path, lines, outcome):
    source = Source(lines, ("v",), ((3, 4), (3, 4)), (torch.float32,) * 2)
    assert fuzzing._Runner(tmp_path).outcome(source, "static") == (outcome, "")


def test_a_weight_that_gets_no_gradient_in_either(tmp_path):
    lines = ("v = x.to(torch.complex64) * self.weight", "v.copy_(x)")
    source = Source(lines, ("v",), ((3, 4), (3, 4)), (torch.uint8,) * 2, is_module=True)
    assert fuzzing._Runner(tmp_path).outcome(source, "static") == ("right", "")


def test_other_draws_than_those_of_eager_mode_are_found(tmp_path, monkeypatch):
    def wrong(program, args, kwargs):
        drawing = lambda x, y: torch.rand(5)[:0].sum() + program(x, y)[0]  # noqa: E731
        return STAGES["static"](drawing, args, kwargs)

    monkeypatch.setattr(fuzzing, "STAGES", {"static": wrong})
    lines = ("v = x * torch.rand_like(x)",)
    source = Source(lines, ("v",), ((3, 4), (3, 4)), (torch.float32,) * 2)
    assert fuzzing._Runner(tmp_path).outcome(source, "static")[0] == "differs"


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_takes_a_plain_program(stage):
    source = Source(("v = x * y.shape[0]",), ("v",), ((3, 4), (3, 4)), (torch.float32,) * 2)
    space = {}
    exec(source.text(), space)
    if not stage.startswith("strict"):  # which reads a file
        STAGES[stage](space["program"], *source.example()).verify(space["program"])


@pytest.mark.parametrize("takes", ["plain", "keyword", "dictionary", "list", "nested"])
@pytest.mark.parametrize("gives", ["tuple", "dictionary", "nested"])
def test_arguments_and_results_in_containers(tmp_path, takes, gives):
    lines = ("v = x * y", "w = x.view(-1)", "w.add_(1)")
    shapes, dtypes = ((3, 4), (3, 4)), (torch.float32,) * 2
    source = Source(lines, ("v", "w"), shapes, dtypes, takes=takes, gives=gives)
    assert fuzzing._Runner(tmp_path).outcome(source, "any size") == ("right", "")
    compile(source.test("any size", 1), "a test", "exec")


def test_the_command_prints_its_seed(capsys):
    assert main(["--programs", "1", "--seed", "7", "--here"]) == 0
    assert "# seed 7" in capsys.readouterr().out


def test_the_functions_that_programs_reach_are_counted(tmp_path, capsys):
    record = tmp_path / "record.jsonl"
    given = ["--programs", "1", "--seed", "7", "--reached", "--record", str(record)]
    assert main(given) == 0
    reached = next(r for r in capsys.readouterr().out.splitlines() if r.endswith("  verification"))
    ran, _, count, *_ = reached.split()
    assert 20 < int(ran) <= int(count)
    assert '"kind": "reach"' in record.read_text()


# What the process of the fuzzer runs, in place of ``fuzz``.
ENDS = """
import os, signal, time
from monograph.testing import fuzz as fuzzing

def drawn(choose):
    number = drawn.number = drawn.number + 1
    if number == 2:
        {}
    return fuzzing.Source((), (), (), ())

drawn.number = 0
fuzzing.drawn_source = drawn
"""


@pytest.mark.parametrize(
    ("does", "kind", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "died", "SIGKILL"),
        ("os._exit(3)", "died", "exit code 3"),
        ("time.sleep(99)", "hangs", "seconds"),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_find_and_the_next_one_goes_on(
    tmp_path, monkeypatch, does, kind, said
):
    (tmp_path / "ends.py").write_text(ENDS.format(does))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(fuzzing, "_MOST_SECONDS", 6)
    monkeypatch.setattr(fuzzing, "_work", worker_that_ends)
    found = fuzzing.watched(seed=1, programs=2)
    assert found.programs == 2
    assert [find.kind for find in found.finds] == [kind]
    assert said in found.finds[0].said


def worker_that_ends(*given):
    __import__("ends")
    fuzzing._work(*given)


def test_a_part_of_a_sweep_is_noted_with_its_fault(tmp_path, monkeypatch):
    monkeypatch.setenv(trust.RECORD, str(tmp_path / "record.jsonl"))
    with trust.trying("operators", "python x", "add"):
        pass

    def fails():
        with trust.trying("operators", "python x", "sin") as counts:
            counts["tried"] = 3
            raise AssertionError("2 is not 3\nand more")

    with pytest.raises(AssertionError):
        fails()
    text = trust.page((tmp_path / "record.jsonl").read_text().splitlines())
    assert "| [Operators](#operators) | 4 | 1 |" in text
    assert "- sin: AssertionError: 2 is not 3\n" in text


def test_what_was_tried_is_recorded_and_shown(tmp_path, capsys):
    record, shown = tmp_path / "record.jsonl", tmp_path / "trust.md"
    for _ in range(2):  # the second time stands for the first
        main(["--programs", "2", "--seed", "7", "--record", str(record)])
    note(Tried("leaks", "python x", 2000, ("left",), part="a"), str(record))
    note(Tried("leaks", "python x", 1000, part="b"), str(record))
    assert trust.main([str(record), str(shown)]) == 0
    text = shown.read_text()
    assert "| [Random programs](#random-programs) | 2 | 0 |" in text
    assert "| [Exports in one process](#exports-in-one-process) | 3,000 | 1 |" in text
    assert "| `python x` | 3,000 |" in text
    assert "- left" in text
    assert trust.main([]) == 2


def test_a_fault_that_is_mended_is_told_with_its_commit_and_not_counted():
    mended = {"static: differs: a": "a commit"}
    tried = Tried("programs", "x", 10, ("static: differs: a", "file: b"), mended=mended)
    page = trust.page([json.dumps(dataclasses.asdict(tried))])
    assert "| [Random programs](#random-programs) | 10 | 1 |" in page
    assert "- static: differs: a: a commit" in page
