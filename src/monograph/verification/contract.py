"""Calls that are drawn over what a program promises to hold for: sizes, layouts, values, orders."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from monograph.diagnostics import InputError
from monograph.ir.call_plan import CallPlan, Looks, arguments_of
from monograph.ir.program import TRAINING, Parts
from monograph.ir.size_checks import Bound
from monograph.ir.structure import flatten
from monograph.shapes.expr import Expr
from monograph.verification.draws import LAYOUTS, VALUES, drawn_tensor

__all__ = ["Contract", "DrawnCall", "DrawnTensor"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 13, 16)
_MOST_ELEMENTS = 1 << 22  # of all arguments of a call with sizes that are drawn
_FLOATS = (0.0, 1.0, -0.0, -1.5, 0.1, 1e30)
_MOST_TRIES = 20


@dataclass(frozen=True)
class DrawnTensor:
    """How one tensor is drawn; ``like``: it is the very tensor that another leaf is."""

    layout: str = "contiguous"
    values: str = "normal"
    among: tuple[int, int] = (0, 1)
    seed: int = 0
    requires_grad: bool = False
    like: int | None = None


@dataclass(frozen=True)
class DrawnCall:
    """A call as data: ``sizes`` by symbol, for each leaf how it is drawn (None: a constant)."""

    sizes: Mapping[str, float]
    leaves: tuple[DrawnTensor | None, ...]
    is_turned: bool = False  # whether dictionaries come in the opposite order

    def simpler(self) -> Iterator[DrawnCall]:
        """Calls that are one step simpler."""
        if self.is_turned:
            yield replace(self, is_turned=False)
        for i, leaf in enumerate(self.leaves):
            for other in () if leaf is None else _simpler(leaf):
                yield replace(self, leaves=(*self.leaves[:i], other, *self.leaves[i + 1 :]))
        for name, size in self.sizes.items():
            for less in range(min(int(size), 32)):
                yield replace(self, sizes={**self.sizes, name: type(size)(less)})


def _simpler(leaf: DrawnTensor) -> Iterator[DrawnTensor]:
    if leaf.like is not None:
        yield replace(leaf, like=None)
    if leaf.requires_grad:
        yield replace(leaf, requires_grad=False)
    for layout in LAYOUTS[: LAYOUTS.index(leaf.layout)]:
        yield replace(leaf, layout=layout)
    for values in VALUES[: VALUES.index(leaf.values)]:
        yield replace(leaf, values=values)
    if leaf.seed > 0:
        yield replace(leaf, seed=0)


@dataclass
class Contract:
    """What a program may be called with, as far as inputs can be drawn from it."""

    plan: CallPlan
    among: dict[int, tuple[int, int]] = field(default_factory=dict)
    reads_numbers: bool = False  # extreme numbers would become extreme sizes
    is_decomposed: bool = False  # parts of an operator overflow where the operator does not
    asks_for_gradients: bool = False  # what it asked of requires_grad is part of the program

    @staticmethod
    def of(parts: Parts) -> Contract:
        """The contract of a program; integers are drawn from between those of its example."""
        contract = Contract(parts.plan)
        if parts.example_inputs is not None:
            args, kwargs = parts.example_inputs
            leaves = flatten(args)[0] + flatten(kwargs)[0]
            if len(leaves) == len(parts.plan.checks):
                contract.among = {i: _range_of(leaf) for i, leaf in enumerate(leaves)}
        contract.is_decomposed = parts.dialect != TRAINING
        contract.reads_numbers = any(s.is_unbacked for s in parts.env.symbols.values())
        contract.asks_for_gradients = any(a.kind == "gradient" for a in parts.assumptions)
        return contract

    # Drawing -----------------------------------------------------------------------------------

    def calls(self, choose: random.Random, count: int) -> list[DrawnCall]:
        """``count`` calls in a row."""
        return [self._call(choose) for _ in range(count)]

    def _call(self, choose: random.Random) -> DrawnCall:
        sizes = self._sizes(choose)
        plain = choose.random() < 0.2  # one call in five has nothing odd
        leaves = [
            self._leaf(i, choose, plain) if isinstance(check.example, Looks) else None
            for i, check in enumerate(self.plan.checks)
        ]
        if not plain and choose.random() < 0.15:
            self._make_one(leaves, sizes, choose)
        return DrawnCall(sizes, tuple(leaves), not plain and choose.random() < 0.3)

    def _leaf(self, index: int, choose: random.Random, plain: bool) -> DrawnTensor:
        check = self.plan.checks[index]
        dtype: torch.dtype = check.example.dtype
        seed, among = choose.randrange(1 << 16), self.among.get(index, (0, 1))
        differentiable = dtype.is_floating_point or dtype.is_complex
        if plain:
            return DrawnTensor(seed=seed, among=among)
        values = choose.choice(
            ("normal", "normal", "normal", "few", "ones", "zeros", "special", "extreme")
        )
        if values == "extreme" and self.is_decomposed:
            values = "special"
        if values in ("special", "extreme") and not differentiable and self.reads_numbers:
            values = "normal"
        if values in ("ones", "zeros") and not differentiable and dtype is not torch.bool:
            values = "normal"  # an integer outside the range may be no index
        layout = choose.choice(("contiguous", *LAYOUTS))
        if check.is_written and layout == "expanded":
            layout = "spaced"  # eager mode refuses to write one element several times
        return DrawnTensor(
            layout,
            values,
            among,
            seed,
            differentiable
            and not check.is_written
            and not self.asks_for_gradients
            and choose.random() < 0.4,
        )

    def _make_one(
        self, leaves: list[DrawnTensor | None], sizes: Mapping[str, float], choose: random.Random
    ) -> None:
        """Two arguments become one tensor, where they look alike."""
        looks = [self._looks(i, sizes) for i in range(len(leaves))]
        pairs = [
            (i, j)
            for j in range(len(leaves))
            for i in range(j)
            if looks[i] is not None and looks[i] == looks[j] and not self._is_nothing(looks, i, j)
        ]
        if pairs:
            i, j = choose.choice(pairs)
            leaf = leaves[j]
            leaves[j] = None if leaf is None else replace(leaf, like=i)

    def _is_nothing(
        self, looks: Sequence[tuple[tuple[int, ...], torch.dtype] | None], *pair: int
    ) -> bool:
        """Whether one without elements is written: nothing but autograd's counter can tell."""
        found = looks[pair[0]]
        written = any(self.plan.checks[i].is_written for i in pair)
        return written and found is not None and 0 in found[0]

    def _looks(
        self, index: int, sizes: Mapping[str, float]
    ) -> tuple[tuple[int, ...], torch.dtype] | None:
        looks = self.plan.checks[index].example
        return (self._shape(index, sizes), looks.dtype) if isinstance(looks, Looks) else None

    def _sizes(self, choose: random.Random) -> dict[str, float]:
        """A value for each symbol: in its range, and mostly such that the program takes them."""
        found: dict[str, float] = {}
        for _ in range(_MOST_TRIES):
            found = self._any_sizes(choose)
            if choose.random() < 0.1 or self._takes(found):
                break
        return found

    def _any_sizes(self, choose: random.Random) -> dict[str, float]:
        checks = self.plan.sizes
        found: dict[str, float] = {}
        if checks is None:
            return found
        usual = choose.choice(_SIZES)  # many sizes are ties of others
        for bound in checks.bounds:
            tie = found and choose.random() < 0.3
            found[bound.name] = usual if tie else self._size(bound, choose)
        if choose.random() < 0.1:
            return found  # the program may well refuse it
        for source, step, offset in checks.definitions.values():
            found[source] = step * choose.choice(_SIZES[:5]) + offset
        for name, (source, step, offset) in checks.definitions.items():
            found[name] = (found[source] - offset) // step
        for bound in checks.bounds:
            if bound.now is not None:
                found[bound.name] = _evaluated(bound.now, found)
        return {bound.name: found[bound.name] for bound in checks.bounds}

    def _size(self, bound: Bound, choose: random.Random) -> float:
        place = bound.places[0]
        example = self.plan.checks[place.leaf].example
        if place.dim is None and isinstance(example, float):
            return choose.choice(_FLOATS)
        if bound.values:
            return choose.choice(bound.values)
        lower = bound.lower if bound.lower is not None else (0 if place.dim is not None else -3)
        upper = bound.upper if bound.upper is not None else max(lower + 3, _SIZES[-1])
        near = [lower, lower + 1, lower + 2, upper, upper - 1] if upper < 1 << 10 else [lower]
        found = [n for n in (*_SIZES, *near, *near) if lower <= n <= upper]
        return choose.choice(found or [lower])

    def _takes(self, sizes: Mapping[str, float]) -> bool:
        checks = self.plan.sizes
        if checks is None:
            return True
        shapes = [
            self._shape(i, sizes) if isinstance(check.example, Looks) else ()
            for i, check in enumerate(self.plan.checks)
        ]
        if sum(torch.Size(shape).numel() for shape in shapes) > _MOST_ELEMENTS:
            return False
        if any(size < 0 for shape in shapes for size in shape):
            return False
        leaves = [
            torch.empty(shape, device="meta")
            if isinstance(check.example, Looks)
            else self._number(i, sizes)
            for i, (check, shape) in enumerate(zip(self.plan.checks, shapes, strict=True))
        ]
        try:
            checks.run(leaves)
        except InputError:
            return False
        return True

    # Building ----------------------------------------------------------------------------------

    def _shape(self, index: int, sizes: Mapping[str, float]) -> tuple[int, ...]:
        shape = list(self.plan.checks[index].example.shape)
        for bound in () if self.plan.sizes is None else self.plan.sizes.bounds:
            for place in bound.places:
                if place.leaf == index and place.dim is not None:
                    shape[place.dim] = int(place.slope * sizes[bound.name] + place.offset)
        return tuple(shape)

    def _number(self, index: int, sizes: Mapping[str, float]) -> object:
        """What is no tensor: a constant, or a number that varies."""
        for bound in () if self.plan.sizes is None else self.plan.sizes.bounds:
            for place in bound.places:
                if place.leaf == index and place.dim is None:
                    value = sizes[bound.name]
                    return value if place.slope == 1 else place.slope * value + place.offset
        return self.plan.checks[index].example

    def _are_alike(self, index: int, other: int, call: DrawnCall) -> bool:
        return self._looks(index, call.sizes) == self._looks(other, call.sizes)

    def drawn(self, call: DrawnCall) -> Arguments:
        """The arguments of a call: new ones each time, and equal ones."""
        leaves: list[object] = []
        for i, leaf in enumerate(call.leaves):
            if leaf is None:
                leaves.append(self._number(i, call.sizes))
            elif leaf.like is not None and self._are_alike(i, leaf.like, call):
                leaves.append(leaves[leaf.like])
            else:
                leaves.append(drawn_tensor(**self._described(i, leaf, call)))
        return self._arguments(leaves, call.is_turned)

    def text(self, call: DrawnCall) -> str:
        """The arguments of a call, as Python that makes them."""
        leaves: list[object] = []
        for i, leaf in enumerate(call.leaves):
            if leaf is None:
                leaves.append(self._number(i, call.sizes))
            elif leaf.like is not None and self._are_alike(i, leaf.like, call):
                leaves.append(_Text(f"(_{leaf.like})"))
            else:
                is_shared = any(other is not None and other.like == i for other in call.leaves)
                text = _call_text(self._described(i, leaf, call))
                leaves.append(_Text(f"(_{i} := {text})" if is_shared else text))
        return repr(self._arguments(leaves, call.is_turned))

    def _arguments(self, leaves: list[object], is_turned: bool) -> Arguments:
        structure = arguments_of(self.plan)
        args, kwargs = structure.unflatten(leaves)
        if is_turned:
            ordered = {path for path, _ in structure.ordered_keys()}
            paths = [path for path, _ in structure.dictionaries() if path not in ordered]
            structure.turn_round((args, kwargs), paths)
        return args, kwargs

    def _described(self, index: int, leaf: DrawnTensor, call: DrawnCall) -> dict[str, Any]:
        looks = self.plan.checks[index].example
        found = {
            "shape": self._shape(index, call.sizes),
            "dtype": looks.dtype,
            "layout": leaf.layout,
            "values": leaf.values,
            "among": leaf.among,
            "seed": leaf.seed,
            "requires_grad": leaf.requires_grad,
        }
        if looks.device.type != "cpu":
            found["device"] = str(looks.device)
        return found


class _Text(str):
    """Python that stands for a tensor: its ``repr`` is the text itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_DEFAULTS = {
    "layout": "contiguous", "values": "normal", "among": (0, 1), "seed": 0, "requires_grad": False,
}  # fmt: skip


def _call_text(described: Mapping[str, object]) -> str:
    shape, dtype = described["shape"], described["dtype"]
    is_real = isinstance(dtype, torch.dtype) and (dtype.is_floating_point or dtype.is_complex)
    rest = "".join(
        f", {name}={value!r}"
        for name, value in described.items()
        if name not in ("shape", "dtype")
        and value != _DEFAULTS.get(name)
        and not (name == "among" and is_real)
    )
    return f"drawn_tensor({shape}, {dtype}{rest})"


def _evaluated(now: object, values: Mapping[str, float]) -> float:
    try:
        return now.evaluate(values) if isinstance(now, Expr) else int(str(now))
    except KeyError:  # of a symbol that no argument gives
        return 0


def _range_of(leaf: object) -> tuple[int, int]:
    if not isinstance(leaf, torch.Tensor) or leaf.is_meta or leaf.numel() == 0:
        return (0, 1)
    if leaf.is_floating_point() or leaf.is_complex() or leaf.dtype is torch.bool:
        return (0, 1)
    return int(leaf.min()), int(leaf.max())
