"""The edges: ``torch.export.ExportedProgram`` both ways, files, and what reads them.

torch.export takes long to import: these functions do it when they are called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monograph.program import ExportedProgram

__all__ = ["from_torch", "load", "load_methods", "save", "save_methods"]


def _files() -> Any:
    return importlib.import_module("monograph.interop.files")


def from_torch(program: Any) -> ExportedProgram:
    """A ``torch.export.ExportedProgram`` as Monograph's, over the same tensors.

    Raises:
        InteropError: MG-F104, for what is not known here (custom objects, say).
    """
    return importlib.import_module("monograph.interop.importing").from_torch(program)


def save(
    program: ExportedProgram, path: Any, *, extra_files: Mapping[str, str] | None = None
) -> None:
    """Write a program as a ``.pt2`` file (a path or a binary file), whole or not at all.

    ``torch.export.load`` reads it as well. ``extra_files``: text to keep beside the program.

    Raises:
        InteropError: MG-F104, for what the format has no word for.
    """
    _files().save(program, path, extra_files=extra_files)


def load(path: Any, *, weights: bool = True, trusted: bool = False) -> ExportedProgram:
    """Read the program of a ``.pt2`` file, of ours or of ``torch.export.save``.

    Nothing in the file is run. ``weights=False`` leaves tensors on the ``meta`` device.
    ``trusted=True`` allows for pickled tensors, and reads the example inputs.

    Raises:
        FileError: MG-F101 for a damaged file, MG-F102 for one that asks for what is not known
            here, MG-F103 for one with a pickle in it that is not trusted.
    """
    return _files().load(path, weights=weights, trusted=trusted)


def save_methods(
    programs: Mapping[str, ExportedProgram],
    path: Any,
    *,
    extra_files: Mapping[str, str] | None = None,
) -> None:
    """Write several programs to one file; tensors that they share are written once."""
    _files().save_methods(programs, path, extra_files=extra_files)


def load_methods(
    path: Any, *, weights: bool = True, trusted: bool = False
) -> dict[str, ExportedProgram]:
    """Read all programs of a file by name; tensors that they share are shared."""
    return _files().load_methods(path, weights=weights, trusted=trusted)
