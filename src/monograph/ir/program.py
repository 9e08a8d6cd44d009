"""What an exported program consists of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Graph

from monograph.ir.assumptions import Assumption
from monograph.ir.call_plan import CallPlan
from monograph.ir.metadata import fill_metadata
from monograph.ir.signature import CallSpec, ExportGraphSignature, InputKind, ModuleCallEntry
from monograph.shapes.constraints import Range
from monograph.shapes.env import ShapeEnv

__all__ = ["DECOMPOSED", "TRAINING", "Parts"]

# The dialects of programs as they were captured, and of those whose operators were replaced.
TRAINING, DECOMPOSED = "TRAINING", "ATEN"


@dataclass
class Parts:
    """What a program consists of, wherever it comes from.

    ``attributes``: what the graph's ``get_attr`` nodes name. ``env`` has the sizes that
    vary. ``state``: tensor, kind and persistence by dotted name, tied ones under each name.
    ``plan``: what lies between a call and the graph. ``dialect``: which operators there may be, in
    the words of ``torch.export``.
    """

    graph: Graph
    attributes: dict[str, Any]
    env: ShapeEnv
    signature: ExportGraphSignature
    state: dict[str, tuple[torch.Tensor, str, bool]]
    state_dict: dict[str, Any]
    constants: dict[str, Any]
    call_spec: CallSpec
    module_calls: list[ModuleCallEntry]
    ranges: dict[str, Range]
    assumptions: list[Assumption]
    plan: CallPlan
    example_inputs: tuple[tuple[Any, ...], dict[str, Any]] | None
    dialect: str = TRAINING
    is_readable: bool = False

    def readable_graph(self) -> Graph:
        """The graph with the metadata that readers of graphs look for, written when first asked."""
        if not self.is_readable:
            fill_metadata(self.graph, self.env)
            self.is_readable = True
        return self.graph

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters with their dotted names, each once."""
        for name, tensor in self._state_of(InputKind.PARAMETER):
            if isinstance(tensor, nn.Parameter):
                yield name, tensor

    def named_buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers with their dotted names, each once."""
        return self._state_of(InputKind.BUFFER)

    def _state_of(self, kind: InputKind) -> Iterator[tuple[str, torch.Tensor]]:
        for spec in self.signature.input_specs:
            if spec.kind is kind and spec.target is not None:
                yield spec.target, self.state[spec.target][0]
