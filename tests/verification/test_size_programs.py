"""Random programs about sizes: repeatable, called at many sizes, and what is wrong is found."""

import random

import pytest
import torch

from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import fuzz as fuzzing
from monograph.testing.fuzz import STAGES, fuzz, main
from monograph.testing.size_calls import CallError, compared
from monograph.testing.size_programs import SizeSource, drawn_size_source

ANY = {0: Dim.DYNAMIC}
SEED = 11
SIZES = fuzzing.Drawing("sizes")


def source_of(*lines, result="v", calls=(((4,),), ((0,),))):
    return SizeSource(lines, (result,), ((3,),), (torch.float32,), calls=calls)


def program_of(source):
    space = {}
    exec(source.text(), space)
    return space["program"]


def compare(source, other=None, **options):
    """What comes of the calls of ``source`` where ``other`` is what is exported."""
    made = export(program_of(other or source), source.tensors(), dynamic_shapes=(ANY,))
    return compared(source, program_of(source), made, **options)


def test_random_programs_about_sizes_are_right_or_refused():
    found = fuzz(seed=SEED, programs=10, drawing=SIZES)
    assert not found.finds, found.finds[0].test
    assert found.right.total() > 8
    assert found.calls["calls as in eager mode"] > 50


def test_the_same_seed_draws_the_same_programs():
    one, other = (drawn_size_source(random.Random("a 5")) for _ in range(2))
    assert one == other
    assert len(one.calls) > 5


def test_programs_are_called_at_equal_sizes_at_none_and_at_one():
    sizes = set()
    for number in range(10):
        for shapes in drawn_size_source(random.Random(f"b {number}")).calls:
            sizes |= {size for shape in shapes for size in shape}
    assert sizes >= set(range(8))


def test_what_comes_of_calls_is_counted():
    counts = compare(source_of("assert x.shape[0] != 4", "v = x * x.shape[0]"))
    assert counts == {"calls as in eager mode": 2, "calls that fail in both": 1}


def test_a_refused_call_that_eager_mode_takes_is_counted_or_an_error():
    source = source_of("v = [5, 6, 7, 8, 9][x.shape[0]]", calls=(((3,),),))
    narrower = source_of("assert x.shape[0] == 3", "v = [5, 6, 7, 8, 9][x.shape[0]]")
    wide = source_of(*source.lines, calls=(((4,),),))
    made = export(program_of(narrower), source.tensors(), dynamic_shapes=({0: 3},))
    counts = compared(wide, program_of(wide), made)
    assert counts["calls refused that eager mode takes"] == 1
    with pytest.raises(CallError) as caught:
        compared(wide, program_of(wide), made, refusals=True)
    assert caught.value.kind == "refuses"


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("v = x * x.shape[0]", "v = x * 3", "differs"),
        ("v = x.shape[0]", "v = x.shape[0] * 1.0", "differs"),
        ("assert x.shape[0] != 4\nv = x * 2", "v = x * 2", "takes more"),
        ("v = x * 2", "assert x.shape[0] != 4\nv = x * 2", "refuses"),
    ],
)
def test_what_is_not_as_in_eager_mode_is_an_error(right, wrong, kind):
    with pytest.raises(CallError) as caught:
        compare(source_of(right), source_of(wrong), refusals=True)
    assert caught.value.kind == kind


def test_a_planted_mistake_is_found_and_made_small(monkeypatch):
    def wrong(program, args, kwargs):
        def fixed(*tensors):  # as though the first size were always that of the example
            size = args[0].shape[0]
            result = program(*tensors)[0]
            return (result if tensors[0].shape[0] == size else result + 1,)

        return STAGES["any size"](fixed, args, kwargs)

    monkeypatch.setattr(fuzzing, "STAGES", {"any size": wrong})
    drawing = fuzzing.Drawing("sizes", ("any size",))
    found = fuzz(seed=SEED, programs=3, drawing=drawing)
    find = next(each for each in found.finds if each.kind == "differs")
    assert find.test.count("\n    v") <= 2
    assert find.test.count("calls=((") == 1
    compile(find.test, "a test", "exec")


def test_refusals_are_finds_where_they_are_asked_for(monkeypatch):
    source = source_of("v = torch.ones(int((x > 0).sum()))\nif v.shape[0] > 2:\n    v = v * 2")
    monkeypatch.setattr(fuzzing, "drawn_size_source", lambda choose: source)
    for refusals in (False, True):
        drawing = fuzzing.Drawing("sizes", ("any size",), refusals)
        found = fuzz(seed=1, programs=1, drawing=drawing)
        assert [find.kind for find in found.finds] == ["export: MG-D105"] * refusals
        assert found.refused.total() == (not refusals)


def test_the_command_draws_programs_about_sizes(tmp_path, capsys):
    record = tmp_path / "record.jsonl"
    given = ["--kind", "sizes", "--programs", "1", "--seed", str(SEED), "--here"]
    assert main([*given, "--stage", "any size", "--record", str(record)]) == 0
    assert f"# seed {SEED}" in capsys.readouterr().out
    text = record.read_text()
    assert '"kind": "sizes"' in text
    assert "--kind sizes --stage 'any size' --programs 1" in text
