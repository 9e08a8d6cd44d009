"""A refusal that the program catches is raised all the same; what eager mode raises, it may catch.

Else the program would go the way that eager mode goes only where the call fails.
"""

import contextlib

import pytest
import torch

import monograph

X = torch.ones(3)
HELD = torch.zeros(2)


def seeds(x):
    torch.manual_seed(3)


def memory(x):
    x.untyped_storage()


def asks(x):
    return (x.sum() > 0) and x


def numpy(x):
    return x.numpy()


def replaces(x):
    HELD.data = x


REFUSED = [seeds, memory, asks, numpy, replaces]


def with_except(what, x):
    try:
        what(x)
    except RuntimeError:
        return x * 2
    return x * 3


def with_any_except(what, x):
    try:
        what(x)
    except Exception as error:
        return x * len(str(error))
    return x * 3


def with_suppress(what, x):
    with contextlib.suppress(Exception):
        what(x)
        return x * 3
    return x * 2


def with_finally(what, x):
    for _ in range(2):
        try:
            what(x)
        finally:
            continue  # noqa: B012
    return x * 2


def with_another_error(what, x):
    try:
        what(x)
    except RuntimeError:
        raise ValueError("what the program makes of it") from None
    return x


CATCHING = [with_except, with_any_except, with_suppress, with_finally, with_another_error]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("catching", CATCHING)
@pytest.mark.parametrize("what", REFUSED)
def test_no_refusal_is_caught(what, catching, strict):
    def program(x):
        return catching(what, x)

    if strict and (what, catching) == (asks, with_finally):
        # Nobody reads the answer: strict mode needs none, and there is nothing to refuse.
        module = monograph.export(program, (X,), strict=True).module()
        assert all(torch.equal(module(x), program(x)) for x in (X, -X))
        return
    with pytest.raises(monograph.ExportError) as error:
        monograph.export(program, (X,), strict=strict)
    assert error.value.where is not None


def overlaps(x):
    x[0].expand(3).add_(1)


def too_far(x):
    return x[7]


def no_match(x):
    return x @ torch.ones(4)


@pytest.mark.parametrize("what", [overlaps, no_match, too_far])
def test_what_eager_mode_raises_is_caught(what):
    def program(x):
        try:
            what(x)
        except (RuntimeError, IndexError):
            return x * 2
        return x * 3

    assert torch.equal(program(X), X * 2)
    assert torch.equal(monograph.export(program, (X,)).module()(X), X * 2)
