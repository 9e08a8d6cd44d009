"""What a capture leaves behind: the graph, and all that is to be known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Graph, Node

from monograph.capture.declare import Declaration
from monograph.capture.inputs import Arguments, Origin, Root, State
from monograph.capture.python.saved import Change
from monograph.capture.start import Leaving
from monograph.ir.assumptions import Assumption
from monograph.ir.layouts import LayoutFact
from monograph.ir.module_scope import ModuleCall
from monograph.ir.structure import Structure

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["Captured", "Output"]


@dataclass(frozen=True)
class Output:
    """One leaf of the result: a node, or (``node`` None) a constant.

    ``alias`` names the placeholder whose very tensor eager mode returns here.
    """

    node: Node | None
    constant: torch.fx.node.Argument = None
    alias: str | None = None


@dataclass
class Captured:
    """What a capture leaves behind.

    The graph's output node returns the new contents in ``mutations`` (placeholder name to
    origin, in order), then the outputs. ``dropped``: what the program replaces and nobody reads;
    ``leaving``: what it leaves behind that the next call might read (nothing is trimmed then).
    ``sizes``: those of each argument. ``numbers``: symbols of numbers that are state, and their
    first values; ``counted``: the names of these numbers.
    """

    graph: Graph
    recorder: Recorder
    root: Root
    state: State
    arguments: Arguments
    origins: list[Origin]
    mutations: list[Origin]
    outputs: list[Output]
    output_structure: Structure
    assumptions: list[Assumption]
    opaque: dict[str, Any]
    argument_nodes: list[Node]
    twins: list[tuple[str, str]]
    layouts: list[LayoutFact]
    module_calls: dict[str, list[ModuleCall]] = field(default_factory=dict)
    declared: dict[str, Declaration] = field(default_factory=dict)
    sizes: list[Any] = field(default_factory=list)
    dropped: list[Change] = field(default_factory=list)
    leaving: Leaving | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
