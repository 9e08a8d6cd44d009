"""Programs handed to what makes code of them: inductor, AOTInductor, ONNX."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from monograph.diagnostics import InteropError
from monograph.interop.archive import written_whole
from monograph.interop.decomposing import to_torch
from monograph.interop.private import shared_library
from monograph.interop.torch_export import converted
from monograph.ir.program import Parts

__all__ = ["BACKENDS", "compiled"]

_Output = str | os.PathLike[str] | None
_Options = dict[str, Any]


def compiled(
    program: Parts,
    module: torch.nn.Module,
    backend: str,
    output: str | os.PathLike[str] | None,
    **options: Any,
) -> object:
    """What ``backend`` makes of the program, which ``module`` calls."""
    if backend not in BACKENDS:
        raise InteropError(
            f"there is no backend {backend!r}",
            hint=f"the backends are {', '.join(BACKENDS)}.",
        )
    return BACKENDS[backend](program, module, output, options)


def _inductor(
    program: Parts, module: torch.nn.Module, output: _Output, options: dict[str, Any]
) -> object:
    if output is not None:
        raise InteropError(
            "inductor compiles in memory, and writes no file", hint="use the backend aoti."
        )
    return torch.compile(module, **options)


def _aoti(
    program: Parts, module: torch.nn.Module, output: _Output, options: dict[str, Any]
) -> object:
    path = None if output is None else os.fspath(output)
    if path is not None and not path.endswith(".pt2"):
        raise InteropError(
            f"AOTInductor writes .pt2 files, and {path} is not called so",
            hint=f"call it {Path(path).with_suffix('.pt2')}.",
        )
    return shared_library(to_torch(program), path, options or None)


def _onnx(
    program: Parts, module: torch.nn.Module, output: _Output, options: dict[str, Any]
) -> object:
    missing = [name for name in ("onnx", "onnxscript") if not importlib.util.find_spec(name)]
    if missing:
        raise InteropError(
            f"{' and '.join(missing)} are not installed",
            code="MG-F105",
            hint="pip install 'monograph[onnx]'",
        )
    theirs, symbols = converted(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.onnx.export(theirs, **{"verbose": False, **options})
    if found is None:
        raise InteropError("torch.onnx.export gives no program")
    names: dict[Any, str] = {**symbols.names}
    found.rename_axes(names)  # the axes are called as the dimensions are
    if output is not None:
        with written_whole(output) as file:
            file.write(found.model_proto.SerializeToString())
    return found


BACKENDS: dict[str, Callable[..., object]] = {"inductor": _inductor, "aoti": _aoti, "onnx": _onnx}
