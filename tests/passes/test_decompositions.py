"""``run_decompositions``: other operators, the same program."""

import copy
import itertools

import pytest
import torch
from corpus import CORPUS, assert_same, calls_of, exported_times, run
from torch import nn
from torch.fx import GraphModule

import monograph
from monograph import Dim
from monograph.diagnostics import MonographError
from monograph.testing.compare import assert_equal

aten = torch.ops.aten


def operators(program):
    return {
        node.target
        for module in program.graph_module.modules()
        if isinstance(module, GraphModule)
        for node in module.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload)
    }


@pytest.mark.parametrize("name", CORPUS)
def test_same_numbers_in_core_aten(name):
    whole, *others = exported_times(3, name)
    core, opened = others[0].run_decompositions(), others[1].run_decompositions({})
    modules = [program.module() for program in (whole, core, opened)]
    for call in calls_of(name):
        expected, *others = (run(module, call) for module in modules)
        for actual in others:
            assert_same(actual, expected)
    table = monograph.default_decompositions()
    for op in operators(core):
        is_core = torch.Tag.core in op.tags
        assert is_core or op not in table or str(op) in kept(core), op


def kept(program):
    """The operators that are whole because torch's rule does not do for all sizes."""
    notes = [a.text for a in program.assumptions if a.kind == "kept-whole"]
    return {note.partition(":")[0] for note in notes}


def _spectrum(x):
    return torch.fft.irfft(x, 6, dim=1)


def _folded(x):
    return nn.functional.unfold(x, 2, stride=2)


def _rolled(x):
    return x.roll((1, -1), (0, 2))


def _classes(x):
    return nn.functional.one_hot(x).sum(0)


def _covariance(x):
    """Its parts are chosen in C++, by sizes that are plain numbers."""
    return torch.cov(x)


WHOLE = {
    _spectrum: (torch.randn(2, 5, 3, dtype=torch.complex64), (1, 5, 2), "aten.fft_irfft.default"),
    _folded: (torch.randn(2, 3, 4, 6), (1, 3, 6, 4), "aten.im2col.default"),
    _rolled: (torch.randn(2, 3, 4), (1, 5, 2), "aten.roll.default"),
    _classes: (torch.tensor([0, 2, 1]), (2,), "aten.one_hot.default"),
    _covariance: (torch.randn(4, 5), (2, 7), "aten.cov.default"),
}


@pytest.mark.parametrize("f", WHOLE)
def test_an_operator_stays_whole_where_torchs_rule_holds_for_less(f):
    x, shape, op = WHOLE[f]
    sizes = ({i: Dim.DYNAMIC for i in range(x.dim()) if shape[i] != x.shape[i]},)
    program = monograph.export(f, (x,), dynamic_shapes=sizes)
    found = program.run_decompositions()
    assert kept(found) <= {op}
    assert set(found.range_constraints) == set(program.range_constraints)
    for name, bounds in program.range_constraints.items():
        assert str(found.range_constraints[name]) == str(bounds)
    for y in (x, torch.zeros(shape, dtype=x.dtype)):
        torch.testing.assert_close(found.module()(y), f(y))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.batch = nn.BatchNorm1d(4)

    def forward(self, x):
        y = self.norm(self.lin(x))
        return torch.nn.functional.gelu(self.batch(y)).softmax(-1).var(0)


X = torch.randn(5, 4)


def test_a_table_says_what_is_opened():
    program = monograph.export(Small().eval(), (X,))
    assert aten.linear.default in operators(program)
    assert aten.linear.default not in operators(program.run_decompositions({}))
    assert aten.native_layer_norm.default in operators(program.run_decompositions({}))
    table = monograph.default_decompositions()
    del table[aten.linear.default]
    kept = operators(program.run_decompositions(table))
    assert aten.linear.default in kept
    assert aten.addmm.default not in kept
    table = torch._decomp.get_decompositions([aten.gelu.default])
    found = operators(program.run_decompositions(table))
    assert aten.gelu.default not in found
    assert aten._softmax.default in found


class CausalHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 8)

    def forward(self, x):
        b, t, _ = x.shape
        q = self.lin(x).view(b, t, 2, 4).transpose(1, 2)
        y = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
        return y.transpose(1, 2).reshape(b, t, 8).softmax(-1)


@pytest.mark.parametrize(
    "make", [torch.export.default_decompositions, torch._decomp.core_aten_decompositions]
)
def test_tables_of_torchs(make):
    model, sizes = CausalHeads(), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(model, (torch.randn(2, 5, 8),), dynamic_shapes=sizes)
    default = program.run_decompositions()
    found = program.run_decompositions(make())
    assert operators(found) == operators(default)
    for shape in ((3, 4, 8), (1, 1, 8)):
        x = torch.randn(shape)
        torch.testing.assert_close(found.module()(x), model(x))
    table = make()
    del table[aten.linear.default]
    kept = program.run_decompositions(decomp_table=table)
    assert operators(kept) - operators(default) == {aten.linear.default}


def test_a_rule_of_ones_own():
    def gelu(x, approximate="none"):
        return x * torch.sigmoid(1.702 * x)

    program = monograph.export(Small().eval(), (X,))
    found = program.run_decompositions({aten.gelu.default: gelu})
    assert aten.sigmoid.default in operators(found)
    with pytest.raises(MonographError) as caught:
        program.run_decompositions({aten.gelu.default: lambda x, approximate="none": x[:2]})
    assert caught.value.code == "MG-O102"
    assert caught.value.where.text.startswith("return torch.nn.functional.gelu")


def test_a_rule_that_leads_back():
    program = monograph.export(Small().eval(), (X,))

    def gelu(x, approximate="none"):
        return aten.gelu.default(x, approximate="tanh") if approximate == "none" else NotImplemented

    found = program.run_decompositions({aten.gelu.default: gelu})
    (node,) = [n for n in found.graph.nodes if n.target is aten.gelu.default]
    assert node.kwargs == {"approximate": "tanh"}

    def again(x, approximate="none"):
        return aten.gelu.default(x, approximate=approximate)

    with pytest.raises(MonographError) as caught:
        program.run_decompositions({aten.gelu.default: again})
    assert caught.value.code == "MG-O102"


def test_a_packet_stands_for_all_its_overloads():
    table = monograph.default_decompositions()
    assert aten.linear.default in table
    del table[aten.linear]
    assert aten.linear.default not in table
    with pytest.raises(KeyError):
        del table[aten.linear]


@pytest.mark.parametrize("table", [None, {}])
def test_gradients_and_written_buffers_equal_eagers(table):
    eager = Small().train()
    program = monograph.export(copy.deepcopy(eager), (X,)).run_decompositions(table)
    module = program.module()
    ours, theirs = X.clone().requires_grad_(), X.clone().requires_grad_()
    module(ours).sum().backward()
    eager(theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    grads = {name: p.grad for name, p in module.named_parameters()}
    for name, parameter in eager.named_parameters():
        torch.testing.assert_close(grads[name], parameter.grad, rtol=1e-4, atol=1e-5)
    for name, buffer in eager.named_buffers():
        assert_equal(module.state_dict()[name], buffer, tolerance=1e-5)
    assert program.graph_signature.buffers_to_mutate.keys() <= {n.name for n in program.graph.nodes}


def test_sizes_lines_and_history_survive():
    batch = Dim("batch", min=2, max=64)
    program = monograph.export(Small().eval(), (X,), dynamic_shapes=({0: batch},))
    core = program.run_decompositions()
    assert core.range_constraints == program.range_constraints
    assert core.graph_signature.input_specs == program.graph_signature.input_specs
    for size in (2, 3, 64):
        x = torch.randn(size, 4)
        torch.testing.assert_close(core.module()(x), program.module()(x))
    with pytest.raises(MonographError):
        core.module()(torch.randn(1, 4))
    by_name = {n.name: n for n in core.graph.nodes}
    product = by_name["addmm"]
    assert "linear" in product.meta["from_node"][-1][1]
    assert (
        "self.norm(self.lin(x))" in product.meta["stack_trace"]
        or "linear" in product.meta["stack_trace"]
    )
    assert [path for path, _ in product.meta["nn_module_stack"].values()] == ["", "lin"]
    again = core.run_decompositions()
    assert [n.target for n in again.graph.nodes] == [n.target for n in core.graph.nodes]


class Heads(nn.Module):
    """What asks for sizes and layouts where torch opens it."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.steps = nn.LSTM(8, 8, batch_first=True)
        self.project = nn.Parameter(torch.randn(8, 5))
        self.convolve, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.group = nn.GroupNorm(1, 3)

    def forward(self, x, mask):
        x = self.attend(x, x, x)[0] + self.steps(x)[0]
        x = x + nn.functional.scaled_dot_product_attention(x, x, x, mask)
        x = x + nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
        image = self.group(self.norm(self.convolve(x[:, None])))
        ahead = torch.diff(x, dim=1, prepend=x[:, :1])
        return x @ self.project, nn.functional.max_pool2d(image, 2, 1, 1), ahead.flatten(1)


@pytest.mark.parametrize("table", [None, {}])
def test_sizes_are_narrowed_by_no_decomposition(table):
    """One row, one token: what holds for the program holds for its decompositions."""
    torch.manual_seed(0)
    model, batch, length = Heads().eval(), Dim("batch"), Dim("length", min=1)
    args = (torch.randn(2, 3, 8), torch.ones(3, 3).tril() > 0)
    shapes = ({0: batch, 1: length}, {0: length, 1: length})
    program = monograph.export(model, args, dynamic_shapes=shapes)
    opened = program.run_decompositions(table)
    assert opened.range_constraints == program.range_constraints
    assert [a for a in opened.assumptions if a.kind != "kept-whole"] == program.assumptions
    whole = [a.text for a in opened.assumptions if a.kind == "kept-whole"]  # oneDNN wants rows
    assert whole == ["aten.lstm.input: its decomposition holds for batch >= 1 alone"]
    if table is None:
        assert aten._native_batch_norm_legit_no_training.default in operators(opened)
    module = opened.module()
    for rows, steps in itertools.product((1, 2, 5), repeat=2):
        args = (torch.randn(rows, steps, 8), torch.ones(steps, steps).tril() > 0)
        with torch.no_grad():
            assert_equal(module(*args), model(*args), tolerance=1e-5)


class InBodies(nn.Module):
    """The same in branches and loops, which use sizes of the program around them."""

    def __init__(self):
        super().__init__()
        self.lin, self.convolve = nn.Linear(4, 4), nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x):
        rows = x.flatten(0, 1)
        y = torch.cond(
            x.sum() > 0,
            lambda rows: self.lin(rows).reshape(x.shape[0], -1, 4).mean((0, 1)),
            lambda rows: (torch.diff(rows, dim=0, prepend=rows[:1]) @ self.lin.weight).sum(0),
            (rows,),
        )

        def body(i, state):
            return i + 1, (state @ self.lin.weight).tanh() + self.lin(x).mean(1)

        _, state = torch.while_loop(lambda i, state: i < 3, body, (torch.tensor(0), x.mean(1)))
        return y + state, self.convolve(x.mT).mean(-1)


@pytest.mark.parametrize("table", [None, {}])
def test_sizes_are_narrowed_by_no_decomposition_inside(table):
    torch.manual_seed(0)
    shapes = ({0: Dim("batch"), 1: Dim("length", min=1)},)
    program = monograph.export(InBodies(), (torch.randn(2, 3, 4),), dynamic_shapes=shapes)
    assert not program.assumptions
    opened = program.run_decompositions(table)
    assert opened.range_constraints == program.range_constraints
    assert not opened.assumptions
    modules = program.module(), opened.module(), opened.to_torch().module()
    for rows, steps, sign in itertools.product((1, 2, 5), (1, 2, 7), (1, -1)):
        x = sign * torch.rand(rows, steps, 4)
        with torch.no_grad():
            expected, *others = (module(x) for module in modules)
        for actual in others:
            assert_equal(actual, expected, tolerance=1e-5)


@pytest.mark.parametrize("keep", [True, False])
def test_a_mask_of_truths(keep):
    def attend(x, mask):
        return nn.functional.scaled_dot_product_attention(x, x, x, mask)

    args = (torch.randn(1, 2, 3, 4), torch.full((3, 3), keep))
    core = monograph.export(attend, args).run_decompositions()
    assert_equal(core.module()(*args), attend(*args), tolerance=1e-5)


def test_the_program_itself_stays_as_it_is():
    program = monograph.export(Small().eval(), (X,))
    before = str(program)
    program.run_decompositions()
    assert str(program) == before


def test_a_rule_of_torchs_that_raises_leaves_the_operator_whole():
    def filled(x):
        return x.nan_to_num()

    program = monograph.export(filled, (torch.ones(3, dtype=torch.complex64),)).run_decompositions()
    assert kept(program) == {"aten.nan_to_num.default"}
    program.verify(filled)


def test_attention_of_heads_of_size_0_is_decomposed():
    def attended(q):
        return torch.nn.functional.scaled_dot_product_attention(q, q, q)

    program = monograph.export(attended, (torch.ones(1, 2, 3, 0),)).run_decompositions()
    program.verify(attended)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_decomposed_attention_takes_heads_of_size_0_later(dtype):
    def model(q):
        return torch.nn.functional.scaled_dot_product_attention(q, q, q)

    varies = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    x = torch.ones(2, 3, 4, dtype=dtype)
    program = monograph.export(model, (x,), dynamic_shapes=varies).run_decompositions()
    for shape in ((2, 3, 0), (0, 0, 0), (1, 1, 1), (2, 5, 16)):
        given = torch.randn(shape).to(dtype)
        torch.testing.assert_close(program.module()(given), model(given), atol=2e-3, rtol=2e-3)


def test_a_rule_of_the_users_that_raises_is_not_hidden():
    def sined(x):
        return x.sin()

    def fails(x):
        raise KeyError("a name")

    with pytest.raises(KeyError):
        monograph.export(sined, (torch.ones(3),)).run_decompositions({aten.sin.default: fails})
