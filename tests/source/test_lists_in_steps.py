"""Lists of integers in equal steps, as long as a size: what is asked of them is a size, too."""

import itertools

import pytest
import torch

import monograph

N = monograph.Dim.DYNAMIC
STARTS = {
    "all": lambda n: list(range(n)),
    "from two": lambda n: list(range(2, n)),
    "every third": lambda n: list(range(0, n, 3)),
    "downwards": lambda n: list(range(n, 0, -1)),
    "after others": lambda n: [-1, n] + list(range(n)),  # noqa: RUF005
}
PARTS = [slice(None), slice(1, None), slice(None, -1), slice(1, -1), slice(None, None, 2),
         slice(3, None, 2), slice(2, 4), slice(None, None, -1), slice(0, -2, 3)]  # fmt: skip
USES = {
    "first": lambda p, x: x + p[0],
    "size": lambda p, x: x.new_ones(p[1] * p[1] + 1).sum() + len(p),
    "last": lambda p, x: torch.arange(abs(p[-1]) + 2) + x.sum(),
    "tensor": lambda p, x: torch.tensor(p) * 2 + x.sum(),
    "more": lambda p, x: torch.tensor([9] + p[::2]) + x.sum(),  # noqa: RUF005
    "sum": lambda p, x: x + sum(p),
    "grown": lambda p, x: x * (p.append(4) or p[-1]) + len(p),
}
WAYS = list(itertools.product(STARTS, range(len(PARTS)), USES))


def loops(start, part, x):
    total = x.sum()
    for i in start(x.shape[0])[part]:
        total = total * 0.5 + i
    return total


@pytest.mark.parametrize(("start", "part", "use"), WAYS[::11])
def test_what_is_asked_of_a_list(start, part, use):
    start, part, using = STARTS[start], PARTS[part], USES[use]
    compare(lambda x: using(start(x.shape[0])[part], x))


@pytest.mark.slow
@pytest.mark.parametrize(("start", "part", "use"), WAYS)
def test_whatever_is_asked_of_a_list(start, part, use):
    test_what_is_asked_of_a_list(start, part, use)


@pytest.mark.parametrize("start", STARTS)
def test_loops_over_lists(start):
    for part in PARTS[::3]:
        compare(lambda x, part=part: loops(STARTS[start], part, x))


@pytest.mark.parametrize("use", ["first", "last", "tensor", "more", "sum"])
def test_lists_of_any_length(use):
    assert len(compare(lambda x: USES[use](list(range(x.shape[0]))[:], x))) >= 6


def test_parts_of_parts():
    def positions(x):
        at = list(range(x.shape[0]))
        pooled = [-1] + at[1:-1]  # noqa: RUF005
        pooled = pooled[::2]
        far = pooled[0] - at[0] + 2 * len(pooled)
        return torch.arange(far, pooled[0] - at[-1] - 1, -1) + x.sum()

    assert compare(positions) == {6, 1, 2, 3, 5, 12}


def compare(program):
    """The sizes for which the exported program gives what eager mode gives; others are refused."""
    x = torch.rand(6)
    try:
        program(x)
    except IndexError:
        return set()
    try:
        exported = monograph.export(program, (x,), dynamic_shapes=({0: N},))
    except monograph.MonographError as error:
        assert error.code in ("MG-S101", "MG-C114")  # noqa: PT017
        return set()
    held = set()
    for n in (6, 1, 2, 3, 5, 12, 0):
        x = torch.rand(n)
        try:
            expected = program(x)
        except (IndexError, RuntimeError):
            continue
        try:
            found = exported.module()(x)
        except monograph.InputError:
            assert n != 6
            continue
        torch.testing.assert_close(found, expected)
        held.add(n)
    return held
