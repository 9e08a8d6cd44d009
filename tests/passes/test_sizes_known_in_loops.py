"""Decompositions in the body of a loop ask about sizes that it carries: nothing asks arguments."""

import torch
from torch.nn import functional as F

import monograph
from monograph import Dim


def blocks_after_a_loop(x, mask):
    state, rows = x.new_zeros(x.size(0), 8), []
    for t in range(x.size(1)):
        state = torch.sigmoid(x[:, t]) * state + x[:, t]
        state = torch.where(mask[:, t : t + 1] > 0, state, torch.zeros_like(state))
        rows.append(state)
    x = torch.stack(rows, 1)
    n = -x.size(1) % 4
    blocks = F.pad(x, (0, 0, 0, n)).view(x.size(0), -1, 4, 8)
    kept = F.pad(mask, (0, n)).view(x.size(0), -1, 1, 4)
    scores = torch.einsum("bnid,bnjd->bnij", blocks, blocks).masked_fill(kept == 0, -1e4)
    return torch.einsum("bnij,bnjd->bnid", scores.softmax(-1), blocks).reshape(x.size(0), -1, 8)


def test_what_a_loop_carries():
    def given(batch, length):
        return torch.randn(batch, length, 8), torch.ones(batch, length)

    each = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    program = monograph.export(blocks_after_a_loop, given(2, 9), dynamic_shapes=(each, each))
    module = program.run_decompositions().module()
    for sizes in ((2, 9), (1, 8), (3, 1), (1, 14)):
        args = given(*sizes)
        torch.testing.assert_close(module(*args), blocks_after_a_loop(*args), rtol=1e-4, atol=1e-5)
