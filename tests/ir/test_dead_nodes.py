"""What nobody reads is dropped, but for what can be seen all the same: random numbers, errors."""

import pytest
import torch
from torch import nn

import monograph

DRAWS = {
    "rand_like": torch.rand_like,
    "in place": lambda x: torch.empty_like(x).normal_(),
    "dropout": lambda x: nn.functional.dropout(x, 0.5),
    "multinomial": lambda x: x.abs().flatten().multinomial(2),
    "permutation": lambda x: torch.randperm(x.shape[0]),
    "in a branch": lambda x: torch.rand_like(x) if x.shape[0] > 2 else x,
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_that_nobody_reads_moves_the_generator_on(name, strict):
    draw = DRAWS[name]

    def f(x):
        draw(x)
        return x * 2

    example = torch.rand(3, 4)
    program = monograph.export(
        f, (example,), dynamic_shapes=({0: monograph.Dim.DYNAMIC},), strict=strict
    )
    for each in (program, program.run_decompositions()):
        for rows in (1, 3, 5):
            states = []
            for called in (f, each.module()):
                torch.manual_seed(0)
                called(torch.rand(rows, 4))
                states.append(torch.get_rng_state())
            assert torch.equal(*states)


def test_what_draws_nothing_and_is_not_read_is_dropped():
    def f(x):
        nn.functional.dropout(x, 0.5, training=False).sin()
        return x * 2

    program = monograph.export(f, (torch.rand(3),))
    assert [n.name for n in program.graph.nodes if n.op == "call_function"] == ["mul"]
