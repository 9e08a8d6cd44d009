"""Programs in files: ``.pt2`` archives, as ``torch.export`` writes and reads them.

What the schema has no word for (names of dimensions, assumptions, which result is an argument)
lies beside it, in ``extra/monograph/``.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from typing import IO, Any

import torch
from torch import nn

from monograph.capture.structure import flatten
from monograph.diagnostics import FileError, InteropError
from monograph.interop.archive import ArchiveReader, ArchiveWriter, written_whole
from monograph.interop.functional import functional
from monograph.interop.graphs import checked, device_of
from monograph.interop.private import DTYPES, serialized, tensor_meta
from monograph.interop.reading import Notes, program_of
from monograph.interop.torch_export import converted
from monograph.program import ExportedProgram

__all__ = ["load", "load_methods", "save", "save_methods"]

Path = str | os.PathLike[str] | IO[bytes]


# Writing -------------------------------------------------------------------------------------


def save(
    program: ExportedProgram, path: Path, *, extra_files: Mapping[str, str] | None = None
) -> None:
    """Write a program as a ``.pt2`` file, which ``torch.export.load`` reads as well.

    The file is there whole or not at all. ``extra_files``: text to keep beside the program.

    Raises:
        InteropError: MG-F104, for what the format has no word for.
    """
    save_methods({"model": program}, path, extra_files=extra_files)


def save_methods(
    programs: Mapping[str, ExportedProgram],
    path: Path,
    *,
    extra_files: Mapping[str, str] | None = None,
) -> None:
    """Write several programs to one file; tensors that they share are written once."""
    for program in programs.values():
        if not isinstance(program, ExportedProgram):
            raise InteropError(
                f"a {type(program).__name__} is no ExportedProgram, and cannot be saved as one",
                hint="export it first: monograph.export(model, args); a program of torch's comes "
                "through monograph.from_torch(program).",
            )
    written = {name: _written(program) for name, program in programs.items()}
    root = "archive"
    if isinstance(path, (str, os.PathLike)):
        root = os.path.splitext(os.path.basename(os.fspath(path)))[0] or root
    with written_whole(path) as file:
        archive = ArchiveWriter(file, root)
        archive.text("archive_format", "pt2")
        archive.text("archive_version", "0")
        archive.text("byteorder", "little")
        archive.text(".data/version", "6\n")
        weights = _Payload(archive, "data/weights/weight_")
        constants = _Payload(archive, "data/constants/tensor_")
        for name, program in programs.items():
            data, notes = written[name]
            for payload, tensors, kind in (
                (weights, program.state_dict, "weights"),
                (constants, program.constants, "constants"),
            ):
                config = json.dumps({"config": payload.add(tensors)})
                archive.text(f"data/{kind}/{name}_{kind}_config.json", config)
            archive.text(f"models/{name}.json", data)
            archive.bytes(f"data/sample_inputs/{name}.pt", _example(program))
            archive.text(f"extra/monograph/{name}.json", notes)
        for name, content in (extra_files or {}).items():
            archive.text(f"extra/{name}", content)
        archive.close()


class _Payload:
    """Tensors in records, each memory once: names of tied weights lead to the same record."""

    def __init__(self, archive: ArchiveWriter, prefix: str) -> None:
        self.archive = archive
        self.prefix = prefix
        self.records: dict[Any, str] = {}
        self.kept: list[torch.Tensor] = []

    def add(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name, tensor in tensors.items():
            if tensor.device.type == "meta":
                raise InteropError(
                    f"{name} has no values to write: it is on the meta device",
                    hint="give it values first: ep.load_state_dict(state_dict).",
                )
            storage = tensor.untyped_storage()
            key = (storage.data_ptr(), storage.nbytes(), tensor.device)
            if not storage.nbytes():
                key = (id(tensor), 0, tensor.device)
            if key not in self.records:
                record = f"{self.prefix}{len(self.records)}"
                self.archive.storage(record, tensor)
                self.records[key] = record
                self.kept.append(tensor)
            config[name] = {
                "path_name": self.records[key].rpartition("/")[2],
                "is_param": isinstance(tensor, nn.Parameter),
                "use_pickle": False,
                "tensor_meta": tensor_meta(tensor.detach().requires_grad_(tensor.requires_grad)),
            }
        return config


def _written(program: ExportedProgram) -> tuple[str, str]:
    """The program, and what we know beyond it, as text."""
    theirs, symbols = converted(program)
    try:
        data = serialized(theirs)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise InteropError(
            f"the .pt2 format has no form for a part of this program: {reason}",
            hint="loops that carry numbers beside tensors have none: carry the number in a "
            "tensor (torch.tensor(0)).",
        ) from error
    plan = program._parts.plan()
    names = [n.name for n in program.graph.nodes if n.op == "placeholder"][len(plan.state) :]
    notes: Notes = {
        "version": 1,
        "symbols": symbols.names,
        "training": plan.training,
        "aliases": plan.aliases,
        "twins": plan.twins,
        "hidden": [i for i, write in enumerate(plan.writes) if write.is_hidden],
        "strides": {
            name: check.strides
            for name, check in zip(names, plan.checks, strict=True)
            if check.strides is not None
        },
        "assumptions": [[a.kind, str(a)] for a in program.assumptions],
    }
    return json.dumps(data), json.dumps(notes)


def _example(program: ExportedProgram) -> bytes:
    """The example inputs, where they are tensors and plain values; torch reads them back."""
    buffer = io.BytesIO()
    inputs = program.example_inputs
    plain = (torch.Tensor, int, float, bool, str, type(None))
    if inputs is not None:
        leaves = flatten(inputs)[0]
        is_plain = all(type(leaf) in plain or isinstance(leaf, torch.Tensor) for leaf in leaves)
        inputs = inputs if is_plain else None
    try:
        torch.save(inputs, buffer)
    except Exception:  # of a class that cannot be pickled
        buffer = io.BytesIO()
        torch.save(None, buffer)
    return buffer.getvalue()


# Reading -------------------------------------------------------------------------------------


def load(path: Path, *, weights: bool = True, trusted: bool = False) -> ExportedProgram:
    """Read the program of a ``.pt2`` file, of ours or of ``torch.export.save``.

    Nothing in the file is run. ``weights=False`` leaves tensors on the ``meta`` device.
    ``trusted=True`` allows for pickled tensors, and reads the example inputs.

    Raises:
        FileError: MG-F101 for a damaged file, MG-F102 for one that asks for what is not known
            here, MG-F103 for one with a pickle in it that is not trusted.
    """
    programs = load_methods(path, weights=weights, trusted=trusted)
    if len(programs) == 1:
        return next(iter(programs.values()))
    if "model" in programs:
        return programs["model"]
    names = ", ".join(programs)
    raise FileError(f"the file has several programs: {names}", code="MG-F102",
                    hint="load_methods(path) gives all of them by name.")  # fmt: skip


def load_methods(
    path: Path, *, weights: bool = True, trusted: bool = False
) -> dict[str, ExportedProgram]:
    """Read all programs of a file; tensors that they share are shared."""
    with ArchiveReader(path) as archive:
        names = [n.removesuffix(".json") for n in archive.names("models/") if n.endswith(".json")]
        if not names:
            raise FileError(f"{path}: not a .pt2 file with a program in it")
        tensors = _Tensors(archive, weights, trusted)
        return {name: _read(archive, tensors, name, trusted) for name in names}


def _read(archive: ArchiveReader, tensors: _Tensors, name: str, trusted: bool) -> ExportedProgram:
    data = _json(archive, f"models/{name}.json")
    noted = f"extra/monograph/{name}.json"
    notes = _json(archive, noted) if archive.has(noted) else {}
    if not isinstance(notes, dict):
        raise FileError(f"{noted} is damaged")
    example = None
    if trusted and archive.has(f"data/sample_inputs/{name}.pt"):
        example = torch.load(
            io.BytesIO(archive.bytes(f"data/sample_inputs/{name}.pt")), weights_only=False
        )
    found = program_of(
        data, tensors.of(name, "weights"), tensors.of(name, "constants"), example, notes
    )
    return functional(found)


def _json(archive: ArchiveReader, name: str) -> Any:
    try:
        return json.loads(archive.text(name))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{name} is damaged: {error}") from None


class _Tensors:
    """The tensors of an archive; each record is read once."""

    def __init__(self, archive: ArchiveReader, weights: bool, trusted: bool) -> None:
        self.archive = archive
        self.weights = weights
        self.trusted = trusted
        self.memory: dict[str, torch.Tensor] = {}
        self.made: dict[Any, torch.Tensor] = {}

    def of(self, model: str, kind: str) -> dict[str, torch.Tensor]:
        """The tensors of one program: its ``weights`` or its ``constants``."""
        config = f"data/{kind}/{model}_{kind}_config.json"
        if not self.archive.has(config):
            if self.archive.has(f"data/{kind}/{model}.pt"):
                raise FileError(
                    f"data/{kind}/{model}.pt is a pickle: a file of an old version of torch",
                    code="MG-F103",
                    hint="write it again: torch.export.save(torch.export.load(path), path).",
                )
            raise FileError(f"{config} is missing")
        entries = _json(self.archive, config)
        try:
            return {
                checked(name, str): self._tensor(f"data/{kind}/", entry)
                for name, entry in entries["config"].items()
            }
        except FileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError,
                RecursionError) as error:  # fmt: skip
            raise FileError(f"{config} is damaged: {type(error).__name__} {error}"[:300]) from None

    def _tensor(self, folder: str, entry: Any) -> torch.Tensor:
        record = folder + checked(entry["path_name"], str)
        if entry["use_pickle"]:
            return self._pickled(record)
        meta = entry["tensor_meta"]
        dtype, device = DTYPES[meta["dtype"]], device_of(meta["device"])
        sizes, strides = (
            tuple(checked(n["as_int"], int) for n in meta[key]) for key in ("sizes", "strides")
        )
        offset = checked(meta["storage_offset"]["as_int"], int)
        requires_grad = checked(meta["requires_grad"], bool)
        is_parameter = bool(entry["is_param"])
        key = (record, sizes, strides, offset, dtype, device, is_parameter, requires_grad)
        if key not in self.made:
            found = self._viewed(record, sizes, strides, offset, dtype, device)
            if is_parameter:
                found = nn.Parameter(found, requires_grad=requires_grad)
            self.made[key] = found
        return self.made[key]

    def _viewed(
        self,
        record: str,
        sizes: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> torch.Tensor:
        if len(sizes) != len(strides) or min((*sizes, *strides, offset, 0)) < 0:
            raise FileError(f"{record} is damaged: sizes {sizes}, strides {strides}")
        if not self.weights:
            return torch.empty_strided(sizes, strides, dtype=dtype, device="meta")
        if record not in self.memory:
            self.memory[record] = self.archive.memory(record)
        memory = self.memory[record]
        last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
        is_empty = 0 in sizes
        if not is_empty and (last + 1) * dtype.itemsize > len(memory):
            raise FileError(f"{record} is truncated: {len(memory)} bytes for sizes {sizes}")
        if is_empty:
            found = torch.empty_strided(sizes, strides, dtype=dtype)
        else:
            whole = memory[: len(memory) // dtype.itemsize * dtype.itemsize].view(dtype)
            found = torch.as_strided(whole, sizes, strides, offset)
        return found if device.type == "cpu" else found.to(device)

    def _pickled(self, record: str) -> torch.Tensor:
        if not self.trusted:
            raise FileError(
                f"{record} is a pickle, which could run anything",
                code="MG-F103",
                hint="if you know who wrote the file: load(path, trusted=True).",
            )
        found = torch.load(io.BytesIO(self.archive.bytes(record)), weights_only=False)
        assert isinstance(found, torch.Tensor)
        return found
