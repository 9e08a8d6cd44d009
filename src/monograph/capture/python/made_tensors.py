"""``torch.tensor`` and its like of what varies: C would need the very numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from monograph.capture.abstract import AbstractTensor
from monograph.capture.current import running_recorder
from monograph.capture.operators.data_dependence import tensor_of_truth
from monograph.capture.python.arrays import tensor_of
from monograph.capture.python.builtin_functions import called_instead

__all__ = ["MAKERS", "TYPES", "dtype_of"]

_NUMBERS = (torch.SymInt, torch.SymFloat, torch.SymBool)


def _made(original: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """``torch.tensor([x.sum(), 2.0])`` reads its elements in C: stack them instead."""
    copies = original is torch.tensor

    def make(data: object, *args: object, **kwargs: Any) -> torch.Tensor:
        if running_recorder() is None:
            return original(data, *args, **kwargs)
        wanted = {k: v for k, v in kwargs.items() if k in ("dtype", "device") and v is not None}
        if isinstance(data, _NUMBERS):
            return _stacked(data, is_converted="dtype" in wanted).to(**wanted)
        held = tensor_of(data)
        if held is not None:
            return (held.clone() if copies else held).to(**wanted)
        if isinstance(data, (list, tuple)) and _varies(data):
            stacked = _stacked(data, is_converted="dtype" in wanted)
            return (stacked.to(**wanted) if wanted else stacked).detach()
        if isinstance(data, AbstractTensor) and copies:
            return data.detach().clone().to(**wanted)
        return original(data, *args, **kwargs)

    return make


def _varies(data: object) -> bool:
    if isinstance(data, (list, tuple)):
        return any(map(_varies, data))
    return isinstance(data, (AbstractTensor, *_NUMBERS))


def _stacked(data: object, *, is_converted: bool) -> torch.Tensor:
    """``is_converted``: to a dtype that is asked for, of which Python's floats have all digits."""
    if isinstance(data, (list, tuple)):
        parts = [_stacked(item, is_converted=is_converted) for item in data]
        dtype = functools.reduce(torch.promote_types, (part.dtype for part in parts))
        return torch.stack([part.to(dtype) for part in parts])
    if isinstance(data, torch.Tensor):
        return data.reshape(()) if data.numel() == 1 else data
    recorder = running_recorder()
    if isinstance(data, torch.SymBool) and recorder is not None:
        return tensor_of_truth(recorder, data)
    floats = torch.float64 if is_converted else torch.get_default_dtype()
    if isinstance(data, (torch.SymInt, torch.SymFloat)):
        if recorder is not None:
            recorder.sizes.require_kind(data)
        dtype = torch.int64 if isinstance(data, torch.SymInt) else floats
        return torch.full((), data, dtype=dtype)  # type: ignore[call-overload]
    return _tensor(data, dtype=floats if type(data) is float else None)


_tensor = torch.tensor
MAKERS = (torch.tensor, torch.as_tensor)
for _function in MAKERS:
    called_instead(_function, _made(_function))


def _of_type(kind: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """``torch.LongTensor([n, 2])``: a tensor of these numbers, of its type."""

    def make(*args: object, **kwargs: object) -> torch.Tensor:
        data = args[0] if len(args) == 1 else None
        held = tensor_of(data)
        if held is not None:
            return held.to(dtype_of(kind))
        is_list = isinstance(data, (list, tuple)) and not isinstance(data, torch.Size)
        if kwargs or not is_list or not _varies(data) or running_recorder() is None:
            return kind(*args, **kwargs)
        return torch.tensor(data, dtype=dtype_of(kind))

    return make


def dtype_of(kind: object) -> torch.dtype:
    """What ``torch.LongTensor`` and its like make."""
    dtype = TYPES[kind]
    return torch.get_default_dtype() if dtype is None else dtype


# ``torch.Tensor`` makes what the default is.
TYPES: dict[Any, torch.dtype | None] = {
    torch.Tensor: None,
    torch.FloatTensor: torch.float32, torch.DoubleTensor: torch.float64,
    torch.HalfTensor: torch.float16, torch.BFloat16Tensor: torch.bfloat16,
    torch.LongTensor: torch.int64, torch.IntTensor: torch.int32, torch.ShortTensor: torch.int16,
    torch.CharTensor: torch.int8, torch.ByteTensor: torch.uint8, torch.BoolTensor: torch.bool,
}  # fmt: skip
for _kind in TYPES:
    called_instead(_kind, _of_type(_kind))
