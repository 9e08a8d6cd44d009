"""Regions of ``torch.autocast`` last as long as in eager mode, whatever is called inside."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import monograph
from monograph import Dim
from monograph.testing.compare import assert_equal

# Operators that are recorded as their parts under autocast, that autocast casts, that it leaves.
OPERATORS = {
    "softmax": lambda x, y: torch.softmax(x, -1),
    "normalised": lambda x, y: F.layer_norm(x, x.shape[-1:]),
    "einsum": lambda x, y: torch.einsum("bij,bjk->bik", x, y),
    "similar": lambda x, y: F.cosine_similarity(x, x + 1, -1),
    "inner": lambda x, y: torch.inner(x[0], x[0]),
    "product": lambda x, y: x @ y,
    "attention": lambda x, y: F.scaled_dot_product_attention(x, x, x),
    "spread": lambda x, y: x.std(-1),
    "pieces": lambda x, y: x.chunk(2, -1)[0] + 1,
    "loss": lambda x, y: F.cross_entropy(x, x.softmax(-1)),
    "dropout": lambda x, y: F.dropout(x, 0.5, training=False),
}


def region(first, second):
    def program(x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            results = [OPERATORS[name](x, y) for name in (first, second)]
        return results, x @ y, torch.einsum("bij,bjk->bik", x, y)

    return program


def nested(x, y):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first = x.softmax(-1) @ y
        with torch.autocast("cpu", enabled=False):
            second = torch.einsum("bij,bjk->bik", x, y)
            third = F.layer_norm(x, x.shape[-1:])
        fourth = torch.einsum("bij,bjk->bik", x, y)
    return first, second, third, fourth, torch.einsum("bij,bjk->bik", x, y)


def other_dtypes(x, y):
    with torch.autocast("cpu", dtype=torch.float16):
        first = torch.einsum("bij,bjk->bik", x.softmax(-1), y)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            second = torch.einsum("bij,bjk->bik", x.softmax(-1), y)
        third = torch.einsum("bij,bjk->bik", x.softmax(-1), y)
    return first, second, third


def left_by_an_error(x, y):
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            first = torch.einsum("bij,bjk->bik", x.softmax(-1), y)
            raise ValueError
    except ValueError:
        return first, torch.einsum("bij,bjk->bik", x, y)


@torch.autocast("cpu", dtype=torch.bfloat16)
def decorated(x, y):
    return torch.einsum("bij,bjk->bik", x.softmax(-1), y), torch.inner(x[0], x[0])


def an_operator_that_fails(x, y):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        try:
            x = torch.einsum("bij,bjk->bikl", x, y)
        except RuntimeError:
            x = x * 2
        return torch.einsum("bij,bjk->bik", x, y), torch.inner(x[0], x[0])


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.recurrent = nn.GRU(4, 4, batch_first=True)

    def forward(self, x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = self.layer(x)
            return h, torch.einsum("bij,bjk->bik", h, y), torch.inner(y[0], y[0])


PROGRAMS = {
    "nested": nested,
    "other dtypes": other_dtypes,
    "left": left_by_an_error,
    "decorated": decorated,
    "fails": an_operator_that_fails,
}


def compared(program, strict=False):
    def tensors(rows, columns):
        return torch.randn(rows, columns, 4), torch.randn(rows, 4, 6)

    torch.manual_seed(0)
    shapes = ({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO})
    exported = monograph.export(program, tensors(2, 5), dynamic_shapes=shapes, strict=strict)
    fixed = program is an_operator_that_fails  # where it goes on it holds for the example's sizes
    for rows, columns in ((2, 5), (1, 5), (3, 2))[: 1 if fixed else 3]:
        args = tensors(rows, columns)
        assert_equal(exported.module()(*args), program(*args))


@pytest.mark.parametrize(("first", "second"), itertools.product(OPERATORS, OPERATORS))
def test_an_operator_leaves_the_region_on(first, second):
    compared(region(first, second))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_regions_end_as_in_eager_mode(name, strict):
    compared(PROGRAMS[name], strict)


def test_layers_in_a_region():
    compared(Layers().eval())


PRODUCTS = ("bij,bjk->bik", "ij,jk", "ij,ij->", "...ij,...jk->...ik", "ij,jk,kl->il", "ij,kj->ijk")


def of_products(equation):
    def program(*operands):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return torch.einsum(equation, *operands)

    return program


@pytest.mark.parametrize("equation", PRODUCTS)
def test_what_einsum_multiplies_where_nothing_is_summed_up_is_not_cast(equation):
    """Two tensors whose shared label has size 1 are multiplied, which autocast leaves alone."""
    terms = equation.partition("->")[0].replace("...", "b").split(",")
    program = of_products(equation)

    def operands(sizes):
        return [torch.randn([sizes[label] for label in term]) for term in terms]

    example = operands({"b": 2, "i": 3, "j": 4, "k": 5, "l": 6})
    shapes = (tuple((Dim.DYNAMIC,) * x.dim() for x in example),)
    called = monograph.export(program, tuple(example), dynamic_shapes=shapes).module()
    taken = 0
    for sizes in itertools.product((1, 3), repeat=5):
        given = operands(dict(zip("bijkl", sizes, strict=True)))
        try:
            found = called(*given)
        except monograph.MonographError:
            assert 1 in sizes[2:4], "only a size that is summed up decides"
            continue
        taken += 1
        expected = program(*given)
        assert found.dtype is expected.dtype
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    assert taken >= 8
