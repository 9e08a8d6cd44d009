"""Truths that only a run knows: as results, in assertions, and of the operands of ``and``."""

import math

import pytest
import torch
from torch import nn

import monograph
from monograph import DataDependentError, Dim

T = torch.tensor
BOTH = pytest.mark.parametrize("strict", [False, True])


def same_as_eager(program, args, more, *, strict=False, dynamic_shapes=None):
    """Exported with ``args``, and equal to eager mode, types included, for all inputs."""
    exported = monograph.export(program, args, dynamic_shapes=dynamic_shapes, strict=strict)
    module = exported.module()
    for given in (args, *more):
        try:
            wanted = program(*given)
        except Exception:
            with pytest.raises(Exception):  # noqa: B017, PT011 - assertions are of another type
                module(*given)
            continue
        found = module(*given)
        _require_same(found, wanted)
    return exported


def _require_same(found, wanted):
    assert type(found) is type(wanted)
    if isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            _require_same(one, other)
    elif isinstance(wanted, torch.Tensor):
        torch.testing.assert_close(found, wanted)
    else:
        assert found == wanted or (math.isnan(found) and math.isnan(wanted))


def bool_of_a_truth(x, y):
    return x, bool(x.any())


def bool_of_a_number(x, y):
    return x, bool(x.sum())


def is_nonzero(x, y):
    return x, torch.is_nonzero(x.sum())


def is_nonzero_as_a_method(x, y):
    return x, x.sum().is_nonzero()


def equal(x, y):
    return x, torch.equal(x, y)


def equal_as_a_method(x, y):
    return x, x.equal(y)


def equal_of_other_shapes(x, y):
    return x, torch.equal(x, y[:1])


def allclose(x, y):
    return x, torch.allclose(x, y, atol=0.5)


def allclose_as_a_method(x, y):
    return x, x.allclose(y, rtol=0.5)


def any_of_a_list(x, y):
    return x, any([x[0] > 1, False, y[0] > 1])


def all_of_rows(x, y):
    return x, all(x)


def all_of_nothing(x, y):
    return x, all([])


def kept_for_a_number(x, y):
    return x, int(bool(x.any())) + 1


RESULTS = [
    bool_of_a_truth, bool_of_a_number, is_nonzero, is_nonzero_as_a_method,
    equal, equal_as_a_method, equal_of_other_shapes, allclose, allclose_as_a_method,
    any_of_a_list, all_of_rows, all_of_nothing, kept_for_a_number,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("program", RESULTS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_truths_as_results(program, dtype, strict):
    x, y = T([0, 1], dtype=dtype), T([0, 1], dtype=dtype)
    nothing, much = torch.zeros_like(x), T([2, 3], dtype=dtype)
    same_as_eager(program, (x, y), [(nothing, y), (much, y), (nothing, nothing)], strict=strict)


def test_a_truth_that_decides_is_refused_with_what_to_write():
    def f(x):
        return x if bool(x.any()) else -x

    with pytest.raises(DataDependentError) as caught:
        monograph.export(f, (T([1.0, 0.0]),))
    assert caught.value.code == "MG-D101"
    assert "monograph.cond(" in str(caught.value)


# Strict: what ``and``, ``or`` and ``not`` give ----------------------------------------------------


def both(x, y):
    return x, x.sum() and y.sum()


def either(x, y):
    return x, x.sum() or y.sum() or x.max() + 3


def a_flag_that_is_kept(x, y):
    flag, other = bool(x.any()), bool(x.all())
    return x.sum() if flag and not other else x.sum() * 2


def in_one_line(x, y): return x + 1 if x.any() else x - 1  # fmt: skip


LAMBDAS = [lambda x, y: x * 2 if x.any() else x - 1, lambda x, y: x * 3 if x.all() else y]


@pytest.mark.parametrize("program", [both, either, a_flag_that_is_kept, in_one_line, *LAMBDAS])
def test_logic_in_strict_mode(program):
    x, y, nothing = T([0.0, 1.0]), T([2.0, 1.0]), torch.zeros(2)
    same_as_eager(program, (x, y), [(nothing, y), (nothing, nothing), (y, x)], strict=True)


# Assertions ---------------------------------------------------------------------------------------


def asserted_by_torch(x):
    if (x > 3).any():
        torch._assert(False, "too large")
    return x * 2


def asserted_by_python(x):
    if (x > 3).any():
        assert False, "too large"  # noqa: B011, PT015
    return x * 2


def checked(x):
    if (x > 3).any():
        torch._check(False, lambda: "too large")
    return x * 2


def checked_on_the_other_side(x):
    if not (x > 3).any():
        y = x * 2
    else:
        torch._check_value(False, lambda: "too large")
        y = x
    return y


def asserted_of_a_number(x):
    if x.max().item() > 3:
        torch._assert(False, f"too large: {x.max()}")
    return x * 2


def asserted_equality(x):
    assert torch.equal(x, x.clamp(max=3)), "too large"
    return x * 2


def raised_for_a_difference(x):
    if not torch.allclose(x, x.clamp(max=3)):
        raise ValueError("too large")
    return x * 2


def asserted_of_a_size(x):
    if x.shape[0] > 3:
        torch._assert(False, "too large")
    return x * 2


ASSERTIONS = [
    asserted_by_torch, asserted_by_python, checked, checked_on_the_other_side,
    asserted_of_a_number, asserted_equality, raised_for_a_difference, asserted_of_a_size,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("program", ASSERTIONS, ids=lambda p: p.__name__)
def test_an_assertion_that_fails_inside_a_branch(program, strict):
    shapes = ({0: Dim.DYNAMIC},) if program is asserted_of_a_size else None
    more = [(T([0.0, 7.0]),), (T([-1.0, 2.0]),)]
    if shapes:
        more += [(torch.zeros(5),), (torch.zeros(3),)]
    exported = same_as_eager(program, (T([0.0, 1.0]),), more, strict=strict, dynamic_shapes=shapes)
    if not shapes:
        with pytest.raises(RuntimeError, match="too large"):
            exported.module()(T([0.0, 7.0]))


def a_function_of_the_program(x):
    def _assert(condition, message):
        return None

    if (x > 3).any():
        _assert(False, "too large")
        x = x + 1
    return x * 2


def an_assertion_that_is_caught(x):
    if (x > 3).any():
        try:
            torch._assert(False, "too large")
        except AssertionError:
            return x * 3
    return x * 2


@pytest.mark.parametrize("program", [a_function_of_the_program, an_assertion_that_is_caught])
def test_what_only_looks_like_an_assertion(program):
    with pytest.raises(DataDependentError):
        monograph.export(program, (T([0.0, 1.0]),))
    same_as_eager(program, (T([0.0, 1.0]),), [(T([0.0, 7.0]),)], strict=True)


# Places that only a run knows, in lists -----------------------------------------------------------

READS = {
    "rows and columns": lambda x, i, j: x[[i, j], [j, i]],
    "tuples": lambda x, i, j: x[(i, j), (j, i)],
    "columns": lambda x, i, j: x[:, [i, j]],
    "after dots": lambda x, i, j: x[..., [i, j]],
    "numbers": lambda x, i, j: x[[i.item(), j.item()]],
    "numbers beside constants": lambda x, i, j: x[[i.item(), 2], [j.item(), 1]],
}


def _written(index):
    def write(x, i, j):
        x = x.clone()
        x[index(i, j)] = 7
        return x

    return write


WRITES = {
    "rows and columns": _written(lambda i, j: ([i, j], [j, i])),
    "tuples": _written(lambda i, j: ((i, j), (j, i))),
    "columns": _written(lambda i, j: (slice(None), [i, j])),
    "numbers": _written(lambda i, j: [i.item(), j.item()]),
}


class OfState(nn.Module):
    """The same of a parameter and of a buffer."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4))
        self.register_buffer("table", torch.arange(12).reshape(3, 4))

    def forward(self, x, i, j):
        return tuple(self.function(t, i, j) for t in (self.weight, self.table, x))


@BOTH
@pytest.mark.parametrize("function", [*READS.values(), *WRITES.values()])
def test_places_in_lists(function, strict):
    x = torch.arange(12.0).reshape(3, 4)
    more = [(x, T(a), T(b)) for a, b in ((2, 1), (0, 0))]
    same_as_eager(OfState(function), (x, T(1), T(0)), more, strict=strict)


@BOTH
def test_a_list_of_tensors_is_one_index(strict):
    """As torch takes it, which warns of it."""
    x, i, j = torch.arange(12.0).reshape(3, 4), T(1), T(0)

    def read(x, i, j):
        return x[[i, j]], x[[i]], x[[[i, j], [j, i]]], x[[i, 2]]

    module = monograph.export(read, (x, i, j), strict=strict).module()
    for i, j in ((T(1), T(0)), (T(2), T(2))):
        wanted = x[i, j], x[i], x[torch.stack([i, j]), torch.stack([j, i])], x[i, 2]
        _require_same(module(x, i, j), wanted)


OF_SIZES = {
    "an item": lambda w, n: w[n - 1],
    "two": lambda w, n: w[0, n - 2],
    "from the end": lambda w, n: w[-n],
    "after dots": lambda w, n: w[..., n - 2],
    "in a list": lambda w, n: w[[n - 1, 0]],
    "a slice": lambda w, n: w[:n],
}


class IndexedBySize(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.arange(36.0).view(4, 3, 3))
        self.register_buffer("table", torch.arange(36).view(4, 3, 3))

    def forward(self, x):
        n = x.shape[0]
        return tuple(self.function(t, n).sum() + x for t in (self.weight, self.table))


@BOTH
@pytest.mark.parametrize("name", OF_SIZES)
def test_state_that_a_size_indexes(name, strict):
    shapes = ({0: Dim("n", min=2, max=4)},)
    program, more = IndexedBySize(OF_SIZES[name]), [(torch.ones(n, 3),) for n in (2, 4)]
    same_as_eager(program, (torch.ones(3, 3),), more, strict=strict, dynamic_shapes=shapes)


# Operators ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("is_dynamic", [False, True])
def test_a_loss_over_lengths(reduction, is_dynamic):
    def loss(scores, targets, lengths, target_lengths):
        scores = scores.log_softmax(-1)
        return nn.functional.ctc_loss(
            scores, targets, lengths, target_lengths, reduction=reduction, zero_infinity=True
        )

    def given(rows, steps):
        targets = torch.randint(1, 5, (rows, 4))
        lengths = torch.randint(4, steps + 1, (rows,))
        return torch.randn(steps, rows, 5), targets, lengths, torch.randint(1, 5, (rows,))

    varies = Dim.DYNAMIC
    shapes = ({0: varies, 1: varies}, {0: varies}, {0: varies}, {0: varies}) if is_dynamic else None
    more = [given(3, 7), given(1, 6)] if is_dynamic else [given(2, 9)]
    exported = same_as_eager(loss, given(2, 9), more, dynamic_shapes=shapes)
    args = given(2, 9)
    torch.testing.assert_close(exported.run_decompositions().module()(*args), loss(*args))


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_an_operator_that_writes_its_noise(is_dynamic):
    def leaky(x):
        noise = torch.zeros_like(x)
        flat = noise.view(-1)
        return torch.ops.aten.rrelu_with_noise(x, noise, 0.4, 0.4, True), noise, flat

    shapes = ({0: Dim.DYNAMIC},) if is_dynamic else None
    sizes = (5, 3) if is_dynamic else (5,)
    more = [(torch.randn(n),) for n in sizes]
    same_as_eager(leaky, (torch.randn(5),), more, dynamic_shapes=shapes)
