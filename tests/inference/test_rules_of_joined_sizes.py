"""Rules of operators that join sizes that vary: as the kernels at other sizes, without any fake.

Sizes that are equal in the example are tied, where an operator demands it or brings its operands to
one shape; where a 1 would be broadcast in eager mode, the program that was exported is told to
cover equal sizes alone.
"""

import itertools

import pytest
import torch

import monograph
from monograph.inference import examples, infer

EINSUMS = {
    "abc,acd->abd": ("abc", "acd"),
    "abc,abd->acd": ("abc", "abd"),
    "abc,abd->dca": ("abc", "abd"),
    "ab,bc": ("ab", "bc"),
    "ab,bc->ca": ("ab", "bc"),
    "ab,ab->ab": ("ab", "ab"),
    "ab,cb->acb": ("ab", "cb"),
    "a,b->ba": ("a", "b"),
    "ab,cd->dbac": ("ab", "cd"),
    "abc->b": ("abc",),
    "abc->ca": ("abc",),
    "ab,ab->": ("ab", "ab"),
    "abc,bc->a": ("abc", "bc"),
    "abc,d->bd": ("abc", "d"),
    "...b,bc->...c": ("adb", "bc"),
    "a...,b...->...ab": ("acd", "bd"),
    "...a,...a": ("ba", "cba"),
    "abc,cd,de->abe": ("abc", "cd", "de"),
    "ab,bc,ca->c": ("ab", "bc", "ca"),
    "ab,b,c->ca": ("ab", "b", "c"),
    " a b , b c -> a c": ("ab", "bc"),
}


def in_order(*tensors):
    return [x.contiguous() for x in tensors]


def attended(query, key, mask):
    keys = key.expand(-1, 2, -1, -1)
    mask = mask[..., : key.shape[2]]
    return torch.nn.functional.scaled_dot_product_attention(query, keys, keys, attn_mask=mask)


def order_of(x, dim):
    return x.contiguous().argsort(dim)


OPERATORS = {
    "mm": (torch.mm, "ab", "bc"),
    "bmm": (torch.bmm, "abc", "acd"),
    "dot": (torch.dot, "a", "a"),
    "cdist": (torch.cdist, "abc", "adc"),
    "add": (torch.add, "abc", "abc"),
    "where": (lambda x, y: torch.where(x > 0, x, y), "abc", "bc"),
    "divided": (torch.div, "ab1", "abc"),
    "compared": (torch.lt, "abc", "c"),
    "of three": (lambda x, y, z: torch.addcmul(*in_order(x, y, z)), "abc", "abc", "bc"),
    "filled": (lambda x, y: x.masked_fill(y > 0, 0.5), "abc", "abc"),
    "filled, broadcast": (lambda x, y: x.masked_fill(y.contiguous() > 0, 0.5), "abc", "a1c"),
    "filled, longer": (lambda x, y: x.masked_fill(y > 0, 0.5), "bc", "abc"),
    "complex": (torch.complex, "abc", "abc"),
    "polar": (torch.polar, "abc", "bc"),
    "stack": (lambda x, y: torch.stack([x, y], 1), "abc", "abc"),
    "stack last": (lambda x, y: torch.stack([x, y], -1), "abc", "abc"),
    "stack first": (lambda x, y: torch.stack([x, y]), "ab", "ab"),
    "gather": (lambda x, y: x.gather(1, order_of(y, 1)), "abc", "abc"),
    "gather fewer": (lambda x, y: x.gather(1, order_of(y, 1) // 2), "abc", "abc"),
    "cosine": (torch.nn.functional.cosine_similarity, "abc", "abc"),
    "cosine, broadcast": (torch.nn.functional.cosine_similarity, "abc", "a1c"),
    "put": (lambda x, y: x.index_put((torch.arange(y.shape[0]),), y), "ab", "ab"),
    "put a number": (lambda x, y: x.index_put((y > 0,), torch.tensor(2.0)), "ab", "ab"),
    "put a row": (lambda x, y: x.index_put((torch.arange(x.shape[0]),), y), "ab", "b"),
    "sampled": (lambda x, y: torch.nn.functional.grid_sample(x, y), "ab45", "acd2"),
    "grid": (lambda x, y: torch.nn.functional.affine_grid(x, y.shape), "a23", "abcd"),
    "side by side": (lambda x, y: torch.hstack([x, y]), "abc", "adc"),
    "one below the other": (lambda x, y: torch.vstack([x, y, x]), "bc", "dc"),
    "attention": (attended, "a2b4", "a1c4", "a1bd"),
    "parts": (lambda x, y: torch.view_as_real(torch.complex(x, y)), "abc", "abc"),
    "meshed": (lambda *t: torch.meshgrid(*t, indexing="ij"), "a", "b", "c"),
    "meshed the other way": (lambda *t: torch.meshgrid(*t, indexing="xy"), "a", "b", "c"),
    "scatter": (lambda x, y: x.scatter(2, order_of(y, 2), y), "abc", "abc"),
    "scatter add": (lambda x, y: x.scatter_add(0, order_of(y, 0), y), "ab", "ab"),
    "index add": (lambda x, y: x.index_add(0, torch.arange(y.shape[0]), y), "ab", "ab"),
}
MADE = {
    "sum of integers": lambda x: x.long().sum(1),
    "sum of truths": lambda x: (x > 0).sum(-1, keepdim=True),
    "sum of all truths": lambda x: (x > 0).sum(),
    "sum of complex": lambda x: torch.complex(x, x).sum((0, 2)),
    "product": lambda x: x.prod(1),
    "product of integers": lambda x: x.long().prod(-1, keepdim=True),
    "product of all": lambda x: (x > 0).prod(),
    "clone of an expanded": lambda x: x[:, None].expand(-1, 6, -1, -1).clone(),
    "clone of a view": lambda x: x.permute(1, 2, 0)[:, None].expand(-1, 2, -1, -1).clone(),
    "zeros like rows": lambda x: torch.zeros_like(x[:, 0]),
    "ones like an expanded": lambda x: torch.ones_like(x[:, :1].expand(-1, 6, -1)),
    "full like columns": lambda x: torch.full_like(x.mT[:, 1], 2, dtype=torch.int64),
    "expanded in front": lambda x: x.expand(1, 2, *x.shape).clone(),
    "a number expanded": lambda x: x.sum().expand(x.shape[0], 1),
    "diagonal": lambda x: (x @ x.mT).diagonal(0, 1, 2) + 1,
    "diagonal in front": lambda x: (x @ x.mT).diagonal(dim1=-1, dim2=-2).mT,
    "glu": lambda x: torch.nn.functional.glu(torch.stack([x, -x], 1), 1),
    "glu of a view": lambda x: torch.nn.functional.glu(x[:, None].expand(-1, 4, -1, -1), 1),
    "one hot": lambda x: torch.nn.functional.one_hot(order_of(x, 1), x.shape[1]),
    "all true": lambda x: torch.ops.aten._is_all_true(x > -9),
    "deviation": lambda x: x.std() + x.var(unbiased=False),
    "identity": lambda x: torch.eye(x.shape[0]) + torch.eye(x.shape[1], x.shape[0]).sum(0),
    "wholes": lambda x: torch.view_as_complex(torch.stack([x, -x], -1)) * 2,
    "upper": lambda x: torch.triu_indices(x.shape[1], x.shape[1]),
    "above": lambda x: torch.triu_indices(x.shape[1], x.shape[1], 2),
    "not far below": lambda x: torch.triu_indices(x.shape[1], x.shape[1], -2),
    "lower": lambda x: torch.tril_indices(x.shape[1], x.shape[1], dtype=torch.int32),
    "below": lambda x: torch.tril_indices(x.shape[1], x.shape[1], -1),
    "not far above": lambda x: torch.tril_indices(x.shape[1], x.shape[1], 1),
    "padded": lambda x: torch.nn.functional.pad(x.mT, (1, 2)) + 1,
    "padded as it goes on": lambda x: torch.nn.functional.pad(x.mT, (1, 1), "circular"),
    "padded at the ends": lambda x: torch.nn.functional.pad(x.mT, (0, 2), "replicate"),
    "part of rows": lambda x: x[:, 1:] * 2,
    "part of columns": lambda x: x[..., 1:] + x[..., :-1],
    "least of two": lambda x: x[:, : x.shape[2], : x.shape[1]] - 1,
    "columns of a view": lambda x: x.mT[:, :, torch.arange(2)] + 1,
    "masked": lambda x: x.mT.masked_fill(x.mT > 0, 1),
    "masked, expanded": lambda x: x[:, None].expand(-1, 4, -1, -1).masked_fill(x[:, None] > 0, 1),
}


def unwanted(*args, **kwargs):
    raise AssertionError(f"{args[0]} is run on fake tensors")


@pytest.fixture
def without_fakes(monkeypatch):
    for module in (infer, examples):
        monkeypatch.setattr(module, "outcome_on_fakes", unwanted)


def laid(shape, order):
    """A tensor whose dimensions lie in this order: in order, the other way round, or with gaps."""
    if order == "reversed":
        return torch.randn(shape[::-1]).permute(*reversed(range(len(shape))))
    if order == "gaps":
        return torch.randn([n + 1 for n in shape])[tuple(slice(1, None) for _ in shape)]
    return torch.randn(shape)


def exported(function, args, labels):
    """With each size that has a letter by itself."""
    any_size = monograph.Dim.DYNAMIC
    shapes = tuple({i: any_size for i, n in enumerate(each) if n.isalpha()} for each in labels)
    return monograph.export(function, args, dynamic_shapes=shapes).module()


def compared(program, function, args):
    try:
        wanted = function(*args)
    except (RuntimeError, IndexError, ValueError):
        with pytest.raises((RuntimeError, IndexError, ValueError)):
            program(*args)
        return
    found = program(*args)
    is_usual = all(n > 1 for x in args for n in x.shape)
    pairs = itertools.zip_longest(*map(torch.utils._pytree.tree_leaves, (found, wanted)))
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, equal_nan=True, check_stride=is_usual)
        assert ours.dtype == theirs.dtype


def sized(labels, sizes):
    return [int(label) if label.isdigit() else sizes[label] for label in labels]


SIZES = [
    dict(zip("abcde", sizes, strict=True))
    for sizes in (
        (3, 4, 5, 6, 7),
        (2, 5, 3, 4, 2),
        (1, 4, 5, 2, 3),
        (2, 1, 1, 3, 4),
        (0, 2, 3, 4, 5),
        (2, 3, 0, 2, 2),
    )
]


def tried(function, labels, order, dtypes=None):
    torch.manual_seed(0)
    dtypes = dtypes or [torch.float32] * len(labels)

    def made(sizes):
        pairs = zip(labels, dtypes, strict=True)
        return tuple(laid(sized(each, sizes), order).to(dtype) for each, dtype in pairs)

    program = exported(function, made(SIZES[0]), labels)
    for sizes in SIZES:
        compared(program, function, made(sizes))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ["in order", "reversed", "gaps"])
@pytest.mark.parametrize("equation", EINSUMS)
def test_sums_of_products(equation, order, without_fakes):
    tried(lambda *operands: torch.einsum(equation, *operands) + 1, EINSUMS[equation], order)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.complex64])
@pytest.mark.parametrize("equation", ["abc,acd->abd", "ab,bc->ca", "abc->ca", "ab,ab->ab"])
def test_sums_of_products_of_types(equation, dtype, without_fakes):
    def function(*operands):
        return torch.einsum(equation, *operands)

    tried(function, EINSUMS[equation], "in order", [dtype] * len(EINSUMS[equation]))


TYPES = [
    (torch.float32, torch.int64),
    (torch.bool, torch.int16),
    (torch.float16, torch.float64),
    (torch.complex64, torch.float64),
    (torch.int32, torch.uint8),
]


@pytest.mark.parametrize("dtypes", TYPES)
@pytest.mark.parametrize("operator", [torch.add, torch.mul, torch.div, torch.ne])
def test_types_of_what_is_brought_to_one_shape(operator, dtypes, without_fakes):
    tried(operator, ["abc", "bc"], "reversed", dtypes)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ["in order", "reversed", "gaps"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_of_several(name, order, without_fakes):
    function, *labels = OPERATORS[name]
    tried(function, labels, order)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MADE)
def test_operators_of_one(name, without_fakes):
    tried(MADE[name], ["abc"], "in order")


@pytest.mark.parametrize("order", ["in order", "reversed", "gaps"])
@pytest.mark.parametrize("channels", [1, 4])
def test_convolutions_of_one_dimension(channels, order, without_fakes):
    one, other = torch.nn.Conv1d(channels, 6, 3, padding=2), torch.nn.ConvTranspose1d(6, 2, 4, 2)

    def function(x):
        y = one(x)
        return y, other(y.mT.contiguous().mT)

    tried(function, [f"a{channels}c"], order)


def test_a_size_that_may_be_broadcast_is_not_tied():
    """Beside a size of the example that is not equal, a 1 is stretched: as the program asks."""
    program = exported(torch.add, (torch.randn(3, 4), torch.randn(1, 4)), ["ab", "1b"])
    compared(program, torch.add, (torch.randn(5, 2), torch.randn(1, 2)))


@pytest.mark.parametrize("name", ["real", "imag"])
def test_parts_that_torch_reads_through_its_own_views(name):
    def function(x, y):
        return getattr(torch.complex(x, y), name) * 2

    tried(function, ["abc", "abc"], "in order")
