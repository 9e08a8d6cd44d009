"""Control-flow operators: captured, run both ways, compared with eager."""

import copy
import functools

import pytest
import torch
from functorch.experimental.control_flow import map as functorch_map
from torch import cond as torch_cond
from torch import nn
from torch._higher_order_ops.scan import scan as torch_scan
from torch._higher_order_ops.while_loop import while_loop as torch_while_loop
from torch.nn import functional as F

import monograph
from monograph import ControlFlowError, Dim, cond, scan, while_loop
from monograph import map as map_rows
from monograph.ir.subgraphs import subgraphs_of
from monograph.testing import assert_equal, assert_exports

UP, DOWN = torch.ones(2, 3), -torch.ones(2, 3)


def operators(graph):
    """The names of a graph's operators and of those inside it."""
    for node in graph.nodes:
        if node.op == "call_function":
            yield getattr(node.target, "__name__", str(node.target)).split(".")[0]
        for subgraph in subgraphs_of(node):
            yield from operators(subgraph.graph)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.scale = 2.0

    def up(self, x):
        return self.lin(x)

    def down(self, x):
        return x * self.scale


def decorated(f):
    @functools.wraps(f)
    def call(*args):
        return f(*args) + 1

    return call


@decorated
def double(x):
    return x * 2


def shift(amount, x):
    return x + amount


class Method(Layer):
    def forward(self, x):
        return cond(x.sum() > 0, self.up, self.down, (x,))


class Modules(Layer):
    def forward(self, x):
        return cond(x.sum() > 0, self.lin, self.other, (x,))


class Closure(Layer):
    def forward(self, x):
        y, number = x + 1, 3

        def then():
            return self.lin(y) * number

        return cond(x.sum() > 0, then, lambda: y - x.shape[0])


class WritesBuffer(Layer):
    def forward(self, x):
        def then(x):
            self.calls.add_(1)
            return x

        y = cond(x.sum() > 0, then, lambda x: x * 2, (x,))
        return y, self.calls + 1


class RebindsNothing(Layer):
    def forward(self, x):
        return cond(x.sum() > 0, lambda: self.calls + x, lambda: x * 2)


class Nested(Layer):
    def forward(self, x):
        def inner(x):
            return cond(x.max() > 5, lambda x: self.lin(x), lambda x: x.cos(), (x,))

        return cond(x.sum() > 0, inner, lambda x: inner(x).sin(), (x,))


class TwoInARow(Layer):
    def forward(self, x):
        y = cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))
        return cond(y.sum() > 1, lambda y: y + x, lambda y: y - x, (y,))


def writes_operand(x):
    x = x.clone()

    def then(x):
        x[0] = 7
        return x.sum()

    total = cond(x.sum() > 0, then, lambda x: x.mean(), (x,))
    return total, x


def writes_through_view(x):
    buffer = torch.zeros(4, 3)
    row = buffer[1]
    cond(x.sum() > 0, lambda: row.copy_(x[0]), lambda: buffer.fill_(2)[0])
    return buffer, row + 1


def writes_argument(x):
    cond(x.sum() > 0, lambda x: x.mul_(3), lambda x: x.add(1), (x,))
    return x + 1


def trees(x):
    def then(d):
        return {"a": (d["x"] + 1, d["n"]), "b": [d["x"].sum()]}

    def otherwise(d):
        return {"a": (d["x"] - 1, d["n"]), "b": [d["x"].mean()]}

    return cond(x.sum() > 0, then, otherwise, ({"x": x, "n": 4},))


def with_no_grad(x):
    with torch.no_grad():
        return cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))


def numbers(x):
    n, flag, scale = cond(x.sum() > 0, lambda: (2, True, 0.5), lambda: (3, False, 1.5))
    return torch.zeros(n) + x.sum() * scale, torch.where(torch.tensor(flag), x, -x)


def masked(x):
    return cond(x.sum() > 0, lambda: x[x > 0], lambda: x[:1].reshape(-1))


def layouts(x):
    return cond(x.sum() > 0, lambda: (x.t() + 1).t(), lambda: x * 2) + 1


def views_of_operand(x):
    return cond(x.sum() > 0, lambda x: x[0], lambda x: x[1] + 1, (x,)) * 2


def same_twice(x):
    def then(x):
        y = x + 1
        return y, y, y.t()

    return cond(x.sum() > 0, then, lambda x: (x, x, x.t()), (x,))


def results_unread(x):
    used, _ = cond(x.sum() > 0, lambda x: (x + 1, x.exp()), lambda x: (x - 1, x.log()), (x,))
    return used


class RebindsBuffer(Layer):
    def forward(self, x):
        def then():
            self.calls = self.calls + 1
            return x.sin()

        return cond(x.sum() > 0, then, lambda: x.cos()), self.calls * 2


def shared_variables(x):
    factor, seen = x, {"last": x}

    def then():
        nonlocal factor
        factor = factor * 2
        seen["last"] = x + 1
        return x.sin()

    y = cond(x.sum() > 0, then, lambda: x.cos())
    return y * factor + seen["last"]


def in_functions(x):
    y = cond(x.sum() > 0, double, functools.partial(shift, 3), (x,))
    return cond((x.sum() > 0).reshape(1), torch.sin, lambda x: x.cos(), (y,))


def constant_tensors(x):
    return cond(x.sum() > 0, lambda: x + torch.tensor([1.0, 2, 3]), lambda: x + torch.ones(3))


def one_in_the_body(x):
    return while_loop(lambda x, n: x.abs().max() < 40, lambda x, n: (x * 2, n + 1), (x, 0))


def writes_in_the_body(x):
    seen = torch.zeros(6)
    state = (torch.tensor(0), x)

    def body(i, x):
        seen.index_fill_(0, i.reshape(1), 1.0)
        return i + 1, x * 0.5

    i, x = while_loop(lambda i, x: (i < 6) & (x.sum() > 0.1), body, state)
    return seen, i, x


def grows(x):
    rows, left = while_loop(
        lambda rows, left: left > 0,
        lambda rows, left: (torch.cat([rows, rows[-1:] * 2]), left - 1),
        (x, (x.sum() > 0).long() * 3),
    )
    return rows.sum(0), left


def loop_in_branch(x):
    def then(x):
        return while_loop(lambda x: x.sum() < 50, lambda x: (x * 1.5,), (x,))[0]

    return cond(x.sum() > 0, then, lambda x: x, (x,))


def branch_in_loop(x):
    def body(i, x):
        return i + 1, cond(x.sum() > 0, lambda x: x - 1.5, lambda x: x + 4, (x,))

    return while_loop(lambda i, x: i < 5, body, (0, x))


def state_of_no_use(x):
    _, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + i), (0, x))
    return y


def map_nested(x):
    def body(row, factor):
        return {"y": row["a"] * factor + row["b"], "s": row["a"].sum()}

    return map_rows(body, {"a": x, "b": x + 1}, 2.0)


def rnn(x):
    weight = torch.eye(3) * 0.5

    def step(h, row):
        h = torch.tanh(row + h @ weight)
        return h, h * 2

    return scan(step, torch.zeros(3), x)


PROGRAMS = {
    f.__name__: f
    for f in (
        Method, Modules, Closure, WritesBuffer, RebindsNothing, Nested, TwoInARow, writes_operand,
        writes_through_view, writes_argument, trees, with_no_grad, numbers, masked, layouts,
        RebindsBuffer, shared_variables, views_of_operand, same_twice, results_unread,
        in_functions, constant_tensors,
        one_in_the_body, writes_in_the_body, grows, loop_in_branch, branch_in_loop,
        state_of_no_use, map_nested, rnn,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_eager_on_both_sides(name):
    f = PROGRAMS[name]
    model = f() if isinstance(f, type) else f
    more = [(DOWN,), (UP * 9,), (torch.randn(2, 3),), (-torch.rand(2, 3),)]
    program = assert_exports(model, (UP,), more_inputs=more, tolerance=1e-6)
    assert {"cond", "while_loop", "map_impl", "scan"} & set(operators(program.graph))
    # What was captured from an example on the other side is the same.
    model = f() if isinstance(f, type) else f
    assert_exports(model, (DOWN,), more_inputs=[(UP,), *more], tolerance=1e-6)


DYNAMIC = {
    "predicate": lambda x: cond(x.shape[0] > 4, lambda x: x + 1, lambda x: x.sin(), (x,)),
    "path": lambda x: cond(x.shape[0] > 4, lambda x: x[4], lambda x: x.sum(0), (x,)),
    "question": lambda x: cond(
        x.shape[0] > 4, lambda x: x + (1 if x.shape[0] > 3 else 2), lambda x: x, (x,)
    ),
    "length": lambda x: cond(x.sum() > 0, lambda x: x[1:], lambda x: x, (x,)),
    "closed over": lambda x: cond(x.sum() > 0, lambda: x * x.shape[0], lambda: x),
    "count": lambda x: while_loop(
        lambda i, y: i < x.shape[0], lambda i, y: (i + 1, y + x[i]), (0, torch.zeros(3))
    ),
    "map": lambda x: map_rows(lambda row: row * x.shape[0], x),
    "scan": lambda x: scan(lambda c, row: (c + row, c * row), torch.zeros(3), x),
    "reverse": lambda x: scan(
        lambda c, row: (c + row, c * row), torch.zeros(2), x.t()[:2], dim=1, reverse=True
    )[0],
    "associative": lambda x: monograph.associative_scan(lambda a, b: a * b, x, 0),
    "gather": lambda x: cond(x.sum() > 0, lambda: x[x > 0].sum(), lambda: x.sum()),
    "item": lambda x: cond(x.sum() > 0, lambda: x * x.max().item(), lambda: x * (x.shape[0] + 0.5)),
    "a truth or a number": lambda x: x + cond(x.sum() > 0, lambda: x.shape[0] > 3, lambda: 7),
    "a truth or a size": lambda x: x + cond(x.sum() > 0, lambda: len(x), lambda: len(x) > 3),
    "a truth or a float": lambda x: x + cond(x.sum() > 0, lambda: len(x) > 3, lambda: 0.5),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_sizes_that_vary(name):
    f = DYNAMIC[name]
    program = monograph.export(f, (torch.randn(3, 3),), dynamic_shapes=({0: Dim("n", min=1)},))
    assert not [a for a in program.assumptions if a.kind == "narrowed"]
    module = program.module()
    for n in (1, 2, 4, 5, 9):
        for sign in (1, -1):
            x = torch.rand(n, 3) * sign
            assert_equal(module(x), f(x), tolerance=1e-6)


def test_torch_functions_are_captured_alike():
    def f(x):
        y = torch_cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))
        _, z = torch_while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, z * 2), (0, y))
        w = functorch_map(lambda row: row + 1, z)
        return torch_scan(lambda c, row: (c + row, row * 1), torch.zeros(3), w)

    program = monograph.export(f, (UP,))
    found = list(operators(program.graph))
    assert [n for n in ("cond", "while_loop", "map_impl", "scan") if n in found] == [
        "cond", "while_loop", "map_impl", "scan",
    ]  # fmt: skip

    def eager(x):
        z = (x.sin() if x.sum() > 0 else x.cos()) * 8 + 1
        return z.sum(0), z

    for x in (UP, DOWN):
        assert_equal(program.module()(x), eager(x), tolerance=1e-6)


def test_a_program_with_control_flow_is_captured_again():
    program = monograph.export(branch_in_loop, (UP,))
    again = monograph.export(program.module(), (UP,))
    assert list(operators(again.graph)) == list(operators(program.graph))
    graph = monograph.export(program.graph_module, (UP,))
    for x in (UP, DOWN):
        assert_equal(again.module()(x), branch_in_loop(x))
        assert_equal(tuple(graph.module()(x)), branch_in_loop(x))


def test_graph_module_runs_torchs_own_operators():
    program = monograph.export(Nested().eval(), (UP,))
    state = [program.state_dict[s.target] for s in program.graph_signature.input_specs[:-1]]
    with torch.no_grad():
        for x in (UP, DOWN, UP * 9):
            assert_equal(program.graph_module(*state, x)[0], program.module()(x))


def test_gradients():
    torch.manual_seed(1)

    class Model(Layer):
        def forward(self, x):
            y = cond(x.sum() > 0, self.lin, self.down, (x,))
            y = map_rows(lambda row: F.relu(self.other(row)), y)
            h, out = scan(lambda c, row: (torch.tanh(c + self.lin(row)), c * row), y[0], y)
            _, z = while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, z * h.sum()), (0, out))
            return z.sum() + h.sum()

    model = Model()
    for sign in (1, -1):
        x = (torch.rand(2, 3) * sign).requires_grad_()
        program = monograph.export(model, (x,))
        eager, other = copy.deepcopy(model), x.detach().clone().requires_grad_()
        eager(other).backward()
        module = program.module()
        module(x).backward()
        torch.testing.assert_close(x.grad, other.grad)
        grads = {n: p.grad for n, p in module.named_parameters()}
        for name, p in eager.named_parameters():
            assert (p.grad is None) == (grads[name] is None), name
            if p.grad is not None:
                torch.testing.assert_close(grads[name], p.grad)


def test_unused_results_are_dropped():
    program = monograph.export(results_unread, (UP,))
    assert not {"exp", "log"} & set(operators(program.graph))


def test_a_constant_predicate_is_listed():
    program = monograph.export(lambda x: cond(True, lambda: x.sin(), lambda: x.cos()), (UP,))
    assert list(operators(program.graph)) == ["sin"]
    [assumption] = program.assumptions
    assert assumption.kind == "constant-predicate"
    assert assumption.where.file == __file__


def test_promotion_is_listed():
    program = monograph.export(lambda x: cond(x.sum() > 0, lambda: x.double(), lambda: x), (UP,))
    assert program.module()(DOWN).dtype == torch.float64
    [assumption] = program.assumptions
    assert "f64[2, 3] and f32[2, 3]" in assumption.text


def test_a_branch_that_raises_is_an_assertion():
    def f(x):
        def fail():
            raise ValueError("negative input")

        return cond(x.sum() > 0, lambda: x.sqrt(), fail)

    module = monograph.export(f, (UP,)).module()
    assert_equal(module(UP), UP.sqrt())
    with pytest.raises(RuntimeError, match="negative input"):
        module(DOWN)


def test_facts_of_a_branch_stay_there():
    def f(x, n):
        k = n.item()
        y = cond(x.sum() > 0, lambda: _narrowed(x, k), lambda: x.sum())
        return y + k

    module = monograph.export(f, (UP, torch.tensor(1))).module()
    assert_equal(module(UP, torch.tensor(1)), f(UP, torch.tensor(1)))
    assert_equal(module(DOWN, torch.tensor(-5)), f(DOWN, torch.tensor(-5)))
    with pytest.raises(RuntimeError, match="k is positive"):
        module(UP, torch.tensor(-5))


def _narrowed(x, k):
    torch._check(k > 0, lambda: "k is positive")
    return x.narrow(0, 0, k).sum()


def test_random_numbers_in_branches():
    def f(x):
        return cond(x.sum() > 0, lambda: torch.rand(3), lambda: torch.randn(3)) + torch.rand(3)

    module = monograph.export(f, (UP,)).module()
    for x in (UP, DOWN):
        torch.manual_seed(3)
        actual = module(x)
        torch.manual_seed(3)
        assert_equal(actual, f(x))


LISTED = []


class Kept:
    content = None


def leaks(x):
    def then():
        Kept.content = x + 1  # attributes of classes are not joined
        return x

    cond(x.sum() > 0, then, lambda: x * 1)
    return Kept.content * 2


def sets_an_attribute_of_a_function(x):
    def then():
        sets_an_attribute_of_a_function.kept = x + 1
        return x

    cond(x.sum() > 0, then, lambda: x * 1)
    return sets_an_attribute_of_a_function.kept * 2


def appends(x):
    cond(x.sum() > 0, lambda: LISTED.append(x + 1), lambda: None)
    return LISTED[0] * 2


def appends_in_a_loop(x):
    found = []

    def body(i, x):
        found.append(i)
        return i + 1, x * 2

    return while_loop(lambda i, x: i < 3, body, (0, x))


def counts_in_a_map(x):
    count = 0

    def body(row):
        nonlocal count
        count += 1
        return row * count

    return map_rows(body, x)


def writes_maybe_alias(x):
    y = cond(x.sum() > 0, lambda: x, lambda: x * 2)
    y.add_(1)
    return y


def writes_maybe_alias_of_local(x):
    z = x.exp()
    y = cond(x.sum() > 0, lambda: z, lambda: z * 2)
    y.add_(1)
    return y + z


REFUSED = {
    "predicate shape": ("MG-C101", lambda x: cond(x > 0, lambda: x, lambda: x)),
    "predicate type": ("MG-C101", lambda x: cond("yes", lambda: x, lambda: x)),
    "structure": ("MG-C102", lambda x: cond(x.sum() > 0, lambda: (x, x), lambda: [x, x])),
    "object": ("MG-C102", lambda x: cond(x.sum() > 0, lambda: "a", lambda: "b")),
    "None": ("MG-C103", lambda x: cond(x.sum() > 0, lambda: x, lambda: None)),
    "rank": ("MG-C104", lambda x: cond(x.sum() > 0, lambda: x, lambda: x[0])),
    "device": ("MG-C105", lambda x: cond(x.sum() > 0, lambda: x, lambda: x.to("meta"))),
    "callable": ("MG-C106", lambda x: cond(x.sum() > 0, x, lambda: x)),
    "operands": ("MG-C106", lambda x: cond(x.sum() > 0, lambda x: x, lambda x: x, x)),
    "carry rank": (
        "MG-C107", lambda x: while_loop(lambda x: x.sum() > 0, lambda x: (x[None],), (x,)),
    ),
    "carry structure": (
        "MG-C107", lambda x: while_loop(lambda x: x.sum() > 0, lambda x: (x, x), (x,)),
    ),
    "carry dtype": (
        "MG-C107", lambda x: while_loop(lambda h: h.sum() < 9, lambda h: (h + x.double(),), (x,)),
    ),
    "carry None": (
        "MG-C107", lambda x: while_loop(lambda h: x.sum() > 0, lambda h: (x,), (None,)),
    ),
    "condition": ("MG-C108", lambda x: while_loop(lambda x: x > 0, lambda x: (x,), (x,))),
    "condition type": ("MG-C108", lambda x: while_loop(lambda x: "a", lambda x: (x,), (x,))),
    "leak": ("MG-C109", leaks),
    "attribute of a function": ("MG-C112", sets_an_attribute_of_a_function),
    "list": ("MG-C102", appends),
    "list in a loop": ("MG-C113", appends_in_a_loop),
    "variable in a map": ("MG-C113", counts_in_a_map),
    "alias": ("MG-C110", writes_maybe_alias),
    "alias of a local": ("MG-C110", writes_maybe_alias_of_local),
    "condition writes": (
        "MG-C110", lambda x: while_loop(lambda y: x.add_(1).sum() > 9, lambda y: (y,), (x,)),
    ),
    "map writes": ("MG-C110", lambda x: map_rows(lambda row: x.add_(1)[0], x)),
    "map lengths": ("MG-C111", lambda x: map_rows(lambda rows: rows[0], (x, x[:1]))),
    "map sizes": ("MG-C111", lambda x: map_rows(lambda row: row[row > 0], x)),
    "scan carry": (
        "MG-C107", lambda x: scan(lambda c, row: (c[None], row), torch.zeros(3), x),
    ),
    "scan carry dtype": (
        "MG-C107", lambda x: scan(lambda c, row: (c + row, row), torch.zeros(3).long(), x),
    ),
    "scan pair": ("MG-C102", lambda x: scan(lambda c, row: row, torch.zeros(3), x)),
    "map of a number": ("MG-C106", lambda x: map_rows(lambda row: row, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_broken_rules(name):
    code, f = REFUSED[name]
    with pytest.raises(ControlFlowError) as caught:
        monograph.export(f, (UP.clone(),))
    assert caught.value.code == code
    assert caught.value.where.file == __file__
    assert caught.value.hint


def test_sides_are_shown_axis_by_axis():
    with pytest.raises(ControlFlowError) as caught:
        monograph.export(lambda x: cond(x.sum() > 0, lambda: x, lambda: x[0]), (UP,))
    text = str(caught.value)
    assert "true branch" in text
    assert "false branch" in text
    assert "f32[2, 3]" in text
    assert [line.split() for line in text.splitlines() if "axis 0" in line] == [
        ["axis", "0", "2", "3"]
    ]


def test_nothing_is_left_behind_when_a_branch_fails():
    model = Layer()

    def f(x):
        def then():
            model.calls.add_(1)
            return x

        return cond(x.sum() > 0, then, lambda: x[0])

    with pytest.raises(ControlFlowError):
        monograph.export(f, (UP,))
    assert model.calls == 0


def test_outside_a_capture_it_is_python():
    assert cond(torch.tensor(True), lambda: 1, lambda: 2) == 1
    assert while_loop(lambda i: i < 4, lambda i: i + 1, (0,)) == (4,)
    assert_equal(map_rows(lambda r: r * 2, UP), UP * 2)
    assert_equal(map_rows(lambda r: r * 2, UP[:0]), UP[:0])
    assert_equal(scan(lambda c, r: (c + r, c), torch.zeros(3), UP[:0])[1], UP[:0])


def caught_by_itself(x):
    try:
        if (x < 0).any():
            raise ValueError("negative")
        y = x.sqrt()
    except ValueError:
        y = x * 0
    return y


def caught_by_its_caller(x):
    def checked(x):
        if (x < 0).any():
            raise ValueError("negative")
        return x.sqrt()

    try:
        return checked(x)
    except Exception:
        return x


def caught_size(x):
    try:
        if x.sum().long().item() > 3:
            raise ValueError("large")
        return x
    except ValueError:
        return -x


def raised_through_with_and_finally(x):
    try:
        with torch.no_grad():
            if (x < 0).any():
                raise ValueError("negative")
            return x.sqrt()
    finally:
        x = x + 1


@pytest.mark.parametrize("f", [caught_by_itself, caught_by_its_caller, caught_size])
@pytest.mark.parametrize("strict", [False, True])
def test_an_exception_that_the_program_catches_is_no_assertion(f, strict):
    with pytest.raises(monograph.ExportError) as caught:
        monograph.export(f, (UP,), strict=strict)
    assert caught.value.code in ("MG-D101", "MG-D105", "MG-C115")


def test_an_exception_that_passes_through_is_one():
    module = monograph.export(raised_through_with_and_finally, (UP,)).module()
    assert_equal(module(UP), UP.sqrt())
    with pytest.raises(RuntimeError, match="negative"):
        module(DOWN)
