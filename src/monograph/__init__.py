"""One program, one graph: PyTorch programs captured ahead of time."""

import importlib
from typing import TYPE_CHECKING, Any

from monograph.check import Problem, Report, check
from monograph.constraints.violations import refine_dynamic_shapes
from monograph.control import associative_scan, cond, map, scan, while_loop  # noqa: A004
from monograph.diagnostics import (
    ConstraintViolationError,
    ControlFlowError,
    DataDependentError,
    DecompositionError,
    ExportError,
    FileError,
    InputError,
    InternalError,
    InteropError,
    MonographError,
    MutationError,
    OperatorError,
    PythonFeatureError,
    ShapeError,
)
from monograph.diagnostics.watching import timings
from monograph.export import assume_constant_result, convert, export, export_methods
from monograph.passes.table import default_decompositions
from monograph.program import ExportedProgram
from monograph.shapes.dims import AdditionalInputs, Dim, ShapesCollection, dims

if TYPE_CHECKING:
    from monograph.interop.files import load, load_methods, save, save_methods
    from monograph.interop.importing import from_torch

__all__ = [
    "AdditionalInputs",
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "DecompositionError",
    "Dim",
    "ExportError",
    "ExportedProgram",
    "FileError",
    "InputError",
    "InternalError",
    "InteropError",
    "MonographError",
    "MutationError",
    "OperatorError",
    "Problem",
    "PythonFeatureError",
    "Report",
    "ShapeError",
    "ShapesCollection",
    "associative_scan",
    "assume_constant_result",
    "check",
    "cond",
    "convert",
    "default_decompositions",
    "dims",
    "export",
    "export_methods",
    "from_torch",
    "load",
    "load_methods",
    "map",
    "refine_dynamic_shapes",
    "save",
    "save_methods",
    "scan",
    "timings",
    "while_loop",
]
__version__ = "0.1.0"

# What needs torch.export, which takes a second to import: only when it is asked for.
_LATER = {
    "from_torch": "importing",
    "load": "files",
    "load_methods": "files",
    "save": "files",
    "save_methods": "files",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"monograph.interop.{_LATER[name]}"), name)
    raise AttributeError(f"module 'monograph' has no attribute {name!r}")
