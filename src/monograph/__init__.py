"""One program, one graph: PyTorch programs captured ahead of time."""

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
from monograph.edges import from_torch, load, load_methods, save, save_methods
from monograph.export import assume_constant_result, convert, export, export_methods
from monograph.passes.table import default_decompositions
from monograph.program import ExportedProgram
from monograph.shapes.dims import AdditionalInputs, Dim, ShapesCollection, dims

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
