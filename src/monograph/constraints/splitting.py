"""Declared sizes that no program of several holds for: examples for further ones."""

from __future__ import annotations

from collections import Counter

import torch

from monograph.capture.declare import Declaration, declare, read_specification
from monograph.capture.inputs import Argument, Root, flatten_arguments
from monograph.constraints.both_sides import candidates
from monograph.diagnostics import InputError
from monograph.ir.program import Parts
from monograph.shapes.env import Guard, ShapeEnv
from monograph.shapes.questions import brief, holds, text_of

__all__ = ["Call", "Sides"]

_MOST_FAILURES = 3  # sizes on the other side of a question, before it is taken for a precondition

Call = tuple[tuple[object, ...], dict[str, object]]


class Sides:
    """The sizes that were declared for a call, and those of them that programs hold for."""

    def __init__(
        self, root: Root, args: tuple[object, ...], kwargs: dict[str, object], shapes: object
    ) -> None:
        self.call = flatten_arguments(root, args, kwargs)
        specification = read_specification(root, self.call, shapes)
        _, self.declared = declare(ShapeEnv(), self.call, specification, {})
        self.found: list[Parts] = []
        self.tried: set[frozenset[tuple[str, int]]] = set()
        self.open: Guard | None = None  # a question whose other side no program holds for
        self.failures = Counter[tuple[str, object]]()  # by question

    def example(self) -> Call | None:
        """A call with sizes for which the answer to a question was not captured, if there is one.

        No such sizes are given twice.
        """
        for parts in self.found:
            for guard in parts.env.guards:
                sizes = self._other_side(parts, guard)
                if sizes is not None:
                    self.tried.add(frozenset(sizes.items()))
                    self.open = guard
                    return self._resized(sizes)
        self.open = None
        return None

    def note_failure(self) -> None:
        """The program itself refuses the sizes that were given last."""
        if self.open is not None:
            self.failures[_key(self.open)] += 1

    def question(self) -> str:
        """What was asked, and where, of which one side is left."""
        if self.open is None:
            return ""
        where = "" if self.open.where is None else f" at {self.open.where}"
        return f"{brief(self.open.test)}{where}"

    def _other_side(self, parts: Parts, guard: Guard) -> dict[str, int] | None:
        is_ours = guard.symbols and all(name in self.declared for name in guard.symbols)
        if guard.kind == "precondition" or not guard.is_narrowing or not is_ours:
            return None
        if self.failures[_key(guard)] == _MOST_FAILURES:
            return None
        env = parts.env
        hints: dict[str, int] = {}
        for name in self.declared:
            hint = env.symbols[name].hint
            if isinstance(hint, int):
                hints[name] = hint
        for changed in candidates(env, guard, dict[str, float](hints)):
            sizes = hints | changed
            if (
                all(name in sizes for name in guard.symbols)
                and all(_is_declared(self.declared[name], size) for name, size in sizes.items())
                and not holds(guard.test, sizes)
                and frozenset(sizes.items()) not in self.tried
                and not any(self._is_taken(each, sizes) for each in self.found)
            ):
                return sizes
        return None

    def _is_taken(self, parts: Parts, sizes: dict[str, int]) -> bool:
        """Whether the checks of a program's calls let such sizes pass."""
        if parts.plan.sizes is None:
            return False
        shapes = self._shapes(sizes)
        leaves = [shapes.get(i, leaf.example) for i, leaf in enumerate(self.call.leaves)]
        try:
            parts.plan.sizes.run(leaves)
        except InputError:
            return False
        return True

    def _shapes(self, sizes: dict[str, int]) -> dict[int, object]:
        """By the number of a leaf: a tensor without memory of such sizes, or a number."""
        shapes = self._sizes_of_leaves(sizes)
        return {
            i: shape if isinstance(shape, int) else torch.empty(shape, device="meta")
            for i, shape in shapes.items()
        }

    def _sizes_of_leaves(self, sizes: dict[str, int]) -> dict[int, list[int] | int]:
        index = {id(leaf): i for i, leaf in enumerate(self.call.leaves)}
        found: dict[int, list[int] | int] = {}
        for name, size in sizes.items():
            for leaf, dim, slope, offset in self.declared[name].places:
                i, value = index[id(leaf)], slope * size + offset
                if dim is None:
                    found[i] = value
                else:
                    shape = found.setdefault(i, list(leaf.example.shape))
                    if isinstance(shape, list):
                        shape[dim] = value
        return found

    def _resized(self, sizes: dict[str, int]) -> Call:
        shapes = self._sizes_of_leaves(sizes)
        leaves = [
            _resized(leaf, shapes[i]) if i in shapes else leaf.example
            for i, leaf in enumerate(self.call.leaves)
        ]
        split = self.call.args.num_leaves
        return (
            self.call.args.unflatten(leaves[:split]),
            self.call.kwargs.unflatten(leaves[split:]),
        )


def _key(guard: Guard) -> tuple[str, object]:
    return text_of(guard.test), guard.where


def _is_declared(declaration: Declaration, size: int) -> bool:
    values = declaration.dim.values if declaration.dim is not None else None
    if values is not None:
        return size in values
    lo, hi = declaration.lo, declaration.hi
    return (lo is None or size >= lo) and (hi is None or size <= hi)


def _resized(leaf: Argument, shape: list[int] | int) -> object:
    """An example of another size: its rows again and again, so that its values stay valid."""
    tensor = leaf.example
    if isinstance(shape, int):
        return shape
    for dim, size in enumerate(shape):
        if size and not tensor.shape[dim]:
            tensor = tensor.new_zeros(shape)
        elif size != tensor.shape[dim]:
            rows = torch.arange(size, device=tensor.device) % max(tensor.shape[dim], 1)
            tensor = tensor.index_select(dim, rows)
    return tensor.detach().requires_grad_(leaf.example.requires_grad)
