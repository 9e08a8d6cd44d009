"""Programs in files: ``.pt2`` archives, as ``torch.export`` writes and reads them.

What the schema has no word for (names of dimensions, assumptions, which result is an argument)
lies beside it, in ``data/extra/monograph/``.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import torch
from torch import nn

from monograph.diagnostics import FileError, InteropError
from monograph.interop.archive import ArchiveReader, ArchiveWriter, written_whole
from monograph.interop.functional import functional
from monograph.interop.layouts import written_layouts
from monograph.interop.parameters import written_parameters
from monograph.interop.private import class_of, object_as_bytes, pytree, serialized, tensor_meta
from monograph.interop.reading import Notes, program_of
from monograph.interop.reflected import Given
from monograph.interop.structures import exact_json
from monograph.interop.tensors import TensorReader, json_of
from monograph.interop.torch_export import converted
from monograph.ir.program import Parts
from monograph.ir.spec import TensorSpec
from monograph.torch_internals import bits_of, with_bits

__all__ = ["Contents", "as_bytes", "load_programs", "of_bytes", "save_programs"]

Path = str | os.PathLike[str] | IO[bytes]
# What we know of a program beyond the schema; not among the extra files, which are the user's.
_NOTES, _OLD_NOTES = "data/extra/monograph/", "extra/monograph/"
_VARIANTS = _NOTES + "variants/names.json"


@dataclass(frozen=True)
class Contents:
    """The programs of a file by their names; ``are_variants``: together they are one program."""

    programs: dict[str, Parts]
    are_variants: bool = False


def save_programs(
    contents: Contents,
    path: Path,
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
    versions: Mapping[str, int] | None = None,
    protocol: int = 2,
) -> None:
    """Write several programs to one file; tensors that they share are written once.

    ``versions``: of operators, by namespace, as the file tells them. ``protocol``: of pickles.
    """
    programs = contents.programs
    written = {name: _written(program, versions) for name, program in programs.items()}
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
            objects = {
                n: item
                for n, item in program.attributes.items()
                if isinstance(item, torch.ScriptObject)
            }
            for payload, tensors, kind in (
                (weights, program.state_dict, "weights"),
                (constants, {**program.constants, **objects}, "constants"),
            ):
                config = json.dumps({"config": payload.add(tensors)})
                archive.text(f"data/{kind}/{name}_{kind}_config.json", config)
            archive.text(f"models/{name}.json", data)
            archive.bytes(f"data/sample_inputs/{name}.pt", _example(program, protocol))
            archive.text(f"{_NOTES}{name}.json", notes)
        if contents.are_variants:
            archive.text(_VARIANTS, json.dumps(list(programs)))
        for name, content in (extra_files or {}).items():
            beside = content if isinstance(content, bytes) else content.encode()
            archive.bytes(f"extra/{name}", beside)
        archive.close()


def as_bytes(program: Parts) -> bytes:
    """The file of one program."""
    file = io.BytesIO()
    save_programs(Contents({"model": program}), file)
    return file.getvalue()


def of_bytes(content: bytes) -> Parts:
    """The program of a file that is trusted."""
    return load_programs(io.BytesIO(content), trusted=True).programs["model"]


class _Payload:
    """Tensors in records, each memory once: names of tied weights lead to the same record."""

    def __init__(self, archive: ArchiveWriter, prefix: str) -> None:
        self.archive = archive
        self.prefix = prefix
        self.records: dict[Any, str] = {}
        self.kept: list[torch.Tensor] = []
        self.objects = 0

    def _object(self, name: str, item: torch.ScriptObject) -> dict[str, Any]:
        record = f"custom_obj_{self.objects}"
        self.objects += 1
        try:
            content = object_as_bytes(item)
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise InteropError(
                f"{name}, a {class_of(item)}, cannot be written: {reason}",
                hint="its class must say how: def_pickle() where it is registered in C++.",
            ) from error
        self.archive.bytes(f"data/constants/{record}", content)
        return {"path_name": record, "is_param": False, "use_pickle": True, "tensor_meta": None}

    def add(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.ScriptObject):
                config[name] = self._object(name, tensor)
                continue
            if tensor.device.type == "meta":
                raise InteropError(
                    f"{name} has no values to write: it is on the meta device",
                    hint="give it values first: ep.load_state_dict(state_dict).",
                )
            is_parameter = isinstance(tensor, nn.Parameter)
            tensor = with_bits(tensor, 0)  # others read the memory as it is
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
                "is_param": is_parameter,
                "use_pickle": False,
                "tensor_meta": tensor_meta(tensor.detach().requires_grad_(tensor.requires_grad)),
            }
        return config


def _written(program: Parts, versions: Mapping[str, int] | None) -> tuple[str, str]:
    """The program, and what we know beyond it, as text."""
    theirs, symbols = converted(program, is_for_files=True)
    try:
        data = serialized(theirs, versions)
    except InteropError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise InteropError(
            f"the .pt2 format has no form for a part of this program: {reason}",
            hint="register the class under a name: torch.export.register_dataclass(C, "
            'serialized_type_name="C"); torch.utils._pytree._register_namedtuple(C, '
            'serialized_type_name="C").'
            if "regist" in reason
            else "the program itself goes on in memory: ep.to_torch().",
        ) from error
    plan = program.plan
    root = next(e["signature"] for e in data["graph_module"]["module_call_graph"] if not e["fqn"])
    exact = {
        "in": exact_json(program.call_spec.in_spec, root["in_spec"]),
        "out": exact_json(program.call_spec.out_spec, root["out_spec"]),
    }
    notes: Notes = {
        "version": 1,
        "symbols": symbols.names,
        "training": plan.training,
        "parameters": written_parameters(plan.signature),
        "aliases": plan.aliases,
        "twins": plan.twins,
        "writes": [o.target for o in program.signature.output_specs if o.kind.is_mutation],
        "hidden": [i for i, write in enumerate(plan.writes) if write.is_hidden],
        "layouts": written_layouts(plan.layouts),
        "ordered": {
            path: [name for _, name in keys]
            for structure, start in ((plan.args, "*args"), (plan.kwargs, "*kwargs"))
            for path, keys in structure.ordered_keys(start)
        },
        "bits": {
            n.name: bits
            for n in program.graph.nodes
            if n.op == "placeholder" and (bits := _bits_of(n.meta["val"]))
        },
        "assumptions": [[a.kind, str(a)] for a in program.assumptions],
        "structures": {side: told for side, told in exact.items() if told is not None},
    }
    return json.dumps(data), json.dumps(notes)


def _bits_of(value: Any) -> int:
    """The conjugate and negative bits of a placeholder, which the format does not have."""
    if isinstance(value, torch.Tensor):
        return bits_of(value)
    return value.bits if isinstance(value, TensorSpec) else 0


def _example(program: Parts, protocol: int) -> bytes:
    """The example inputs, where they are tensors and plain values; torch reads them back."""
    buffer = io.BytesIO()
    inputs = program.example_inputs
    plain = (int, float, bool, str, type(None))
    if inputs is not None:
        inputs = Given.of(inputs, is_for_files=True)
        leaves = pytree.tree_leaves(inputs)
        is_plain = all(type(leaf) in plain or isinstance(leaf, torch.Tensor) for leaf in leaves)
        inputs = inputs if is_plain else None
    try:
        torch.save(inputs, buffer, pickle_protocol=protocol)
    except Exception:  # of a class that cannot be pickled
        buffer = io.BytesIO()
        torch.save(None, buffer)
    return buffer.getvalue()


def load_programs(
    path: Path,
    *,
    weights: bool = True,
    trusted: bool = False,
    extra_files: dict[str, str | bytes] | None = None,
    versions: Mapping[str, int] | None = None,
) -> Contents:
    """Read all programs of a file; tensors that they share are shared.

    ``versions``: of operators, by namespace, beyond which a file is refused.
    """
    with ArchiveReader(path) as archive:
        if extra_files is not None:
            folder = "extra_files/" if archive.is_old else "extra/"
            for name in archive.names(folder):
                if not name.startswith("monograph/"):
                    extra_files[name] = _text_or_bytes(archive.bytes(folder + name))
        tensors = TensorReader(archive, weights, trusted)
        if archive.is_old:
            found = _read(archive, tensors, "model", trusted, *_OLD, versions)
            return Contents({"model": found})
        names = [n.removesuffix(".json") for n in archive.names("models/") if n.endswith(".json")]
        if not names:
            raise FileError(
                f"{_named(path)}: not a .pt2 file with a program in it",
                hint="weights alone are read with torch.load, and given to a model or a program "
                "by load_state_dict.",
            )
        are_variants = archive.has(_VARIANTS)
        if are_variants:
            names = _in_order(names, json_of(archive, _VARIANTS))
        programs = {
            name: _read(
                archive,
                tensors,
                name,
                trusted,
                f"models/{name}.json",
                f"data/sample_inputs/{name}.pt",
                versions,
            )
            for name in names
        }
        return Contents(programs, are_variants)


def _in_order(names: list[str], order: object) -> list[str]:
    """The names of variants in the order in which calls choose."""
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(names):
        raise FileError(f"{_VARIANTS} is damaged: the file has other variants")
    return list(map(str, order))


def _text_or_bytes(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


# Where torch put a program and its example inputs before 2.8.
_OLD = ("serialized_exported_program.json", "serialized_example_inputs.pt")


def _read(
    archive: ArchiveReader,
    tensors: TensorReader,
    name: str,
    trusted: bool,
    path: str,
    inputs: str,
    versions: Mapping[str, int] | None,
) -> Parts:
    data = json_of(archive, path)
    _require_known(data, versions or {})
    noted = next((n for n in (_NOTES, _OLD_NOTES) if archive.has(f"{n}{name}.json")), None)
    notes = {} if noted is None else json_of(archive, f"{noted}{name}.json")
    if not isinstance(notes, dict):
        raise FileError(f"{noted}{name}.json is damaged")
    example = _read_example(archive.bytes(inputs), trusted) if archive.has(inputs) else None
    found = program_of(
        data, tensors.of(name, "weights"), tensors.of(name, "constants"), example, notes
    )
    return functional(found)


def _require_known(data: object, versions: Mapping[str, int]) -> None:
    """Refuse a program of later operators than ``versions``."""
    told = data.get("opset_version") if isinstance(data, dict) else None
    for namespace, known in versions.items():
        found = told.get(namespace) if isinstance(told, dict) else None
        if isinstance(found, int) and found > known:
            raise FileError(
                f"the file has operators of {namespace} in version {found}, and {known} is known",
                code="MG-F102",
                hint="save the program again with opset_version=, or expect its version.",
            )


def _read_example(content: bytes, trusted: bool) -> Any:
    """The example inputs; None where they are more than tensors and plain values, or not here."""
    try:
        return Given.restored(torch.load(io.BytesIO(content), weights_only=not trusted))
    except Exception:
        if trusted:
            raise
        return None


def _named(path: Path) -> str:
    """A path as it is; an open file by its name, if it has one."""
    return str(path if isinstance(path, (str, os.PathLike)) else getattr(path, "name", "the file"))
