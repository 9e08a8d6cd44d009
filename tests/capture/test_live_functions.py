"""The functions that are alive, found without looking at all objects each time."""

import gc
import random
import weakref

from monograph.capture.python.live_functions import live_functions


def made():
    return lambda: 1


def names():
    return list(live_functions(__file__))


def test_new_functions_are_found_before_and_after_a_collection():
    for collect in (lambda: None, lambda: gc.collect(0), lambda: gc.collect(1), gc.collect):
        names()
        function = made()
        collect()
        assert sum(f is function for f in names()) >= 1
        assert sum(f is function for f in names()) >= 1
        del function


def test_functions_that_are_gone_are_not_kept():
    function = made()
    assert sum(f is function for f in names()) >= 1
    reference = weakref.ref(function)
    del function
    gc.collect()  # a list of what was found may be part of a cycle that is gone
    assert reference() is None


def test_none_is_missed_whatever_is_collected_between_looks():
    numbers = random.Random(0)
    kept = []
    for _ in range(40):
        kept += [made() for _ in range(numbers.randrange(3))]
        ballast = [[i] for i in range(numbers.randrange(50))]
        if numbers.random() < 0.6:
            gc.collect(numbers.choice((0,) * 8 + (1,) * 4 + (2,)))
        if numbers.random() < 0.3 and kept:
            kept.pop(numbers.randrange(len(kept)))
        if numbers.random() < 0.7:
            assert set(names()) >= set(kept)
        del ballast
    assert set(names()) >= set(kept)
