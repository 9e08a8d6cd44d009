"""What is copied in general and is a view for some sizes: no write and no question mistakes it."""

import itertools

import pytest
import torch

import monograph
from monograph import Dim, MonographError

MADE = {
    "step": lambda x: x[..., ::2],
    "columns": lambda x: x[:, :2],
    "turned": lambda x: (x + 1).t(),
    "repeated": lambda x: (x + 1)[:, None].expand(x.shape[0], 2, x.shape[1]),
}
SHAPED = {
    "pairs": lambda v: v.reshape(-1, 2),
    "rows": lambda v: v.reshape(v.shape[-1], -1),
    "threes": lambda v: v.reshape(3, -1),
    "flat": lambda v: v.flatten(),
}


USED = {
    "written": lambda v, r: (r.mul_(2), v + 0)[1],
    "source written": lambda v, r: (v[-1:].mul_(2), r)[1],
    "order": lambda v, r: r * 2 if r.is_contiguous() else r * 3,
    "strides": lambda v, r: r * r.stride(0),
    "view": lambda v, r: r * 2 if r._is_view() else r * 3,
}
EXAMPLES = (3, 3), (6, 5)
SIZES = tuple(itertools.product(range(1, 6), range(1, 6)))


def called(function, x):
    try:
        return function(x)
    except RuntimeError:
        return None


SLOW = "source written", "strides"


@pytest.mark.parametrize(
    "use", [pytest.param(use, marks=[pytest.mark.slow] * (use in SLOW)) for use in USED]
)
@pytest.mark.parametrize("shaped", SHAPED)
@pytest.mark.parametrize("made", MADE)
def test_no_size_makes_another_program(made, shaped, use):
    def program(x):
        v = MADE[made](x)
        return USED[use](v, SHAPED[shaped](v))

    exported = 0
    for example in EXAMPLES:
        inputs = (torch.arange(1.0, example[0] * example[1] + 1).reshape(example),)
        try:
            ep = monograph.export(
                program, inputs, dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
            )
        except MonographError:
            continue
        exported += 1
        module = ep.module()
        for sizes in SIZES:
            x = torch.arange(1.0, sizes[0] * sizes[1] + 1).reshape(sizes)
            y = x.clone()
            expected, found = called(program, x), called(module, y)
            if expected is not None and found is not None:
                assert torch.equal(expected, found), (example, sizes)
                assert torch.equal(x, y), (example, sizes)
    assert exported or _is_never_taken(made, shaped, use), "no example is taken"


def _is_never_taken(made, shaped, use):
    """Two columns of two or more are a view; what repeats elements is not written."""
    return (made, shaped) == ("columns", "pairs") or (made, use) == ("repeated", "source written")


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_what_only_the_number_of_elements_makes_a_view_keeps_all_sizes(size):
    def program(x):
        r = (x + 1).t().reshape(-1)
        return r * 2 if r.is_contiguous() else r * 3

    both = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    module = monograph.export(program, (torch.ones(3, 4),), dynamic_shapes=(both,)).module()
    for other in (1, 2, 5):
        x = torch.randn(size, other)
        assert torch.equal(module(x), program(x))


@pytest.mark.parametrize(
    "made",
    [
        lambda y: y, lambda y: y[1:], lambda y: y.view(-1), lambda y: y.detach(),
        lambda y: y[1:].detach(), lambda y: y.contiguous(), lambda y: y[1:].contiguous(),
        lambda y: y.t().contiguous(), lambda y: y.t().reshape(-1), lambda y: y.split(1)[0],
        lambda y: y.reshape(3, 3), lambda y: y.flatten(), lambda y: y.expand(2, 3, 3),
        lambda y: y[0].flatten(), lambda y: y + 1, lambda y: y.to(y.dtype), lambda y: y.mT,
    ],
)  # fmt: skip
def test_whether_it_is_a_view(made):
    def program(x):
        y = x * 2
        z = made(y)
        return z * 2 if z._is_view() else z * 3

    x = torch.randn(3, 3)
    assert torch.equal(monograph.export(program, (x,)).module()(x), program(x))


def test_whether_an_argument_is_a_view_is_refused():
    with pytest.raises(MonographError, match="whether an argument is a view"):
        monograph.export(lambda x: x * 2 if x._is_view() else x, (torch.ones(3),))
