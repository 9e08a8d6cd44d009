"""Numbers that are only known when the program runs: sizes, counts and values out of tensors."""

import copy
import logging

import pytest
import torch
import torch.nn.functional as F
from programs import asserting
from torch import nn

import monograph
from monograph import DataDependentError, Dim, export
from monograph.testing import assert_equal, assert_exports

R = torch.randn
T = torch.tensor
CASES = {}


def case(name, f, args, shapes=None, more=(), tolerance=1e-5):
    CASES[name] = (f, args, shapes, more, tolerance)


def trim(x, lens):
    return x[:, : lens.max().item()] * 2


case("item_trim", trim, (R(2, 6), T([2, 4])), None, [(R(2, 6), T([6, 1])), (R(2, 6), T([0, 0]))])
case("item_scale", lambda x: x * x.sum().item(), (R(3),), None, [(R(3),)])
lin = nn.Linear(4, 3)
case(
    "mask_linear",
    lambda x, m: lin(x[m]).relu(),
    (R(5, 4), T([True, False, True, True, False])),
    None,
    [(R(5, 4), T([False] * 5)), (R(5, 4), T([True] * 5))],
)
case("mask_gather", lambda x: x[x > 0], (R(5, 4),), None, [(-R(5, 4).abs(),)])
case("topk", lambda x, k: x.topk(k.item()).values, (R(6), T(3)), None, [(R(6), T(6)), (R(6), T(0))])
case("one_hot", lambda i: F.one_hot(i), (T([0, 2, 1]),), None, [(T([5] * 3),)])
case("one_hot_use", lambda i: F.one_hot(i).float().sum(0), (T([0, 2, 1]),), None, [(T([5] * 3),)])
case(
    "repeat",
    lambda x, d: torch.repeat_interleave(x, d, dim=0),
    (R(3, 2), T([1, 2, 0])),
    None,
    [(R(3, 2), T([4, 4, 4]))],
)
case(
    "repeat_mean",
    lambda x, d: torch.repeat_interleave(x, d, dim=0).mean(0) + 1,
    (R(3, 2), T([1, 2, 0])),
    None,
    [(R(3, 2), T([4, 4, 4]))],
)
case(
    "split_lengths",
    lambda x, l: [p.mean(0) for p in x.split(l.tolist())],
    (R(6, 2), T([1, 2, 3])),
    None,
    [(R(6, 2), T([2, 2, 2]))],
)
case("unique", lambda x: x.unique().sum(), (T([1, 2, 2, 3]),), None, [(T([1, 1, 1, 1]),)])
case(
    "unique_count",
    lambda x: x.unique(return_counts=True),
    (T([1, 2, 2, 3]),),
    None,
    [(T([1, 1, 1, 1]),)],
)
case("nonzero", lambda x: x.nonzero(), (T([1, 0, 2, 3]),), None, [(T([0, 0, 0, 1]),)])
case(
    "nonzero_index",
    lambda x: x[x.nonzero().squeeze(-1)] * 2,
    (T([1, 0, 2, 3]),),
    None,
    [(T([0, 0, 0, 1]),)],
)
case("where1", lambda x: torch.where(x > 0)[0] + 1, (R(4),), None, [(R(4),)])
case("masked_select", lambda x: torch.masked_select(x, x > 0).sum(), (R(4, 2),), None, [(R(4, 2),)])
case("arange_item", lambda n: torch.arange(n.item()), (T(4),), None, [(T(0),), (T(7),)])
case("zeros_item", lambda n: torch.zeros(n.item(), 3) + 1, (T(4),), None, [(T(0),), (T(7),)])


def check(x, n):
    k = n.item()
    torch._check(k >= 0)
    torch._check(k <= x.shape[0])
    return x[:k] + 1


case("check_slice", check, (R(6), T(3)), None, [(R(6), T(6)), (R(6), T(0))])


def check2(x, n):
    k = n.item()
    torch._check_is_size(k)
    torch._check(k < x.shape[0], lambda: "too many")
    if k < 10:
        return x[:k].sum()
    return x


case("check_if", check2, (R(6), T(3)), None, [(R(6), T(5))])


case("assert", asserting, (R(6), T(3)), None, [(R(6), T(6))])
case("narrow", lambda x, n: x.narrow(0, 0, n.item()), (R(6), T(3)), None, [(R(6), T(6))])
case("index_item", lambda x, i: x[i.item()], (R(6), T(3)), None, [(R(6), T(0)), (R(6), T(-1))])
case(
    "view_unbacked",
    lambda x, n: torch.zeros(n.item(), 4).view(-1, 2).sum(1),
    (R(6), T(3)),
    None,
    [(R(6), T(5))],
)
case("cat_unbacked", lambda x: torch.cat([x[x > 0], x[x <= 0]]), (R(6),), None, [(R(6),)])
case("pad_unbacked", lambda x, n: F.pad(x[: n.item()], (0, 2)), (R(6), T(3)), None, [(R(6), T(5))])


def att(q, n):
    k = n.item()
    torch._check(k >= 1)
    torch._check(k <= q.shape[2])
    y = q[:, :, :k]
    return F.scaled_dot_product_attention(y, y, y)


case("attention_unbacked", att, (R(1, 2, 6, 4), T(3)), None, [(R(1, 2, 6, 4), T(5))])


def interp(x, n):
    k = n.item()
    torch._check(k >= 1)
    return F.interpolate(x, size=(k, k))


case("interp_unbacked", interp, (R(1, 2, 4, 4), T(3)), None, [(R(1, 2, 4, 4), T(5))])


class KV(nn.Module):
    def __init__(s):
        super().__init__()
        s.register_buffer("cache", torch.zeros(1, 8, 4))

    def forward(s, k, pos):
        p = pos.item()
        s.cache[:, p : p + 1] = k
        return s.cache[:, : p + 1].sum(1)


case("kv", KV(), (R(1, 1, 4), T(2)), None, [(R(1, 1, 4), T(7))])
case(
    "mask_dyn",
    lambda x, m: x[m].sum(0),
    (R(5, 4), T([True, False, True, True, False])),
    {"x": {0: Dim("n")}, "m": {0: Dim("n")}},
    [(R(2, 4), T([False, True]))],
)
case("int_tensor", lambda x, n: x[: int(n)] * 2, (R(6), T(3)), None, [(R(6), T(6))])
case("float_tensor", lambda x: x * float(x.mean()), (R(6),), None, [(R(6),)])
case(
    "bincount",
    lambda x: torch.bincount(x).float().mean(),
    (T([1, 2, 2, 3]),),
    None,
    [(T([1, 1, 1, 7]),)],
)
case(
    "max_nodes",
    lambda x, b: torch.zeros(int(b.max()) + 1, 2).index_add(0, b, x),
    (R(4, 2), T([0, 1, 1, 2])),
    None,
    [(R(4, 2), T([0, 0, 5, 2]))],
)


@torch.library.custom_op("dd::nz", mutates_args=())
def nz(x: torch.Tensor) -> torch.Tensor:
    return x.nonzero().contiguous()


@nz.register_fake
def _(x):
    n = torch.library.get_ctx().new_dynamic_size()
    return x.new_empty((n, x.dim()), dtype=torch.int64)


case("custom_dynamic", lambda x: nz(x).sum(0), (R(4, 2),), None, [(T([[0.0, 1], [0, 0]] * 2),)])


def undecided(x, n):
    k = n.item()
    if k > 3:
        return x
    return -x


def rope(x, pos):
    n = int(pos.max()) + 1
    t = torch.arange(n).float()
    f = torch.outer(t, torch.ones(2))
    return x * f.cos()[pos]


case("rope", rope, (R(3, 2), T([0, 1, 4])), None, [(R(3, 2), T([7, 1, 4]))])


def moe(x, idx):
    out = torch.zeros_like(x)
    for k in range(3):
        sel = (idx == k).nonzero().squeeze(-1)
        out.index_add_(0, sel, x[sel] * (k + 1))
    return out


case("moe", moe, (R(5, 2), T([0, 1, 2, 1, 0])), None, [(R(5, 2), T([0, 0, 0, 0, 0]))])
case(
    "scatter_item",
    lambda x, n: x.repeat(n.item(), 1),
    (R(2, 3), T(2)),
    None,
    [(R(2, 3), T(3)), (R(2, 3), T(0))],
)
case("expand_item", lambda x, n: x.expand(n.item(), 3), (R(1, 3), T(2)), None, [(R(1, 3), T(3))])
case("tensor_split", lambda x, n: x.tensor_split(n), (R(6), T([1, 4])), None, [(R(6), T([2, 3]))])


def bytes_as_masks(x, mask):
    """Bytes stand for truths in ``where`` and in square brackets, as of old."""
    put = x.clone()
    put[mask] = x[mask] * 2
    row = mask[0]
    return put, x[:, row], torch.where(row, x, 2.0), torch.where(mask[:, :1], put, -x)


case(
    "bytes_as_masks",
    bytes_as_masks,
    (R(2, 4), T([[1, 0, 3, 0], [0, 0, 1, 1]]).byte()),
    ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2,
    [(R(1, 3), T([[7, 0, 9]]).byte()), (R(3, 2), T([[0, 0], [1, 0], [1, 1]]).byte())],
)


@pytest.mark.parametrize("name", CASES)
def test_equals_eager(name):
    torch.manual_seed(0)
    f, args, shapes, more, tolerance = CASES[name]
    assert_exports(f, args, dynamic_shapes=shapes, more_inputs=more, tolerance=tolerance)


def test_checks_stay_in_the_program():
    def f(x, n):
        k = n.item()
        torch._check(k >= 2, lambda: "at least two")
        return x[:k] * 2

    program = export(f, (R(6), T(3)))
    targets = [str(node.target) for node in program.graph.nodes]
    assert "aten._assert_scalar.default" in targets
    assert program.range_constraints["u0"].lower == 2
    assert torch.equal(program.module()(R(6) * 0 + 1, T(4)), torch.full((4,), 2.0))
    with pytest.raises(RuntimeError, match="at least two"):
        program.module()(R(6), T(1))


def test_asserted_values():
    with pytest.raises(RuntimeError, match="must be positive"):
        export(asserting, (R(6), T(3))).module()(R(6), T(0))


def test_an_undecided_question():
    with pytest.raises(DataDependentError) as caught:
        export(undecided, (R(6), T(3)))
    error = caught.value
    assert error.code == "MG-D105"
    assert error.where.text == "if k > 3:"
    assert "verified by exporting" in str(error)
    assert "torch._check(k >= 4)" not in str(error)  # the example is 3
    assert "torch._check(k <= 3)" in str(error)
    assert isinstance(error, monograph.DataDependentError)


def test_the_suggested_check_settles_it():
    def settled(x, n):
        k = n.item()
        torch._check(k >= 4)
        if k > 3:
            return x
        return -x

    assert_exports(settled, (R(6), T(5)), more_inputs=[(R(6), T(4))])


class IndexedState(nn.Module):
    """Numbers in tensors index parameters, buffers, constants, and inputs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("rows", torch.arange(12.0).reshape(4, 3))
        self.register_buffer("position", torch.tensor(0))
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.table = torch.tensor([1.0, 2.0, 5.0])

    def forward(self, x, i):
        self.rows[i] = x
        self.rows[:, self.position] += 1
        k = i.item()
        self.rows[k, 0] = 5
        self.position += 1
        read = self.rows[i] * self.weight[i, :2].sum() + self.rows[..., k].sum()
        read = read + self.table[i] * x[self.position]
        return read, x[: self.position], x[i:], x.new_tensor([i, 1])


def test_numbers_in_tensors_index_state():
    model = IndexedState()
    ours = monograph.export(model, (torch.ones(3), torch.tensor(1))).module()
    eager = copy.deepcopy(model)
    for i in (0, 2):
        x = torch.randn(3)
        assert_equal(ours(x, torch.tensor(i)), eager(x, torch.tensor(i)), tolerance=1e-6)
    held = dict(ours.named_buffers())
    for name, buffer in eager.named_buffers():
        assert_equal(held[name], buffer, tolerance=1e-6)


def test_a_list_indexed_by_a_tensor_is_refused():
    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(lambda x, i: [x, -x][i], (torch.ones(3), torch.tensor(1)))
    assert caught.value.code == "MG-D102"


TEXTS = {
    "str": lambda x, k: x * len(str(k.item())),
    "f-string": lambda x, k: x * {"3": 1}[f"{k.item()}"],
    "in a logarithm": lambda x, k: torch.log(x * len(str(k.item()))),
    "text of a truth": lambda x, k: x * len(str(k.item() > 3)),
    "text of a float": lambda x, k: x * len(f"{x.mean().item()}"),
    "text of a tensor": lambda x, k: x * len(str(x)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_what_is_not_known_is_refused(name):
    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(TEXTS[name], (torch.ones(2), torch.tensor(3)))
    assert caught.value.code in ("MG-D102", "MG-D103")


def test_printing_is_not(capsys):
    def f(x, k):
        n = k.item()
        print("n is", n, f"{n} of {x} {x.shape[0]}")
        logging.getLogger("a model").warning("%s", n)
        torch._check(n > 0, lambda: f"{n} is bad")
        return x * n + len(f"{torch.tensor(2.0)}")

    program = monograph.export(f, (torch.ones(2), torch.tensor(3)))
    assert_equal(program.module()(torch.ones(2), torch.tensor(4)), torch.full((2,), 4.0 + 10))


def test_one_mask_selects_one_number_of_elements():
    """However often it is asked: no assertion, one symbol, in branches too."""

    def f(x, y, mask, cond):
        both = x[mask] + y[mask]
        again = torch.masked_select(x, mask) * both
        places = mask.nonzero() + both[:, None]
        inside = cond(both.sum() > 0, lambda: x[mask] + both, lambda: y[mask] * both)
        mask = mask.clone()
        mask[0] = False
        return again, places, inside, x[mask]

    x, y, mask = torch.randn(4), torch.randn(4), torch.tensor([True, False, True, True])
    program = monograph.export(lambda *args: f(*args, torch.cond), (x, y, mask))
    operators = [str(node.target) for node in program.graph.nodes]
    assert not any("assert" in name for name in operators)
    outputs = program.graph.output_node().args[0]
    sizes = [str(node.meta["val"].shape[0]) for node in outputs]
    assert sizes == ["u0", "u0", "u0", "u1"]
    for chosen in (mask, ~mask, torch.zeros_like(mask), torch.ones_like(mask)):
        for sign in (1, -1):
            args = (sign * x.abs(), sign * y.abs(), chosen)
            expected = f(*args, lambda where, one, other: one() if where else other())
            torch.testing.assert_close(program.module()(*args), expected)


def _refuses_negatives(x):
    bad = x < 0
    if bad.any():
        first = torch.where(bad)[0][0]
        value = x[first].item()
        raise ValueError(f"never negative, found {value} at {first}")
    return x * 2


@pytest.mark.parametrize("strict", [False, True])
def test_names_that_are_given_before_a_raise_are_of_its_message_alone(strict):
    module = export(_refuses_negatives, (torch.ones(3),), strict=strict).module()
    assert torch.equal(module(torch.ones(3)), torch.full((3,), 2.0))
    with pytest.raises(RuntimeError, match="never negative"):
        module(-torch.ones(3))


def test_a_write_before_a_raise_is_no_name():
    class Counts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.failures = 0

        def forward(self, x):
            if (x < 0).any():
                self.failures += 1
                raise ValueError("never negative")
            return x * 2

    with pytest.raises(monograph.DataDependentError):
        export(Counts(), (torch.ones(3),))


@pytest.mark.parametrize("draw", [F.dropout2d, F.feature_alpha_dropout, F.dropout])
def test_what_is_drawn_is_not_known(draw):
    """Of constants even: operators that draw, with a tag that says so or without."""

    def f(x, training):
        return x + 1 if draw(torch.ones(1, 4, 3, 1), 0.5, training).sum() > 12 else x

    with pytest.raises(DataDependentError, match="MG-D101"):
        export(f, (torch.ones(3), True))
    assert_equal(export(f, (torch.ones(3), False)).module()(torch.ones(3), False), torch.ones(3))
