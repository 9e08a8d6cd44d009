"""How operators are handled that are more than a node: the table, and its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["HANDLERS", "PURE", "REPLACED", "Handler", "handles", "replaces"]


Handler = Callable[["Recorder", Any, tuple[Any, ...], dict[str, Any]], Any]


def PURE(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: N802
    """An operator that is recorded as it is."""
    return recorder.record(op, args, kwargs)


HANDLERS: dict[Any, Handler] = {}


def handles(*operators: Any) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of ``operators``."""

    def register(handler: Handler) -> Handler:
        for operator in operators:
            HANDLERS[operator] = handler
        return handler

    return register


REPLACED: dict[Any, Callable[..., Any]] = {}


def replaces(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """While a program is captured, calls of ``function`` go to the decorated one."""

    def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
        REPLACED[function] = replacement
        return replacement

    return register
