"""Gradients through exported programs, and programs that differentiate inside themselves."""

import copy

import pytest
import torch
from bench.models import SMALL
from torch import nn
from torch.utils.checkpoint import checkpoint

import monograph
from monograph.testing import assert_equal, assert_exports


def gradients(module, args, kwargs):
    module.zero_grad()
    torch.manual_seed(0)
    result = module(*args, **kwargs)
    leaves = torch.utils._pytree.tree_leaves(result)
    total = sum(leaf.float().pow(2).sum() for leaf in leaves if isinstance(leaf, torch.Tensor)
                and leaf.requires_grad)  # fmt: skip
    total.backward()
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_models_have_equal_gradients(name, mode):
    model, args, kwargs = SMALL[name]()
    model.train(mode == "train")
    torch.manual_seed(0)
    module = monograph.export(model, args, kwargs).module()
    expected = gradients(model, args, kwargs)
    actual = gradients(module, args, kwargs)
    assert actual.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(actual[key], gradient, rtol=2e-4, atol=2e-4, msg=key)


class Regions(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            frozen = self.a(x)
            with torch.enable_grad():
                live = self.b(frozen)
        return live + self.c(frozen) + frozen.detach() + self.a(x).detach()


class InferenceRegion(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    @torch.no_grad()
    def teacher(self, x):
        return self.a(x)

    def forward(self, x):
        return self.b(x) - self.teacher(x)


@pytest.mark.parametrize("make", [Regions, InferenceRegion])
def test_grad_mode_regions(make):
    model = make()
    x = torch.randn(2, 3)
    program = assert_exports(model, (x,))
    assert_equal(gradients(program.module(), (x,), {}), gradients(model, (x,), {}))


class BehindAutograd(nn.Module):
    """Writes that autograd does not see."""

    def __init__(self):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(3))

    def forward(self, x):
        with torch.no_grad():
            self.w.mul_(2)
            self.v[0] = 4
            seen = self.w.t()
            part = self.v[1:].clone()
            part.add_(1)
        h = x * self.v
        with torch.no_grad():
            h.mul_(3)
        h.data[:, 0] = 1
        return h @ self.w, h * seen.sum(), part * self.v[1:]


def test_writes_behind_autograd():
    model, x = BehindAutograd(), torch.randn(2, 3)
    program = assert_exports(model, (x,))
    assert program.assumptions == []
    copied = copy.deepcopy(model)
    actual = gradients(program.module(), (x,), {})
    model.load_state_dict(copied.state_dict())
    assert_equal(actual, gradients(model, (x,), {}), tolerance=1e-5)


def test_writes_behind_autograd_to_an_argument():
    def f(x):
        x.data.mul_(2)
        with torch.no_grad():
            y = x.view(-1)
        return x * x, y * 3

    program = monograph.export(f, (torch.randn(2, 2, requires_grad=True),))
    results = []
    for run in (f, program.module()):
        x = torch.tensor([[1.0, float("inf")], [float("nan"), -2.0]], requires_grad=True)
        with torch.enable_grad():
            first, second = run(x)
        (first.sum() + 5 * second.sum()).backward()
        results.append((first.detach(), x.grad))
    assert_equal(results[1][0], results[0][0])
    assert torch.equal(results[1][1][0, :1], results[0][1][0, :1])
    assert torch.equal(results[1][1][1, 1:], results[0][1][1, 1:])


def test_result_of_no_grad_does_not_require_grad():
    model = nn.Linear(3, 3)

    @torch.no_grad()
    def f(x):
        return model(x)

    module = monograph.export(f, (torch.randn(2, 3),)).module()
    assert not module(torch.randn(2, 3, requires_grad=True)).requires_grad


def test_inference_mode():
    model = nn.Linear(3, 3)

    def f(x):
        with torch.inference_mode():
            y = model(x)
        return y.clone()

    assert_exports(f, (torch.randn(2, 3),))
    with torch.inference_mode():
        program = monograph.export(model, (torch.randn(2, 3),))
    assert program.module()(torch.randn(2, 3)).requires_grad


def test_write_through_a_view_has_the_gradient_of_eager():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 6))

        def forward(self, x):
            y = self.w * x
            y[1:3].mul_(2)
            y.t()[0].copy_(x[0, 0] * self.w[:, 1])
            y.diagonal().zero_()
            y.view(-1)[3:5].add_(self.w[0, :2])
            return y

    model, x = Model(), torch.randn(4, 6)
    program = assert_exports(model, (x,))
    assert_equal(gradients(program.module(), (x,), {}), gradients(model, (x,), {}))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            with torch.autocast("cpu", dtype):
                y = self.a(x)
                z = torch.einsum("ij,kj->ik", y, x).softmax(-1)
                w = self.norm(y)
                with torch.autocast("cpu", enabled=False):
                    y = self.b(y.float())
            return y + x, z, w, self.b(x)

    model, x = Model(), torch.randn(8, 8)
    program = assert_exports(model, (x,))
    assert_equal(gradients(program.module(), (x,), {}), gradients(model, (x,), {}), tolerance=1e-6)
    with torch.autocast("cpu", dtype):
        model(x)  # leaves casted weights in torch's cache
        inside = monograph.export(model, (x,))
        expected = model(x)
    assert_equal(inside.module()(x), expected)


class Forces(nn.Module):
    """A force field: the gradient of an energy inside the program."""

    def __init__(self, create_graph=True):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
        self.create_graph = create_graph

    def forward(self, positions):
        positions = positions.detach().requires_grad_()
        distance = (positions[:, None] - positions[None]).pow(2).sum(-1).add(1e-3).sqrt()
        energy = self.net(positions).sum() + distance.sum()
        forces = -torch.autograd.grad(energy, positions, create_graph=self.create_graph)[0]
        return energy, forces


@pytest.mark.parametrize("create_graph", [True, False])
def test_autograd_grad_inside(create_graph):
    model, x = Forces(create_graph), torch.randn(4, 3)
    program = assert_exports(model, (x,), tolerance=1e-5)
    assert [a.kind for a in program.assumptions] == ["autograd"]
    if create_graph:  # otherwise eager frees the energy's own graph as well
        expected, actual = gradients(model, (x,), {}), gradients(program.module(), (x,), {})
        assert_equal(actual, expected, tolerance=1e-4)


def test_autograd_grad_of_an_input_that_requires_grad():
    def f(x):
        return torch.autograd.grad((x.sin() * x).sum(), x)[0]

    program = monograph.export(f, (torch.randn(3, requires_grad=True),))
    x = torch.randn(3, requires_grad=True)
    assert torch.equal(program.module()(x), f(x))


def test_detach_beside_an_inner_gradient():
    def f(x):
        y = x.sin()
        inner = torch.autograd.grad(y.pow(3).sum(), y, create_graph=True)[0]
        return inner * y.detach()

    example = torch.randn(3, requires_grad=True)
    module = monograph.export(f, (example,)).module()
    for run in (f, module):
        x = example.detach().clone().requires_grad_()
        run(x).sum().backward()
        assert torch.allclose(x.grad, 6 * x.sin() ** 2 * x.cos(), atol=1e-6)


def test_writes_beside_an_inner_gradient():
    model = nn.Linear(3, 3)

    def f(x):
        x = x.detach().requires_grad_()
        y = model(x) * 1
        y[0].mul_(2)
        y.t()[1].add_(1)
        z = torch.zeros(2, 3)
        z.copy_(y.sin())
        return torch.autograd.grad(z.sum(), x)[0], z

    assert_exports(f, (torch.randn(2, 3),), tolerance=1e-6)


class Doubles(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def test_autograd_function_that_writes():
    model, x = nn.Linear(3, 3), torch.randn(2, 3)
    assert_exports(lambda x: Doubles.apply(model(x)) + 1, (x,))


def test_backward_inside_is_refused():
    def f(x):
        y = (x.requires_grad_() * 2).sum()
        y.backward()
        return x.grad

    with pytest.raises(monograph.PythonFeatureError) as caught:
        monograph.export(f, (torch.randn(3),))
    assert caught.value.code == "MG-P106"


def two(x):
    return x.sin() * x[..., :1]


FUNCTORCH = {
    "vmap": lambda x: torch.func.vmap(two)(x),
    "vmap_dims": lambda x: torch.func.vmap(two, in_dims=1, out_dims=1)(x),
    "vmap_nested": lambda x: torch.func.vmap(torch.func.vmap(lambda a: a.exp().sum()))(
        x[..., None]
    ),
    "grad": lambda x: torch.func.grad(lambda a: two(a).sum())(x),
    "per_sample": lambda x: torch.func.vmap(torch.func.grad(lambda a: two(a).sum()))(x),
    "jacrev": lambda x: torch.func.jacrev(two)(x),
    "jacfwd": lambda x: torch.func.jacfwd(two)(x),
    "jvp": lambda x: torch.func.jvp(two, (x,), (x + 1,)),
    "vjp": lambda x: torch.func.vjp(two, x)[1](x),
    "hessian": lambda x: torch.func.hessian(lambda a: two(a).sum())(x),
}


@pytest.mark.parametrize("name", FUNCTORCH)
def test_functorch(name):
    assert_exports(FUNCTORCH[name], (torch.randn(3, 4),), tolerance=1e-5)


def test_dual_tensors_are_refused():
    with pytest.raises(monograph.PythonFeatureError) as caught:
        monograph.export(lambda x: torch.func.linearize(two, x)[1](x), (torch.randn(3),))
    assert caught.value.code == "MG-P107"


def test_functional_call():
    model = nn.Linear(3, 3)

    def f(x, w):
        return torch.func.functional_call(model, {"weight": w}, (x,))

    assert_exports(f, (torch.randn(2, 3), torch.randn(3, 3)))


class Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


halve = Halve.apply  # as many libraries name it, before anything is exported


@pytest.mark.parametrize("apply", [lambda *args: Halve.apply(*args), halve], ids=["", "named"])
def test_autograd_function(apply):
    model = nn.Linear(3, 3)
    x = torch.randn(2, 3)
    program = assert_exports(lambda x: apply(model(x), 0.5), (x,))
    assert [a.kind for a in program.assumptions] == ["gradient"]
    module = program.module()
    module(x).sum().backward()
    Halve.apply(model(x), 0.5).sum().backward()
    assert torch.equal(module.model.weight.grad, model.weight.grad)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant):
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    assert_exports(lambda x: checkpoint(model, x, use_reentrant=reentrant), (torch.randn(2, 3),))


def test_custom_backward_is_used_inside():
    def f(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(Halve.apply(x, 3.0).sum(), x)[0]

    assert_exports(f, (torch.randn(3),))


def test_a_negative_zero_is_written_behind_autograd():
    def program(x):
        y = x * 2
        with torch.no_grad():
            y.mul_(-1)
        return y, y * 3

    x = torch.tensor([0.0, -0.0, 1.0], requires_grad=True)
    module = monograph.export(program, (x,)).module()
    for mine, theirs in zip(module(x), program(x), strict=True):
        assert torch.equal(mine.signbit(), theirs.signbit())
        gradients = [
            torch.autograd.grad(each.sum(), x, retain_graph=True)[0] for each in (mine, theirs)
        ]
        assert torch.equal(*gradients)
