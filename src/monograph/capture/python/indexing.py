"""``buffer[number]``, where the number is in a tensor and not known.

Torch's own tensors (parameters, buffers, constants) turn such an index into a plain number. Where a
program asks for that it is captured again, with their indexing redirected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from monograph.capture.abstract import selected

__all__ = ["Indexing"]


class Indexing(TorchFunctionMode):
    """Numbers in tensors that index a tensor are selections."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):  # as they are by now
            view, rest = selected(args[0], args[1])
            args = (view, rest, *args[2:])
        return func(*args, **(kwargs or {}))
