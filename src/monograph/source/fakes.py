"""A fake implementation for an operator that has none, found by calling the operator.

The operator runs on tensors of other sizes; how the sizes of its results follow from those of its
arguments is written down, where it is simple.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

import torch

__all__ = ["fake_implementation", "with_fake"]

Place = tuple[int, int]  # argument, dimension
Sizes = dict[Place, int]


def fake_implementation(op: torch._ops.OpOverload, args: Sequence[object]) -> str | None:
    """``@torch.library.register_fake`` for ``op``, which was called with ``args``; None if unclear.

    ``args``: example arguments in the order of the schema. The operator is called a few times.
    """
    names = [argument.name for argument in op._schema.arguments][: len(args)]
    try:
        results = [_Results(op, args, names).text(i) for i in range(_count(op, args))]
    except Exception:  # the operator does not run on such tensors
        return None
    if not results or any(result is None for result in results):
        return None
    single = len(op._schema.returns) == 1
    value = results[0] if single else f"({', '.join(filter(None, results))})"
    parameters = [argument.name for argument in op._schema.arguments]
    return (
        f'@torch.library.register_fake("{op.name().partition(".")[0]}")\n'
        f"def _({', '.join(parameters)}):\n"
        f"    return {value}\n"
    )


def with_fake(text: str, name: str, implementation: str) -> str:
    """A file with the implementation after the operator's own definition, or at its end."""
    lines = text.splitlines(keepends=True)
    after = len(lines)
    for node in ast.parse(text).body:
        is_definition = isinstance(node, ast.FunctionDef) and any(
            isinstance(n, ast.Constant) and n.value == name
            for d in node.decorator_list
            for n in ast.walk(d)
        )
        if is_definition:
            after = node.end_lineno or after
        elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            after = min(after, node.lineno - 1)
    made = ["\n", "\n", *(f"{line}\n" for line in implementation.splitlines())]
    return "".join([*lines[:after], *made, *lines[after:]])


def _called(op: torch._ops.OpOverload, args: Sequence[object], sizes: Sizes) -> list[torch.Tensor]:
    """The results for tensors of other sizes."""
    given = []
    for i, arg in enumerate(args):
        if isinstance(arg, torch.Tensor):
            shape = [sizes.get((i, d), n) for d, n in enumerate(arg.shape)]
            fresh = torch.ones(shape) if arg.dtype.is_floating_point else torch.zeros(shape)
            arg = fresh.to(dtype=arg.dtype)
        given.append(arg)
    with torch.no_grad():
        found = op(*given)
    return [found] if isinstance(found, torch.Tensor) else list(found)


def _count(op: torch._ops.OpOverload, args: Sequence[object]) -> int:
    return len(_called(op, args, {}))


class _Results:
    """How the sizes of results follow from those of arguments."""

    def __init__(self, op: torch._ops.OpOverload, args: Sequence[object], names: list[str]) -> None:
        self.args, self.names = args, names
        self.call: Callable[[Sizes], list[torch.Tensor]] = lambda sizes: _called(op, args, sizes)
        self.tensors = {i: a for i, a in enumerate(args) if isinstance(a, torch.Tensor)}
        self.base = {(i, d): n for i, a in self.tensors.items() for d, n in enumerate(a.shape)}
        self.first = self.call({})
        self.groups = self._groups()
        self.moved = [
            [self.call({p: self.base[p] + by for p in group}) for by in (1, 2)]
            for group in self.groups
        ]

    def _groups(self) -> list[list[Place]]:
        """Sizes that must be changed together for the operator to run."""
        alone, tied = [], []
        for place, size in self.base.items():
            try:
                self.call({place: size + 1})
                alone.append([place])
            except Exception:
                tied.append(place)
        by_size: dict[int, list[Place]] = {}
        for place in tied:
            by_size.setdefault(self.base[place], []).append(place)
        found = []
        for group in by_size.values():
            try:
                self.call({p: self.base[p] + 1 for p in group})
                found.append(group)
            except Exception:  # a size that the operator insists on
                continue
        return alone + found

    def text(self, index: int) -> str | None:
        """An expression for a result: a new tensor of its sizes and dtype."""
        result = self.first[index]
        for i, arg in self.tensors.items():
            sizes = [self._size(index, d) for d in range(result.dim())]
            own = [f"{self.names[i]}.shape[{d}]" for d in range(arg.dim())]
            is_own = [size == own[d] if d < len(own) else False for d, size in enumerate(sizes)]
            if arg.dim() == result.dim() and all(is_own) and arg.dtype == result.dtype:
                return f"torch.empty_like({self.names[i]})"
        sizes = [self._size(index, d) for d in range(result.dim())]
        if not self.tensors or any(size is None for size in sizes):
            return None
        first = next(iter(self.tensors))
        shape = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(map(str, sizes))})"
        same = result.dtype == self.tensors[first].dtype
        dtype = "" if same else f", dtype={result.dtype}"
        return f"{self.names[first]}.new_empty({shape}{dtype})"

    def _size(self, index: int, dim: int) -> str | None:
        """A size of a result: a number, or ``a * x.shape[d] + b`` of one argument's size."""
        size = self.first[index].shape[dim]
        text: str | None = str(size)
        changes = 0
        for group, (once, twice) in zip(self.groups, self.moved, strict=True):
            step = once[index].shape[dim] - size
            if step == 0 and twice[index].shape[dim] == size:
                continue
            changes += 1
            if twice[index].shape[dim] - size != 2 * step:
                return None
            i, d = group[0]
            rest = size - step * self.base[group[0]]
            text = f"{self.names[i]}.shape[{d}]"
            text = text if step == 1 else f"{step} * {text}"
            text = text if rest == 0 else f"{text} {'+' if rest > 0 else '-'} {abs(rest)}"
        return text if changes <= 1 else None
