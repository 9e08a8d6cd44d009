"""What is made of programs afterwards: other graphs, code, files; each is called as they are."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from monograph.exportdb.exporters.adapters import Exported
from monograph.program import ExportedProgram

__all__ = ["STAGES", "Stage", "available_stages"]

Run = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """``made``: from a program to what runs it. ``needs``: modules, and one of ``tools``."""

    name: str
    title: str
    made: Callable[[Exported], Run]
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return all(map(importlib.util.find_spec, self.needs)) and (
            not self.tools or any(map(shutil.which, self.tools))
        )


def available_stages() -> Iterator[str]:
    """The names of those whose needs are installed here."""
    return (name for name, stage in STAGES.items() if stage.is_available())


def _program(exported: Exported) -> ExportedProgram | torch.export.ExportedProgram:
    assert isinstance(exported.program, (ExportedProgram, torch.export.ExportedProgram))
    return exported.program


def _decomposed(exported: Exported) -> Run:
    return _program(exported).run_decompositions().module()


def _reloaded(exported: Exported) -> Run:
    return exported.reload()


def _onnx(exported: Exported) -> Run:
    program = _program(exported)
    if isinstance(program, ExportedProgram):
        return program.compile("onnx")
    import torch.onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(program, verbose=False)
    assert made is not None
    return made


def _shared_library(exported: Exported) -> Run:
    program = _program(exported)
    if isinstance(program, ExportedProgram):
        return program.compile("aoti")
    from monograph.interop.private import shared_library

    return shared_library(program, None, None)


STAGES = {
    stage.name: stage
    for stage in (
        Stage("decompose", "decomposed", _decomposed),
        Stage("file", "saved and loaded", _reloaded),
        Stage("onnx", "ONNX", _onnx, ("onnx", "onnxscript", "onnxruntime")),
        Stage("aoti", "AOTInductor", _shared_library, tools=("g++", "clang++")),
    )
}
