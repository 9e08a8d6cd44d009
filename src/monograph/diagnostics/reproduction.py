"""A file with what is needed to find a mistake of ours."""

from __future__ import annotations

import contextlib
import inspect
import platform
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

__all__ = ["write_report"]

_MOST = 400  # characters of one argument


def write_report(
    error: BaseException,
    f: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> str | None:
    """Write the traceback, the versions, the program's source and what its arguments look like.

    Values of tensors are not written. Returns the path; None where nothing can be written.
    """
    parts = [
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.platform()}",
        "".join(traceback.format_exception(error)),
        "# The program\n" + _source(f),
        "# Its arguments\n" + "\n".join(map(_described, [*args, *kwargs.items()])),
    ]
    with contextlib.suppress(OSError):
        name = tempfile.mkstemp(prefix="monograph-report-", suffix=".txt")[1]
        Path(name).write_text("\n\n".join(parts), encoding="utf-8")
        return name
    return None


def _source(f: Callable[..., object]) -> str:
    found = []
    modules = f.modules() if isinstance(f, torch.nn.Module) else [f]
    for kind in dict.fromkeys(type(m) if isinstance(m, torch.nn.Module) else m for m in modules):
        if getattr(kind, "__module__", "").startswith("torch.nn."):
            continue
        with contextlib.suppress(OSError, TypeError):
            found.append(inspect.getsource(kind))
    return "\n\n".join(found) or repr(f)[:_MOST]


def _described(item: object) -> str:
    if isinstance(item, torch.Tensor):
        return f"{item.dtype}{list(item.shape)} strides {item.stride()} on {item.device}"
    if isinstance(item, (tuple, list)):
        return f"{type(item).__name__}({', '.join(map(_described, item))})"
    if isinstance(item, dict):
        return f"dict({', '.join(f'{key}: {_described(value)}' for key, value in item.items())})"
    return repr(item)[:_MOST]
