"""One program, one graph: PyTorch programs captured ahead of time."""

from monograph.constraints.violations import refine_dynamic_shapes
from monograph.diagnostics import (
    ConstraintViolationError,
    ControlFlowError,
    DataDependentError,
    ExportError,
    InputError,
    InternalError,
    MonographError,
    MutationError,
    NotYetError,
    OperatorError,
    PythonFeatureError,
    ShapeError,
)
from monograph.export import assume_constant_result, export
from monograph.program import ExportedProgram
from monograph.shapes.dims import AdditionalInputs, Dim, ShapesCollection, dims

__all__ = [
    "AdditionalInputs",
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "Dim",
    "ExportError",
    "ExportedProgram",
    "InputError",
    "InternalError",
    "MonographError",
    "MutationError",
    "NotYetError",
    "OperatorError",
    "PythonFeatureError",
    "ShapeError",
    "ShapesCollection",
    "assume_constant_result",
    "dims",
    "export",
    "refine_dynamic_shapes",
]
__version__ = "0.1.0"
