"""Tensors that consist of others: quantised weights and their like.

A class with ``__tensor_flatten__`` and ``__torch_dispatch__`` says what each operator does to the
tensors that it holds. These are the state of the program, and what the class does with them is
recorded: nothing of the class is left in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.abstract import AbstractTensor
from monograph.diagnostics import PythonFeatureError
from monograph.torch_internals import COMPOSITE, Operator, has_kernel

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["is_wrapper", "parts_of", "run"]


_PLAIN = torch.Tensor.__torch_dispatch__


def is_wrapper(kind: type) -> bool:
    """Whether tensors of this class consist of others, and have operators of their own.

    Torch's own such classes (nested tensors, tensors of several machines) are more than their
    parts: sizes of another kind, a process group.
    """
    if getattr(kind, "__torch_dispatch__", None) is _PLAIN or kind.__module__.startswith("torch."):
        return False
    return hasattr(kind, "__tensor_flatten__")


def parts_of(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain tensors of a tensor by their dotted names: itself, or what it consists of."""
    if not is_wrapper(type(tensor)):
        yield name, tensor
        return
    for part in tensor.__tensor_flatten__()[0]:  # type: ignore[attr-defined]
        yield from parts_of(f"{name}.{part}", getattr(tensor, part))


def run(
    recorder: Recorder,
    op: Operator,
    types: Sequence[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> object:
    """What the class makes of ``op``, recorded; NotImplemented where no class here does so.

    Raises:
        PythonFeatureError: MG-P104, where the class has no word for the operator.
    """
    kind = next((t for t in types if t is not AbstractTensor and is_wrapper(t)), None)
    if kind is None:
        return NotImplemented
    if has_kernel(op, COMPOSITE):  # as in eager mode, where the class sees its parts
        return recorder.opened(op, args, kwargs)
    with recorder:
        result = kind.__torch_dispatch__(op, types, args, kwargs)
    if result is NotImplemented:
        raise PythonFeatureError(
            f"{kind.__name__} does not say what {op} does to it",
            code="MG-P104",
            where=recorder.here(),
            hint=f"the program fails in eager mode too: implement it in "
            f"{kind.__name__}.__torch_dispatch__.",
        )
    return result
