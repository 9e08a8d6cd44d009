"""``torch.manual_seed`` inside a program: what is drawn after it is a constant of the program."""

import pytest
import torch

import monograph
from monograph import Dim


def hashes(x):
    torch.manual_seed(7)
    return x @ torch.randn(3, 4) + torch.rand_like(x[0, :1]) + x.new_empty(4).uniform_(-1, 1)


def seeds_again(x):
    before = torch.rand(2)
    torch.manual_seed(7)
    first = torch.randint(0, 9, (2,))
    first.add_(1)
    torch.manual_seed(8)
    return before, first, torch.randperm(5), torch.rand(2, 3).t()


def forks(x):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        noise = torch.bernoulli(torch.empty(3), 0.5)
    return x * noise


def seeds_in_a_loop(x):
    for i in range(3):
        torch.manual_seed(i)
        x = x + torch.rand(3)
    return x


def writes(x):
    torch.manual_seed(1)
    table = torch.rand(3)
    table.mul_(2)
    return table, x + table


PROGRAMS = [hashes, seeds_again, forks, seeds_in_a_loop, writes]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_draws_what_eager_mode_draws(program, varies, strict):
    shapes = ({0: Dim.DYNAMIC},) if varies else None
    example, state = torch.rand(2, 3), torch.get_rng_state()
    made = monograph.export(program, (example,), dynamic_shapes=shapes, strict=strict)
    assert torch.equal(state, torch.get_rng_state())
    assert any(assumption.kind == "seed" for assumption in made.assumptions)
    for run in (made.module(), made.run_decompositions().module()):
        for size in (2, 2, 5, 1) if varies else (2, 2):
            x = torch.rand(size, 3)
            torch.manual_seed(size)
            wanted = program(x)
            torch.manual_seed(size)
            torch.testing.assert_close(run(x), wanted)
    assert made.verify(program, samples=10)


def draws_by_size(x):
    torch.manual_seed(3)
    return x + torch.rand(x.shape[0])


def draws_by_values(x):
    torch.manual_seed(3)
    return torch.bernoulli(x)


def draws_after_the_fork(x):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        noise = torch.rand(4)
    return x * noise + torch.rand(4)


def draws_in_a_branch(x):
    torch.manual_seed(3)
    return torch.cond(x.sum() > 0, lambda y: y + torch.rand(4), lambda y: y * 2, (x,))


def draws_nothing(x):
    torch.manual_seed(3)
    return x * 2


REFUSED = [draws_by_size, draws_by_values, draws_after_the_fork, draws_in_a_branch, draws_nothing]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", REFUSED, ids=lambda p: p.__name__)
def test_refused(program, strict):
    shapes = ({0: Dim.DYNAMIC},) if program is draws_by_size else None
    with pytest.raises(monograph.PythonFeatureError) as caught:
        monograph.export(program, (torch.rand(4),), dynamic_shapes=shapes, strict=strict)
    assert caught.value.code == "MG-P103"
