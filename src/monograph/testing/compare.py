"""Comparing exported programs with eager mode."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Interpreter, Node

from monograph.capture.abstract import spec_of
from monograph.capture.structure import flatten
from monograph.export import export
from monograph.program import ExportedProgram

__all__ = ["assert_equal", "assert_exports", "assert_specs_hold", "fresh_like"]


def assert_equal(actual: Any, expected: Any, *, tolerance: float = 0.0) -> None:
    """Two nested results are of one structure and, leaf by leaf, equal.

    Tensors must agree in shape, strides of dimensions larger than 1, dtype, device, and in value
    up to ``tolerance`` (relative and absolute).
    """
    leaves, structure = flatten(actual)
    wanted, wanted_structure = flatten(expected)
    assert structure == wanted_structure, f"{structure} != {wanted_structure}"
    for one, other in zip(leaves, wanted, strict=True):
        if isinstance(other, torch.Tensor):
            torch.testing.assert_close(
                one, other, rtol=tolerance, atol=tolerance, equal_nan=True, check_stride=False
            )
            assert significant_strides(one) == significant_strides(other)
        else:
            assert type(one) is type(other)
            assert one == other or one != one


def significant_strides(tensor: torch.Tensor) -> tuple[int, ...]:
    """The strides that matter: of dimensions with more than one element."""
    if tensor.numel() == 0:
        return ()
    return tuple(s for s, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)


def fresh_like(value: Any) -> Any:
    """Other inputs of the same structure: new random floats, the integers permuted."""
    leaves, structure = flatten(value)
    made: list[Any] = []
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor):
            made.append(leaf)
        elif leaf.is_floating_point() or leaf.is_complex():
            made.append(torch.randn_like(leaf).requires_grad_(leaf.requires_grad))
        elif leaf.dim() and leaf.numel():
            made.append(leaf.flip(-1).contiguous())
        else:
            made.append(leaf.clone())
    return structure.unflatten(made)


def assert_exports(
    f: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    tolerance: float = 0.0,
    more: Sequence[tuple[Any, ...]] = (),
) -> ExportedProgram:
    """Export ``f`` and compare with eager: on the example, on fresh inputs, on ``more``.

    State that ``f`` changes is compared after each call; every node's result is compared with
    what the graph says of it; no operator of the graph may write.
    """
    kwargs = kwargs or {}
    eager = copy.deepcopy(f) if isinstance(f, nn.Module) else f
    program = export(f, *copy.deepcopy((args, kwargs)))
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        assert schema is None or not schema.is_mutable, f"{node.target} writes"
    module = program.module()
    for call in [args, fresh_like(args), *more]:
        mine, theirs = copy.deepcopy((call, kwargs)), copy.deepcopy((call, kwargs))
        seed = torch.get_rng_state()
        actual = module(*mine[0], **mine[1])
        torch.set_rng_state(seed)
        expected = eager(*theirs[0], **theirs[1])
        assert_equal(actual, expected, tolerance=tolerance)
        assert_equal(mine, theirs, tolerance=tolerance)
        if isinstance(eager, nn.Module):
            state = {n: t for n, t in module.state_dict().items() if n in eager.state_dict()}
            for name, tensor in state.items():
                torch.testing.assert_close(
                    tensor, eager.state_dict()[name], rtol=tolerance, atol=tolerance
                )
    assert_specs_hold(program, *copy.deepcopy((args, kwargs)))
    return program


def assert_specs_hold(
    program: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> None:
    """Run the graph and compare every node's ``meta["val"]`` with what its operator returns.

    Without gradients: attention kernels choose another layout for a mask that requires grad.
    """
    leaves = flatten(args)[0] + flatten(kwargs or {})[0]
    origins = program._captured.origins
    state = [origin.tensor for origin in origins if origin.kind != "input"]
    by_name = {o.node.name: o.tensor for o in origins if o.kind != "input"}
    inputs = [
        by_name[s.arg.name] for s in program.graph_signature.input_specs if s.arg.name in by_name
    ]
    assert len(inputs) == len(state)
    with torch.no_grad():
        _Checker(program.graph_module).run(*inputs, *leaves)


class _Checker(Interpreter):
    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_function":
            _compare(n, n.meta["val"], result)
        return result


def _compare(node: Node, promised: Any, actual: Any) -> None:
    if isinstance(promised, (tuple, list)) and isinstance(actual, (tuple, list)):
        for one, other in zip(promised, actual, strict=True):
            _compare(node, one, other)
    elif isinstance(promised, torch.Tensor) and isinstance(actual, torch.Tensor):
        want, have = spec_of(promised), spec_of(actual)
        same = (
            want.shape == have.shape
            and want.dtype == have.dtype
            and want.device == have.device
            and significant_strides(promised) == significant_strides(actual)
        )
        assert same, (
            f"{node.format_node()}: promised {want} {want.strides}, got {have} {have.strides}"
        )
