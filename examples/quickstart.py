import torch

from monograph import Dim, export


def gated(x, y):
    if x.sum() > 0:  # a branch on data
        return x @ y
    return x * 2


example = (torch.ones(1, 3), torch.eye(3))
program = export(gated, example, dynamic_shapes={"x": {0: Dim("batch")}}, strict=True)
print(program.graph_module.code.strip())
print(program.module()(torch.ones(5, 3), torch.eye(3)).shape)
