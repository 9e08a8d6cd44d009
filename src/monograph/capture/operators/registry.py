"""How operators are handled that are more than a node, and functions of torch's that are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from monograph.ir.registry import Registry
from monograph.torch_internals import Operator

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["HANDLERS", "PURE", "REPLACED", "Handler", "handles", "replaces"]


Handler = Callable[["Recorder", Operator, tuple[Any, ...], dict[str, Any]], object]


def PURE(recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:  # noqa: N802
    """An operator that is recorded as it is."""
    return recorder.record(op, args, kwargs)


HANDLERS: Registry[Handler] = Registry()
handles = HANDLERS.registers  # decorates the handler of the operators that it is given

REPLACED: Registry[Callable[..., Any]] = Registry()
replaces = REPLACED.registers  # while a program is captured, calls of these go to the decorated one
