"""Errors, their codes, and how they are shown."""

from monograph.diagnostics.codes import CODES, Code
from monograph.diagnostics.errors import (
    ControlFlowError,
    DataDependentError,
    ExportError,
    InputError,
    InternalError,
    MonographError,
    MutationError,
    NotYetError,
    OperatorError,
    OperatorIndexError,
    OperatorTypeError,
    PythonFeatureError,
)
from monograph.diagnostics.source_line import SourceLine

__all__ = [
    "CODES",
    "Code",
    "ControlFlowError",
    "DataDependentError",
    "ExportError",
    "InputError",
    "InternalError",
    "MonographError",
    "MutationError",
    "NotYetError",
    "OperatorError",
    "OperatorIndexError",
    "OperatorTypeError",
    "PythonFeatureError",
    "SourceLine",
]
