"""The tensors of ``.pt2`` files."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import torch
from torch import nn

from monograph.diagnostics import FileError
from monograph.interop.archive import ArchiveReader
from monograph.interop.graphs import checked, device_of
from monograph.interop.private import DTYPES, object_from_bytes
from monograph.interop.schema import Record

__all__ = ["TensorReader", "json_of"]

_OLD = {"weights": "serialized_state_dict.pt", "constants": "serialized_constants.pt"}


def json_of(archive: ArchiveReader, name: str) -> Any:
    """What a record of JSON says."""
    try:
        return json.loads(archive.text(name))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{name} is damaged: {error}") from None


class TensorReader:
    """The tensors of an archive; each record is read once."""

    def __init__(self, archive: ArchiveReader, weights: bool, trusted: bool) -> None:
        self.archive = archive
        self.weights = weights
        self.trusted = trusted
        self.memory: dict[str, torch.Tensor] = {}
        self.made: dict[Any, torch.Tensor] = {}
        self.kept: list[torch.Tensor] = []  # whose identities are keys

    def of(self, model: str, kind: str) -> dict[str, Any]:
        """The tensors (and objects) of one program: its ``weights`` or its ``constants``."""
        config = f"data/{kind}/{model}_{kind}_config.json"
        if not self.archive.has(config):
            for old in (f"data/{kind}/{model}.pt", _OLD[kind]):  # of older versions of torch
                if self.archive.has(old):
                    return self._pickled_dict(old)
            raise FileError(f"{config} is missing")
        entries = json_of(self.archive, config)
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

    def _tensor(self, folder: str, entry: Record) -> object:
        record = folder + checked(entry["path_name"], str)
        if entry["use_pickle"] and entry["path_name"].startswith("custom_obj_"):
            return self._object(record)
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

    def _object(self, record: str) -> object:
        """An object of a class that C++ registered, which runs the class's own code."""
        if not self.trusted:
            raise FileError(
                f"{record} is an object that its own class reads, which could run anything",
                code="MG-F103",
                hint="if you know who wrote the file: load(path, trusted=True).",
            )
        try:
            return object_from_bytes(self.archive.bytes(record, most=1 << 62))
        except Exception as error:
            text = str(error).strip().split("\n")[0][:200]
            raise FileError(f"{record} cannot be read: {text}", code="MG-F102") from None

    def _pickled_dict(self, record: str) -> dict[str, torch.Tensor]:
        found = self._unpickled(record)
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise FileError(f"{record} is damaged: it is no dictionary of tensors")
        return {name: self._without_weight(item, record) for name, item in found.items()}

    def _pickled(self, record: str) -> torch.Tensor:
        return self._without_weight(self._unpickled(record), record)

    def _without_weight(self, found: object, record: str) -> torch.Tensor:
        if not isinstance(found, torch.Tensor):
            raise FileError(f"{record} holds a {type(found).__name__}", code="MG-F102")
        if self.weights:
            return found
        key = (record, id(found))  # tied ones stay tied
        if key not in self.made:
            moved = found.detach().to("meta")
            is_parameter = isinstance(found, nn.Parameter)
            moved = nn.Parameter(moved, found.requires_grad) if is_parameter else moved
            self.made[key] = moved
            self.kept.append(found)
        return self.made[key]

    def _unpickled(self, record: str) -> object:
        """A pickle: unless it is trusted, of tensors alone, by torch's reader for such."""
        content = io.BytesIO(self.archive.bytes(record, most=1 << 62))
        try:
            return torch.load(content, weights_only=not self.trusted)
        except pickle.UnpicklingError:
            raise FileError(
                f"{record} is a pickle of more than tensors, which could run anything",
                code="MG-F103",
                hint="if you know who wrote the file: load(path, trusted=True).",
            ) from None
        except Exception as error:
            text = str(error).strip().split("\n")[0][:200]
            raise FileError(f"{record} is damaged: {type(error).__name__} {text}") from None
