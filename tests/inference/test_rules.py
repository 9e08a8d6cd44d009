"""Inference rules agree with the kernels, for every layout of their arguments."""

import functools
from random import Random

import pytest
import torch
from torch.nn import functional as F

from monograph import Dim, export
from monograph.inference.rules import RULES
from monograph.ir.spec import spec_of
from monograph.testing import assert_exports
from monograph.testing.compare import assert_specs_hold

aten = torch.ops.aten
LAYOUTS = {
    "contiguous": lambda t: t,
    "transposed": lambda t: t.transpose(-1, -2).contiguous().transpose(-1, -2),
    "reversed": lambda t: t.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
    "channels_last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "sliced": lambda t: torch.cat([t, t], -1)[..., : t.shape[-1]],
    "stepped": lambda t: torch.stack([t, t], -1)[..., 0],
    "expanded": lambda t: t[:1].expand(t.shape),
    "one_channel": lambda t: t[:, :1],
    "one_pixel": lambda t: t[..., :1, :1],
    "one_channel_last": lambda t: t[:, :1].contiguous(memory_format=torch.channels_last),
    "empty": lambda t: t[:0],
}
OPERATIONS = {
    "add": lambda x, y: x + y,
    "add_number": lambda x, y: (x + 1, 2.5 * x, x - True),
    "broadcast": lambda x, y: (x * y[0], x / y[..., :1], x * y[:, :1, :1, :1]),
    "scalar_tensor": lambda x, y: (x * y.sum(), y.mean() - x),
    "compare": lambda x, y: (x > y, x == 1, torch.logical_not(x)),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, 1.0),
    "unary": lambda x, y: (x.sin(), x.exp(), x.sigmoid(), x.abs().sqrt(), x.rsqrt()),
    "activations": lambda x, y: (F.relu(x), F.gelu(x), F.silu(x), F.elu(x), F.leaky_relu(x)),
    "hard": lambda x, y: (F.hardswish(x), F.relu6(x), F.softplus(x), F.hardsigmoid(x)),
    "clamp": lambda x, y: (x.clamp(0, 1), x.clamp_min(0), x.clamp(max=1)),
    "larger": lambda x, y: (torch.max(x, y), torch.min(x, y[..., :1]), torch.maximum(x, y)),
    "rounding": lambda x, y: (x.floor(), x.round(), -x),
    "power": lambda x, y: (x**2, x.abs() ** 0.5),
    "softmax": lambda x, y: (x.softmax(1), x.log_softmax(-1), x.softmax(-1, torch.float64)),
    "layer_norm": lambda x, y: F.layer_norm(x, x.shape[-1:]),
    "batch_norm": lambda x, y: F.batch_norm(x, y[0, :, 0, 0], y[0, :, 0, 0].abs() + 1)
    if x.shape == y.shape
    else x,
    "linear": lambda x, y: F.linear(x, torch.ones(2, x.shape[-1])),
    "matmul": lambda x, y: x @ y.transpose(-1, -2),
    "matmul_folded": lambda x, y: (x @ y[0, 0, 0, : x.shape[-1]], x @ y[0, 0, : x.shape[-1]]),
    "matmul_broadcast": lambda x, y: (x @ y[0].mT, y[0, 0, 0, : x.shape[-2]] @ x, y[:1] @ x),
    "any": lambda x, y: ((x > 0).any(-1), (x > 0).all(1, keepdim=True), (x > 9).any(), x.all(),
                         torch.any(x, dim=()), torch.all(x > 0, dim=(1, 2), keepdim=True)),
    "kernels": lambda x, y: (
        aten._softmax(x, -1, False), aten._log_softmax(x, 1, False), aten._to_copy(x),
        aten._to_copy(x, dtype=torch.float64),
        aten.native_layer_norm(x, x.shape[-1:], None, None, 1e-5),
        aten.native_group_norm(x, None, None, len(x), x.shape[1], x[0, 0].numel(), 1, 1e-5),
        aten.max_pool2d_with_indices(x, [2, 2], [2, 2], [1, 1]),
    ),
    "convolution": lambda x, y: aten.convolution(
        x, torch.ones(4, x.shape[1], 1, 1), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1
    ),
    "batch_norm_kernel": lambda x, y: aten._native_batch_norm_legit_no_training(
        x, None, None, y[0, :, 0, 0], y[0, :, 0, 0].abs() + 1, 0.1, 1e-5
    )
    if x.shape == y.shape
    else x,
    "conv": lambda x, y: F.conv2d(x, torch.ones(4, x.shape[1], 1, 1)),
    "conv_padded": lambda x, y: F.conv2d(x, torch.ones(4, x.shape[1], 3, 3), padding=1, stride=2),
    "conv_depthwise": lambda x, y: F.conv2d(x, torch.ones(x.shape[1], 1, 1, 1), groups=x.shape[1]),
    "max_pool": lambda x, y: F.max_pool2d(x, 2, padding=1),
    "average_pool": lambda x, y: (F.avg_pool2d(x, 2, padding=1), F.avg_pool2d(x, 3, 2)),
    "adaptive_pool": lambda x, y: (F.adaptive_avg_pool2d(x, 1), F.adaptive_avg_pool2d(x, 2)),
    "dropout": lambda x, y: F.dropout(x, 0.5, False),
    "reduce": lambda x, y: (x.mean(1), x.sum((-1, -2), keepdim=True), x.mean(), x.sum()),
    "views": lambda x, y: (x.transpose(0, 2), x.permute(3, 1, 0, 2), x.unsqueeze(2), x[:, -1]),
    "slices": lambda x, y: (x[..., 1:], x[:, ::2], x[1:100], x[-1:, 0:0]),
    "squeeze": lambda x, y: (x.squeeze(1), x.squeeze(0)),
    "reshape": lambda x, y: (x.reshape(x.shape[0], -1) if x.numel() else x, x.flatten(1)),
    "split": lambda x, y: (*x.chunk(2, 1), *x.split(3, -1), *x.unbind(1)),
    "unflatten": lambda x, y: x.unflatten(3, (1, x.shape[3])),
    "copies": lambda x, y: (x.clone(), x.contiguous(), x.to(torch.float64), x.to(torch.float32)),
    "contiguous_copy": lambda x, y: x.clone(memory_format=torch.contiguous_format),
    "like": lambda x, y: (torch.zeros_like(x), torch.ones_like(x, dtype=torch.int64)),
    "join": lambda x, y: (torch.cat([x, y[:, : x.shape[1], : x.shape[2], : x.shape[3]]], 0),
                          torch.stack([x, x], 1), torch.cat([x, x], 1)),
    "factories": lambda x, y: (torch.arange(4), torch.full((2,), 3), torch.zeros(2, 0)),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_layouts(operation, layout):
    f = OPERATIONS[operation]
    x, y = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6, 6)
    x = LAYOUTS[layout](x)
    others = [y] if x.shape != y.shape else [y, LAYOUTS[layout](y)]
    for other in others:
        try:
            f(x, other)
        except (RuntimeError, IndexError):
            continue  # sizes that eager refuses as well
        # Not through copies of the arguments, which would lose their layout.
        assert_exports(functools.partial(f, x, other), tolerance=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
@pytest.mark.parametrize("divisor", [None, 3, 0])
def test_average_pools_are_answered_where_the_kernel_answers(dtype, divisor):
    x = torch.ones(2, 3, 5, 7, dtype=dtype)
    rule = RULES[aten.avg_pool2d.default]
    for kernel, padding in (([2, 2], [1, 1]), ([3], [0]), ([8, 8], [0, 0]), ([2, 2], [2, 2])):
        call = (kernel, [], padding, False, True, divisor)
        found = rule(spec_of(x), *call)
        try:
            expected = spec_of(aten.avg_pool2d.default(x, *call))
        except RuntimeError:
            expected = None
        assert found in (None, expected)
        assert (found is None) == (expected is None or not dtype.is_floating_point)


def test_every_rule_is_for_an_operator():
    assert len(RULES) > 80
    assert all(isinstance(op, torch._ops.OpOverload) for op in RULES)


def test_the_layout_of_attention_is_that_of_its_own_kernel():
    """A value of another width has another kernel, whatever was exported before."""
    for width in (16, 8, 4, 8):
        shapes = [(2, 5, 4, 8), (2, 5, 4, 8), (2, 5, 4, width)]
        args = tuple(torch.randn(shape).transpose(1, 2) for shape in shapes)
        program = export(_Attention(), args, dynamic_shapes=({2: Dim("length")},) * 3)
        assert_specs_hold(program, args)


class _Attention(torch.nn.Module):
    def forward(self, query, key, value):
        return F.scaled_dot_product_attention(query, key, value)


# Pointwise operators by how many tensors they take; whatever else they take.
_POINTWISE = {
    aten.add.Tensor: (2,), aten.maximum.default: (2,), aten.lt.Tensor: (2,),
    aten.where.self: (3,), aten.exp.default: (1,), aten.gelu.default: (1,),
    aten.clamp_min.default: (1, 2.0), aten.pow.Tensor_Scalar: (1, 2.0),
}  # fmt: skip


def _in_some_order(shape, random):
    order = random.sample(range(len(shape)), len(shape))
    back = sorted(range(len(shape)), key=order.__getitem__)
    return torch.rand([shape[i] for i in order]).permute(back)


def _in_some_layout(shape, random):
    kind = random.choice(["plain", "ordered", "part", "expanded", "fewer"])
    if kind == "plain":
        return torch.rand(shape)
    if kind == "part":
        whole = _in_some_order([n + random.choice((0, 0, 1, 3)) for n in shape], random)
        return whole[tuple(slice(n) for n in shape)]
    rows = [1 if kind != "ordered" and random.random() < 0.5 else n for n in shape]
    if kind == "fewer":
        return _in_some_order(rows[random.randrange(len(shape)) :], random)
    return _in_some_order(rows, random).expand(shape)


@pytest.mark.parametrize("seed", range(4))
def test_pointwise_results_lie_as_kernels_lay_them(seed):
    """Of any layouts of any operands, to the strides of single rows."""
    random = Random(seed)
    by_rule = 0
    for _ in range(600):
        op = random.choice([*_POINTWISE])
        count, *rest = _POINTWISE[op]
        shape = random.choices((1, 2, 2, 3, 4), k=random.randint(2, 4))
        args = [*(_in_some_layout(shape, random) for _ in range(count)), *rest]
        if op is aten.where.self:
            args[0] = args[0] > 0.5
        found = RULES[op](*(spec_of(a) if isinstance(a, torch.Tensor) else a for a in args))
        if found is not None:
            expected, by_rule = op(*args), by_rule + 1
            assert (found.shape, found.strides) == (expected.shape, expected.stride()), (op, args)
            assert found.dtype is expected.dtype
    assert by_rule > 300


@pytest.mark.parametrize("sizes", [None, {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}])
@pytest.mark.parametrize("widths", [(16, 16), (16, 32), (8, 5)])
def test_attention_lies_as_its_kernel_lays_it(widths, sizes):
    """The fast kernels want values as wide as keys."""

    def attend(query, key, value):
        heads = (x.transpose(1, 2) for x in (query, key, value))
        return F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)

    def example(batch, length):
        return [torch.randn(batch, length, 3, widths[i]) for i in (0, 0, 1)]

    shapes = None if sizes is None else (sizes,) * 3
    program = assert_exports(attend, tuple(example(2, 7)), dynamic_shapes=shapes)
    for call in [example(2, 7)] if sizes is None else [example(2, 7), example(4, 3)]:
        assert_specs_hold(program, tuple(call))
