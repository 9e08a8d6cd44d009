import torch
from torch import nn

import monograph


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x, scale: float):
        self.calls += 1
        x[:, 0] = 0
        return nn.functional.relu(self.lin(x) * scale, inplace=True)


program = monograph.export(Classifier().eval(), (torch.randn(2, 4), 0.5))
print(program)
print(program.module()(torch.ones(2, 4), 0.5).shape)
