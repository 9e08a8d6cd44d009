"""Sizes that vary: each pattern is exported from one example and compared with eager at many.

Each graph is also checked node by node: what it promises of every result, evaluated for the sizes
of the call, is what the operator returns.
"""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from monograph import ConstraintViolationError, Dim, InputError, export
from monograph.inference.rules import RULES
from monograph.testing import assert_exports

R = torch.randn
CASES = {}


def case(name, f, args, shapes, more=(), tolerance=1e-5):
    CASES[name] = (f, args, shapes, more, tolerance)


lin = nn.Linear(4, 3)
case(
    "batch_one",
    lin,
    (R(1, 4),),
    {"input": {0: Dim("b", min=1, max=64)}},
    [(R(n, 4),) for n in (1, 2, 64)],
)
case("batch_one_D", lin, (R(1, 4),), {"input": {0: Dim.DYNAMIC}}, [(R(n, 4),) for n in (1, 2, 64)])
case("batch_one_A", lin, (R(1, 4),), {"input": {0: Dim.AUTO}}, [(R(n, 4),) for n in (1, 2, 64, 0)])
case("batch_zero", lin, (R(0, 4),), {"input": {0: Dim("b")}}, [(R(n, 4),) for n in (1, 2, 64, 0)])


def halve(x):
    return x.view(x.shape[0] // 2, 2, -1)


case("view_halve", halve, (R(4, 6),), {"x": {0: Dim("b")}}, [(R(n, 6),) for n in (2, 6, 8, 64)])
case(
    "view_halve_derived",
    halve,
    (R(4, 6),),
    {"x": {0: 2 * Dim("n")}},
    [(R(n, 6),) for n in (2, 6, 8, 64)],
)


def padm(x):
    return F.pad(x, (0, (-x.shape[1]) % 8)).view(x.shape[0], -1, 8)


case(
    "pad_multiple",
    padm,
    (R(2, 13),),
    {"x": {0: Dim("b"), 1: Dim("s")}},
    [(R(a, b),) for a in (1, 3) for b in (1, 7, 8, 9, 16)],
)


def grid(x):
    s = int(math.sqrt(x.shape[1]))
    return x.reshape(x.shape[0], s, s, x.shape[2])


case(
    "sqrt_grid",
    grid,
    (R(2, 16, 3),),
    {"x": {1: Dim("n", min=1)}},
    [(R(2, n * n, 3),) for n in (1, 2, 3, 7)],
)


class PE(nn.Module):
    def __init__(s):
        super().__init__()
        s.pe = nn.Parameter(R(32, 4))

    def forward(s, x):
        return x + s.pe[: x.shape[1]]


case(
    "posemb",
    PE(),
    (R(2, 5, 4),),
    {"x": {0: Dim("b"), 1: Dim("s", max=32)}},
    [(R(1, n, 4),) for n in (1, 2, 32)],
)
case(
    "posemb_nomax",
    PE(),
    (R(2, 5, 4),),
    {"x": {0: Dim("b"), 1: Dim("s")}},
    [(R(1, n, 4),) for n in (1, 2, 32)],
)


def rnd(x):
    return x * round(x.shape[0] * 5, -1)


case("round_bucket", rnd, (R(3, 2),), {"x": {0: Dim("n")}}, [(R(n, 2),) for n in range(0, 12)])


def by_length(x):
    scale = len(x) / 2 if len([x, x]) == 2 else 0
    return torch.arange(len(x)) * scale, x[: len(x) // 2], len(x)


case("length", by_length, (R(3, 2),), {"x": {0: Dim("n")}}, [(R(n, 2),) for n in range(0, 6)])


def rndh(x):
    return x[: round(x.shape[0] / 2)]


case("round_half", rndh, (R(3, 2),), {"x": {0: Dim("n")}}, [(R(n, 2),) for n in range(0, 12)])


def swin(x):
    b, h, w, c = x.shape
    return x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)


case(
    "swin",
    swin,
    (R(1, 8, 12, 3),),
    {"x": {0: Dim("b"), 1: 4 * Dim("h"), 2: 4 * Dim("w")}},
    [(R(b, 4 * h, 4 * w, 3),) for b in (1, 2) for h in (1, 3) for w in (1, 2)],
)
case(
    "lstm",
    nn.LSTM(4, 5, batch_first=True),
    (R(2, 7, 4),),
    {"input": {0: Dim("b"), 1: Dim("t")}},
    [(R(b, t, 4),) for b in (1, 3) for t in (1, 2, 9)],
)
case(
    "gru",
    nn.GRU(4, 5, batch_first=True, bidirectional=True),
    (R(1, 7, 4),),
    {"input": {0: Dim("b"), 1: Dim("t")}},
    [(R(b, t, 4),) for b in (1, 3) for t in (1, 2, 9)],
)
case(
    "int_arg",
    lambda x, k: x[:k] * k,
    (R(6, 2), 3),
    {"x": None, "k": Dim("k", min=0, max=6)},
    [(R(6, 2), k) for k in (0, 1, 5, 6)],
)
case(
    "int_arg_D",
    lambda x, k: x[:k] * k,
    (R(6, 2), 3),
    {"k": Dim.DYNAMIC},
    [(R(6, 2), k) for k in (0, 1, 5, 6, -2, 9)],
)
case(
    "float_arg",
    lambda x, t: (x / t).softmax(-1),
    (R(6, 2), 0.5),
    {"t": Dim.DYNAMIC},
    [(R(6, 2), k) for k in (0.1, 2.0)],
)
case(
    "shape_to_tensor",
    lambda x: torch.tensor([x.shape[2], x.shape[3]]),
    (R(1, 2, 3, 4),),
    {"x": {2: Dim("h"), 3: Dim("w")}},
    [(R(1, 2, 5, 6),)],
)


def causal(q):
    n = q.shape[-2]
    m = torch.ones(n, n, dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, q, q, attn_mask=m)


case(
    "causal",
    causal,
    (R(1, 2, 5, 4),),
    {"q": {0: Dim("b"), 2: Dim("n", min=1)}},
    [(R(b, 2, n, 4),) for b in (1, 2) for n in (1, 2, 7)],
)
case("partial", lambda a, b: a + b.sum(), (R(2), R(3)), {"b": {0: Dim("n")}}, [(R(2), R(5))])
case(
    "strided_add",
    lambda x, y: x + y[::2],
    (R(3), R(6)),
    {"x": {0: Dim("n")}, "y": {0: 2 * Dim("n")}},
    [(R(4), R(8)), (R(1), R(2))],
)
case(
    "interp",
    lambda x: F.interpolate(x, scale_factor=2.0),
    (R(1, 2, 3, 4),),
    {"x": {2: Dim("h"), 3: Dim("w")}},
    [(R(1, 2, 5, 6),)],
)
case(
    "interp15",
    lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"),
    (R(1, 2, 3, 4),),
    {"x": {2: Dim("h", min=1), 3: Dim("w", min=1)}},
    [(R(1, 2, 5, 6),)],
)
case(
    "branch8_auto",
    lambda x: x * 2 if x.shape[0] > 8 else x - 1,
    (R(4, 2),),
    {"x": {0: Dim.AUTO}},
    [(R(8, 2),), (R(1, 2),)],
)
case(
    "values",
    lambda x: x.mean(),
    (R(1, 224),),
    {"x": {1: Dim("r", values=(224, 256, 384))}},
    [(R(1, 256),), (R(1, 384),)],
)
case(
    "conv_batch",
    nn.Conv2d(3, 4, 3),
    (R(1, 3, 8, 8),),
    {"input": {0: Dim("b"), 2: Dim("h"), 3: Dim("w")}},
    [(R(2, 3, 5, 9),), (R(16, 3, 3, 3),)],
)
case(
    "chunk",
    lambda x: x.chunk(2, dim=1)[0],
    (R(2, 8),),
    {"x": {1: 2 * Dim("n", min=1)}},
    [(R(2, 4),), (R(2, 2),)],
)
case(
    "split",
    lambda x: x.split(x.shape[1] // 2, dim=1)[0],
    (R(2, 8),),
    {"x": {1: 2 * Dim("n", min=1)}},
    [(R(2, 4),), (R(2, 2),)],
)
case(
    "minmax",
    lambda x: x[: min(x.shape[0], 5)].sum() * max(x.shape[0], 3),
    (R(4, 2),),
    {"x": {0: Dim("n")}},
    [(R(n, 2),) for n in (0, 1, 3, 5, 9)],
)
case(
    "einsum",
    lambda x, y: torch.einsum("bij,bjk->bik", x, y),
    (R(2, 3, 4), R(2, 4, 5)),
    {"x": {0: Dim("b"), 1: Dim("i")}, "y": {0: Dim("b")}},
    [(R(1, 7, 4), R(1, 4, 5))],
)
case("cumsum", lambda x: x.cumsum(1), (R(2, 3),), {"x": {1: Dim("s")}}, [(R(2, 1),), (R(2, 9),)])
case(
    "flip_roll",
    lambda x: x.flip(1).roll(1, 1),
    (R(2, 3),),
    {"x": {1: Dim("s")}},
    [(R(2, 1),), (R(2, 9),)],
)
case(
    "unfold",
    lambda x: x.unfold(1, 3, 1).sum(-1),
    (R(2, 5),),
    {"x": {1: Dim("s", min=3)}},
    [(R(2, 3),), (R(2, 9),)],
)
case(
    "maxpool",
    nn.MaxPool1d(2),
    (R(2, 3, 6),),
    {"input": {2: Dim("s", min=2)}},
    [(R(2, 3, 2),), (R(2, 3, 9),)],
)
case(
    "transformer",
    nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(),
    (R(2, 5, 8),),
    {"src": {0: Dim("b"), 1: Dim("s")}},
    [(R(1, 1, 8),), (R(3, 9, 8),)],
)
case(
    "mha",
    nn.MultiheadAttention(8, 2, batch_first=True).eval(),
    (R(2, 5, 8),) * 3,
    {k: {0: Dim("b"), 1: Dim("s")} for k in ("query", "key", "value")},
    [(R(1, 2, 8),) * 3],
)
case("inplace", lambda x: x.clone().add_(1).mul_(2), (R(2, 5),), {"x": {0: Dim("b")}}, [(R(1, 5),)])


def setslice(x):
    y = x.clone()
    y[:, 1:] = 0
    y[0] = 1
    return y


case("setslice", setslice, (R(2, 5),), {"x": {0: Dim("b"), 1: Dim("s")}}, [(R(1, 1),), (R(4, 2),)])
case("mutate_input", lambda x: x.add_(1).sum(), (R(2, 5),), {"x": {0: Dim("b")}}, [(R(1, 5),)])
case(
    "out_shape",
    lambda x: (x.shape[0] * 2, x.shape[0] > 3, x.shape[0] / 2, x + 1),
    (R(2, 5),),
    {"x": {0: Dim("b")}},
    [(R(4, 5),)],
)
case(
    "arange_mask",
    lambda x, l: torch.arange(x.shape[1])[None] < l[:, None],
    (R(2, 5), torch.tensor([1, 3])),
    {"x": {1: Dim("s")}},
    [(R(2, 9), torch.tensor([1, 3]))],
)
case(
    "shape_prod",
    lambda x: x.reshape(math.prod(x.shape)),
    (R(2, 5),),
    {"x": {0: Dim("b"), 1: Dim("s")}},
    [(R(3, 4),)],
)
case(
    "string",
    lambda x, y: x[:, : y.shape[0] // 2],
    (R(2, 6), R(8)),
    {"x": "b, s", "y": "2*k"},
    [(R(3, 4), R(4))],
)


@pytest.mark.parametrize("name", CASES)
def test_equals_eager_at_all_sizes(name):
    torch.manual_seed(0)
    f, args, shapes, more, tolerance = CASES[name]
    assert_exports(f, args, dynamic_shapes=shapes, more_inputs=more, tolerance=tolerance)


REFUSED = {
    "dict_lookup": (lambda x: x * {8: 2, 16: 3}.get(x.shape[0], 1), "constant (8)", "dictionary"),
}


KEPT = {
    "branch": lambda x: x * 2 if x.shape[0] > 8 else x - 1,
    "iterate_rows": lambda x: torch.stack([row * 2 for row in x]),
    "list_contains": lambda x: x + 1 if x.shape[0] in [6, 8] else x,
    "loop_over_time": lambda x: sum(x[t] for t in range(x.shape[0])),
    "divisible": lambda x: x if x.shape[0] % 4 == 0 else x * 2,
    "squeeze": lambda x: x.squeeze(0) if x.squeeze(0).dim() > 1 else x + 1,
}


@pytest.mark.parametrize("name", KEPT)
def test_both_sides_are_kept(name):
    program = export(KEPT[name], (R(8, 2),), dynamic_shapes={"x": {0: Dim("n")}})
    for size in (1, 2, 4, 6, 7, 8, 9, 12):
        x = R(size, 2)
        torch.testing.assert_close(program.module()(x), KEPT[name](x))


@pytest.mark.parametrize("name", REFUSED)
def test_narrower_than_declared(name):
    """A named dimension is never narrowed in silence; the suggestion has been tried."""
    f, reason, fix = REFUSED[name]
    with pytest.raises(ConstraintViolationError) as caught:
        export(f, (R(8, 2),), dynamic_shapes={"x": {0: Dim("n")}})
    text = str(caught.value)
    assert "Constraints violated (n)" in text
    assert reason in text
    assert fix in text
    assert "Suggested fixes:" in text
    assert "test_dynamic.py:" in text


@pytest.mark.parametrize("name", [*REFUSED, *KEPT])
def test_auto_accepts_and_lists_what_was_narrowed(name):
    f = KEPT[name] if name in KEPT else REFUSED[name][0]
    program = export(f, (R(8, 2),), dynamic_shapes={"x": {0: Dim.AUTO}})
    kinds = {a.kind for a in program.assumptions}
    assert kinds & {"narrowed", "fixed"}
    assert all(a.where is not None for a in program.assumptions)
    module = program.module()
    for n in range(12):
        x = R(n, 2)
        try:
            found = module(x)
        except InputError:
            continue
        assert torch.equal(found, f(x))  # never wrong


def test_two_dimensions_tied():
    shapes = {"a": {0: Dim("n")}, "b": {0: Dim("m")}}
    with pytest.raises(ConstraintViolationError, match="must always be equal") as caught:
        export(lambda a, b: a * b, (R(3), R(3)), dynamic_shapes=shapes)
    assert "m = n" in str(caught.value)
    auto = {"a": {0: Dim.AUTO}, "b": {0: Dim.AUTO}}
    module = export(lambda a, b: a * b, (R(3), R(3)), dynamic_shapes=auto).module()
    assert module(R(7), R(7)).shape == (7,)
    with pytest.raises(InputError, match="to be equal to 7, but got 1"):
        module(R(7), R(1))


def test_the_other_side_of_a_question():
    """A library's question whose two sides are the same program narrows nothing."""

    def attend(x):
        is_long = x.shape[0] > 1 and x.shape[1] == 99
        return x * 2 if is_long else x * 3

    program = export(attend, (R(1, 4),), dynamic_shapes={"x": {0: Dim("n", min=0)}})
    module = program.module()
    for n in range(5):
        x = R(n, 4)
        assert torch.equal(module(x), attend(x))
    assert program.range_constraints["n"].lower == 0


def test_a_side_for_other_sizes_keeps_the_example(monkeypatch):
    """What the other side of a question relies on must hold for the example as well."""
    monkeypatch.delitem(RULES, torch.ops.aten.matmul.default)
    args = (R(4), R(2, 4, 1))
    shapes = tuple([Dim.AUTO] * len(a.shape) for a in args)
    program = export(torch.matmul, args, dynamic_shapes=shapes)
    assert torch.equal(program.module()(*args), torch.matmul(*args))


@pytest.mark.parametrize("right", [(4,), (4, 5), (2, 4, 5), (1, 4, 5), (3, 2, 4, 1)])
@pytest.mark.parametrize("left", [(4,), (3, 4), (2, 3, 4), (2, 1, 4), (3, 2, 3, 4)])
def test_matrix_products_of_any_rank(left, right):
    """Rows and columns are free: no question is asked of them."""
    rows, columns = Dim("rows"), Dim("columns")
    shapes = [
        {len(left) - 2: rows} if len(left) > 1 else None,
        {len(right) - 1: columns} if len(right) > 1 else None,
    ]
    program = export(torch.matmul, (R(*left), R(*right)), dynamic_shapes=shapes)
    assert not program.assumptions
    for m, n in itertools.product((0, 1, 2, 7), repeat=2):
        x = R(*left[:-2], m, left[-1]) if len(left) > 1 else R(4)
        y = R(*right[:-1], n) if len(right) > 1 else R(4)
        assert torch.equal(program.module()(x, y), x @ y)


def test_a_side_that_raises_is_a_precondition():
    def bounded(x):
        if x.shape[0] > 16:
            raise ValueError("too long")
        return x * 2

    program = export(bounded, (R(1, 4),), dynamic_shapes={"x": {0: Dim("n")}})
    (assumption,) = program.assumptions
    assert assumption.kind == "precondition"
    assert "too long" in assumption.text
    assert program.module()(R(16, 4)).shape == (16, 4)
    with pytest.raises(InputError, match="<= 16"):
        program.module()(R(17, 4))


def test_a_side_that_differs_is_not_merged():
    def squeezed(x):
        return x.sum() if x.shape[0] == 1 else x.sum() + 1

    program = export(squeezed, (R(3, 4),), dynamic_shapes={"x": {0: Dim("n")}})
    for size in (0, 1, 2, 3):
        x = R(size, 4)
        torch.testing.assert_close(program.module()(x), squeezed(x))


def test_names_in_the_graph():
    program = export(
        lambda x: x.reshape(2 * x.shape[0], -1), (R(3, 4, 6),),
        dynamic_shapes={"x": "batch, _, 2*half"},
    )  # fmt: skip
    text = str(program)
    assert 'x: "f32[batch, 4, 2*half]"' in text
    assert "f32[2*batch, 4*half]" in text
    assert "torch.ops.aten.sym_size.int(x, 0)" in text


def test_sets_are_enforced():
    shapes = {"x": {0: Dim("res", values=(4, 8, 16))}}
    program = export(lambda x: x + 1 if x.shape[0] < 20 else x, (R(8),), dynamic_shapes=shapes)
    assert program.module()(R(16)).shape == (16,)
    with pytest.raises(InputError, match=r"one of \[4, 8, 16\], but got 5"):
        program.module()(R(5))
    program = export(lambda x: x + 1 if x.shape[0] < 10 else x, (R(8),), dynamic_shapes=shapes)
    for size in (4, 8, 16):
        assert torch.equal(program.module()(torch.ones(size)), torch.ones(size) + (size < 10))


def test_gradients_at_other_sizes():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    module = export(model, (R(1, 4),), dynamic_shapes={"input": {0: Dim("n")}}).module()
    x = R(5, 4)
    model(x).square().mean().backward()
    module(x).square().mean().backward()
    for mine, theirs in zip(module.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_derivatives_inside():
    def forces(x):
        energy = (x**3).sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0]

    example = R(4, 3, requires_grad=True)
    module = export(forces, (example,), dynamic_shapes={"x": {0: Dim("n")}}).module()
    x = R(7, 3, requires_grad=True)
    torch.testing.assert_close(module(x), forces(x))


def test_transforms_inside():
    def f(x):
        return torch.vmap(lambda row: row.sin().sum())(x)

    assert_exports(
        f,
        (R(4, 3),),
        dynamic_shapes={"x": "n, m"},
        more_inputs=[(R(1, 5),), (R(3, 1),)],
        tolerance=1e-6,
    )


def test_training_statistics():
    model = nn.Sequential(nn.BatchNorm1d(3)).train()
    module = export(model, (R(4, 3),), dynamic_shapes={"input": {0: Dim("n", min=2)}}).module()
    x = R(9, 3)
    torch.testing.assert_close(module(x), model(x))
    torch.testing.assert_close(module.state_dict(), model.state_dict())
