"""Composite operators whose kernels ask unheard how a tensor lies: right for all layouts.

They are recorded as their parts where autocast casts these, where a transform of torch.func gets
them first, and where running statistics are written.
"""

import pytest
import torch
import torch.nn.functional as F

import monograph


def with_statistics(x):
    mean, var = torch.zeros(4), torch.ones(4)
    return F.instance_norm(x, mean, var), mean, var


OPERATORS = {
    "instance_norm": with_statistics,
    "group_norm": lambda x: F.group_norm(x, 2),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "matmul": lambda x: x @ x.mT,
    "linear": lambda x: F.linear(x, torch.ones(3, 6)),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "einsum": lambda x: torch.einsum("b...d,b...d->b...", x, x),
    "tensordot": lambda x: torch.tensordot(x, torch.ones(4, 6, 6, 2), 3),
    "pad": lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
    "cdist": lambda x: torch.cdist(x, x + 1),
    "flatten": lambda x: x.flatten(1),
    "stft": lambda x: torch.stft(x[0, 0].flatten(), 4, return_complex=True).abs(),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "unfold": lambda x: F.unfold(x, 2),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x.flatten(1), torch.zeros(2).long()),
}


def under_autocast(operator):
    def program(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return operator(x)

    return program


def differentiated(operator):
    def loss(x):
        found = operator(x)
        return sum(each.float().sum() for each in (found if type(found) is tuple else [found]))

    return lambda x: torch.func.grad(loss)(x)


WAYS = {
    "plain": lambda operator: operator,
    "autocast": under_autocast,
    "grad": differentiated,
    "vmap": lambda operator: lambda x: torch.vmap(operator)(x[None]),
}


def layouts(x):
    wide = torch.stack((x, x), -1).flatten(3)
    return [
        x, x.mT.contiguous().mT, x.contiguous(memory_format=torch.channels_last),
        x.transpose(0, 1).contiguous().transpose(0, 1), wide[..., ::2], x[:1].expand(x.shape),
    ]  # fmt: skip


def called(program, x):
    """What eager mode gives; None where it gives nothing."""
    try:
        return program(x)
    except (RuntimeError, ValueError):
        return None


NEVER = {("instance_norm", "vmap")}  # all rows would write the same statistics: eager mode refuses


@pytest.mark.parametrize(
    ("name", "way"), [(n, w) for n in OPERATORS for w in WAYS if (n, w) not in NEVER]
)
def test_right_for_all_layouts(name, way):
    program = WAYS[way](OPERATORS[name])
    cases = [(x, called(program, x)) for x in layouts(torch.randn(2, 4, 6, 6))]
    cases = [(x, expected) for x, expected in cases if expected is not None]
    tolerance = 0.05 if way == "autocast" else 1e-4
    for example, _ in cases[:3]:
        module = monograph.export(program, (example,)).module()
        for x, expected in cases:
            torch.testing.assert_close(module(x), expected, rtol=tolerance, atol=tolerance)
    assert cases
