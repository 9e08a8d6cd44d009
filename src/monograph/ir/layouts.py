"""What a program has read of its arguments: how they lie in memory, if they need gradients.

A call must give the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from monograph.diagnostics import InputError, SourceLine
from monograph.shapes.expr import Expr

__all__ = ["KINDS", "OF_GRADIENTS", "LayoutFact", "require_layouts"]


@dataclass(frozen=True)
class LayoutFact:
    """One answer that the program took from the argument at ``path``.

    ``kind``: a question (``contiguous``, ``stride``, ``offset``, ``dim order``, ``conjugate``,
    ``negative``; of gradients, ``requires grad`` and ``leaf``) with its ``detail`` (a memory
    format, a dimension, an ambiguity check); or what
    answers were derived from: ``strides`` (of the dimensions with several elements) or ``all
    strides``. ``answer`` may hold expressions of sizes; None: the question was refused. ``where``
    is the line that asked, ``asked`` its text where the line itself is not at hand.
    """

    path: str
    kind: str
    detail: Any
    answer: Any
    where: SourceLine | None = None
    asked: str = ""

    def question(self) -> str:
        """What was asked, as Python."""
        name = _NAMES[self.kind]
        if self.kind == "contiguous" and self.detail is not torch.contiguous_format:
            return f"{name}(memory_format={self.detail})"
        if self.kind == "dim order" and self.detail is not False:
            return f"{name}(ambiguity_check={self.detail})"
        if self.is_of_gradients():
            return name
        return f"{name}({self.detail})" if self.kind == "stride" else f"{name}()"

    def is_of_gradients(self) -> bool:
        """Whether it is no fact of how the argument lies in memory."""
        return self.kind in OF_GRADIENTS

    def sentence(self) -> str:
        """The fact, for the list of what a program takes for granted."""
        return (
            f"{self.path}.{self.question()} is always {self.answer}: the program was captured for "
            "inputs that lie like this"
        )


_NAMES = {
    "contiguous": "is_contiguous", "stride": "stride", "offset": "storage_offset",
    "dim order": "dim_order", "conjugate": "is_conj", "negative": "is_neg", "strides": "stride",
    "all strides": "stride", "requires grad": "requires_grad", "leaf": "is_leaf",
}  # fmt: skip


KINDS = frozenset(_NAMES)
OF_GRADIENTS = frozenset(("requires grad", "leaf"))


def _dim_order(tensor: torch.Tensor, check: Any) -> Any:
    try:
        return tuple(tensor.dim_order(ambiguity_check=check))
    except RuntimeError:
        return None


_ANSWERS: dict[str, Callable[[torch.Tensor, Any], Any]] = {
    "contiguous": lambda tensor, form: tensor.is_contiguous(memory_format=form),
    "stride": lambda tensor, dim: tensor.stride(dim),
    "offset": lambda tensor, _: tensor.storage_offset(),
    "dim order": _dim_order,
    "conjugate": lambda tensor, _: tensor.is_conj(),
    "negative": lambda tensor, _: tensor.is_neg(),
    "strides": lambda tensor, _: tensor.stride(),
    "all strides": lambda tensor, _: tensor.stride(),
    "requires grad": lambda tensor, _: tensor.requires_grad,
    "leaf": lambda tensor, _: tensor.is_leaf,
}


def require_layouts(
    facts: Sequence[tuple[int, LayoutFact]], leaves: Sequence[Any], sizes: Mapping[str, Any]
) -> None:
    """Compare the leaves of a call with what was read; ``sizes`` are those of its symbols.

    Raises:
        InputError: MG-I107, for a tensor of which the program would have read something else.
    """
    for index, fact in facts:
        tensor = leaves[index]
        answer, found = _number(fact.answer, sizes), _ANSWERS[fact.kind](tensor, fact.detail)
        if answer == found or (fact.kind == "strides" and _is_alike(tensor, answer, found)):
            continue
        what = "be" if fact.is_of_gradients() else "lie in memory"
        raise InputError(
            f"Expected input at {fact.path} to {what} as the program was captured for: "
            f"{fact.question()} is {answer}, but got {found}",
            code="MG-I107",
            where=fact.where,
            hint=_advice(fact, tensor, answer),
        )


def _number(answer: Any, sizes: Mapping[str, Any]) -> Any:
    if isinstance(answer, tuple):
        return tuple(_number(item, sizes) for item in answer)
    return answer.evaluate(sizes) if isinstance(answer, Expr) else answer


def _is_alike(tensor: torch.Tensor, wanted: Sequence[int], found: Sequence[int]) -> bool:
    """Whether each element is where it is wanted: strides of single elements lead nowhere."""
    if tensor.numel() == 0:
        return True
    return all(a == b or size == 1 for a, b, size in zip(wanted, found, tensor.shape, strict=True))


def _advice(fact: LayoutFact, tensor: torch.Tensor, answer: Any) -> str:
    """What to write instead, where one call mends it."""
    if fact.is_of_gradients():
        asked = f" ({fact.asked})" if fact.asked else ""
        return f"the program asks for it{asked}: export with an argument that is like this one."
    call = None
    if fact.kind == "contiguous" and answer:
        form = "" if fact.detail is torch.contiguous_format else f"memory_format={fact.detail}"
        call = f".contiguous({form})"
    elif fact.kind in ("conjugate", "negative") and not answer:
        call = f".resolve_{'conj' if fact.kind == 'conjugate' else 'neg'}()"
    elif fact.kind == "offset" and answer == 0:
        call = ".clone()"
    elif fact.kind in ("stride", "strides", "all strides"):
        plain = torch.empty(tensor.shape, device="meta").stride()
        call = ".contiguous()" if answer == _ANSWERS[fact.kind](
            torch.empty_strided(tensor.shape, plain, device="meta"), fact.detail
        ) else None  # fmt: skip
    asked = f"the program asks for it at {fact.asked}. " if fact.asked else ""
    if call is None:
        return f"{asked}pass a tensor that lies like the example, or export with one like this."
    return f"{asked}pass it as x{call}, or export with an example that lies like this one."
