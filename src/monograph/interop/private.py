"""Every touch of torch's private parts beyond the door, in one place.

``tests/test_torch_internals.py`` names each fact relied on here.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch._dynamo.source import ConstantSource
from torch._export.serde.schema import Argument
from torch._export.serde.serialize import (
    _SERIALIZE_TO_TORCH_DTYPE,
    _SERIALIZE_TO_TORCH_LAYOUT,
    _SERIALIZE_TO_TORCH_MEMORY_FORMAT,
    GraphModuleSerializer,
    _dataclass_to_dict,
    serialize,
    serialize_tensor_meta,
)
from torch._export.utils import _collect_all_valid_cia_ops
from torch._export.verifier import Verifier, load_verifier
from torch._functorch import config as functorch_config
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.export import _trace, exported_program
from torch.fx._lazy_graph_module import _LazyGraphModule
from torch.utils import _pytree as pytree
from torch.utils._sympy import functions as sympy_functions
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

__all__ = [
    "DTYPES",
    "LAYOUTS",
    "MEMORY_FORMATS",
    "ConstantSource",
    "Exporter",
    "FakeTensor",
    "FakeTensorMode",
    "ValueRanges",
    "add_guards",
    "choosable_composites",
    "class_of",
    "exporter",
    "int_oo",
    "is_drafting",
    "lazy_modules",
    "node_of_serialized_type",
    "object_as_bytes",
    "object_from_bytes",
    "pytree",
    "serialized",
    "set_exporter",
    "shared_library",
    "sympy_functions",
    "tensor_meta",
    "verifier_of",
]


def node_of_serialized_type(name: str) -> tuple[type, Any] | None:
    """The type of this serialized name, and how its context is read."""
    kind = pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE.get(name)
    if kind is None:
        return None
    return kind, pytree.SUPPORTED_SERIALIZED_TYPES[kind].from_dumpable_context


# Before torch 2.12 the serialiser has no such options, and copies all tensors for nothing.
_WITHOUT_TENSORS: dict[str, Any] = {
    name: False
    for name in ("serialize_state_dict", "serialize_constants")
    if name in inspect.signature(serialize).parameters
}


def serialized(
    program: exported_program.ExportedProgram, versions: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """A ``torch.export.ExportedProgram`` without its tensors, as the schema of ``.pt2`` files.

    With numbers that are no integers among the inputs, for which the schema has a word, and torch's
    writer and reader have none.
    """
    # It warns of empty lists, which it writes, and reads, as they are.
    logger = logging.getLogger(serialize.__module__)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with _floats_as_inputs():
            artifact = serialize(program, dict(versions or {}), **_WITHOUT_TENSORS)
    finally:
        logger.setLevel(level)
    found: dict[str, Any] = json.loads(artifact.exported_program)
    return found


@contextlib.contextmanager
def _floats_as_inputs() -> Iterator[None]:
    """Let torch's writer take them, in this thread."""
    original = GraphModuleSerializer.handle_placeholder
    thread = threading.get_ident()

    def handle_placeholder(self: GraphModuleSerializer, node: torch.fx.Node) -> None:
        value = node.meta["val"]
        if threading.get_ident() != thread or not isinstance(value, torch.SymFloat):
            original(self, node)
            return
        number = self.serialize_sym_float_output(node.name, value)
        self.graph_state.inputs.append(Argument.create(as_sym_float=number))

    setattr(GraphModuleSerializer, "handle_placeholder", handle_placeholder)
    try:
        yield
    finally:
        setattr(GraphModuleSerializer, "handle_placeholder", original)


def tensor_meta(tensor: torch.Tensor) -> dict[str, Any]:
    """The schema's description of a tensor."""
    found: dict[str, Any] = _dataclass_to_dict(serialize_tensor_meta(tensor))
    return found


def class_of(item: torch.ScriptObject) -> str:
    """The name of the class that C++ registered for an object."""
    return str(item._type().qualified_name())


def object_as_bytes(item: torch.ScriptObject) -> bytes:
    """An object of such a class, as its own pickling (``def_pickle``) has it."""
    return bytes(torch._C._pickle_save(item))


def object_from_bytes(content: bytes) -> object:
    """What ``object_as_bytes`` wrote; runs the class's own code."""
    return torch._C._pickle_load_obj(content)


def shared_library(
    program: exported_program.ExportedProgram, path: str | None, options: dict[str, Any] | None
) -> Callable[..., object]:
    """What AOTInductor makes of a ``torch.export.ExportedProgram``, loaded."""
    import torch._inductor

    written = torch._inductor.aoti_compile_and_package(
        program, package_path=path, inductor_configs=options
    )
    return torch._inductor.aoti_load_package(written)


DTYPES: dict[int, torch.dtype] = dict(_SERIALIZE_TO_TORCH_DTYPE)
LAYOUTS: dict[int, torch.layout] = dict(_SERIALIZE_TO_TORCH_LAYOUT)
MEMORY_FORMATS: dict[int, torch.memory_format] = dict(_SERIALIZE_TO_TORCH_MEMORY_FORMAT)

_lock = threading.Lock()


@contextlib.contextmanager
def lazy_modules() -> Iterator[None]:
    """Graph modules that print their code when it is first asked for: half of the time."""
    with _lock:
        before = exported_program._create_graph_module_for_export
        exported_program._create_graph_module_for_export = _LazyGraphModule
        try:
            yield
        finally:
            exported_program._create_graph_module_for_export = before


def verifier_of(dialect: str) -> type[Verifier]:
    """What checks programs of a dialect; of one that is not known here, what checks all."""
    try:
        return load_verifier(dialect)
    except KeyError:
        return Verifier


def add_guards(program: exported_program.ExportedProgram, lines: list[str]) -> None:
    """More demands of a program's arguments, as Python; its module checks them."""
    program._guards_code = [*program._guards_code, *lines]


Exporter = Callable[..., exported_program.ExportedProgram]


def exporter() -> Exporter:
    """What all of ``torch.export.export``, ``draft_export`` and their kin come to in the end.

    They look it up in its module whenever they are called, so that another in its place also
    serves whoever has imported ``export`` by name.
    """
    found: Exporter = _trace._export_for_training
    return found


def set_exporter(found: Exporter) -> None:
    """Put another in its place."""
    setattr(_trace, "_export_for_training", found)


def is_drafting() -> bool:
    """Whether ``torch.export.draft_export`` is what exports."""
    return bool(functorch_config.fake_tensor_propagate_real_tensors)


def choosable_composites() -> set[Any]:
    """The composite operators that torch keeps whole where a table of decompositions lacks them."""
    return set(_collect_all_valid_cia_ops())
