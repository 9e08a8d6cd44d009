"""Composite operators (``linear``, ``layer_norm`` ...) become the operators they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.fx import Graph, GraphModule

from monograph.capture.inputs import Root
from monograph.capture.session import capture

__all__ = ["open_composites"]


def open_composites(module: GraphModule, inputs: Sequence[Any]) -> Graph:
    """A graph of the same program without composite operators.

    Requires: a functional graph, and one value for each of its placeholders.
    Ensures: the graph's inputs and outputs are in the same order; no operator of it has a
    ``CompositeImplicitAutograd`` kernel only.
    """
    root = Root(module, module.forward, None, is_module=True, training=None)
    return capture(root, tuple(inputs), {}, opens=True).graph
