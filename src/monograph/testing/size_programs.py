"""Programs of the fuzzer whose Python goes by sizes: drawn so that eager mode runs them.

A form is a line, or several, with places: ``{t}``, ``{n}``, ``{q}``, ``{b}``, ``{l}`` take an
expression for a tensor, an integer, a float, a truth, a list of integers, ``{T}`` the name of one
tensor (the same in all of the form), ``{i}``, ``{d}`` and ``{k}`` plain numbers. Every size is
named by a letter; a call gives each letter another size, so that what fits in the example fits.
"""

from __future__ import annotations

import random
import re
import string
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from monograph.testing.programs import Source
from monograph.verification import drawn_tensor

__all__ = ["SizeSource", "drawn_size_source"]

Shapes = tuple[tuple[int, ...], ...]

_RANKS = ((2, 2, 1), (2, 2, 2), (3, 2, 1), (1, 2, 1), (3, 3, 2), (2, 1, 1))
_NAMES = "xyz"
_MOST_LINES = 6
_TRIES = 6  # for each line
_LARGEST = 5_000  # what a number or a tensor comes to
_DEEPEST = 2  # expressions inside expressions

_INTEGERS = (
    "{n} + {n}", "{n} - {n}", "{n} * {n}", "{n} // {d}", "{n} % {d}", "-(-{n} // {d})",
    "max({n}, {n})", "min({n}, {n})", "max({l})", "min({l})", "sum({l})", "sorted({l})[{i}]",
    "len({l})", "math.prod({l})", "math.gcd({n}, {n})", "math.isqrt({n})", "math.ceil({q})",
    "math.floor({q})", "int({q})", "round({q})", "divmod({n}, {d})[0]", "divmod({n}, {d})[1]",
    "({n}) ** 2", "abs({n} - {n})", "({n} if {b} else {n})", "({n} and {n} or {d})",
    "1 << ({n}) % 4", "({n}) >> 1", "({n} + {d} - 1) // {d} * {d}", "{n} // max({n}, 1)",
    "{{2: 3, 3: 5, 4: 1}}.get({n}, {k})", "[3, 1, 4, 1, 5, 9, 2][{n}]", "{l}.count({n})",
    "{l}.index({n})", "len(f'{{{n}}}')", "int(str({n}))", "int({b})", "{n} + ({b})",
    "sum(1 for each in {l} if each > {d})", "next((each for each in {l} if each % 2), {d})",
    "len(range(0, {n}, {d}))", "len(set({l}))", "({n}) & 3", "({n}) | 1", "({n}) ^ ({n})",
    "int(math.log2({n} + 1))", "({n}).bit_length()", "half({n})", "half({n}, by={d})",
    "functools.reduce(lambda a, b: a * 2 + b, {l}, 0)", "bisect.bisect([1, 3, 5], {n})",
    "operator.index({n})", "int({n} / {d})", "round({n} / {d})", "{T}.stride(0)",
    "len([each for each in range({n}) if each % {d}])", "{T}.shape.numel()", "pow({n}, 2, 5)",
    "min(range({n}), key=lambda each: abs(each - {n}), default=0)", "{l}[{i}]", "{l}[{n}]",
    "{T}.shape[:-1].numel()", "max({l}, default={d})", "sum({T}.shape, {n})", "~({n})",
    "({n}, {n})[{b}]", "min({n}, {n}, {d})", "-({n}) % {d}", "({n}).__floordiv__({d})",
    "math.comb({n}, 2)", "math.lcm({d}, {n})", "int(float({n}))", "sum(enumerated[0] for "
    "enumerated in enumerate({l}))", "len({{each % 2: each for each in {l}}})",
    "math.trunc({q})", "({n}).real", "{T}.untyped_storage().nbytes()", "len(str({l}))",
)  # fmt: skip
_FLOATS = (
    "{n} / {d}", "{n} / max({n}, 1)", "math.sqrt({n})", "({n}) ** 0.5", "{n} / {n}",
    "1 / math.sqrt(max({n}, 1))", "float({n})", "math.log({n} + 1)", "math.exp(-({n}))",
    "(abs({n}) + 1) ** -0.5", "round({n} / 3, 1)", "{q} * 2", "max({q}, 0.5)", "min({q}, {n})",
    "(0.5 if {b} else 2.0)", "math.fmod({n}, 3)", "math.sin({n})", "math.pow({n}, 2)",
    "sum({l}) / max(len({l}), 1)", "(math.inf if {b} else 1.0)", "math.pi * {n}", "{q} // 1",
    "math.hypot({n}, {n})", "{q} - {n}", "{q} % 1", "abs({q})", "float(str({n}))", "1e-3 * {n}",
    "math.copysign({q}, {n})", "{q} + {q}", "math.tanh({n} / {d})", "-({q})",
)  # fmt: skip
_TRUTHS = (
    "{n} > {n}", "{n} == {n}", "{n} % {d} == 0", "{n} != {d}", "{n} in (1, 2, 4)", "{n} > {d}",
    "{t}.shape == {t}.shape", "{T}.shape[-1:] == {t}.shape[-1:]", "bool({n})", "not {n}",
    "({b}) and ({b})", "({b}) or ({b})", "not ({b})", "{n} < {n} <= {n}", "{q} > 1.5",
    "{T}.is_contiguous()", "{l} == {l}", "any(each == {d} for each in {l})", "all({l})",
    "isinstance({n}, int)", "{T}.numel() == 0", "{n} in {l}", "({n}, {n}) < ({n}, {n})",
    "({n}) & ({n} - 1) == 0", "{T}.dim() == {n}", "({n} > {d}) ^ ({n} > {d})", "{n} <= {d}",
    "{n} == {q}", "({q}).is_integer()", "type({n}) is int", "{T}.size() != {t}.size()",
    "{n} in range({n})", "{n} not in {{1, 3}}", "max({l}) > {n}", "bool({l})", "{d} < {n}",
    "{T}.shape[0] == {T}.shape[-1]", "len({T}) > {d}", "{n} >= {n}", "isinstance({q}, float)",
    "str({n}) == '3'", "f'{{{n}}}' in ('2', '4')", "{n} is None", "{T}.shape in [(2, 3), (3, 4)]",
    "{T}.shape > {t}.shape", "math.isclose({q}, {q})", "{n} // {d} == {n} // {d}",
    "sorted({l}) == list({l})", "{T}.is_contiguous() and {n} > {d}", "hash({n}) == {d}",
)  # fmt: skip
_LISTS = (
    "list({T}.shape)", "{T}.shape[1:]", "[{n}, {n}]", "({n}, {n}, {d})", "sorted({l})",
    "sorted({l}, reverse=True)", "[each for each in {l} if each > {d}]", "tuple({l})",
    "[each // 2 for each in {l}]", "list(range({n}))", "[a + b for a, b in zip({l}, {l})]",
    "{l}[::-1]", "sorted(set({l}))", "[i * each for i, each in enumerate({l})]", "{l}[:2]",
    "list(reversed({l}))", "list({T}.shape) + [{n}]", "[*{l}, {n}]", "[{n}] * 2", "{l}[{i}:]",
    "list(map(lambda each: each + 1, {l}))", "list(itertools.accumulate({l}))", "{T}.stride()",
    "torch.Size([{n}, {d}])", "list(filter(None, {l}))", "{T}.shape[:{d}]", "{T}.shape + ({n},)",
    "list(torch.broadcast_shapes({T}.shape, {t}.shape))", "[{n} if {b} else {d}, {n}]",
    "[n for n in range({n}) if n % 2 == 0]", "list(dict.fromkeys({l}))", "[max({l}), min({l})]",
)  # fmt: skip
_TENSORS = (
    "{t} + {t}", "{t} * ({q})", "{t} * ({n})", "{t} @ {t}", "{T} @ {T}.mT", "{T}[: {n}]",
    "{T}[..., : {n}]", "{T}[{n}]", "{T}[: {T}.shape[0] // 2]", "{T}[({n}) % {T}.shape[0]]",
    "{T}.view(-1)", "{T}.reshape(-1, {n})", "{T}.reshape({n}, -1)", "{T}.view({T}.shape[0], -1)",
    "{T}.flatten()", "{T}.expand({n}, *{T}.shape)", "{T}.repeat({n}, 1)", "{t} - {t}.mean()",
    "{T}.chunk({d}, {i})[0]", "torch.cat({T}.chunk({d}, {i})[::-1], {i})", "{T}.mT", "{t} * {t}",
    "{T}.split({n}, {i})[-1]", "{T}.split([{n}, {T}.shape[0] - {n}])[0]", "{T}.sum({i})",
    "torch.cat([{t}, {t}], {i})", "torch.stack([{t}, {t}])", "{T}.roll({n}, {i})",
    "F.pad({T}, (0, {n}))", "F.pad({T}, (0, -{T}.shape[-1] % {d}))", "{T}.unfold({i}, {d}, {d})",
    "{T}.cumsum({i})", "{T}.index_select(0, torch.arange({n}) % {T}.shape[0])", "{T}.flip({i})",
    "{T}.gather(0, torch.zeros({n}, *{T}.shape[1:], dtype=torch.int64))", "{T}.softmax({i})",
    "torch.where({T} > 0, {T}, {n})", "{T}.sort({i})[0]", "{T}.topk({d})[0]", "{T}.amax({i})",
    "{T}.topk(min({n}, {T}.shape[-1]))[0]", "F.interpolate({T}[None, None].flatten(2), size={n})",
    "F.conv1d({T}.flatten()[None, None], torch.ones(1, 1, {d}), padding={d} // 2)",
    "F.conv1d({T}[None], torch.ones({n}, {T}.shape[0], {d}))", "torch.zeros({n}, {n})",
    "torch.arange({n})", "torch.ones({l})", "{t}.new_zeros({n})", "torch.full(({n},), {q})",
    "torch.linspace(0, 1, {n})", "torch.eye({n})", "{T}.narrow({i}, 0, {n})", "{T}.tril({n})",
    "{T}.diagonal({n})", "{T}.mean({i})", "{T}.transpose(0, -1)", "{T}.mT.contiguous()",
    "{T}.unsqueeze({i})", "{T}.squeeze()", "torch.tensor({l})", "torch.tensor({n})",
    "{T}.view({l})", "{T}.repeat_interleave({n}, {i})", "{T}.tensor_split({d})[0]",
    "{T}.select({i}, {n})", "{T}[{n} : {n}]", "{T}[:: {n}]", "{T}[-({n}) :]", "{T}[1:] - {T}[:-1]",
    "F.layer_norm({T}, {T}.shape[-1:])", "F.one_hot(torch.arange({n}), {n})", "{T}[:, {n}]",
    "{T}.unflatten({i}, ({d}, -1))", "F.avg_pool1d({T}, {d})", "F.adaptive_avg_pool1d({T}, {d})",
    "padded({T}, {d})", "padded({T})", "{T}.unbind()[{n}]", "{T}.movedim(0, -1)", "-{t}",
    "{T}[torch.arange({n})]", "torch.tensor({q})", "{T}.reshape({T}.shape[::-1])", "{t} / {n}",
    "{T}.view({T}.shape[0], 1, -1).expand(-1, {n}, -1)", "{T}.scatter(0, torch.zeros(1, "
    "{T}.shape[-1], dtype=torch.int64), {q})", "torch.arange({n}, {n})", "{T}.diff(dim={i})",
    "{T}.var({i}, correction={d} - 1)", "torch.outer({T}.flatten(), {t}.flatten())",
    "torch.nn.functional.scaled_dot_product_attention({T}, {T}, {T})", "{T}.clamp(max={n})",
    "torch.randn(0, {n})", "torch.full({l}, {d})", "{T}.tile(({d}, {n}))", "{T}.argmax({i})",
    "F.max_pool1d({T}, {d}, {d}, ceil_mode=True)", "{T}.unsqueeze(0).expand({T}.shape[0], "
    "*{T}.shape)", "torch.einsum('i...,j...->ij', {T}, {t})", "{T}.expand_as({t})", "{t} > {n}",
    "torch.cat([{T}, {T}.new_zeros({n}, *{T}.shape[1:])])", "torch.stack([{t}] * ({n}))",
)  # fmt: skip
# What gives names: a kind of value for ``{v}``, and lines.
_STATEMENTS = (
    ("t", "if {b}:\n    {v} = {t}\nelse:\n    {v} = {t}"),
    ("t", "{v} = {t}\nif {b}:\n    {v} = {v} * ({q})"),
    ("t", "{v} = {t}\nif {b}:\n    {v} = {v} + {n}\nelif {b}:\n    {v} = {v} - {n}"),
    ("t", "{v} = {t} if {b} else {t}"),
    ("n", "{v} = {n}\nif {b}:\n    {v} += {n}"),
    ("n", "{v} = {n}\nwhile {v} > 1:\n    {v} //= 2"),
    ("n", "{v}, left = 0, {n}\nwhile left > 1:\n    {v}, left = {v} + 1, left // 2"),
    ("n", "{v} = 1\nwhile {v} < {n}:\n    {v} *= 2"),
    ("t", "{v} = {t}\nfor step in range({n}):\n    {v} = {v} + step"),
    ("t", "{v} = {t}\nfor each in {l}:\n    {v} = {v} + each"),
    ("t", "{v} = {t}\nfor each in {l}:\n    if each == 3:\n        continue\n    {v} = {v} * each"),
    ("t", "{v} = torch.zeros(())\nfor row in {T}:\n    {v} = {v} + row.sum()"),
    ("t", "{v} = torch.stack([row * (1 + i) for i, row in enumerate({T})])"),
    ("t", "{v} = torch.stack([row.sum() for row in {T}])"),
    ("t", "{v} = torch.stack([{T}[i].sum() * i for i in range({T}.shape[0])])"),
    ("t", "parts = []\nfor i in range(0, {T}.shape[0], {d}):\n"
          "    parts.append({T}[i : i + {d}].sum(0))\n{v} = torch.stack(parts)"),
    ("t", "parts = [part.sum(0) for part in {T}.split({d})]\n{v} = sum(parts)"),
    ("t", "parts = [part * i for i, part in enumerate({T}.chunk({d}))]\n{v} = torch.cat(parts)"),
    ("t", "{v} = torch.cat([part.mean(0, keepdim=True) for part in {T}.tensor_split({d})])"),
    ("t", "first, *others = {T}.unbind(0)\n{v} = first + len(others)"),
    ("t", "{v} = sum(a * b for a, b in zip({T}, {l}))"),
    ("n", "match {n}:\n    case 0:\n        {v} = {d}\n    case 2 | 3:\n        {v} = {n}\n"
          "    case size if size % 2:\n        {v} = size + 1\n    case _:\n        {v} = {k}"),
    ("t", "match {T}.shape:\n    case [a]:\n        {v} = {T} * a\n    case [2, b]:\n"
          "        {v} = {T} + b\n    case [a, *_]:\n        {v} = {T} - a"),
    ("t", "try:\n    {v} = {t} @ {t}\nexcept RuntimeError:\n    {v} = {t}"),
    ("t", "try:\n    {v} = {T}.view({n}, -1)\nexcept RuntimeError:\n    {v} = {T} * 2"),
    ("t", "try:\n    {v} = {T}[{n}]\nexcept IndexError:\n    {v} = {T}[:1]"),
    ("n", "try:\n    {v} = [4, 5, 6][{n}]\nexcept IndexError:\n    {v} = {k}"),
    ("n", "try:\n    {v} = {n} // {n}\nexcept ZeroDivisionError:\n    {v} = {k}"),
    ("n", "try:\n    {v} = {{2: 5, 3: 7}}[{n}]\nexcept KeyError:\n    {v} = {n}"),
    ("", "assert {b}"),
    ("", "assert {b}, f'{{{n}}} is not wanted'"),
    ("", "if {b}:\n    raise ValueError(f'a size of {{{n}}}')"),
    ("", "if {b}:\n    RETURN {t}"),
    ("", "if {b}:\n    RETURN {T} * ({n})"),
    ("t", "table = {{{n}: {t}, {n}: {t}}}\n{v} = table.get({n}, {t}) + len(table)"),
    ("t", "cache = {{f'{{{n}}}x{{{n}}}': {t}}}\n{v} = cache.get(f'{{{n}}}x{{{n}}}', {t})"),
    ("n", "counts = collections.Counter({l})\n{v} = counts[{n}] + len(counts)"),
    ("n", "table = collections.defaultdict(int)\nfor each in {l}:\n    table[each % 2] += each\n"
          "{v} = table[0] - table[1]"),
    ("t", "first, *rest = {T}.shape\n{v} = {T}.reshape(first, -1) * len(rest)"),
    ("n", "a, b = {n}, {n}\nif a > b:\n    a, b = b, a\n{v} = b - a"),
    ("t", "def inner(z, by={n}):\n    return z * by if by > {d} else z\n{v} = inner({t})"),
    ("n", "{v} = (lambda size, *, by=2: size // by)({n})"),
    ("n", "for {v} in {l}:\n    if {v} % 2 == 0:\n        break\nelse:\n    {v} = {k}"),
    ("t", "{v} = {T}\nwhile {v}.shape[0] > 2:\n    {v} = {v}[: {v}.shape[0] // 2]"),
    ("t", "{v} = {T}\nwhile {v}.shape[-1] > 1:\n    {v} = {v}[..., ::2] + 1"),
    ("t", "if (size := {n}) > {d}:\n    {v} = {t} * size\nelse:\n    {v} = {t} + size"),
    ("t", "with torch.no_grad():\n    {v} = {t} * ({q})"),
    ("t", "pad = -{T}.shape[-1] % {d}\n{v} = F.pad({T}, (0, pad))\n"
          "{v} = {v}.view(*{T}.shape[:-1], -1, {d})"),
    ("t", "{v} = {T}.new_zeros({n}, {T}.shape[-1])\n{v}[: {T}.shape[0]] = {T}"),
    ("t", "{v} = {T}.clone()\n{v}[{n} :] = 0"),
    ("t", "{v} = {T}.clone()\n{v}[..., : {n}] *= 2"),
    ("t", "{v} = {T}.clone()\nfor i in range({n}):\n    {v}[i] = i"),
    ("t", "parts = [{t}]\nif {b}:\n    parts.append({t})\n{v} = torch.cat(parts)"),
    ("t", "scale = 1 / math.sqrt({T}.shape[-1])\n{v} = ({T} @ {T}.mT * scale).softmax(-1)"),
    ("t", "size = {n}\n{v} = {T} * (size if isinstance(size, int) else -1)"),
    ("l", "{v} = []\nfor each in {l}:\n    if each > {d}:\n        {v}.append(each)"),
    ("l", "{v} = list({l})\n{v}.sort()\n{v}.insert(0, {n})"),
    ("l", "{v} = list({l})\n{v}.reverse()\n{v}[0] += {n}"),
    ("n", "{v} = 0\nfor i, a in enumerate({l}):\n    for b in {l}:\n        {v} += i * a - b"),
    ("n", "iterator = iter({l})\n{v} = next(iterator, {d}) + next(iterator, {n})"),
    ("n", "{v} = {n}\nif not {v}:\n    {v} = {d}"),
    ("t", "if {T}.dim() == 2 and {T}.shape[0] == {T}.shape[1]:\n    {v} = {T} @ {T}\nelse:\n"
          "    {v} = {T}"),
    ("t", "if {T}.shape != {t}.shape:\n    {v} = {T}.sum()\nelse:\n    {v} = {T} + 1"),
    ("t", "torch._check({b})\n{v} = {t}"),
    ("n", "def down(size):\n    return 0 if size < 2 else 1 + down(size // 2)\n{v} = down({n})"),
)  # fmt: skip
# What depends on values.
_DATA = (
    ("n", "{v} = int(({T} > 0).sum())"),
    ("n", "{v} = ({T} > 0).sum().item()"),
    ("t", "{v} = {T}.nonzero()"),
    ("n", "{v} = {T}.nonzero().shape[0]"),
    ("t", "{v} = {T}[{T} > 0]"),
    ("t", "{v} = {T}.flatten().unique()"),
    ("t", "{v} = torch.ones(int(({T} > 0).sum()) + {n})"),
    ("t", "kept = {T}[{T} > 0]\n{v} = kept if kept.shape[0] > {d} else {t}"),
    ("t", "kept = {T}.nonzero()\nif kept.numel() == 0:\n    {v} = {t}\nelse:\n    {v} = kept * 2"),
    ("t", "count = ({T} > 0).sum().item()\nif count > {n}:\n    {v} = {t}\nelse:\n    {v} = {t}"),
    ("t", "count = int(({T} > 0).sum())\ntorch._check(count <= {T}.shape[0])\n{v} = {T}[:count]"),
    ("t", "index = {T}.flatten().argmax().item()\n{v} = {T}.flatten()[index] * ({n})"),
    ("t", "{v} = {t} if {T}.sum() > 0 else {t}"),
    ("t", "{v} = {T}\nif {v}.max() > {d}:\n    {v} = {v} / {n}"),
    ("t", "{v} = {T}[{T}[..., 0] > 0]"),
    ("t", "{v} = torch.where({T}.flatten() > 0)[0] + ({n})"),
)  # fmt: skip
_EXPRESSIONS = {"t": _TENSORS, "n": _INTEGERS, "q": _FLOATS, "b": _TRUTHS, "l": _LISTS}
_LEAVES = {
    "n": ("{T}.shape[{i}]", "{T}.shape[0]", "{T}.size(-1)", "len({T})", "{T}.numel()", "{T}.dim()"),
    "q": ("{T}.shape[{i}] / 2", "{T}.shape[0] ** 0.5"),
    "b": ("{T}.shape[0] > {d}", "{T}.shape[{i}] == {T}.shape[0]"),
    "l": ("{T}.shape", "{T}.size()", "({T}.shape[{i}], {d})"),
    "t": ("{T}",),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "t": (torch.Tensor,), "n": (int,), "q": (float,), "b": (bool,), "l": (list, tuple),
}  # fmt: skip

_HEAD = """\
import bisect
import collections
import functools
import itertools
import math
import operator

import torch
import torch.nn.functional as F


def half(size, by=2):
    return (size + by - 1) // by


def padded(x, multiple=4, *, value=0.0):
    missing = -x.shape[-1] % multiple
    if missing:
        x = F.pad(x, (0, missing), value=value)
    return x
"""


@dataclass(frozen=True)
class SizeSource(Source):
    """A program as lines, with the shapes that it is exported with, and those of other calls."""

    calls: tuple[Shapes, ...] = ()

    def text(self) -> str:
        """The program: a function of three tensors."""
        body = [line for each in self.lines for line in each.split("\n")]
        returned = [re.sub(r"\bRETURN (.*)", rf"return {self._early()}", line) for line in body]
        inside = "".join(f"    {line}\n" for line in (*returned, f"return {self._returned()}"))
        return f"{_HEAD}\n\ndef program({', '.join(_NAMES[: len(self.shapes)])}):\n{inside}"

    def _early(self) -> str:
        """What an early return gives: in as many places as the last one has."""
        return ", ".join([r"\1", *["None"] * (len(self.results) - 1)]) + ","

    def arguments(self, *tensors: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments: the tensors, by position."""
        return tensors, {}

    def of_sizes(self, shapes: Shapes) -> tuple[torch.Tensor, ...]:
        """The arguments of a call."""
        return tuple(
            drawn_tensor(shape, dtype, among=(0, 3), seed=i)
            for i, (shape, dtype) in enumerate(zip(shapes, self.dtypes, strict=True))
        )

    def test(self, stage: str, seed: int) -> str:
        """What to paste into a file of tests."""
        return (
            f"{self.text()}\n\ndef test_program():  # {stage}, found with seed {seed}\n"
            f"    dtypes = ({', '.join(map(str, self.dtypes))},)\n"
            f"    source = SizeSource({self.lines!r}, {self.results!r}, {self.shapes!r}, dtypes,\n"
            f"        calls={self.calls!r})\n"
            f"    made = fuzz.STAGES[{stage!r}](program, source.of_sizes(source.shapes), {{}})\n"
            "    fuzz.compared(source, program, made)\n"
        )


def drawn_size_source(choose: random.Random) -> SizeSource:
    """A program whose lines all run in eager mode, for the example or for another of the calls."""
    letters = tuple(choose.choices("abc", k=rank) for rank in choose.choice(_RANKS))
    example = {letter: choose.choice((1, 2, 3, 4, 5, 2, 3, 4, 5, 3)) for letter in "abc"}
    shapes = _shapes(letters, example)
    calls = tuple(dict.fromkeys(_shapes(letters, each) for each in _assignments(choose, example)))
    calls += (tuple(tuple(choose.choices(range(7), k=len(each))) for each in letters),)
    kinds = choose.choices((torch.float32, torch.int64), (6, 1), k=len(letters))
    source = SizeSource((), ("x",), shapes, tuple(kinds), calls=calls)
    names: dict[str, list[str]] = {kind: [] for kind in _EXPRESSIONS}
    names["t"] = list(_NAMES[: len(letters)])
    lines: list[str] = []
    has_data = choose.random() < 0.2
    for number in range(choose.randint(1, _MOST_LINES)):
        for _ in range(_TRIES):
            name = f"v{number}"
            kind, line = _line(choose, names, name, has_data=has_data)
            if not _runs_somewhere(source, [*lines, line], kind, name):
                continue
            lines.append(line)
            if kind:
                names[kind].append(name)
            break
    results = [name for kind in names for name in names[kind] if name.startswith("v")] or ["x"]
    return SizeSource(tuple(lines), tuple(results), shapes, source.dtypes, calls=calls)


def _shapes(letters: Sequence[Sequence[str]], sizes: Mapping[str, int]) -> Shapes:
    return tuple(tuple(sizes[letter] for letter in each) for each in letters)


def _assignments(choose: random.Random, example: Mapping[str, int]) -> list[dict[str, int]]:
    """Other sizes for the letters: equal, swapped, 0 and 1 among them, larger ones, any."""
    names, sizes = list(example), list(example.values())
    one = choose.choice(names)
    return [
        dict(zip(names, sizes[1:] + sizes[:1], strict=True)),
        dict.fromkeys(names, choose.randint(2, 6)),
        dict.fromkeys(names, choose.randint(0, 1)),
        {**example, one: 0},
        {**example, one: 1},
        {**example, choose.choice(names): choose.randint(6, 9)},
        {name: size + 1 for name, size in example.items()},
        *({name: choose.randint(0, 7) for name in names} for _ in range(3)),
    ]


def _runs_somewhere(source: SizeSource, lines: list[str], kind: str, name: str) -> bool:
    """Whether the example runs, and the last line is reached by it or by another call."""
    given = name if kind else "'reached'"
    space: dict[str, Any] = {}
    text = SizeSource(tuple(lines), (f"({given}, 'end')",), source.shapes, ()).text()
    try:
        exec(text, space)
    except SyntaxError:
        return False
    for shapes in (source.shapes, *source.calls):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = space["program"](*source.of_sizes(shapes))[0]
        except Exception:
            if shapes is source.shapes:
                return False
            continue
        if isinstance(result, tuple) and result[-1:] == ("end",):
            return not kind or (type(result[0]) in _TYPES[kind] and _is_small(result[0]))
    return False


def _is_small(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() <= _LARGEST
    if isinstance(value, (list, tuple)):
        return len(value) < 20 and all(type(each) is int and _is_small(each) for each in value)
    return isinstance(value, (int, float)) and abs(value) <= _LARGEST


def _line(
    choose: random.Random, names: Mapping[str, list[str]], name: str, *, has_data: bool
) -> tuple[str, str]:
    """A kind and a line that gives ``name`` a value of it: a statement, or an expression."""
    tables = {"statement": _STATEMENTS, "data": _DATA}
    how = choose.choices(("expression", *tables), (5, 6, 3 if has_data else 0))[0]
    if how == "expression":
        kind = choose.choices("tnqbl", (8, 4, 2, 1, 2))[0]
        form = "{v} = " + choose.choice(_EXPRESSIONS[kind])
    else:
        kind, form = choose.choice(tables[how])
    return kind, _filled(choose, names, form, _DEEPEST, name)


def _filled(
    choose: random.Random, names: Mapping[str, list[str]], form: str, depth: int, name: str = ""
) -> str:
    """The form with its places filled."""
    tensor = choose.choice(names["t"][-4:])
    found = ""
    for text, place, _, _ in string.Formatter().parse(form):
        found += text
        if place is None:
            continue
        if place in ("v", "T"):
            found += name if place == "v" else tensor
        elif place in _EXPRESSIONS:
            found += _expression(choose, names, place, depth - 1)
        else:
            found += str(choose.choice({"i": (0, 0, 1, -1), "d": (2, 3, 4), "k": (1, 7)}[place]))
    return found


def _expression(
    choose: random.Random, names: Mapping[str, list[str]], kind: str, depth: int
) -> str:
    has_name = names[kind] and choose.random() < 0.4
    if kind == "t" and (depth < 1 or choose.random() < 0.7):
        return choose.choice(names["t"][-4:])
    if has_name:
        return choose.choice(names[kind][-3:])
    forms = _EXPRESSIONS[kind] if depth > 0 and choose.random() < 0.5 else _LEAVES[kind]
    found = _filled(choose, names, choose.choice(forms), depth)
    return found if forms is _LEAVES[kind] and kind != "q" else f"({found})"
