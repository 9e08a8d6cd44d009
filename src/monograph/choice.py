"""Which of several programs a call is for: the first whose contract it meets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from monograph.diagnostics import InputError
from monograph.ir.call_plan import CallPlan, Check, Looks
from monograph.ir.structure import Structure, is_constant
from monograph.module import checked, leaves_of, require_leaf

__all__ = ["Choice"]

# What is seen of an argument at once: dtype and rank of a tensor, class (and length) of a
# container, a constant itself, but of a number, which may vary, that it is one.
Kind = object
Form = tuple[tuple[Kind, ...], tuple[tuple[str, Kind], ...]]

_NUMBER = "a number"
_SIZED = (tuple, list, dict)
_MOST_SHOWN = 6


class Choice:
    """Finds the program that a call is for, by the checks that each program makes of its calls.

    A dictionary leads from the form of a call to the few programs that can be meant; what these
    demand of constants, sizes and layouts is checked in their order.
    """

    def __init__(self, plans: Mapping[str, CallPlan]) -> None:
        self._plans = dict(plans)
        self._signature = next((p.signature for p in plans.values() if p.signature), None)
        self._by_name: dict[object, list[str]] = {}
        for name, plan in self._plans.items():
            self._by_name.setdefault(self._named(_form_of_plan(plan)), []).append(name)
        self._by_form: dict[Form, list[str]] = {}  # those of ``_by_name``, as calls write them

    def __deepcopy__(self, memo: dict[int, object]) -> Choice:
        return self  # it refers to no tensors

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, list[Any]]:
        """The name of the program, and the leaves of the call.

        Raises:
            InputError: MG-I108, naming the nearest program and what differs.
        """
        form = _form(args, kwargs)
        names = self._by_form.get(form)
        if names is None:
            names = self._by_name.get(self._named(form), [])
            if names:
                self._by_form[form] = names
        for name in (*names, *self._plans):  # all of them, before any call is refused
            try:
                return name, checked(self._plans[name], args, kwargs)
            except InputError:
                continue
        raise self._refusal(args, kwargs)

    def _named(self, form: Form) -> object:
        """A form with all arguments by name, without those that are like their defaults."""
        positional, named = form
        if self._signature is None:
            return positional, frozenset(named)
        try:
            given = self._signature.bind(*positional, **dict(named)).arguments
        except TypeError:
            return None
        parameters = self._signature.parameters
        return frozenset(
            (name, frozenset(kind.items()) if isinstance(kind, dict) else kind)
            for name, kind in given.items()
            if kind != _kind(parameters[name].default)
        )

    def _refusal(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> InputError:
        given = self._named(_form(args, kwargs))
        misses = {
            name: _miss_of(plan, args, kwargs, given, self._named(_form_of_plan(plan)))
            for name, plan in self._plans.items()
        }
        nearest = min(misses, key=lambda name: misses[name].distance)
        miss = misses[nearest]
        lines = [f"no variant takes this call; the nearest is {nearest}: {miss.text}"]
        others = [name for name in misses if name != nearest]
        lines += [f"  {name}: {misses[name].text}" for name in others[:_MOST_SHOWN]]
        if len(others) > _MOST_SHOWN:
            lines.append(f"  and {len(others) - _MOST_SHOWN} others")
        hint = "for such calls, a variant of their own: export_variants."
        if miss.error.hint and miss.error.code not in ("MG-I101", "MG-I103"):
            hint = miss.error.hint
        return InputError("\n".join(lines), code="MG-I108", where=miss.error.where, hint=hint)


def _form(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Form:
    return tuple(map(_kind, args)), tuple([(name, _kind(v)) for name, v in kwargs.items()])


def _kind(value: object) -> Kind:
    if isinstance(value, torch.Tensor):
        return value.dtype, value.dim()
    kind = type(value)
    if kind in (int, float):
        return _NUMBER
    if is_constant(value):
        return kind if kind is slice else value  # slices are hashed by later Pythons only
    return (kind, len(value)) if kind in _SIZED else kind  # type: ignore[arg-type]


def _form_of_plan(plan: CallPlan) -> Form:
    """The form of the call that a program was captured with."""
    checks = iter(plan.checks)
    positional = tuple(_kind_of_part(part, checks) for part in plan.args.children)
    parts = zip(plan.kwargs.keys, plan.kwargs.children, strict=True)
    return positional, tuple((name, _kind_of_part(part, checks)) for (_, name), part in parts)


def _kind_of_part(part: Structure, checks: Iterator[Check]) -> Kind:
    own = list(itertools.islice(checks, part.num_leaves))
    if part.kind is not None:
        return (part.kind, len(part.keys)) if part.kind in _SIZED else part.kind
    example = own[0].example
    return (example.dtype, len(example.shape)) if isinstance(example, Looks) else _kind(example)


# What to say of a call that no program takes ----------------------------------------------------


@dataclass(frozen=True)
class _Miss:
    """How far a call is from those that a program takes: arguments that differ, those that it
    does not have, leaves that differ.
    """

    distance: tuple[int, ...]
    text: str
    error: InputError


def _miss_of(
    plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any], given: object, wanted: object
) -> _Miss:
    """``given`` and ``wanted``: the form of the call, and of those that the program takes."""
    errors = _errors_of(plan, args, kwargs)
    text = errors[0].what
    if not isinstance(given, frozenset) or not isinstance(wanted, frozenset):
        return _Miss((0, len(errors)), text, errors[0])
    had, wants = dict(given), dict(wanted)
    needless = [f"unexpected {name}" for name in sorted(had.keys() - wants.keys())]
    lacking = [
        f"{name} must be {kind!r}" if _is_plain(kind) else f"missing {name}"
        for name, kind in sorted(wants.items())
        if name not in had
    ]
    differing = sum(had.get(name) != wants.get(name) for name in had | wants)
    distance = (differing, len(needless), len(errors))
    return _Miss(distance, "; ".join([*lacking, *needless]) or text, errors[0])


def _is_plain(kind: Kind) -> bool:
    return type(kind) in (bool, str) and kind != _NUMBER


def _errors_of(plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[InputError]:
    """All that differs in single leaves; else what differs first."""
    try:
        leaves = leaves_of(plan, args, kwargs)
    except InputError as error:
        return [error]
    errors = [error for error in map(_error_of, plan.checks, leaves) if error is not None]
    if not errors:
        try:
            checked(plan, args, kwargs)
        except InputError as error:
            errors.append(error)
    return errors or [InputError("it takes this call", code="MG-I108")]


def _error_of(check: Check, leaf: object) -> InputError | None:
    try:
        require_leaf(check, leaf)
    except InputError as error:
        return error
    return None
