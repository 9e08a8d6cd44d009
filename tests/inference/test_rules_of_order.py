"""Rules of what looks for the largest, sorts, and picks or writes by an index: as the kernels."""

import itertools

import pytest
import torch

import monograph
from monograph import Dim
from monograph.inference.rules import RULES, View
from monograph.ir.spec import spec_of

aten = torch.ops.aten
SHAPES = [(3, 4), (1, 4), (3, 1), (2, 3, 4), (5,), (0, 3), (3, 0), (1,), (2, 1, 3)]
LAYOUTS = {
    "rows": lambda t: t.contiguous(),
    "turned": lambda t: t.mT.contiguous().mT if t.dim() > 1 else t,
    "gaps": lambda t: torch.stack([t, t], -1)[..., 0],
}
ALONG = {
    aten.argmax.default: [(), (True,)], aten.argmin.default: [()], aten.max.dim: [(), (True,)],
    aten.min.dim: [()], aten.sort.default: [(), (True,)], aten.argsort.default: [(), (True,)],
}  # fmt: skip


def calls():
    """Operators with arguments, some of which eager mode refuses."""
    for shape, (_, lie), kind in itertools.product(
        SHAPES, LAYOUTS.items(), (torch.float32, torch.int64, torch.bool)
    ):
        x = lie((torch.rand(shape) * 9).to(kind))
        dims = range(-1, x.dim())
        for dim in dims:
            yield from ((op, (x, dim, *rest)) for op, more in ALONG.items() for rest in more)
            yield from ((aten.topk.default, (x, k, dim)) for k in (0, 1, 2, 4))
            for op in (aten.amax.default, aten.amin.default, aten.logsumexp.default):
                yield from ((op, (x, [dim], keep)) for keep in (False, True))
            for order in (2, 1, 0, 2.5, float("inf")):
                yield aten.linalg_vector_norm.default, (x, order, [dim], True)
            index = lie(torch.zeros(shape, dtype=torch.int64))
            short = index.narrow(dim, 0, min(1, x.shape[dim]))
            for each in (index, short):
                yield aten.gather.default, (x, dim, each)
                yield aten.scatter.src, (x, dim, each, x)
                yield aten.scatter.value, (x, dim, each, 1)
                yield aten.scatter_add.default, (x, dim, each, x)
                yield aten.scatter_reduce.two, (x, dim, each, x, "amax")
            rows = torch.zeros(x.shape[dim], dtype=torch.int64)
            yield aten.index_add.default, (x, dim, rows, x)
            yield aten.index_copy.default, (x, dim, rows, x)
            yield aten.movedim.int, (x, dim, 0)
        for op in (aten.max.default, aten.min.default, aten.linalg_vector_norm.default):
            yield op, (x,)
        for times in ([2], [1, 3], [2, 0, 1], [1, 2, 3, 1]):
            yield aten.repeat.default, (x, times)
        yield aten.one_hot.default, ((x > 4).long(), 3)
        yield aten.outer.default, (x, x)
        yield aten.diag.default, (x,)
        yield aten.cdist.default, (x, x[..., :1, :] if x.dim() > 1 else x)
        for op in (aten.remainder.Scalar, aten.fmod.Scalar):
            yield op, (x, 3)
        yield aten.expand_as.default, (x[:1], x)
        yield aten.broadcast_to.default, (x, [2, *x.shape])


def specs(found):
    items = [found] if isinstance(found, View) or not isinstance(found, tuple) else found
    return [item.spec if isinstance(item, View) else item for item in items]


def test_every_answer_is_the_kernels():
    answered = dict.fromkeys(ALONG, 0)
    for op, args in calls():
        given = [spec_of(a) if isinstance(a, torch.Tensor) else a for a in args]
        found = RULES[op](*given)
        if found is None:
            continue
        answered[op] = answered.get(op, 0) + 1
        made = op(*args)
        expected = [spec_of(t) for t in (made if isinstance(made, tuple) else (made,))]
        assert specs(found) == expected, (
            op,
            [a.shape for a in args if hasattr(a, "shape")],
            args[1:],
        )
    assert min(answered.values()) > 0
    assert len(answered) > 20


VARYING = {
    "argmax": lambda x, y: x.argmax(-1),
    "argmin": lambda x, y: x.argmin(0, keepdim=True),
    "amax": lambda x, y: x.amax((0, 1)),
    "max": lambda x, y: (x.max(1).values, x.min(0).indices, x.max()),
    "topk": lambda x, y: (x.topk(2, 0).values, x.topk(min(2, x.shape[1])).indices),
    "sort": lambda x, y: (x.sort(0).values, x.sort(-1, descending=True).indices, x.argsort(1)),
    "norm": lambda x, y: (x.norm(dim=-1), torch.linalg.vector_norm(x, 1), x.logsumexp(0)),
    "gather": lambda x, y: x.gather(1, y),
    "scatter": lambda x, y: (x.scatter(1, y, 2.0), x.scatter_add(0, y * 0, x), x.scatter(1, y, x)),
    "index_add": lambda x, y: x.index_add(0, y[:, 0], x),
    "repeat": lambda x, y: (x.repeat(2, 1, 3), x.repeat(1, x.shape[0]), x.movedim(0, 1)),
    "cdist": lambda x, y: (torch.cdist(x, x[:1]), torch.diag(x[0]), y % x.shape[1], y.fmod(3)),
    "expand": lambda x, y: (y[:1].expand_as(x), x[0].broadcast_to(x.shape), x[:, :1].expand_as(x)),
    "outer": lambda x, y: (torch.outer(x[0], x[1]), torch.nn.functional.one_hot(y, 9)),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", VARYING)
def test_sizes_that_vary(name, strict):
    program = VARYING[name]

    def arguments(*sizes):
        x = torch.randn(sizes)
        return x, torch.arange(x.numel()).view(sizes) % max(min(sizes), 1)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2
    made = monograph.export(program, arguments(3, 4), dynamic_shapes=shapes, strict=strict)
    for run, sizes in itertools.product(
        (made.module(), made.run_decompositions().module()),
        ((3, 4), (4, 3), (2, 2), (1, 5), (5, 1), (1, 1), (0, 3), (3, 0), (0, 0)),
    ):
        args = arguments(*sizes)
        try:
            expected = program(*args)
        except (RuntimeError, IndexError):
            with pytest.raises((monograph.InputError, RuntimeError, IndexError)):
                run(*args)
            continue
        torch.testing.assert_close(run(*args), expected)
