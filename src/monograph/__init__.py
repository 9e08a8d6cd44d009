"""One program, one graph: PyTorch programs captured ahead of time.

The engine is loaded when something of it is first used, so that an import costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monograph.checking import Problem, Report, check
    from monograph.constraints.violations import refine_dynamic_shapes
    from monograph.control import associative_scan, cond, map, scan, while_loop  # noqa: A004
    from monograph.counterparts import (
        DraftedProgram,
        draft_export,
        move_to_device_pass,
        refine_dynamic_shapes_from_suggested_fixes,
        register_dataclass,
        unflatten,
    )
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
    from monograph.dynamic_shapes import AdditionalInputs, ShapesCollection
    from monograph.edges import from_torch, load, load_methods, save, save_methods
    from monograph.exporting import assume_constant_result, export, export_methods
    from monograph.exporting_variants import export_variants
    from monograph.hierarchy import FlatArgsAdapter, UnflattenedModule
    from monograph.installation import install, installed, uninstall
    from monograph.ir.signature import ExportGraphSignature, ModuleCallEntry, ModuleCallSignature
    from monograph.passes.table import default_decompositions
    from monograph.program import ExportedProgram
    from monograph.shapes.dims import Dim, dims
    from monograph.source.convert import convert
    from monograph.variants import ExportedVariants

__all__ = [
    "AdditionalInputs",
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "DecompositionError",
    "Dim",
    "DraftedProgram",
    "ExportError",
    "ExportGraphSignature",
    "ExportedProgram",
    "ExportedVariants",
    "FileError",
    "FlatArgsAdapter",
    "InputError",
    "InternalError",
    "InteropError",
    "InvalidProgramError",
    "ModuleCallEntry",
    "ModuleCallSignature",
    "MonographError",
    "MutationError",
    "OperatorError",
    "Problem",
    "PythonFeatureError",
    "Report",
    "ShapeError",
    "ShapesCollection",
    "UnflattenedModule",
    "associative_scan",
    "assume_constant_result",
    "check",
    "cond",
    "convert",
    "default_decompositions",
    "dims",
    "draft_export",
    "export",
    "export_methods",
    "export_variants",
    "from_torch",
    "install",
    "installed",
    "load",
    "load_methods",
    "map",
    "move_to_device_pass",
    "refine_dynamic_shapes",
    "refine_dynamic_shapes_from_suggested_fixes",
    "register_dataclass",
    "save",
    "save_methods",
    "scan",
    "timings",
    "unflatten",
    "uninstall",
    "while_loop",
]
__version__ = "0.1.0"

_ROOMS = {
    "AdditionalInputs": "dynamic_shapes",
    "ConstraintViolationError": "diagnostics",
    "ControlFlowError": "diagnostics",
    "DataDependentError": "diagnostics",
    "DecompositionError": "diagnostics",
    "Dim": "shapes.dims",
    "DraftedProgram": "counterparts",
    "ExportError": "diagnostics",
    "ExportGraphSignature": "ir.signature",
    "ExportedProgram": "program",
    "ExportedVariants": "variants",
    "FileError": "diagnostics",
    "FlatArgsAdapter": "hierarchy",
    "InputError": "diagnostics",
    "InternalError": "diagnostics",
    "InteropError": "diagnostics",
    "InvalidProgramError": "diagnostics",
    "ModuleCallEntry": "ir.signature",
    "ModuleCallSignature": "ir.signature",
    "MonographError": "diagnostics",
    "MutationError": "diagnostics",
    "OperatorError": "diagnostics",
    "Problem": "checking",
    "PythonFeatureError": "diagnostics",
    "Report": "checking",
    "ShapeError": "diagnostics",
    "ShapesCollection": "dynamic_shapes",
    "UnflattenedModule": "hierarchy",
    "associative_scan": "control",
    "assume_constant_result": "exporting",
    "check": "checking",
    "cond": "control",
    "convert": "source.convert",
    "default_decompositions": "passes.table",
    "dims": "shapes.dims",
    "draft_export": "counterparts",
    "export": "exporting",
    "export_methods": "exporting",
    "export_variants": "exporting_variants",
    "from_torch": "edges",
    "install": "installation",
    "installed": "installation",
    "load": "edges",
    "load_methods": "edges",
    "map": "control",
    "move_to_device_pass": "counterparts",
    "refine_dynamic_shapes": "constraints.violations",
    "refine_dynamic_shapes_from_suggested_fixes": "counterparts",
    "register_dataclass": "counterparts",
    "save": "edges",
    "save_methods": "edges",
    "scan": "control",
    "timings": "diagnostics.watching",
    "unflatten": "counterparts",
    "uninstall": "installation",
    "while_loop": "control",
}


# The modules of ``torch.export`` that have a counterpart.
_MODULES = ("dynamic_shapes", "graph_signature")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"monograph.{name}")
    if name not in _ROOMS:
        raise AttributeError(f"module 'monograph' has no attribute {name!r}")
    from monograph.collection import rarer_collection

    with rarer_collection():  # a sixth of the time of the first one
        found = getattr(importlib.import_module(f"monograph.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_MODULES})
