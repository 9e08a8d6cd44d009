"""Errors, their codes, and how they are shown."""

from monograph.diagnostics.codes import CODES, Code
from monograph.diagnostics.errors import (
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
    MissingFakeError,
    MonographError,
    MutationError,
    OperatorError,
    OperatorIndexError,
    OperatorTypeError,
    PythonFeatureError,
    ShapeError,
    UndecidedError,
)
from monograph.diagnostics.source_line import SourceLine
from monograph.diagnostics.traces import note_source, shows_all, users_part

__all__ = [
    "CODES",
    "Code",
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "DecompositionError",
    "ExportError",
    "FileError",
    "InputError",
    "InternalError",
    "InteropError",
    "InvalidProgramError",
    "MissingFakeError",
    "MonographError",
    "MutationError",
    "OperatorError",
    "OperatorIndexError",
    "OperatorTypeError",
    "PythonFeatureError",
    "ShapeError",
    "SourceLine",
    "UndecidedError",
    "note_source",
    "shows_all",
    "users_part",
]
