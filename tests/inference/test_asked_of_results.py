"""What a program is told of an operator's results is what eager mode tells, at other sizes too."""

import logging
import warnings
from pathlib import Path

import asked_of_results
import opinfo
import pytest
from torch.utils._pytree import tree_leaves

EXCEPTIONS = (Path(__file__).parent / "opinfo_exceptions.txt").read_text()
ENTRIES = {
    name: (info, dtype) for name, info, dtype in opinfo.entries() if f"\n{name} " not in EXCEPTIONS
}
# An export that asks for the strides of their results takes many seconds.
LONG = ("conv", "lowrank", "pinv")
QUICK = [name for name in sorted(ENTRIES) if not any(word in name for word in LONG)][::40]


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def _rank(sample):
    return max((leaf.dim() for leaf in tree_leaves((sample.input, sample.args))
                if hasattr(leaf, "dim")), default=0)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_operator(name):
    info, dtype = ENTRIES[name]
    sample = max(opinfo.samples(info, dtype, 25), key=_rank)
    for layout in ("in order", "transposed"):
        assert asked_of_results.differences(info, sample, layout)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("layout", asked_of_results.LAYOUTS)
@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_operator_in_each_layout(name, layout):
    info, dtype = ENTRIES[name]
    for sample in opinfo.samples(info, dtype, 3):
        assert asked_of_results.differences(info, sample, layout)[1] == []


def test_calls_are_compared():
    info, dtype = ENTRIES["sub:float32"]
    sample = max(opinfo.samples(info, dtype, 25), key=_rank)
    for layout in asked_of_results.LAYOUTS:
        calls, wrong = asked_of_results.differences(info, sample, layout)
        assert (calls > 2, wrong) == (True, []), layout
