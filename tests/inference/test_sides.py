"""An operator's questions about sizes are answered both ways: only what differs stays."""

import itertools

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.nn import functional as F

import monograph
from monograph.diagnostics import OperatorError
from monograph.inference.fakes import Outcome, Result
from monograph.inference.sides import outcome_of_all_sides
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import equal, not_less, text_of
from monograph.testing import assert_exports

CPU = torch.device("cpu")


def spec(shape, strides):
    return TensorSpec.of(tuple(shape), tuple(strides), torch.float32, CPU)


class Sized:
    """Two sizes, a tensor of them, and what an operator leaves behind that asks about them."""

    def __init__(self, n=4, m=6):
        self.env = ShapeEnv()
        self.n = self.env.symbol("n", n, "x.shape[0]")
        self.m = self.env.symbol("m", m, "x.shape[1]")
        self.given = spec((self.n, self.m), (self.m, 1))
        self.runs = 0

    def outcome(self, operator):
        def run():
            self.runs += 1
            return Outcome((Result(operator(self.env, self.n, self.m)),), None)

        return outcome_of_all_sides(run, self.env, [self.given]).single.spec

    def guards(self):
        return [(text_of(guard.test), guard.kind) for guard in self.env.guards]


def test_strides_of_a_single_row_are_no_matter():
    def operator(env, n, m):
        if env.decide(equal(n, 1)):
            return spec((1, m), (1, 1))
        return spec((n, m), (m, 1))

    for example in (4, 1):
        sized = Sized(example)
        found = sized.outcome(operator)
        assert found.shape == (sized.n, sized.m)
        assert found.strides == (sized.m, 1)
        assert not sized.guards()


def test_another_shape_is_a_guard():
    def operator(env, n, m):
        return spec((m,), (1,)) if env.decide(equal(n, 1)) else spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.guards() == [("n != 1", "branch")]
    sized = Sized(1)
    sized.outcome(operator)
    assert sized.guards() == [("n == 1", "branch")]


def test_strides_of_several_rows_are_a_guard():
    def operator(env, n, m):
        if env.decide(not_less(n, m)):
            return spec((n, m), (1, n))
        return spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.guards() == [("m >= n + 1", "branch")]


def test_sizes_that_the_operator_refuses_are_a_precondition():
    def operator(env, n, m):
        if env.decide(equal(n, 0)):
            raise OperatorError("an empty tensor")
        return spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.guards() == [("n != 0", "precondition")]


def test_each_side_may_ask_for_itself():
    def operator(env, n, m):
        if env.decide(equal(n, 1)):
            return spec((n,), (1,)) if env.decide(equal(m, 0)) else spec((n, m), (1, 1))
        return spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.guards() == [("n != 1", "branch")], "one of the corners has another shape"


def test_what_one_side_alone_demands_is_demanded_there():
    def operator(env, n, m):
        if not env.decide(equal(n, 1)) and not env.require(equal(n, m)):
            raise OperatorError("they differ")
        return spec((n, m), (m, 1))

    sized = Sized(4, 4)
    sized.outcome(operator)
    assert sized.guards() == [("(n == 1) or (n == m)", "precondition")]


def test_a_demand_of_all_sides_stays():
    def operator(env, n, m):
        env.decide(equal(n, 1))
        assert env.require(not_less(m, 2))
        return spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.guards() == [("m >= 2", "precondition")]


def test_without_questions_it_runs_once():
    sized = Sized()
    sized.outcome(lambda env, n, m: spec((n, m), (m, 1)))
    assert sized.runs == 1


def test_what_comes_up_again_is_asked_once():
    def operator(env, n, m):
        for _ in range(20):
            env.decide(equal(n * m, n + 7))
        return spec((n, m), (m, 1))

    sized = Sized()
    sized.outcome(operator)
    assert sized.runs == 2
    assert not sized.guards()


# Programs ------------------------------------------------------------------------------------


class Pixels(nn.Module):
    """Attention over pixels and a norm, as in each U-Net."""

    def __init__(self):
        super().__init__()
        self.project, self.norm = nn.Linear(4, 4), nn.GroupNorm(2, 4)

    def forward(self, x):
        b, c, h, w = x.shape
        q = self.project(x.view(b, c, h * w).transpose(1, 2))
        q = q.view(b, h * w, 2, 2).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, q, q).transpose(1, 2).reshape(b, h * w, c)
        return self.norm(y.transpose(-1, -2).reshape(b, c, h, w) + x)


def written_through_a_permutation(x):
    y = x.sin()
    y.permute(3, 1, 0, 2)[..., -1, :].mul_(2)
    return y


def put_with_a_vector(x):
    y = x.clone()
    y[torch.arange(y.shape[0]), 0] = y[:, 1] * 2
    return y


PROGRAMS = {
    "pixels": Pixels(),
    "group_norm": lambda x: F.group_norm(x.transpose(2, 3), 2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 0).transpose(0, 1).flatten(2),
    "einsum": lambda x: torch.einsum("bchw,kc->bkhw", x.flip(0), torch.ones(3, 4)),
    "real": lambda x: torch.fft.rfft2(x.transpose(1, 2)).abs(),
    "inverse": lambda x: torch.fft.irfft(x.to(torch.complex64), 6, dim=1),
    "complex": lambda x: torch.fft.fftn(x.permute(3, 0, 1, 2), dim=(0, 2)).real,
    "matmul": lambda x: (x @ x.mT).permute(0, 3, 1, 2).reshape(x.shape[0], -1),
    "written_through_a_permutation": written_through_a_permutation,
    "put_with_a_vector": put_with_a_vector,
    "last_of_the_last": lambda x: F.pad(x, [0, 1]).index_put((torch.tensor(0),), x.new_ones(())),
}  # fmt: skip


@pytest.mark.parametrize("batch", [2, 1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_all_sizes_from_one(name, batch):
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    more = [(b, 4, *size) for b, size in itertools.product((1, 3), ((5, 3), (6, 6), (1, 7)))]
    program = assert_exports(
        PROGRAMS[name],
        (torch.randn(batch, 4, 6, 8),),
        more_inputs=[(torch.randn(shape),) for shape in more],
        dynamic_shapes=shapes,
        tolerance=1e-4,
    )
    decomposed = program.run_decompositions().module()
    for shape in more:
        x = torch.randn(shape)
        torch.testing.assert_close(decomposed(x), PROGRAMS[name](x), rtol=1e-4, atol=1e-4)


def test_a_declared_range_from_one_is_no_violation():
    shapes = ({0: Dim("b", min=1), 2: Dim("h", min=1), 3: Dim("w", min=1)},)
    program = monograph.export(Pixels(), (torch.randn(2, 4, 6, 8),), dynamic_shapes=shapes)
    assert {name: found.lower for name, found in program.range_constraints.items()} == {
        "b": 1,
        "h": 1,
        "w": 1,
    }


@pytest.mark.parametrize("first", [True, False])
def test_a_size_that_is_divided_by_zero_is_in_no_call(first):
    """Nothing is demanded for calls that fail before; in whatever order sizes are looked at."""

    def operator(env, n, m):
        return spec((m,), (2,)) if env.decide(equal(m, 0)) else spec((m,), (1,))

    sized = Sized()
    sizes = (sized.n.scope.floordiv(sized.n, sized.m), sized.n)
    sized.given = spec(sizes if first else sizes[::-1], (1, 1))
    assert sized.outcome(operator).strides == (1,)
    assert not sized.guards()
