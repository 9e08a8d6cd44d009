"""The programs of the fuzzer: lines of Python over tensors, drawn so that eager mode runs them.

Beside the lines stands what they use: custom operators, custom autograd functions, a named tuple.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import torch

from monograph.verification import drawn_tensor

__all__ = ["LAST_DRAW", "Clipped", "Pair", "Source", "Twice", "drawn_source", "runs"]

_DTYPES = (
    torch.float32, torch.float32, torch.float32, torch.float64, torch.bfloat16, torch.float16,
    torch.complex64, torch.int64, torch.int32, torch.uint8, torch.bool,
)  # fmt: skip
_SHAPES = ((3, 4), (2, 3, 4), (4,), (3, 3), (1, 4), (2, 3, 4, 4), (4, 1), ())
_MOST_LINES = 8
_TRIES = 4  # for each line
_TAKEN = ("plain",) * 4 + ("keyword", "dictionary", "list", "nested")
_GIVEN = ("tuple",) * 4 + ("dictionary", "nested")

# {t}, {u}: tensors at hand; {i}, {j}: small integers; {k}: a number.
_NEW = (
    "{t} + {u}", "{t} * {k}", "{t} - {u}", "{t}.clone()", "{t}.sum()", "{t}.sum({i})",
    "{t}.mean(-1, keepdim=True)", "{t}.amax({i})", "{t}.cumsum({i})", "{t}.abs()", "{t}.sin()",
    "{t}.exp()", "{t} > {u}", "{t} == {u}", "torch.where({t} > 0, {t}, {u})", "{t}.sort({i})[0]",
    "{t}.float()", "{t}.to({u}.dtype)", "{t}.to(torch.complex64)", "{t}.softmax(-1)",
    "torch.cat([{t}, {u}], {i})", "torch.stack([{t}, {u}])", "{t} @ {u}", "{t} @ {u}.mT",
    "torch.zeros_like({t})", "torch.ones({t}.shape[{i}])", "torch.arange({t}.shape[{i}])",
    "{t}.new_full({t}.shape, {i})", "{t}.clamp(-1, {i})", "{t}.roll({i}, {j})", "{t}.flip({i})",
    "{t}.tril()", "{t}.masked_fill({t} > 0, {k})", "{t}.index_select({i}, torch.tensor([0]))",
    "torch.nn.functional.layer_norm({t}, {t}.shape[-1:])", "{t}.repeat_interleave(2, {i})",
    "torch.nn.functional.pad({t}, (1, {i}))", "{t}.argmax({i})", "{t}.std({i})", "{t}.any({i})",
    "{t} // 2", "{t} % 3", "{t} & {u}", "~{t}", "-{t}", "{t}.sign()", "{t}.prod({i})",
    "{t}.logsumexp({i})", "torch.rand_like({t})", "{t}.conj()",
    # At infinity its kernels differ by layout.
    "torch.nn.functional.gelu({t}.clamp(-9, 9))",
    "{t}.real", "{t}.imag", "{t}.angle()", "torch.view_as_real({t})", "{t}.nan_to_num()",
    "{t}.norm()", "{t}.var({i}, keepdim=True)", "{t}.gather({i}, {t}.argsort({i}))",
    "{t}.scatter_add({i}, {t}.argsort({i}), {t})",
    "torch.outer({t}.flatten(), {u}.flatten())[:5, :5]",
    "{t}.unique()", "{t}[{t} > 0]", "{t}.nonzero()", "torch.einsum('...i,...i->...', {t}, {u})",
    "{t}.half()", "{t}.bool()", "{t}.double()", "{t} ** 2", "{t} << 1", "{t} ^ {u}",
    "torch.maximum({t}, {u})", "{t}.remainder({u})", "{t}.round(decimals=1)", "{t}.sigmoid()",
    "{t}.aminmax(dim={i})[{j} % 2]", "torch.tile({t}, (2, 1))", "{t}.take_along_dim({t}.argsort())",
    "torch.broadcast_tensors({t}, {u})[{j} % 2]", "torch.atleast_3d({t})", "{t}[[0, 0]]",
    "{t}[torch.tensor([0, -1])]", "{t}[..., [0]]", "{t}.count_nonzero({i})", "{t}.sort({i})[1]",
    "{t}.index_fill({i}, torch.tensor([0]), {k})", "{t}.topk(1, {i})[0]", "{t}.cummax({i})[0]",
    "{t}.diff(dim={i})", "{t}.kthvalue(1, {i})[1]", "torch.lerp({t}, {u}, 0.5)",
    "torch.addcmul({t}, {u}, {t})", "{t}.scatter({i}, torch.zeros_like({t}).long(), {k})",
    "{t}.scatter_reduce({i}, torch.zeros_like({t}, dtype=torch.int64), {u}, 'amax')",
    "torch.nn.functional.scaled_dot_product_attention({t}, {u}, {t})",
    "torch.nn.functional.max_pool2d({t}, 2)", "torch.nn.functional.avg_pool2d({t}, 2)",
    "torch.nn.functional.conv2d({t}, torch.ones(4, 3, 2, 2), padding={j})",
    "torch.nn.functional.interpolate({t}, scale_factor=2)", "torch.fft.rfft({t}).abs()",
    "torch.nn.functional.one_hot({t}.bool().long(), 3)",
    "torch.nn.functional.embedding({t}.bool().long(), {u})", "{t}.unique_consecutive()",
    "torch.nn.functional.group_norm({t}, 1)", "torch.tensor({t}.shape)", "torch.argwhere({t} > 0)",
    "torch.tensor([{t}.shape[{i}], 3])", "torch.randint(0, 5, {t}.shape)", "{t}.new_tensor([1, 2])",
    "torch.meshgrid({t}.flatten()[:2], {u}.flatten()[:3], indexing='ij')[0]",
    "{t}.masked_select({u} > 0)", "torch.complex({t}.float(), {u}.float())", "{t}.repeat(2, 1)",
    "torch.block_diag({t}, {u})", "{t}.bool().logical_or({u})", "{t}.isnan()", "{t}.logical_not()",
    "torch.linspace(0, 1, {t}.shape[{i}])", "torch.eye({t}.shape[{i}])", "{t}.cumprod({i})",
    "torch.bucketize({t}, torch.tensor([0.0, 1.0]))", "{t}.all()", "{t}.min({i})[1]",
    "torch.cat([{t}, {t}[:0]])", "{t}.sum(dtype=torch.float64)",
)  # fmt: skip
_VIEWS = (
    "{t}[{i}]", "{t}[{i}:]", "{t}[..., ::2]", "{t}[..., {i}:{i} + 2]", "{t}.mT", "{t}.T", "{t}.H",
    "{t}.transpose({i}, {j})", "{t}.view(-1)", "{t}.reshape(-1, 2)", "{t}.unsqueeze({i})",
    "{t}.squeeze()", "{t}.diagonal()", "{t}.flatten()", "{t}.expand(2, *{t}.shape)",
    "{t}.chunk(2, {i})[0]", "{t}.unbind({i})[0]", "{t}.detach()", "{t}.narrow({i}, 0, 1)",
    "{t}.movedim({i}, {j})", "{t}.unfold({i}, 2, 1)", "{t}.view_as({t})", "{t}.contiguous()",
    "{t}.swapaxes({i}, {j})", "{t}.view({t}.shape[0], -1)", "{t}[None]", "{t}.select({i}, 0)",
    "{t}.tensor_split(2, {i})[1]", "{t}.split(2, {i})[-1]", "{t}.permute(*range({t}.dim())[::-1])",
    "{t}.unflatten({i}, (-1, 2))", "{t}.broadcast_to(2, *{t}.shape)", "torch.view_as_complex({t})",
    "{t}.squeeze({i})", "{t}.adjoint()", "{t}[..., -1:]", "{t}[::2]", "{t}[..., 1::2]", "{t}[-2:]",
    "{t}.data", "{t}.to({t}.dtype)", "{t}.reshape({t}.shape)", "{t}.ravel()", "{t}.view(2, -1)",
    "{t}.conj()", "{t}.view(torch.int32)", "{t}.view(torch.uint8)", "{t}[..., None, :]",
    "{t}.resolve_conj()", "{t}.expand_as({u})", "{t}.diagonal_scatter({u}.sum({i}))",
)  # fmt: skip
_WRITES = (
    "{t}.add_({k})", "{t}.mul_({u})", "{t}.zero_()", "{t}.copy_({u})", "{t}[{i}] = {k}",
    "{t}[..., {i}] = {u}[..., {i}]", "{t}.clamp_(-1, 1)", "{t}[{t} > 0] = {k}", "{t} += {u}",
    "{t}.relu_()", "{t}.fill_({t}.sum())", "{t}.t_()", "{t}.sub_({u}, alpha={i})",
    "{t}.masked_fill_({t} > {k}, {k})", "{t}.index_add_({i}, torch.tensor([0]), {u})",
    "x[..., ::2].mul_({k})", "x.view(-1)[{i}:].zero_()", "y.mT.add_({u})", "y[..., {i}] = {k}",
    "{t}.diagonal().fill_({k})", "{t}.transpose(0, -1)[0] = {k}", "{t}.select({i}, 0).copy_({u})",
    "{t}.unsqueeze_({i})", "{t}.squeeze_()", "{t}.transpose_(0, -1)", "{t}.data.mul_({k})",
    "{t}.detach().add_({k})", "{t}[[0]] += {k}", "{t}[torch.tensor([0])] = {k}",
    "{t}.index_put_((torch.tensor([0]),), {u}[0], accumulate=True)", "{t}.logical_not_()",
    "torch.add({t}, {u}, out={t})", "torch.mul({t}, 2, out={u})", "{t}.uniform_()", "{t} *= {k}",
    "{t}.bernoulli_(0.5)", "torch.nn.functional.relu({t}, inplace=True)", "{t} |= {u}",
    "torch._foreach_add_([{t}, {u}], 1)", "{t}[..., : {t}.shape[-1] // 2] *= 2", "{t}[:] = {u}",
    "{t}.scatter_({i}, torch.zeros_like({t}).long(), {k})", "{t}.real.mul_({k})", "{t}.neg_()",
    "{t}[{i}:], {t}[:{i}] = {k}, {k}", "{t}.view(-1)[::2].copy_({u}.view(-1)[1::2])", "{t} **= 2",
    "with torch.no_grad():\n    {t}.add_({k})", "{t}[..., 0].swapaxes(0, -1).add_({u}[..., 0])",
)  # fmt: skip
_PYTHON = (
    "{v} = {t} * {t}.shape[{i}]", "{v} = {t} + len({t})",
    "{v} = {t} * (2 if {t}.shape[{i}] > {j} else 3)", "{v} = {t}.reshape({t}.shape[0], -1)",
    "{v} = sum(each.sum() for each in [{t}, {u}])", "{v} = dict(a={t}, b={u})['b']",
    "{v} = [{t}, {u}][{t}.dim() % 2]", "{v} = {t} * len(f'{{{t}.dim()}}')",
    "{v} = {t} / max({t}.shape[{i}], {j} + 1)", "{v} = {t} + {t}.shape[{i}] // 2",
    "with torch.no_grad():\n    {v} = {t} * 2", "{v} = torch.vmap(lambda row: row * 2)({t})",
    "for each in ({t}, {u}):\n    {v} = each + each.dim()", "{v} = {t} * {t}.dtype.itemsize",
    "{v} = {t} if {t}.requires_grad else {u}", "{v} = {t} + {t}.numel()",
    "with torch.autocast('cpu', torch.bfloat16):\n    {v} = {t} @ {u}.mT",
    "{v} = {t}.view(-1)[: {t}.shape[-1] - {i}]",
    "{v} = {t} * (2 if type({t}.shape[{i}]) is int else 3)",
    "{v} = {t} + (1 if type({t}) is torch.Tensor else {k})",
    "{v} = {t} * {{int: 2, float: 3}}[type({t}.shape[{i}] / {j} if {j} else {j})]",
    "with torch.random.fork_rng(devices=[]):\n    {v} = torch.rand_like({t})",
    "{v} = torch.rand(3, generator=torch.Generator().manual_seed({j})) + {t}.shape[{i}]",
    "warnings.warn('of the program')\n{v} = {t} - 1",
    "{v} = [a + b.dim() for a, b in itertools.product([{t}, {u}], [{u}])][{i}]",
    "{v} = list(itertools.accumulate([{t}, {t}], lambda a, b: a + b))[-1]",
    "{v} = {t} + sum(itertools.chain({t}.shape, ({j},)))",
    "{v} = {t} * torch.ops.monograph_fuzzed.halves({u})",
    "torch.ops.monograph_fuzzed.doubles_({t})",
    "{v} = torch.func.grad(lambda z: (z * z).sum())({t})",
    "{v} = torch.utils.checkpoint.checkpoint(lambda z: z.sin() * 2, {t}, use_reentrant=False)",
    # Sizes as numbers of Python.
    "{v} = {t}\nfor step in range({t}.shape[{i}]):\n    {v} = {v} + step",
    "{v} = {t} * {{3: 2, 4: 5}}.get({t}.shape[{i}], 7)", "{v} = {t} + len(str({t}.shape[{i}]))",
    "{v} = {t} * (1 if {t}.shape == {u}.shape else 3)", "{v} = {t} + {t}.shape[{i}] % 2",
    "{v} = {t} + min({t}.shape[{i}], {u}.shape[{i}])", "{v} = {t} + int({t}.shape[{i}] ** 0.5)",
    "{v} = {t} + math.ceil({t}.shape[{i}] / 2)", "{v} = {t} + math.prod({t}.shape)",
    "{v} = torch.zeros({t}.shape[{i}] * 2 + 1)", "{v} = {t}[:, : {t}.shape[0]]",
    "{v} = {t} * ({t}.shape[{i}] if {t}.shape[{i}] % 2 == 0 else -1)",
    "{v} = [each * 2 for each in {t}][-1]",
    "{v} = torch.stack([row * n for n, row in enumerate({t})])",
    "first, *rest = {t}.shape\n{v} = {t}.reshape(first, -1) * len(rest)",
    "{v} = {t} + len({{n: i for i, n in enumerate({t}.shape)}})",
    "{v} = {t} + sorted([{t}.shape[0], {u}.shape[0], 3])[1]",
    "{v} = {t} + [1, 2, 3, 4, 5][{t}.shape[{i}]]", "{v} = {t} * bool({t}.shape[{i}] > 2)",
    "{v} = {t}\nif {t}.shape[0] > 2 and {t}.shape[-1] < 9:\n    {v} = {v} * 2",
    "assert {t}.shape[0] > 0\n{v} = {t} / 2", "{v} = {u}.new_zeros(({t}.shape[0], {u}.shape[-1]))",
    "torch._check({t}.shape[0] > {j})\n{v} = {t}[{j}]", "{v} = {t} + hash({t}.shape[{i}]) % 5",
    "sizes = {{'{j}': {t}.shape[{i}]}}\nsizes['{j}'] += 1\n{v} = {t} * sizes['{j}']",
    "match {t}.shape[0]:\n    case 2:\n        {v} = {t} * 2\n    case _:\n        {v} = {t} * 3",
    "{v} = {t}[: divmod({t}.shape[0], 2)[0]]", "{v} = {t} * math.sqrt({t}.shape[{i}])",
    # Values as numbers of Python.
    "count = int(({t} > 0).sum())\n{v} = {u} * count", "{v} = {t}.nonzero().shape[0] * {u}",
    "count = ({t} > 0).sum().item()\n{v} = torch.ones(count)",
    "{v} = {t}.flatten()[({u} > 0).sum().clamp(0, 1).item():]",
    # Regions.
    "with torch.enable_grad():\n    {v} = {t} * 2", "{v} = {t}.detach() + {t}",
    "with torch.set_grad_enabled({j} > 0):\n    {v} = {t} * {t}",
    "with torch.autocast('cpu', torch.bfloat16), torch.no_grad():\n    {v} = {t} @ {u}.mT + {t}",
    "with torch.autocast('cpu', torch.bfloat16, enabled={j} > 0):\n    {v} = {t} @ {u}.mT",
    "with torch.no_grad():\n    {v} = {t}.view(-1)\n{v} = {v} * 2",
    "z = {t}.detach().requires_grad_()\n{v} = torch.autograd.grad((z * z).sum(), z)[0]",
    # Functions of autograd, and transforms.
    "{v} = programs.Twice.apply({t})", "{v} = programs.Clipped.apply({t}, {k})",
    "{v} = torch.func.vjp(torch.sin, {t})[1]({t})[0]",
    "{v} = torch.func.jvp(lambda z: z * z, ({t},), ({u},))[1]",
    "{v} = torch.func.jacrev(lambda z: z.sum(0))({t})",
    "{v} = torch.vmap(lambda a, b: a * b.sum(), in_dims=({i}, None))({t}, {u})",
    "{v} = torch.vmap(torch.func.grad(lambda z: z.sin().sum()))({t})",
    "{v} = torch.vmap(lambda a, b: a @ b, out_dims={i})({t}, {u})",
    "{v} = torch.vmap(torch.vmap(lambda z: z.cumsum(0) if z.dim() else z))({t})",
    # Functions and classes of the program's own, and of Python.
    "{v} = getattr({t}, 'neg')()", "{v} = functools.reduce(torch.add, [{t}, {u}, {t}])",
    "pair = programs.Pair({t}, {u})\n{v} = pair.first + pair._replace(first={u}).first",
    "def inner(z, *, by=2):\n    return z * by + {u}\n{v} = inner({t})",
    "{v} = (lambda *a, **k: a[0] * k['by'])({t}, by={k})", "{v} = next(z * 2 for z in ({t}, {u}))",
    "try:\n    {v} = {t} @ {u}\nexcept RuntimeError:\n    {v} = {t} - 1",
    "torch.manual_seed({j})\n{v} = torch.rand_like({t})",
    "parts = [{t}]\nparts.append({u})\nparts[0] = parts[0] * 2\n{v} = parts[0] + len(parts)",
    "{v} = torch.nn.functional.dropout({t}, 0.5)", "{v} = {t}.tolist()[0] * {u}",
)  # fmt: skip
# Lines of a method: of a module with submodules, state, and attributes that change.
_OF_MODULES = (
    "{v} = self.scale({t})", "{v} = self.scale(self.scale({t}))", "{v} = self.table + {t}",
    "self.seen.add_(1)\n{v} = {t} * self.seen", "{v} = {t} * self.weight",
    "self.calls += 1\n{v} = {t} + self.calls", "self.table[{j}] = {t}.sum()",
    "self.last = {t}.sum()\n{v} = {t} - 1", "{v} = {t} + self.last", "self.table.mul_({k})",
    "{v} = torch.nn.functional.dropout({t}, 0.5, self.training)", "self.seen = self.seen + {j}",
    "{v} = {t} * len(self.kept)", "{v} = self.kept[{j} % 2] * {t}.shape[{i}]",
    "{v} = {t}.clone()\nself.table.copy_({v}.flatten()[0].expand(4))",
    "{v} = self.block({t})", "{v} = self.block[1]({t}) + self.block[0].weight",
    "{v} = self.blocks[{j} % 2]({t})", "{v} = {t}\nfor each in self.blocks:\n    {v} = each({v})",
    "{v} = self.same({t}) - self.scale.calls", "{v} = self.named['a'](x={t})",
    "{v} = self.norm({t})", "self.scale.calls.zero_()", "self.table[:{j}].add_({k})",
    "with torch.no_grad():\n    self.weight.mul_({k})\n{v} = {t} * self.weight",
    "self.cache['last'] = {t}.sum()\n{v} = {t} * 2", "{v} = {t} + self.cache['last']",
    "{v} = torch.func.functional_call(self.scale, {{'weight': {t}.sum()}}, ({u},))",
    "{v} = torch.utils.checkpoint.checkpoint(self.linear, {t}, use_reentrant=False)",
    "{v} = {t} + sum(p.sum() for p in self.parameters())", "{v} = self.table[{t}.bool().long()]",
    "{v} = torch.vmap(self.block)({t})", "self.table.view(2, 2)[{i}].copy_(self.table[:2])",
    "{v} = self.linear({t})", "{v} = {t} @ self.linear.weight", "self.seen.copy_({t}.sum())",
    "self.eval()\n{v} = self.norm({t})", "{v} = self.table\n{v}.add_({k})",
)  # fmt: skip
_STRICT = (
    "if {t}.sum() > {k}:\n    {v} = {t} * 2\nelse:\n    {v} = {t} - 1",
    # From infinity it would go on forever.
    "{v} = {t}.clamp(-9, 9)\nwhile {v}.abs().sum() > 1:\n    {v} = {v} * 0.5",
    "{v} = {t} + (1 if {t}.min() > 0 else 2)",
    "if {t}.sum() > {k}:\n    {t}.add_({k})",
    "{v} = {t} if bool(({u} > 0).any()) else {t} * 2",
    "{v} = {t}.sum()\nfor row in {t}:\n    if row.sum() > 0:\n        {v} = {v} + 1",
)


# After it, what is drawn before counts though nobody reads it.
LAST_DRAW = "drawn_last = torch.rand(2)"

_HEAD = """\
import functools
import itertools
import math
import warnings

import torch
import torch.utils.checkpoint

from monograph.testing import fuzz, programs
"""
_MODULES = """

class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls += 1
        return x * self.weight + self.calls


class Program(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.calls = Scale(), 0
        self.same = self.scale
        self.block = torch.nn.Sequential(Scale(), torch.nn.Tanh())
        self.blocks = torch.nn.ModuleList([self.scale, Scale()])
        self.named = torch.nn.ModuleDict({"a": Scale()})
        self.norm, self.linear = torch.nn.BatchNorm1d(3), torch.nn.Linear(4, 4)
        torch.nn.init.constant_(self.linear.weight, 0.25)
        torch.nn.init.constant_(self.linear.bias, 0.5)
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("table", torch.arange(4.0))
        self.last, self.kept = torch.zeros(()), [torch.ones(()), 3]
        self.cache = {"last": torch.zeros(())}

"""


# Operators of a library's own: what torch does not know of, with fakes.


@torch.library.custom_op("monograph_fuzzed::halves", mutates_args=())
def halves(x: torch.Tensor) -> torch.Tensor:
    """A custom operator that computes."""
    return x / 2


@halves.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return x / 2


@torch.library.custom_op("monograph_fuzzed::doubles_", mutates_args=("x",))
def doubles_(x: torch.Tensor) -> None:
    """A custom operator that writes."""
    x.mul_(2)


@doubles_.register_fake
def _(x: torch.Tensor) -> None:
    return None


_Context: TypeAlias = Any  # which torch makes


class Twice(torch.autograd.Function):
    """A function with a gradient of its own: that of what it computes, as a program has it."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor) -> torch.Tensor:
        """Twice the argument."""
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: _Context, *grads: torch.Tensor) -> torch.Tensor:
        """Twice."""
        (x,) = ctx.saved_tensors
        return (grads[0] * 2).to(x.dtype)


class Clipped(torch.autograd.Function):
    """A function with a number, and gradients of no argument but the first."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor, most: float) -> torch.Tensor:
        """The argument, of which nothing is above ``most``."""
        ctx.most = most
        ctx.save_for_backward(x)
        return x.clamp(max=most)

    @staticmethod
    def backward(ctx: _Context, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Where nothing was clipped."""
        (x,) = ctx.saved_tensors
        return torch.where(x <= ctx.most, grads[0], 0), None


class Pair(NamedTuple):
    """Two things under names."""

    first: object
    second: object


# How a program takes its two tensors: its parameters, and the lines that give them names.
_TAKES = {
    "plain": ("x, y", ()),
    "keyword": ("x, *, y, by=2", ()),
    "dictionary": ("given", ("x, y = given['x'], given['y']",)),
    "list": ("given, *more", ("x, y = given",)),
    "nested": ("pair, **more", ("x, y = pair.first, more['rest'][0]['y']",)),
}


@dataclass(frozen=True)
class Source:
    """A program as lines, with the tensors that it is exported with.

    ``is_module``: they are the lines of a method, ``forward``. ``takes``, ``gives``: in which
    containers its tensors come and go.
    """

    lines: tuple[str, ...]
    results: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    is_module: bool = False
    takes: str = "plain"
    gives: str = "tuple"

    def text(self) -> str:
        """The program: a function ``program``, or a module under that name."""
        parameters, first = _TAKES[self.takes]
        body = [line for each in (*first, *self.lines) for line in each.split("\n")]
        body.append(f"return {self._returned()}")
        if self.is_module:
            inside = "".join(f"        {line}\n" for line in body)
            head = f"    def forward(self, {parameters}):\n"
            return f"{_HEAD}{_MODULES}{head}{inside}\n\nprogram = Program()\n"
        inside = "".join(f"    {line}\n" for line in body)
        return f"{_HEAD}\n\ndef program({parameters}):\n{inside}"

    def _returned(self) -> str:
        named = ", ".join(f"'{name}': {name}" for name in self.results)
        plain = ", ".join(self.results)
        if self.gives == "dictionary":
            return f"{{{named}}}"
        if self.gives == "nested":
            return f"[({plain},), {{'more': {{{named}}}, 'size': {self.results[0]}.dim()}}]"
        return f"{plain},"

    def example(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that it is exported with, by position and by name."""
        return self.arguments(*self.tensors())

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The tensors among its arguments."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        return tuple(drawn_tensor(s, d, among=(0, 3), seed=i) for i, (s, d) in enumerate(pairs))

    def arguments(self, x: object, y: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with these tensors (or texts of them) in their places."""
        forms: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
            "plain": ((x, y), {}),
            "keyword": ((x,), {"y": y}),
            "dictionary": (({"x": x, "y": y},), {}),
            "list": (([x, y],), {}),
            "nested": ((Pair(x, 2),), {"rest": [{"y": y}]}),
        }
        return forms[self.takes]

    def tolerance(self) -> float:
        """How far a result may be off: with half precision, decompositions keep less."""
        halves = (torch.bfloat16, torch.float16)
        names = ("bfloat16", ".half()")
        is_half = any(d in halves for d in self.dtypes) or any(n in self.text() for n in names)
        return 1e-1 if is_half else 1e-3

    def test(self, stage: str, seed: int) -> str:
        """What to paste into a file of tests."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        x, y = (f"drawn_tensor({s}, {d}, among=(0, 3), seed={i})" for i, (s, d) in enumerate(pairs))
        args, kwargs = (str(part) for part in self.arguments(_Name("x"), _Name("y")))
        return (
            f"{self.text()}\n\ndef test_program():  # {stage}, found with seed {seed}\n"
            "    drawn_tensor, Pair = fuzz.drawn_tensor, programs.Pair\n"
            f"    x = {x}\n    y = {y}\n"
            f"    made = fuzz.STAGES[{stage!r}](program, {args}, {kwargs})\n"
            f"    made.verify(program, tolerance={self.tolerance()})\n"
        )


class _Name(str):
    """A name that is shown as itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def drawn_source(choose: random.Random) -> Source:
    """A program whose lines all run in eager mode."""
    shapes = tuple(choose.choice(_SHAPES) for _ in "xy")
    if choose.random() < 0.6:
        shapes = (shapes[0], shapes[0])
    dtypes = tuple(choose.choice(_DTYPES) for _ in "xy")
    if choose.random() < 0.6:
        dtypes = (dtypes[0], dtypes[0])
    is_module, takes = choose.random() < 0.3, choose.choice(_TAKEN)
    start = Source((), ("x",), shapes, dtypes, is_module)
    space: dict[str, object] = {}
    exec(start.text(), space)
    space |= dict(zip("xy", start.tensors(), strict=True), self=space["program"])
    names, lines = ["x", "y"], []
    for number in range(choose.randint(2, _MOST_LINES)):
        for _ in range(_TRIES):
            name = f"v{number}"
            line = _line(choose, names, name, is_module=is_module)
            if not _runs_line(line, space, name):
                continue
            lines.append(line)
            if name in space and name not in names:
                names.append(name)
            break
    results, gives = names[2:] or names[-1:], choose.choice(_GIVEN)
    return Source(tuple(lines), tuple(results), shapes, dtypes, is_module, takes, gives)


def _runs_line(line: str, space: dict[str, object], name: str) -> bool:
    """Run a line in eager mode; one that it refuses leaves no name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(line, space)
    except Exception:
        space.pop(name, None)
        return False
    return isinstance(space.get(name, torch.zeros(())), torch.Tensor)


def _line(choose: random.Random, names: Sequence[str], name: str, *, is_module: bool) -> str:
    kinds = ("new", "view", "write", "python", "strict", "module")
    kind = choose.choices(kinds, (8, 6, 5, 6, 1, 6 if is_module else 0))[0]
    forms = {
        "new": _NEW, "view": _VIEWS, "write": _WRITES, "python": _PYTHON, "strict": _STRICT,
        "module": _OF_MODULES,
    }  # fmt: skip
    form = choose.choice(forms[kind])
    if kind in ("new", "view"):
        form = "{v} = " + form
    recent = names[-4:]
    return form.format(
        v=name, t=choose.choice(recent), u=choose.choice(recent), i=choose.choice((0, 0, 1, -1)),
        j=choose.choice((0, 1, 2)), k=choose.choice((2, -1, 0.5)),
    )  # fmt: skip


def runs(source: Source) -> bool:
    """Whether eager mode runs the program."""
    space: dict[str, object] = {}
    args, kwargs = source.example()
    try:
        exec(source.text(), space)
        program = space["program"]
        if callable(program):
            program(*args, **kwargs)
    except Exception:
        return False
    return True
