"""What a program that differentiates writes to its buffers has a history, which ends with the call.

The model has none afterwards, and the exported program finds none in its second call.
"""

import pytest
import torch
from torch import nn

from monograph import export

WRITES = {
    "all of it": lambda table, value: table.copy_(value.expand(4)),
    "a part": lambda table, value: table[1:2].copy_(value),
    "an item": lambda table, value: table.__setitem__(0, value[0]),
    "a sum": lambda table, value: table.add_(value),
}


class Net(nn.Module):
    def __init__(self, write):
        super().__init__()
        self.linear, self.write = nn.Linear(4, 4), write
        self.register_buffer("table", torch.arange(4.0))

    def forward(self, x):
        inner = x.detach().requires_grad_()
        gradient = torch.autograd.grad((inner * inner).sum(), inner)[0]
        self.write(self.table, self.linear(x).flatten()[:1])
        return gradient + self.table.detach()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("write", WRITES)
def test_it_ends_with_the_call(write, strict):
    net, x = Net(WRITES[write]), torch.randn(3, 4)
    ep = export(net, (x,), strict=strict)
    assert net.table.is_leaf
    assert not net.table.requires_grad
    torch.testing.assert_close(net.table, torch.arange(4.0))
    module, eager = ep.module(), Net(WRITES[write])
    eager.load_state_dict(net.state_dict())
    for _ in range(3):
        torch.testing.assert_close(module(x), eager(x))
        torch.testing.assert_close(module.table, eager.table.detach())
