"""Programs in files, and those of ``torch.export``: the functions that users call.

What they do lies in ``interop``, which imports ``torch.export``: that takes a second, and happens
when one of them is first called.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO

from monograph.diagnostics import FileError, InteropError
from monograph.program import ExportedProgram
from monograph.variants import ExportedVariants

__all__ = ["from_torch", "load", "load_methods", "save", "save_methods"]

Path = str | os.PathLike[str] | IO[bytes]


def from_torch(program: object) -> ExportedProgram:
    """A ``torch.export.ExportedProgram`` as Monograph's, over the same tensors.

    Raises:
        InteropError: MG-F104, for what is not known here (custom objects, say).
    """
    from monograph.interop import importing

    return ExportedProgram(importing.from_torch(program))


# Writing -------------------------------------------------------------------------------------


def save(
    ep: ExportedProgram | ExportedVariants,
    f: Path,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
    opset_version: Mapping[str, int] | None = None,
    pickle_protocol: int = 2,
) -> None:
    """Write a program as a ``.pt2`` file, which ``torch.export.load`` reads as well.

    The file is there whole or not at all; variants share their tensors in it. Of a program that
    takes a number that varies and is no integer, only ``load`` reads it. ``extra_files``: text or
    bytes to keep beside the program. ``opset_version``: versions of operators, by namespace, that
    the file tells its readers. ``pickle_protocol``: of the example inputs.

    Raises:
        InteropError: MG-F104, for what the format has no word for.
    """
    are_variants = isinstance(ep, ExportedVariants)
    programs = ep if isinstance(ep, ExportedVariants) else {"model": ep}
    _save(programs, f, extra_files, are_variants, opset_version, pickle_protocol)


def save_methods(
    programs: Mapping[str, ExportedProgram],
    path: Path,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
) -> None:
    """Write several programs to one file; tensors that they share are written once.

    Raises:
        InteropError: MG-F104, for what the format has no word for.
    """
    _save(programs, path, extra_files)


def _save(
    programs: Mapping[str, ExportedProgram],
    path: Path,
    extra_files: Mapping[str, str | bytes] | None,
    are_variants: bool = False,
    versions: Mapping[str, int] | None = None,
    protocol: int = 2,
) -> None:
    from monograph.interop import files

    for program in programs.values():
        if not isinstance(program, ExportedProgram):
            raise InteropError(
                f"a {type(program).__name__} is no ExportedProgram, and cannot be saved as one",
                hint="export it first: monograph.export(model, args); a program of torch's comes "
                "through monograph.from_torch(program).",
            )
    parts = {name: program.parts for name, program in programs.items()}
    contents = files.Contents(parts, are_variants)
    files.save_programs(
        contents, path, extra_files=extra_files, versions=versions, protocol=protocol
    )


# Reading -------------------------------------------------------------------------------------


def load(
    f: Path,
    *,
    weights: bool = True,
    trusted: bool = False,
    extra_files: dict[str, str | bytes] | None = None,
    expected_opset_version: Mapping[str, int] | None = None,
) -> ExportedProgram | ExportedVariants:
    """Read the program of a ``.pt2`` file, of ours or of ``torch.export.save``.

    A file that was written of ``ExportedVariants`` gives these.

    Nothing in the file is run. ``weights=False`` leaves tensors on the ``meta`` device.
    ``trusted=True`` allows for pickles of anything; the example inputs are read without it where
    they are tensors and plain values. ``extra_files``: gets what was kept beside the program, as
    text where it is text. ``expected_opset_version``: the versions of operators that this reader
    knows, by namespace; a file of later ones is refused.

    Raises:
        FileError: MG-F101 for a damaged file, MG-F102 for one that asks for what is not known
            here, MG-F103 for one with a pickle in it that is not trusted.
    """
    programs, are_variants = _load(f, weights, trusted, extra_files, expected_opset_version)
    if are_variants:
        return ExportedVariants(programs)
    if len(programs) == 1:
        return next(iter(programs.values()))
    if "model" in programs:
        return programs["model"]
    names = ", ".join(programs)
    raise FileError(f"the file has several programs: {names}", code="MG-F102",
                    hint="load_methods(path) gives all of them by name.")  # fmt: skip


def load_methods(
    path: Path,
    *,
    weights: bool = True,
    trusted: bool = False,
    extra_files: dict[str, str | bytes] | None = None,
) -> dict[str, ExportedProgram]:
    """Read all programs of a file; tensors that they share are shared. See ``load``."""
    return _load(path, weights, trusted, extra_files)[0]


def _load(
    path: Path,
    weights: bool,
    trusted: bool,
    extra_files: dict[str, str | bytes] | None,
    versions: Mapping[str, int] | None = None,
) -> tuple[dict[str, ExportedProgram], bool]:
    """The programs of a file, and whether they are variants of one."""
    from monograph.interop import files

    found = files.load_programs(
        path, weights=weights, trusted=trusted, extra_files=extra_files, versions=versions
    )
    programs = {name: ExportedProgram(parts) for name, parts in found.programs.items()}
    return programs, found.are_variants
