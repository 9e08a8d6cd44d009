"""One program, one graph: PyTorch programs captured ahead of time."""

from monograph.diagnostics import (
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
)
from monograph.export import assume_constant_result, export
from monograph.program import ExportedProgram

__all__ = [
    "ControlFlowError",
    "DataDependentError",
    "ExportError",
    "ExportedProgram",
    "InputError",
    "InternalError",
    "MonographError",
    "MutationError",
    "NotYetError",
    "OperatorError",
    "PythonFeatureError",
    "assume_constant_result",
    "export",
]
__version__ = "0.1.0"
