"""One program, one graph: PyTorch programs captured ahead of time.

The engine is loaded when something of it is first used, so that an import costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monograph.checking import Problem, Report, check
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
        InvalidProgramError,
        MonographError,
        MutationError,
        OperatorError,
        PythonFeatureError,
        ShapeError,
    )
    from monograph.diagnostics.watching import timings
    from monograph.edges import from_torch, load, load_methods, save, save_methods
    from monograph.exporting import assume_constant_result, convert, export, export_methods
    from monograph.exporting_variants import export_variants
    from monograph.installation import install, installed, uninstall
    from monograph.passes.table import default_decompositions
    from monograph.program import ExportedProgram
    from monograph.shapes.dims import AdditionalInputs, Dim, ShapesCollection, dims
    from monograph.variants import ExportedVariants

__all__ = [
    "AdditionalInputs",
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "DecompositionError",
    "Dim",
    "ExportError",
    "ExportedProgram",
    "ExportedVariants",
    "FileError",
    "InputError",
    "InternalError",
    "InteropError",
    "InvalidProgramError",
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
    "export_variants",
    "from_torch",
    "install",
    "installed",
    "load",
    "load_methods",
    "map",
    "refine_dynamic_shapes",
    "save",
    "save_methods",
    "scan",
    "timings",
    "uninstall",
    "while_loop",
]
__version__ = "0.1.0"

_ROOMS = {
    "AdditionalInputs": "shapes.dims",
    "ConstraintViolationError": "diagnostics",
    "ControlFlowError": "diagnostics",
    "DataDependentError": "diagnostics",
    "DecompositionError": "diagnostics",
    "Dim": "shapes.dims",
    "ExportError": "diagnostics",
    "ExportedProgram": "program",
    "ExportedVariants": "variants",
    "FileError": "diagnostics",
    "InputError": "diagnostics",
    "InternalError": "diagnostics",
    "InteropError": "diagnostics",
    "InvalidProgramError": "diagnostics",
    "MonographError": "diagnostics",
    "MutationError": "diagnostics",
    "OperatorError": "diagnostics",
    "Problem": "checking",
    "PythonFeatureError": "diagnostics",
    "Report": "checking",
    "ShapeError": "diagnostics",
    "ShapesCollection": "shapes.dims",
    "associative_scan": "control",
    "assume_constant_result": "exporting",
    "check": "checking",
    "cond": "control",
    "convert": "exporting",
    "default_decompositions": "passes.table",
    "dims": "shapes.dims",
    "export": "exporting",
    "export_methods": "exporting",
    "export_variants": "exporting_variants",
    "from_torch": "edges",
    "install": "installation",
    "installed": "installation",
    "load": "edges",
    "load_methods": "edges",
    "map": "control",
    "refine_dynamic_shapes": "constraints.violations",
    "save": "edges",
    "save_methods": "edges",
    "scan": "control",
    "timings": "diagnostics.watching",
    "uninstall": "installation",
    "while_loop": "control",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'monograph' has no attribute {name!r}")
    from monograph.collection import rarer_collection

    with rarer_collection():  # a sixth of the time of the first one
        found = getattr(importlib.import_module(f"monograph.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
