"""Every operator of torch's database: the exported result equals eager."""

import logging
import warnings
from functools import partial
from pathlib import Path

import opinfo
import pytest

import monograph
from monograph import MonographError
from monograph.ir.operators import is_random
from monograph.testing.trust import trying

LISTED = {
    line.split("#")[0].strip()
    for line in (Path(__file__).parent / "opinfo_exceptions.txt").read_text().splitlines()
    if line.split("#")[0].strip()
}
# Torch's fake kernels promise another layout or size for some samples; values are right.
FAKES = {"nn.functional.max_unpool2d.grad:float32", "nn.functional.embedding_bag:float32"}
COMMAND = "python -m pytest -m slow tests/inference/test_opinfo.py -k many_samples"
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
    with trying("operators", COMMAND, name) as counts:
        for sample in opinfo.samples(info, dtype, 25):
            if not opinfo.is_valid(info, sample):
                continue
            export = partial(opinfo.by_monograph, specs=name not in FAKES)
            try:
                opinfo.run_sample(info, sample, export)
            except monograph.DataDependentError:
                counts["samples that are refused in words"] += 1
                continue
            counts["samples as in eager mode"] += 1


def test_exceptions_name_operators():
    assert sorted(LISTED - ENTRIES.keys()) == []


# Kernels that do not check their arguments crash on random ones.
UNSAFE = ("jiterator", "lu_unpack", "lu_solve", "ldl", "ormqr", "householder", "max_unpool",
          "embedding_bag", "ctc_loss", "segment_reduce")  # fmt: skip
# Torch's fake kernels promise other strides than the kernels give; or the kernel of an exported
# batch norm refuses a batch without elements that the eager one takes; or channels are none.
FAKES_OF_SIZES = (
    "fft.",
    "nn.functional.batch_norm",
    "nn.functional.conv3d",
    "linalg.pinv.singular",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - LISTED))
def test_operator_with_sizes_that_vary(name):
    """Every size left to ``Dim.AUTO``: right at all sizes that the program accepts."""
    if any(word in name for word in UNSAFE):
        pytest.skip("the kernel does not check its arguments")
    info, dtype = ENTRIES[name]
    for sample in opinfo.samples(info, dtype, 2):
        if not opinfo.is_valid(info, sample):
            continue
        try:
            program = opinfo.export_with_sizes_that_vary(info, sample)
        except monograph.InternalError:
            raise
        except (MonographError, ValueError):
            continue
        random = any(is_random(node.target) for node in program.graph.nodes)
        if not random and "empty" not in name and not name.startswith(FAKES_OF_SIZES):
            assert opinfo.check_other_sizes(info, program) == []
