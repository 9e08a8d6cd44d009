"""Where a capture meets control flow first: ``operators.py`` is loaded there, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.registry import HANDLERS, REPLACED
from monograph.torch_internals import (
    Operator,
    torch_associative_scan,
    torch_map,
    torch_scan,
    torch_while_loop,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["expect_control_flow"]

higher_order = torch.ops.higher_order

_FUNCTIONS = {
    torch.cond: "cond",
    torch_while_loop: "while_loop",
    torch_map: "map",
    torch_scan: "scan",
    torch_associative_scan: "associative_scan",
}
_OPERATORS = (
    higher_order.cond,
    higher_order.while_loop,
    higher_order.map_impl,
    higher_order.scan,
    higher_order.associative_scan,
)


def expect_control_flow() -> None:
    """Register what loads control flow, for as long as nobody has loaded it."""
    for function, name in _FUNCTIONS.items():
        REPLACED.setdefault(function, _function(name))
    for op in _OPERATORS:
        HANDLERS.setdefault(op, _operator)


def _function(name: str) -> Callable[..., Any]:
    def call(*args: object, **kwargs: object) -> object:
        from monograph.control import operators

        return getattr(operators, name)(*args, **kwargs)

    return call


def _operator(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    import monograph.control.operators  # noqa: F401 - with it the operator has its own handler

    return HANDLERS[op](recorder, op, args, kwargs)
