"""Every operator of torch's database: the exported result equals eager."""

import logging
import warnings
from functools import partial
from pathlib import Path

import opinfo
import pytest

import monograph
from monograph import MonographError

LISTED = {
    line.split("#")[0].strip()
    for line in (Path(__file__).parent / "opinfo_exceptions.txt").read_text().splitlines()
    if line.split("#")[0].strip()
}
# Torch's fake kernels promise another layout or size for some samples; values are right.
FAKES = {"nn.functional.max_unpool2d.grad:float32", "nn.functional.embedding_bag:float32"}
ENTRIES = {name: (info, dtype) for name, info, dtype in opinfo.entries()}


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", ENTRIES)
def test_operator(name):
    info, dtype = ENTRIES[name]
    if name not in LISTED:
        opinfo.run(info, dtype, opinfo.by_monograph)
        return
    refusals = (MonographError, AssertionError if "jiterator" in name else MonographError)
    with pytest.raises(refusals):  # fails where the exception is no longer necessary
        opinfo.run(info, dtype, opinfo.by_monograph)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - LISTED))
def test_operator_on_many_samples(name):
    """All samples (25 at most); a refusal because of values or sizes that vary may stand."""
    info, dtype = ENTRIES[name]
    for sample in opinfo.samples(info, dtype, 25):
        if not opinfo.is_valid(info, sample):
            continue
        try:
            opinfo.run_sample(info, sample, partial(opinfo.by_monograph, specs=name not in FAKES))
        except monograph.DataDependentError:
            continue


def test_exceptions_name_operators():
    assert sorted(LISTED - ENTRIES.keys()) == []
