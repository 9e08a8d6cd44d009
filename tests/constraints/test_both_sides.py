"""A question about sizes that has the same program on both its sides is dropped."""

import operator
import random

import pytest
import torch

import monograph
from monograph import stages
from monograph.constraints.both_sides import _adjacent, _Region
from monograph.testing import assert_exports

ANY = monograph.Dim.DYNAMIC


def _some_region(rng):
    lo = rng.choice([None, *range(6)])
    hi = rng.choice([None, *range(lo or 0, 9)])
    inside = range(lo or 0, 9 if hi is None else hi + 1)
    return _Region(lo, hi, frozenset(rng.sample(list(inside), rng.randint(0, 1))))


def test_two_ranges_as_one_are_what_either_has():
    rng = random.Random(0)
    pairs = [(_some_region(rng), _some_region(rng)) for _ in range(500)]
    joined = [(left, right, _adjacent(left, right)) for left, right in pairs]
    assert any(union is None for *_, union in joined)
    for left, right, union in joined:
        if union is not None:
            for value in range(-3, 15):
                assert union.has(value) == (left.has(value) or right.has(value))


def test_two_ranges_with_a_gap_between_them_are_not_one():
    assert _adjacent(_Region(0, 3), _Region(5, None)) is None
    assert _adjacent(_Region(5, None), _Region(0, 4)) == _Region(0, None)


def test_a_size_that_is_cut_or_filled_up_to_a_number_is_any():
    program = assert_exports(
        lambda x: torch.fft.rfft(x, n=7),
        (torch.randn(5, 7),),
        dynamic_shapes=({1: ANY},),
        more_inputs=[(torch.randn(5, n),) for n in (1, 3, 6, 8, 20)],
    )
    assert "VR[0, int_oo]" in str(program.range_constraints["s0"])


CONDITIONS = {
    "n < k": operator.lt,
    "n == k": operator.eq,
    "n != k": operator.ne,
    "n % k == 0": lambda n, k: n % k == 0,
    "n // k == 1": lambda n, k: n // k == 1,
    "n * n > k * n": lambda n, k: n * n > k * n,
    "n in (k, 2 * k)": lambda n, k: n in (k, 2 * k),
}
RESULTS = {"x + 1": lambda x: x + 1, "x * 3": lambda x: x * 3}


def _decides_by_its_size(rng):
    """A program that goes by two or three conditions on the size of its argument."""
    conditions = [
        (CONDITIONS[name], rng.randint(1, 6))
        for name in rng.sample(sorted(CONDITIONS), rng.randint(2, 3))
    ]
    results = [RESULTS[rng.choice(sorted(RESULTS))] for _ in range(8)]

    def program(x):
        number = 0
        for condition, k in conditions:
            if not number & 1:  # the next is only asked where this did not hold
                number = 2 * number + bool(condition(x.shape[0], k))
        return results[number % 8](x)

    return program


@pytest.mark.parametrize("seed", range(40))
def test_no_size_is_joined_that_has_another_program(seed):
    rng = random.Random(seed)
    program = _decides_by_its_size(rng)
    example = torch.arange(rng.randint(2, 9), dtype=torch.float32)
    shapes = ({0: monograph.Dim.AUTO},)
    module = monograph.export(program, (example,), dynamic_shapes=shapes).module()
    accepted = 0
    for size in range(40):
        x = torch.arange(size, dtype=torch.float32)
        try:
            actual = module(x)
        except monograph.InputError:
            continue
        accepted += 1
        assert torch.equal(actual, program(x)), size
    assert accepted


def test_what_takes_too_long_is_left(monkeypatch):
    """Sides for more sizes are given up where their questions cost too much; the program is not."""

    def f(x):
        y = x[:, :3] if x.shape[1] > 4 else x
        return y[:, : y.shape[1] // 2 + 1].sum(1)

    x, varies = torch.randn(2, 6), ({1: ANY},)
    capture, captures = stages.capture, []
    monkeypatch.setattr(
        stages, "capture", lambda *a, **k: captures.append(capture(*a, **k)) or captures[-1]
    )
    assert monograph.export(f, (x,), dynamic_shapes=varies).module()(x[:, :3]).shape == (2,)
    assert len(captures) > 1
    # Who compares captures afterwards asks as much as is needed.
    assert all(found.recorder.sizes.env.decider.patience is None for found in captures)
    monkeypatch.setattr(stages, "_MOST_EFFORT_EACH", -1)
    module = monograph.export(f, (x,), dynamic_shapes=varies).module()
    assert torch.equal(module(x[:, :5]), f(x[:, :5]))
    with pytest.raises(monograph.MonographError, match="MG-I106"):
        module(x[:, :3])
