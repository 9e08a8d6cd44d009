"""What is noted on the nodes of a graph: the keys of ``node.meta``, and what is under each.

``val``
    What the node gives. While a program is captured, and in every pass, it is *noted*: a
    ``TensorSpec`` for a tensor, an ``Expr``, a ``FloatExpr`` or a test (``Compare``, ``OneOf``,
    ``CompareFloats``, ``All``, ``Some``) for a number that varies, a tuple of these for an operator
    with several results (None for one that it does not give), the value itself of an argument that
    is a constant, None for an operator without results. When ``ExportedProgram.graph`` is read for
    the first time, it is *shown*: an abstract tensor in place of each spec, and a ``SymInt``,
    ``SymFloat`` or ``SymBool`` in place of each expression. ``noted(val)`` is the noted form of
    either; readers that must work at any time ask for that. Outputs and ``get_attr`` have none.
``location``
    The user's line (``SourceLine``) that the node comes from; None, or missing, where none is
    known. Of programs that were captured here.
``stack_trace``
    The same as text, in the form of a traceback. Programs from files have it instead of
    ``location``; others get it from ``location`` when their graph is read.
``scope``
    The module that was running (``Scope``), or None at the root. Of programs that were captured
    here.
``nn_module_stack``
    The same in the form of ``torch.export``: call of a module to (path, class name). Given where
    ``stack_trace`` is.
``from_node``
    The operators that a decomposition has replaced on the way to this node, the oldest first:
    pairs of the node's name and its operator.
``subgraphs`` (``SUBGRAPHS``)
    Of a control-flow node: its ``Subgraph`` objects, in the order of its ``get_attr`` arguments.
``custom`` (``CUSTOM``)
    What the user said of the operators below ``torch.fx.traceback.annotate``: a dict, which goes
    along to programs of ``torch.export`` and into files, as every key of the user's does in passes.
``shares_memory_of`` (``SHARES``)
    Of a view: the node that it is a view of, which comes before it in the same graph. It matters
    while capturing, and inside a decomposition.

Graphs that ``to_torch`` makes are torch's, with ``torch_fn`` and ``unbacked_bindings`` as well. On
a program's own graph, keys beyond these are the user's, and every pass carries them along.
"""

from __future__ import annotations

from typing import Any

import torch

from monograph.ir.spec import spec_of
from monograph.ir.spec_tensor import SpecTensor
from monograph.shapes.symnode import expression_of

__all__ = [
    "CUSTOM",
    "FROM_NODE",
    "KEYS",
    "LOCATION",
    "NN_MODULE_STACK",
    "SCOPE",
    "SHARES",
    "STACK_TRACE",
    "SUBGRAPHS",
    "VAL",
    "noted",
    "of_user",
]

VAL = "val"
LOCATION = "location"
STACK_TRACE = "stack_trace"
SCOPE = "scope"
NN_MODULE_STACK = "nn_module_stack"
FROM_NODE = "from_node"
SUBGRAPHS = "subgraphs"
SHARES = "shares_memory_of"

CUSTOM = "custom"
KEYS = frozenset(
    {VAL, LOCATION, STACK_TRACE, SCOPE, NN_MODULE_STACK, FROM_NODE, SUBGRAPHS, SHARES, CUSTOM}
)


def of_user(meta: dict[str, Any]) -> dict[str, Any]:
    """What the user has put on a node: whatever is not ours."""
    return {key: item for key, item in meta.items() if key not in KEYS or key == CUSTOM}


def noted(val: Any) -> Any:
    """What was noted under ``val`` before the graph was read: specs and expressions.

    Raises:
        PythonFeatureError: MG-P104, for a sparse, quantized or nested tensor.
    """
    if isinstance(val, SpecTensor):
        return val.spec
    if isinstance(val, torch.Tensor):
        return spec_of(val)
    if isinstance(val, (tuple, list)):
        return type(val)(noted(item) for item in val)
    return expression_of(val)
