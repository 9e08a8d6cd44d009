"""Every operator of torch's database on tensors that are transposed, expanded, or have gaps."""

import logging
import warnings
from collections import Counter

import laid_out
import pytest

from monograph.testing.trust import trying

COMMAND = "python -m pytest -m slow tests/inference/test_operator_layouts.py -k {}"
ENTRIES = [
    (f"{name}:{str(dtype).removeprefix('torch.')}", info, dtype)
    for dtype in laid_out.DTYPES
    for name, info in laid_out.operators(dtype)
]
SAMPLE = ENTRIES[::300]


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("name", "info", "dtype"), SAMPLE, ids=[entry[0] for entry in SAMPLE])
def test_some(name, info, dtype):
    assert laid_out.trials(info, dtype, 1, Counter()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "info", "dtype"), ENTRIES, ids=[entry[0] for entry in ENTRIES])
def test_operator(name, info, dtype):
    kind = str(dtype).removeprefix("torch.")
    with trying("operators", COMMAND.format(kind), name) as counts:
        wrong = laid_out.trials(info, dtype, 2, counts)
        counts["tried"] = sum(counts.values())
        counts["operators"] = 1
        assert wrong == [], wrong
