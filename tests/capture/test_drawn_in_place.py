"""Random numbers that are drawn in place are those of eager mode, however the tensor lies."""

import pytest
import torch
from torch import nn

import monograph

LIES = {
    "row-major": lambda x: x,
    "channels last": lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "turned": lambda x: x.transpose(1, 3),
    "columns": lambda x: x[:, :, ::2],
    "turned columns": lambda x: x.transpose(1, 2)[..., ::3],
    "one row": lambda x: x[:1].transpose(0, 1),
}
DRAWS = {
    "bernoulli": lambda y: y.bernoulli_(0.3),
    "bernoulli of tensors": lambda y: y.bernoulli_(torch.full_like(y, 0.4)),
    "uniform": lambda y: y.uniform_(2, 3),
    "exponential": lambda y: y.exponential_(),
    "random": lambda y: y.random_(7),
    "random between": lambda y: y.random_(-2, 7),
    "random from": lambda y: y.random_(3, None),
}


class _Model(nn.Module):
    def __init__(self, lies, draws):
        super().__init__()
        self.lies, self.draws = lies, draws

    def forward(self, x):
        whole = torch.zeros_like(x) + x
        part = self.lies(whole)
        self.draws(part)
        return whole, part


@pytest.mark.parametrize("draws", DRAWS)
@pytest.mark.parametrize("lies", LIES)
def test_draws(lies, draws):
    model = _Model(LIES[lies], DRAWS[draws])
    x = torch.randn(2, 4, 6, 6)
    for shapes in (None, ({0: monograph.Dim.DYNAMIC, 2: monograph.Dim.DYNAMIC},)):
        program = monograph.export(model, (x,), dynamic_shapes=shapes)
        for module in (program.module(), program.run_decompositions().module()):
            for size in ((2, 4, 6, 6), (3, 4, 8, 6))[: 1 if shapes is None else 2]:
                given = torch.randn(size)
                torch.manual_seed(0)
                expected = model(given)
                torch.manual_seed(0)
                torch.testing.assert_close(module(given), expected, rtol=0, atol=0)


@pytest.mark.parametrize("low", [-3, 0, 1])
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int32, torch.uint8]
)
def test_draws_up_to_the_largest_number(dtype, low):
    def draws(x):
        return x.clone().random_(low, None)

    x = torch.zeros(3, 7).to(dtype)
    if low < 0 and dtype in (torch.int64, torch.uint8):  # more than an argument says; none
        with pytest.raises((monograph.OperatorError, RuntimeError), match="from"):
            monograph.export(draws, (x,)).module()(x)
        return
    program = monograph.export(draws, (x,))
    for module in (program.module(), program.run_decompositions().module()):
        torch.manual_seed(0)
        expected = draws(x)
        torch.manual_seed(0)
        assert torch.equal(module(x), expected)
