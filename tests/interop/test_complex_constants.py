"""Complex numbers in a program's code and file: infinite parts, and parts that are NaN."""

import io
import itertools

import pytest
import torch

import monograph
from monograph.edges import from_torch, load, save
from monograph.testing import assert_equal

PARTS = (float("inf"), -float("inf"), float("nan"), 2.5)


def _loaded(program):
    file = io.BytesIO()
    save(program, file)
    file.seek(0)
    return load(file)


WAYS = {
    "exported": lambda program: program,
    "decomposed": lambda program: program.run_decompositions(),
    "file": _loaded,
    "torch.export": lambda program: from_torch(program.to_torch()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [complex(*each) for each in itertools.product(PARTS, PARTS)])
def test_numbers(number, way):
    def model(x):
        return torch.full_like(x, number), x.masked_fill(x.real > 2, number), torch.fill(x, number)

    x = torch.tensor([1 + 2j, 3 - 1j])
    module = WAYS[way](monograph.export(model, (x,))).module()
    assert_equal(module(x), model(x))
