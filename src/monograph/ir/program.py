"""What an exported program consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph

from monograph.ir.assumptions import Assumption
from monograph.ir.call_plan import CallPlan
from monograph.ir.signature import CallSpec, ExportGraphSignature, ModuleCallEntry
from monograph.shapes.constraints import Range
from monograph.shapes.env import ShapeEnv

__all__ = ["Parts"]


@dataclass
class Parts:
    """What a program consists of, wherever it comes from.

    ``attributes``: what the graph's ``get_attr`` nodes name. ``env`` has the sizes that
    vary. ``state``: tensor, kind and persistence by dotted name, tied ones under each name.
    ``plan``: what lies between a call and the graph.
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
    example_inputs: Any  # (args, kwargs), or None
