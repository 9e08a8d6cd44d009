"""Layers and distributions of torch's that ask what kind of number they get, of one that varies."""

import pytest
import torch
import torch.nn.functional as F
from torch import distributions, nn

from monograph import Dim, export


def _chunked(x):
    options = nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    weight = torch.arange(3.0)[:, None].expand(3, x.shape[2])
    targets = torch.zeros(x.shape[1], dtype=torch.int64)
    return F.linear_cross_entropy(x[0], weight, targets, options=options)


PROGRAMS = {
    "linear_cross_entropy": _chunked,
    "unfold": lambda x: F.unfold(x[:, None], x.shape[1] // 2),
    "gaussian_nll_loss": lambda x: F.gaussian_nll_loss(x, x * 2, x.shape[0] / 2),
    "lp_pool1d": lambda x: F.lp_pool1d(x, x.shape[0], 2),
    "HuberLoss": lambda x: nn.HuberLoss(delta=x.shape[0] / 3)(x, x * 2),
    "Unflatten": lambda x: nn.Unflatten(1, (2, x.shape[1] // 2))(x),
    "MaxPool1d": lambda x: nn.MaxPool1d(x.shape[1] // 3)(x),
    "GroupNorm": lambda x: nn.GroupNorm(x.shape[1] // 2, x.shape[1])(x),
    "Multinomial": lambda x: distributions.Multinomial(x.shape[0], x[0]).mean,
    "Binomial": lambda x: distributions.Binomial(x.shape[0], x / 2).variance,
    "Normal": lambda x: distributions.Normal(x.shape[1], x.shape[0] / 2).log_prob(x),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_eager_mode(name, strict):
    program = PROGRAMS[name]
    shapes = (dict.fromkeys(range(3), Dim.AUTO),)
    ep = export(program, (torch.rand(4, 6, 8),), dynamic_shapes=shapes, strict=strict)
    for sizes in ((4, 6, 8), (4, 6, 10), (5, 6, 8)):
        x = torch.rand(sizes)
        torch.testing.assert_close(ep.module()(x), program(x))
