"""The tutorial's sections "Basic Usage", "Graph Breaks", "Non-Strict Export", "Custom Ops" run."""

import pytest
import torch
from functorch.experimental.control_flow import cond, map  # noqa: A004
from torch.library import Library, impl, register_fake

import monograph
from monograph import DataDependentError, PythonFeatureError, export
from monograph.exportdb.runner import operators_of


class MyModule(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(100, 10)

    def forward(self, x, y):
        return torch.nn.functional.relu(self.lin(x + y), inplace=True)


def test_basic_usage():
    mod = MyModule()
    exported_mod = export(mod, (torch.randn(8, 100), torch.randn(8, 100)))
    assert type(exported_mod) is monograph.ExportedProgram
    args = torch.randn(8, 100), torch.randn(8, 100)
    assert torch.equal(exported_mod.module()(*args), mod(*args))
    assert operators_of(exported_mod) == ("add", "t", "addmm", "relu")
    text = str(exported_mod)
    assert 'p_lin_weight: "f32[10, 100]", p_lin_bias: "f32[10]", x: "f32[8, 100]"' in text
    assert (
        "in forward, code: return torch.nn.functional.relu(self.lin(x + y), inplace=True)" in text
    )
    assert 'relu: "f32[8, 10]" = torch.ops.aten.relu.default(linear);  linear = None' in text
    assert "torch.ops.aten.relu.default" in exported_mod.graph_module.code
    readable = exported_mod.graph_module.print_readable(print_output=False)
    assert "f32[8, 100]" in readable
    assert "code: return torch.nn.functional.relu" in readable
    specs = [repr(spec) for spec in exported_mod.graph_signature.input_specs]
    assert specs[0] == (
        "InputSpec(kind=<InputKind.PARAMETER: 2>, arg=TensorArgument(name='p_lin_weight'), "
        "target='lin.weight', persistent=None)"
    )
    assert exported_mod.range_constraints == {}


def test_module_path_of_nodes():
    program = export(MyModule(), (torch.randn(8, 100), torch.randn(8, 100)))
    linear = next(n for n in program.graph.nodes if "linear" in n.name)
    assert [path for path, _ in linear.meta["nn_module_stack"].values()] == ["", "lin"]


class Bad1(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return torch.sin(x)
        return torch.cos(x)


class Bad2(torch.nn.Module):
    def forward(self, x):
        x.data[0, 0] = 3
        return x


class Bad3(torch.nn.Module):
    def forward(self, x):
        x = x + 1
        return x + id(x)


class Bad4(torch.nn.Module):
    def forward(self, x):
        try:
            x = x + 1
            raise RuntimeError("bad")
        except:  # noqa: E722
            x = x + 2
        return x


def test_graph_breaks():
    with pytest.raises(DataDependentError) as caught:
        export(Bad1(), (torch.randn(3, 3),))
    assert caught.value.where.text == "if x.sum() > 0:"
    result = export(Bad2(), (torch.randn(3, 3),), strict=False).module()(torch.ones(3, 3))
    expected = torch.ones(3, 3)
    expected[0, 0] = 3
    assert torch.equal(result, expected)
    program = export(Bad3(), (torch.randn(3, 3),), strict=False)
    assert operators_of(program) == ("add", "add")
    assert [a.kind for a in program.assumptions] == ["id"]
    first, second = (program.module()(torch.full((3, 3), v)) for v in (1.0, 1.0))
    assert torch.equal(first, second)
    module = export(Bad4(), (torch.randn(3, 3),)).module()
    assert torch.equal(module(torch.ones(3, 3)), torch.full((3, 3), 4.0))


class Bad1Fixed(torch.nn.Module):
    def forward(self, x):
        def true_fn(x):
            return torch.sin(x)

        def false_fn(x):
            return torch.cos(x)

        return cond(x.sum() > 0, true_fn, false_fn, [x])


@pytest.mark.parametrize("strict", [False, True])
def test_control_flow_operators(strict):
    program = export(Bad1Fixed(), (torch.randn(3, 3),), strict=strict)
    module = program.module()
    assert torch.equal(module(torch.ones(3, 3)), torch.ones(3, 3).sin())
    assert torch.equal(module(-torch.ones(3, 3)), torch.ones(3, 3).cos())
    assert "torch.ops.higher_order.cond(gt, true_graph_0, false_graph_0, (x,))" in str(program)


def test_graph_breaks_in_strict_mode():
    program = export(Bad1(), (torch.randn(3, 3),), strict=True)
    module = program.module()
    assert torch.equal(module(torch.ones(3, 3)), torch.ones(3, 3).sin())
    assert torch.equal(module(-torch.ones(3, 3)), torch.ones(3, 3).cos())
    result = export(Bad2(), (torch.randn(3, 3),), strict=True).module()(torch.ones(3, 3))
    assert result[0, 0] == 3
    with pytest.raises(PythonFeatureError) as caught:
        export(Bad3(), (torch.randn(3, 3),), strict=True)
    assert caught.value.code == "MG-P108"
    assert caught.value.where.text == "return x + id(x)"
    module = export(Bad4(), (torch.randn(3, 3),), strict=True).module()
    assert torch.equal(module(torch.ones(3, 3)), torch.full((3, 3), 4.0))


def map_example(xs):
    def map_fn(x, const):
        return cond(x.sum() > 0, lambda x: x + const, lambda x: x - const, [x])

    return map(map_fn, xs, torch.tensor([2.0]))


def test_map_with_a_branch_inside():
    module = export(map_example, (torch.randn(4, 3),)).module()
    rows = torch.cat((torch.ones(2, 3), -torch.ones(2, 3)))
    assert torch.equal(module(rows), rows * 3)


LIBRARY = Library("monograph_tutorial", "DEF")
LIBRARY.define("custom_op(Tensor input) -> Tensor")
CALLS = []


@impl(LIBRARY, "custom_op", "CompositeExplicitAutograd")
def custom_op(x):
    CALLS.append(x.shape)
    return torch.relu(x)


@register_fake("monograph_tutorial::custom_op")
def custom_op_meta(x):
    return torch.empty_like(x)


class CustomOpExample(torch.nn.Module):
    def forward(self, x):
        x = torch.sin(x)
        x = torch.ops.monograph_tutorial.custom_op(x)
        return torch.cos(x)


def test_custom_ops():
    program = export(CustomOpExample(), (torch.randn(3, 3),))
    assert operators_of(program) == ("sin", "custom_op", "cos")
    assert CALLS == []
    x = torch.randn(3, 3)
    assert torch.equal(program.module()(x), torch.relu(x.sin()).cos())
    assert CALLS == [(3, 3)]


# The first release of the pages had functions where later ones have modules.

FUNCTIONS = {
    "constructor": (lambda x: torch.ones(x.shape[0] * 2), (3, 2)),
    "if": (lambda x: x.cos() if x.shape[0] == 3 else x.sin(), (3, 2, 2)),
    "slicing": (lambda x: x[: x.shape[0] - 2, x.shape[1] - 1 :: 2], (3, 2)),
    "view": (lambda x: x.view(*((*x.size()[:-1], 2, 5))).permute(0, 2, 1), (10, 10)),
    "scalar_output": (lambda x: x.shape[1] + 1, (3, 2)),
    "round": (lambda x: x[: round(x.shape[0] / 2)], (3, 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_first_pages(name):
    f, shape = FUNCTIONS[name]
    x = torch.randn(shape)
    actual, expected = export(f, (x,)).module()(x), f(x)
    if isinstance(expected, int):
        assert actual == expected
    else:
        assert torch.equal(actual, expected)
