"""Which operators are decomposed, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TypeGuard

from torch.fx.node import Target

from monograph.diagnostics import MonographError, OperatorError
from monograph.passes.composites import INSTEAD, PARTS
from monograph.torch_internals import (
    COMPOSITE,
    Operator,
    OperatorPacket,
    core_decompositions,
    has_kernel,
    is_torchs_mark,
    opened_composite,
    plain_name,
)

__all__ = ["Decompositions", "default_decompositions"]

Rule = Callable[..., object]


class Decompositions(MutableMapping[Target, Rule]):
    """Operators and the functions that compute the same with other operators.

    Composite operators are in it as well, each with the parts that it is made of: ``del
    table[torch.ops.aten.linear.default]`` keeps one whole. Made of a table of torch's
    (``torch.export.default_decompositions()``), it keeps whole what was deleted from that one.
    """

    def __init__(self, rules: Mapping[Target, Rule]) -> None:
        self._rules: dict[Target, Rule] = {}
        self._kept: set[Target] = set()
        self._of_torch: Mapping[Target, Rule] | None = None  # torch makes its table anew when asked
        for op, rule in rules.items():
            if not is_torchs_mark(op, rule):
                is_torchs = op in INSTEAD and rule.__module__.startswith("torch.")
                self[op] = INSTEAD[op] if is_torchs else rule  # type: ignore[index]
        self._kept |= {op for op in _left_out(rules) if _is_composite(op)}

    def __getitem__(self, op: Target) -> Rule:
        rule = self._rules.get(op)
        if rule is not None:
            return rule
        if op in self._kept or not _is_composite(op):
            raise KeyError(op)
        return _parts_of(op)

    def __setitem__(self, op: Target, rule: Rule) -> None:
        for overload in _overloads(op):
            self._rules[overload] = rule
            self._kept.discard(overload)

    def __delitem__(self, op: Target) -> None:
        known = [overload for overload in _overloads(op) if overload in self]
        if not known:
            raise KeyError(op)
        for overload in known:
            self._rules.pop(overload, None)
            self._kept.add(overload)

    def keep(self, op: Target) -> None:
        """Leave an operator as it is, whether it is in the table or not."""
        self._rules.pop(op, None)
        self._kept.add(op)

    def is_given(self, op: Target) -> bool:
        """Whether the rule of an operator is of whoever made the table: not torch's, nor ours."""
        rule = self._rules.get(op)
        if self._of_torch is None:
            self._of_torch = core_decompositions()
        ours = INSTEAD.get(op)  # type: ignore[call-overload]
        return rule is not None and rule not in (ours, self._of_torch.get(op))

    def __contains__(self, op: object) -> bool:
        return op in self._rules or (op not in self._kept and _is_composite(op))

    def __iter__(self) -> Iterator[Target]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def materialize(self) -> dict[Target, Rule]:
        """The rules as a dictionary, as torch's tables give theirs; composite operators are not
        among them."""
        return dict(self._rules)

    def copy(self) -> Decompositions:
        """The same rules, to be changed."""
        made = Decompositions({})
        made._rules, made._kept = dict(self._rules), set(self._kept)
        return made


def _overloads(op: Target) -> list[Target]:
    """An operator, or all overloads of a packet (``torch.ops.aten.linear``)."""
    if isinstance(op, OperatorPacket):
        return [getattr(op, name) for name in op.overloads()]
    return [op]


def _left_out(rules: Mapping[Target, Rule]) -> set[Target]:
    """What a table that is full when it is made (torch's are) has lost since."""
    if type(rules) in (dict, Decompositions):
        return set()
    try:
        full = type(rules)()
    except TypeError:  # it is not made of nothing
        return set()
    return set(full) - set(rules)


def _is_composite(op: object) -> TypeGuard[Operator]:
    if not isinstance(op, Operator) or plain_name(op).startswith("sym_"):
        return False
    return has_kernel(op, COMPOSITE)


def _parts_of(op: Operator) -> Rule:
    ours = PARTS.get(op)

    def parts(*args: object, **kwargs: object) -> object:
        found = NotImplemented if ours is None else ours(*args, **kwargs)
        if found is not NotImplemented:
            return found
        try:
            return opened_composite(op, args, kwargs)
        except MonographError:
            raise
        except RuntimeError as error:  # it reads memory, or asks for plain numbers
            raise OperatorError(f"{op}: {str(error).splitlines()[0]}") from None

    return parts


def default_decompositions() -> Decompositions:
    """The rules that lead to Core ATen, torch's own; to be changed freely."""
    return Decompositions(core_decompositions())
