# ruff: noqa: UP031 (how texts are made is what is tested)
"""Texts that a program makes of sizes to show them, and sets of sizes that it counts."""

import logging
import warnings

import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal

log = logging.getLogger("of the program")


def percent_in_a_variable(x):
    message = "%d rows" % x.shape[0]
    assert x.shape[0] > 0, message
    return x * 2


def format_in_a_variable(x):
    message = "{:d} rows".format(x.shape[0])  # noqa: UP032
    if x.shape[0] > 1000:
        raise ValueError(message)
    return x * 2


def printed(x):
    print("%05d" % x.shape[0], f"{x.shape[0]:04d}")
    return x * 2


def logged(x):
    log.warning("rows %d of %s", x.shape[0], x.shape)
    return x * 2


def warned(x):
    warnings.warn("rows %d" % x.shape[0], stacklevel=2)
    return x * 2


def counted_set(x):
    sizes = set(t.shape[0] for t in (x, x + 1))  # noqa: C401
    assert len(sizes) == 1
    return x * 2


def show(is_right, message=None, *, error=ValueError):
    if not is_right:
        text = "not right" if message is None else _as_text(message)
        raise error(text)
    return is_right


def _as_text(message):
    if callable(message):
        return message()
    return message


def text_of(x):
    return f"rows: {x.shape[0]}"


class Shows:
    def show(self, is_right, message):
        if not is_right:
            raise ValueError(message)


def given_to_a_function(x):
    show(len(x.shape) > 1, f"got {x.shape}")
    return x * 2


def given_by_name(x):
    show(len(x.shape) > 1, message="got {}".format(x.shape[0]))  # noqa: UP032
    return x * 2


def given_to_a_method(x, shows=Shows()):  # noqa: B008
    shows.show(x.shape[1] == 3, str(x.shape[0]))
    return x * 2


def given_as_a_function(x):
    show(x.shape[0] < 1000, lambda: f"got {x.shape[0]} of {x.shape!s}")
    return x * 2


def given_back_to_be_shown(x):
    message = text_of(x)
    if x.dim() != 2:
        raise ValueError(message)
    return x * 2


def joined(x):
    show(x.dim() == 2, " x ".join(str(n) for n in x.shape))
    return x * 2


def _exported(f, *args):
    return monograph.export(f, args, dynamic_shapes=tuple({0: Dim.DYNAMIC} for _ in args))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "program",
    [
        percent_in_a_variable,
        format_in_a_variable,
        printed,
        logged,
        warned,
        counted_set,
        given_to_a_function,
        given_by_name,
        given_to_a_method,
        given_as_a_function,
        given_back_to_be_shown,
        joined,
    ],
)
def test_what_is_only_shown_fixes_no_size(program):
    module = _exported(program, torch.ones(4, 3)).module()
    for rows in (1, 7):
        assert_equal(module(torch.ones(rows, 3)), torch.full((rows, 3), 2.0))


def steered_by_text(x):
    return x * len("%d" % x.shape[0])


def steered_by_a_set(x):
    return x * list(set([x.shape[0], 4]))[0]  # noqa: C405, RUF015


def length_of(text):
    return len(text)


def keep(is_right, text, kept=[]):  # noqa: B006
    kept.append(text)
    return len(kept[-1])


def steered_in_a_function(x):
    return x * length_of(f"{x.shape[0]}")


def steered_by_what_is_given_back(x):
    return x * len(text_of(x))


def steered_by_what_is_kept(x):
    return x * keep(True, str(x.shape[0]))


@pytest.mark.parametrize(
    "program",
    [
        steered_by_text,
        steered_by_a_set,
        steered_in_a_function,
        steered_by_what_is_given_back,
    ],
)
def test_what_steers_the_program_fixes_the_size(program):
    with pytest.raises(monograph.ConstraintViolationError) as caught:
        _exported(program, torch.ones(4, 3))
    assert caught.value.code == "MG-S101"


def test_texts_that_are_kept_from_call_to_call_are_refused():
    with pytest.raises(monograph.MutationError) as caught:
        _exported(steered_by_what_is_kept, torch.ones(4, 3))
    assert caught.value.code == "MG-M107"


def test_which_sizes_are_equal_decides_how_many_a_set_has():
    def forward(x, y):
        return x.sum() * len(frozenset((x.shape[0], y.shape[0], 3)))

    module = _exported(forward, torch.ones(4), torch.ones(5)).module()
    for sizes in ((1, 2), (7, 5), (3, 4), (4, 4), (3, 3)):
        args = tuple(map(torch.ones, sizes))
        try:
            found = module(*args)
        except monograph.InputError:  # another number of different sizes
            assert len({*sizes, 3}) != 3
        else:
            assert_equal(found, forward(*args))
