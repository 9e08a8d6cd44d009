"""Floats that Python computes of sizes have all their digits in tensors made of them."""

import pytest
import torch

from monograph import Dim, export

MADE = {
    "alone": lambda n, dtype: torch.tensor(n * 0.1, dtype=dtype),
    "as a tensor": lambda n, dtype: torch.as_tensor(n * 0.1, dtype=dtype),
    "in a list": lambda n, dtype: torch.tensor([n * 0.1, 0.7, n], dtype=dtype),
    "in lists": lambda n, dtype: torch.tensor([[n * 0.1], [0.7]], dtype=dtype),
    "of a type": lambda n, dtype: torch.DoubleTensor([n * 0.1, 0.7]).to(dtype),
    "filled": lambda n, dtype: torch.full((), n * 0.1, dtype=dtype),
    "by default": lambda n, dtype: torch.tensor([n * 0.1, 0.7]).to(dtype),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.int64])
@pytest.mark.parametrize("made", MADE)
def test_they_are_as_in_eager_mode(made, dtype):
    def program(x):
        return MADE[made](x.size(0), dtype)

    call = export(program, (torch.ones(3),), dynamic_shapes=({0: Dim.DYNAMIC},)).module()
    for size in (3, 0, 1, 2, 7, 1234):
        x = torch.ones(size)
        assert torch.equal(call(x), program(x))


def _repeated(x):
    return x * sum([0.1] * x.size(0))


def _appended(x):
    shares = []
    for t in range(x.size(0)):
        shares.append(t * 0.1)
    shares.append(0.7)
    return x * sum(shares)


def _put(x):
    shares = [0.1] * (x.size(0) + 1)
    for t in range(x.size(0)):
        shares[t + 1] = shares[t] / 3 + t
    return x * shares[-1]


@pytest.mark.parametrize("program", [_repeated, _appended, _put])
def test_they_are_in_lists_as_well(program):
    x = torch.ones(3, dtype=torch.float64)
    call = export(program, (x,), dynamic_shapes=({0: Dim.DYNAMIC},)).module()
    for size in (3, 1, 2, 7, 50):
        x = torch.ones(size, dtype=torch.float64)
        torch.testing.assert_close(call(x), program(x), rtol=1e-14, atol=0)
