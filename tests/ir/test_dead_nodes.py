"""What nobody reads is dropped, but for what can be seen all the same: a draw before another."""

import torch
from torch import nn

import monograph


def test_a_draw_that_nobody_reads_stays_before_another():
    def f(x):
        torch.rand_like(x)
        return x * torch.rand_like(x)

    x = torch.rand(3)
    module = monograph.export(f, (x,)).module()
    results = []
    for called in (f, module):
        torch.manual_seed(0)
        results.append(called(x))
    assert torch.equal(*results)


def test_what_draws_nothing_and_is_not_read_is_dropped():
    def f(x):
        nn.functional.dropout(x, 0.5, training=False).sin()
        return x * 2

    program = monograph.export(f, (torch.rand(3),))
    assert [n.name for n in program.graph.nodes if n.op == "call_function"] == ["mul"]
