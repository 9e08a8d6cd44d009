"""What rules say of tensors of fixed sizes is what the kernels give, single rows included."""

from collections.abc import Callable
from random import Random

import pytest
import torch

from monograph.inference.rules import RULES
from monograph.inference.rules.table import View
from monograph.ir.spec import TensorSpec, spec_of

aten = torch.ops.aten


def _tensor(random: Random, shape: list[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """One of this shape that lies in some way: permuted, a part of another, or expanded."""
    order = random.sample(range(len(shape)), len(shape)) if random.random() < 0.5 else None
    order = order or list(range(len(shape)))
    stretched = [random.random() < 0.1 for _ in shape]
    gaps = [random.random() < 0.1 for _ in shape]
    real = [1 if s else n + 2 * gap for n, s, gap in zip(shape, stretched, gaps, strict=True)]
    made = torch.zeros([real[i] for i in order], dtype=dtype)
    made = made.permute([order.index(i) for i in range(len(shape))])
    for i, n in enumerate(shape):
        if not stretched[i]:
            made = made.narrow(i, 0, n)
    made = made.expand(shape)
    if random.random() < 0.3:  # single rows have strides, too
        strides = [random.choice((1, 7, s)) if n == 1 else s
                   for n, s in zip(made.shape, made.stride(), strict=True)]  # fmt: skip
        made = made.as_strided(made.shape, strides)
    return made


def _shape(random: Random, rank: int) -> list[int]:
    return [random.choice((1, 1, 2, 3, 5)) for _ in range(rank)]


def _pair(random: Random) -> list[object]:
    shape = _shape(random, random.randint(1, 5))
    other = [1 if random.random() < 0.2 else n for n in shape][random.choice((0, 0, 1)) :]
    return [_tensor(random, shape), _tensor(random, other or [1])]


def _one(random: Random) -> list[object]:
    return [_tensor(random, _shape(random, random.randint(1, 5)))]


def _image(random: Random) -> torch.Tensor:
    return _tensor(random, _shape(random, 4))


def _indexed(random: Random) -> list[object]:
    x = _tensor(random, _shape(random, random.randint(1, 4)))
    shape = _shape(random, random.randint(1, 3))
    count = random.randint(1, x.dim())
    first = random.randint(0, x.dim() - count)
    parts = [
        _tensor(random, [1 if random.random() < 0.3 else n for n in shape], torch.int64)
        for _ in range(count)
    ]
    return [x, [None] * first + parts]


def _joined(random: Random) -> list[object]:
    shape = _shape(random, random.randint(1, 4))
    at = random.randrange(len(shape))
    tensors = []
    for _ in range(random.randint(1, 3)):
        shape[at] = random.choice((1, 2, 3))
        tensors.append(_tensor(random, list(shape)))
    if random.random() < 0.3:
        tensors.insert(random.randint(0, 1), torch.zeros(0))
    return [tensors, at]


def _attended(random: Random) -> list[object]:
    batch = _shape(random, random.choice((1, 2, 2, 2, 3)))
    queries, keys, width = (random.choice((1, 2, 3, 8)) for _ in range(3))
    given = [
        _tensor(random, [*batch, n, width]).contiguous()
        if random.random() < 0.3
        else _tensor(random, [*batch, n, width])
        for n in (queries, keys, keys)
    ]
    if random.random() < 0.4:
        mask = [1 if random.random() < 0.5 else n for n in batch]
        dtype = random.choice((torch.bool, torch.float32))
        given.append(_tensor(random, [*mask, queries, keys], dtype))
    return given


def _convolved(random: Random) -> list[object]:
    x = _image(random)
    groups = random.choice((1, x.shape[1]))
    k = random.choice((1, 3))
    weight = torch.zeros(groups * random.choice((1, 2)), x.shape[1] // groups, k, k)
    return [x, weight, None, [random.choice((1, 2))] * 2, [k // 2] * 2, [1, 1], groups]


def _step(gates: int) -> Callable[[Random], list[object]]:
    def drawn(random: Random) -> list[object]:
        rows, width, hidden = (random.choice((0, 1, 1, 2, 3)) for _ in range(3))
        width = max(width, 1)
        states = [
            state.contiguous() if random.random() < 0.7 else state
            for state in (_tensor(random, [rows, hidden]) for _ in "hc")
        ]
        weights = [[gates * hidden, width], [gates * hidden, hidden], *[[gates * hidden]] * 2]
        given = [_tensor(random, shape) for shape in weights[: random.choice((2, 4, 4))]]
        return [_tensor(random, [rows, width]), states if gates == 4 else states[0], *given]

    return drawn


CALLS = {
    aten.rnn_tanh_cell.default: _step(1), aten.rnn_relu_cell.default: _step(1),
    aten.gru_cell.default: _step(3), aten.lstm_cell.default: _step(4),
    aten.add.Tensor: _pair, aten.mul.Tensor: _pair, aten.eq.Tensor: _pair,
    aten.where.self: lambda r: [
        _tensor(r, [2, 3, 1], torch.bool), *(_tensor(r, [3, 1]) for _ in "ab")
    ],
    aten.gelu.default: _one, aten.relu.default: _one, aten.neg.default: _one,
    aten.rsub.Scalar: lambda r: [*_one(r), 1],
    aten.to.dtype: lambda r: [*_one(r), r.choice((torch.float64, torch.float32))],
    aten.type_as.default: lambda r: [*_one(r), torch.zeros(2, dtype=torch.float64)],
    aten.fill.Tensor: lambda r: [*_one(r), torch.tensor(2.0)],
    aten.fill.Scalar: lambda r: [*_one(r), 2],
    aten.floor_divide.default: lambda r: [*_one(r), 2],
    aten.bitwise_not.default: lambda r: [_tensor(r, _shape(r, 3), torch.bool)],
    aten.index.Tensor: _indexed,
    aten.cat.default: _joined,
    aten.pad.default: lambda r: [*_one(r), [r.choice((0, 1, 2)) for _ in range(2)]],
    aten.softmax.int: lambda r: [*_one(r), 0],
    aten.rms_norm.default: lambda r: [t := _one(r)[0], [t.shape[-1]]],
    aten.scaled_dot_product_attention.default: _attended,
    aten.conv2d.default: _convolved,
    aten.max_pool2d.default: lambda r: [_image(r), [1, 1]],
    aten.avg_pool2d.default: lambda r: [_image(r), [1, 1]],
    aten.upsample_nearest2d.vec: lambda r: [_image(r), [3, 4], None],
    aten.upsample_bilinear2d.vec: lambda r: [_image(r), [3, 4], False, None],
    aten.upsample_bicubic2d.vec: lambda r: [_image(r), None, False, [1.0, 2.5]],
}  # fmt: skip


def _specs(item: object) -> object:
    if isinstance(item, torch.Tensor):
        return spec_of(item)
    return [_specs(each) for each in item] if isinstance(item, (list, tuple)) else item


@pytest.mark.parametrize("op", CALLS, ids=str)
def test_a_rule_says_how_the_kernel_lays_its_result(op: object) -> None:
    told = 0
    for seed in range(400):
        args = CALLS[op](Random(seed))
        found = RULES[op](*_specs(args))
        if found is None:
            continue
        made = op(*args)
        many = found if type(found) is tuple else (found,)
        for each, result in zip(many, made if isinstance(made, tuple) else (made,), strict=True):
            spec = each.spec if isinstance(each, View) else each
            assert isinstance(spec, TensorSpec)
            assert spec == spec_of(result), (
                seed,
                args[0].stride() if isinstance(args[0], torch.Tensor) else 0,
                _specs(args),
                result.stride(),
                spec.strides,
            )
            is_first = result.numel() and result.data_ptr() == _first(args).data_ptr()
            assert not result.numel() or isinstance(each, View) == is_first
        told += 1
    assert told > 50, told


def _first(args: list[object]) -> torch.Tensor:
    return args[0][0] if isinstance(args[0], list) else args[0]
