"""Writes the files beside it: ``python tests/interop/data/write.py``, with each torch.

Each is ``torch.export.save`` of one small program, with inputs and eager's results as extra files.
"""

import json
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.lin = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scale", torch.arange(4.0), persistent=False)
        self.table = torch.arange(4.0) + 1

    def forward(self, ids, *, gain=1.0):
        self.seen.add_(1)
        x = self.embed(ids).mean(1)
        x = self.norm(self.lin(x).relu()) * self.scale * gain + self.table
        x = torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))
        return {"y": self.head(x), "n": ids.shape[0]}


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Net().eval()
    ids = torch.randint(0, 7, (3, 5))
    shapes = {"ids": {0: torch.export.Dim("batch", min=2, max=64)}, "gain": None}
    program = torch.export.export(model, (ids,), {"gain": 2.0}, dynamic_shapes=shapes, strict=False)
    other = torch.arange(20).reshape(4, 5) % 7
    expected = {"ids": other.tolist(), "y": model(other, gain=2.0)["y"].tolist()}
    name = f"torch-{torch.__version__.partition('+')[0]}.pt2"
    torch.export.save(
        program, Path(__file__).parent / name, extra_files={"expected": json.dumps(expected)}
    )
