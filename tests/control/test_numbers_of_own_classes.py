"""Numbers of classes of their own, which branches and loops do not make plain numbers of."""

import enum

import pytest
import torch

import monograph
from monograph import Dim, export


class Mode(enum.IntEnum):
    SHORT = 0
    LONG = 1


class Flags(enum.IntFlag):
    FIRST = 1
    SECOND = 2


class Whole(int):
    pass


class Part(float):
    pass


PAIRS = {
    "an enumeration": (Mode.LONG, Mode.SHORT),
    "flags": (Flags.FIRST, Flags.FIRST | Flags.SECOND),
    "an integer": (Whole(3), Whole(4)),
    "a float": (Part(3), Part(4)),
    "an enumeration and a number": (Mode.LONG, 1),
    "plain numbers": (3, 4),
}
USES = {
    "is": lambda x, found, pair: x * 2 if found is pair[0] else x,
    "is equal": lambda x, found, pair: x * 2 if found == pair[0] else x,
    "of the class": lambda x, found, pair: x * 2 if type(found) is type(pair[0]) else x,
    "has a name": lambda x, found, pair: x * len(getattr(found, "name", "") or ""),
    "in arithmetic": lambda x, found, pair: x * (found + 1),
}


def of_a_size(x, pair):
    return pair[0] if x.shape[0] > 4 else pair[1]


def of_a_value(x, pair):
    return pair[0] if x.sum() > 0 else pair[1]


def of_a_loop(x, pair):
    found = pair[1]
    for i in range(x.shape[0]):
        found = pair[i % 2 == 0]
    return found


CASES = [
    (pair, use, made)
    for pair in PAIRS
    for use in USES
    for made in (of_a_size, of_a_value, of_a_loop)
    if (pair, use)
    != ("plain numbers", "is")  # whether equal numbers are one object is up to Python
]


@pytest.mark.parametrize(("pair", "use", "made"), CASES)
def test_right_or_refused(pair, use, made):
    def program(x):
        return USES[use](x, made(x, PAIRS[pair]), PAIRS[pair])

    for strict in (False, True):
        try:
            shapes = ({0: Dim.DYNAMIC},)
            module = export(program, (torch.ones(7, 3),), dynamic_shapes=shapes, strict=strict)
            module = module.module()
        except monograph.ExportError:
            continue
        for n in (7, 1, 2, 3, 4, 5, 9):
            for x in (torch.ones(n, 3), -torch.ones(n, 3)):
                try:
                    found = module(x)
                except monograph.InputError:  # for the sizes of one side alone
                    continue
                torch.testing.assert_close(found, program(x))


def test_a_mode_that_a_size_chooses():
    """What follows is moved into both sides: each knows which one it is."""

    def program(x):
        mode = Mode.LONG if x.shape[0] > 4 else Mode.SHORT
        return x * 2 if mode is Mode.LONG else x

    module = export(program, (torch.ones(7, 3),), dynamic_shapes=({0: Dim.DYNAMIC},)).module()
    for n in (7, 0, 1, 4, 5, 9):
        torch.testing.assert_close(module(torch.ones(n, 3)), program(torch.ones(n, 3)))
