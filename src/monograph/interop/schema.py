"""The schema of ``.pt2`` files, as far as it is read: what a file that is not damaged has.

Nothing of a file is what is said here until it was looked at; whoever reads it checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

__all__ = ["Device", "GraphData", "NodeData", "Record", "TensorMeta", "Union"]

Record = Mapping[str, Any]  # an object: its fields by name
Union = Mapping[str, Any]  # an object of which one field is set, whose name is the kind of it


class Device(TypedDict):
    """``cuda:1``."""

    type: str
    index: NotRequired[int | None]


class TensorMeta(TypedDict):
    """What is said of a tensor; ``dtype`` and ``layout`` are numbers of torch's."""

    dtype: int
    sizes: list[Union]
    strides: list[Union]
    storage_offset: Union
    requires_grad: bool
    device: Device
    layout: int


class NodeData(TypedDict):
    """A call of an operator."""

    target: str
    inputs: list[Record]
    outputs: list[Union]
    metadata: NotRequired[Mapping[str, str]]
    name: NotRequired[str | None]
    is_hop_single_tensor_return: NotRequired[bool | None]


class GraphData(TypedDict):
    """A graph, and what is said of its values by their names."""

    inputs: list[Union]
    outputs: list[Union]
    nodes: list[NodeData]
    tensor_values: dict[str, TensorMeta]
    sym_int_values: dict[str, Union]
    sym_float_values: NotRequired[dict[str, Union]]
    sym_bool_values: NotRequired[dict[str, Union]]
    is_single_tensor_return: NotRequired[bool]
