"""Operators under ``vmap`` over a batch that varies: when rules of ours hold, and what they get."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from monograph.capture.current import running_recorder
from monograph.torch_internals import (
    Operator,
    as_mapped,
    batching_rules,
    mapped_over,
    mapping,
    outside_of_mapping,
    remove_batching_rules,
    schema_of,
    torchs_decomposition,
)

__all__ = [
    "Affine",
    "Batch",
    "Given",
    "Mapped",
    "Results",
    "Rule",
    "begin_mapping",
    "by_torch",
    "end_mapping",
    "maps",
    "means",
]

_aten = torch.ops.aten


class Mapped(NamedTuple):
    """A tensor whose first dimension is the mapped one."""

    tensor: torch.Tensor


Batch = int | torch.SymInt
Given = torch.Tensor | Mapped
Affine = Given | None  # weight and bias, where there are such
Results = torch.Tensor | tuple[torch.Tensor | None, ...]
# (operator, how many rows, arguments) -> results whose first dimension is the mapped one
Rule = Callable[..., Results]

_RULES: dict[Operator, Rule] = {}  # of operators on tensors outside of the mapping
_DECOMPOSED: dict[Operator, Rule] = {}  # on tensors inside of it
_BY_TORCH: list[Operator] = []  # by torch's decompositions, which are looked up when needed


def _overloads(names: str) -> Iterator[Operator]:
    for name in names.split():
        packet, _, overload = name.partition(".")
        yield getattr(getattr(_aten, packet), overload or "default")


def maps(names: str) -> Callable[[Rule], Rule]:
    """Decorates the rule of the operators ``names``."""

    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(_overloads(names), rule))
        return rule

    return register


def means(names: str) -> Callable[[Rule], Rule]:
    """Decorates a function that computes the operators ``names`` of what is in one row."""

    def register(function: Rule) -> Rule:
        _DECOMPOSED.update(dict.fromkeys(_overloads(names), function))
        return function

    return register


def by_torch(names: str) -> None:
    """The operators ``names`` are computed as torch's own decompositions say."""
    _BY_TORCH.extend(_overloads(names))


# When the rules hold --------------------------------------------------------------------------

_lock = threading.Lock()
_levels = 0
_library: torch.library.Library | None = None


def begin_mapping() -> None:
    """A ``vmap`` of a program that is captured begins: these rules hold till it ends."""
    global _levels, _library
    with _lock:
        if not _levels:
            _library = batching_rules(_kernels(), lambda: running_recorder() is not None)
        _levels += 1


def end_mapping() -> None:
    """A ``vmap`` for which ``begin_mapping`` was called has ended."""
    global _levels, _library
    with _lock:
        _levels -= 1
        if not _levels and _library is not None:
            remove_batching_rules(_library)
            _library = None


def _kernels() -> dict[Operator, Callable[..., Any]]:
    for op in _BY_TORCH:
        if op not in _DECOMPOSED:
            decomposition = torchs_decomposition(op)
            assert decomposition is not None, op
            _DECOMPOSED[op] = decomposition
    found = {op: _inside(op, function) for op, function in _DECOMPOSED.items()}
    found.update({op: _outside(op, rule) for op, rule in _RULES.items()})
    return found


def _inside(op: Operator, decomposition: Callable[..., Any]) -> Callable[..., Any]:
    """A batching rule that calls other operators, which have rules of their own."""

    def kernel(*args: object, **kwargs: object) -> Results:
        level = mapping()[0]
        if not any(isinstance(a, torch.Tensor) and mapped_over(a, level)[1] is not None
                   for a in (*args, *kwargs.values())):  # fmt: skip
            with outside_of_mapping():
                return op(*args, **kwargs)
        return decomposition(*args, **kwargs)

    return kernel


def _outside(op: Operator, rule: Rule) -> Callable[..., Any]:
    """A batching rule that gets tensors with the mapped dimension in front."""

    arguments = schema_of(op).arguments

    def kernel(*args: object, **kwargs: object) -> Results:
        level, size = mapping()
        is_mapped = False

        def moved(arg: object) -> object:
            nonlocal is_mapped
            if isinstance(arg, (list, tuple)) and arg and isinstance(arg[0], torch.Tensor):
                return [moved(item) for item in arg]
            if not isinstance(arg, torch.Tensor):
                return arg
            tensor, dim = mapped_over(arg, level)
            if dim is None:
                return tensor
            is_mapped = True
            return Mapped(tensor.movedim(dim, 0) if dim else tensor)

        with outside_of_mapping():
            given = [*map(moved, args)]
            for argument in arguments[len(args) :]:
                if not argument.kwarg_only:
                    given.append(moved(kwargs.pop(argument.name, argument.default_value)))
            results = (rule if is_mapped else _called)(op, size, *given, **kwargs)
        if not is_mapped:
            return results
        if isinstance(results, torch.Tensor):
            return as_mapped(results, 0, level)
        return tuple(r if r is None else as_mapped(r, 0, level) for r in results)

    return kernel


def _called(op: Operator, size: Batch, *args: object, **kwargs: object) -> Results:
    return op(*args, **kwargs)
