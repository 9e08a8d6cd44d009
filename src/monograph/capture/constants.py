"""Tensors whose values are known while capturing: computed from constants alone, on demand.

Nothing is evaluated ahead of time. Where Python asks for a value (``if t:``, ``t.item()``), the
part of the graph that made it is run, provided that it starts from constants only.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node, map_arg

from monograph.ir.operators import is_random
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import SUBGRAPHS
from monograph.torch_internals import real_operators

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["example_in_words", "example_of", "known_value"]

_MOST_NODES = 2000
_LIMIT = 1 << 24  # elements of one intermediate result


def known_value(recorder: Recorder, node: Node, *, use_examples: bool) -> torch.Tensor | None:
    """The value of ``node`` if it follows from constants (or, if asked, example inputs).

    ``use_examples`` is for ``assume_constant_result``, and for going on after a refusal: the
    answer is then only right for the example inputs.
    """
    found = _found(recorder, node, use_examples)
    return found if isinstance(found, torch.Tensor) else None


def example_of(recorder: Recorder, node: Node) -> object:
    """The tensor or the number that ``node`` is for the example inputs; None if it is random."""
    return _found(recorder, node, True)


def example_in_words(recorder: Recorder, node: Node) -> str:
    """``; with your example inputs it is True``, where one number is cheap to compute."""
    cost, seen, stack = 0, {node}, [node]
    while stack:
        current = stack.pop()
        spec = current.meta.get("val")
        numel = spec.numel if isinstance(spec, TensorSpec) else 0
        cost += numel if isinstance(numel, int) else 0
        if cost > _LIMIT or len(seen) > _MOST_NODES:
            return ""
        new = [source for source in current.all_input_nodes if source not in seen]
        seen.update(new)
        stack += new
    try:
        found = example_of(recorder, node)
    except Exception:  # what eager mode would say, it says when it is asked
        return ""
    if not isinstance(found, torch.Tensor) or found.numel() != 1 or found.device.type == "meta":
        return ""
    return f"; with your example inputs it is {found.item()}"


def _found(recorder: Recorder, node: Node, use_examples: bool) -> object:
    cache = recorder.example_values if use_examples else recorder.known
    if node not in cache:
        with real_operators():
            _fill(recorder, node, cache, use_examples)
    return cache[node]


def _fill(recorder: Recorder, node: Node, cache: dict[Node, Any], use_examples: bool) -> None:
    """Evaluate ``node`` and all that it needs."""
    constants = {
        o.node: o.tensor for o in recorder.origins if o.kind == "constant" and not o.mutated
    }
    if use_examples:
        constants |= {o.node: o.tensor for o in recorder.origins}
    stack = [(node, False)]
    visited: set[Node] = set()
    while stack:  # depth first, without Python's recursion limit
        current, is_ready = stack.pop()
        if is_ready:
            cache[current] = _evaluate(current, cache, constants)
        elif current not in visited and current not in cache:
            visited.add(current)
            stack.append((current, True))
            stack.extend((source, False) for source in current.all_input_nodes)


def _evaluate(node: Node, cache: dict[Node, Any], constants: dict[Node, torch.Tensor]) -> object:
    if node.op == "placeholder":
        tensor = constants.get(node)
        return None if tensor is None else tensor.detach()
    if node.op != "call_function" or is_random(node.target) or SUBGRAPHS in node.meta:
        return None
    if any(cache.get(source) is None for source in node.all_input_nodes):
        return None
    spec = node.meta["val"]
    if isinstance(spec, TensorSpec) and isinstance(spec.numel, int) and spec.numel > _LIMIT:
        return None
    target: Any = node.target
    if target is operator.getitem:
        return cache[node.args[0]][node.args[1]]  # type: ignore[index]
    if str(target).startswith("aten.empty") or str(target).startswith("aten.new_empty"):
        return None  # memory as it comes is no value
    args = map_arg(node.args, cache.__getitem__)
    kwargs = map_arg(node.kwargs, cache.__getitem__)
    return target(*args, **kwargs)
