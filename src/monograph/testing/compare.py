"""Comparing exported programs with eager mode."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.fx import GraphModule, Interpreter, Node

from monograph.exporting import export
from monograph.ir.operators import SQUEEZING
from monograph.ir.spec import spec_of
from monograph.ir.structure import flatten
from monograph.program import ExportedProgram
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import ROUNDINGS, FloatExpr, Real, float_value
from monograph.shapes.questions import Test, symbols_of, truth
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator, schema_of
from monograph.verification import assert_equal, significant_strides

__all__ = ["assert_equal", "assert_exports", "assert_specs_hold", "fresh_like"]

Promised = Real | Test | torch.SymInt | torch.SymFloat | torch.SymBool

_T = TypeVar("_T")


def fresh_like(value: _T) -> _T:
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
    found: _T = structure.unflatten(made)
    return found


def assert_exports(
    f: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    tolerance: float = 0.0,
    more_inputs: Sequence[tuple[Any, ...]] = (),
    dynamic_shapes: object = None,
    strict: bool = False,
    verify: bool = False,
) -> ExportedProgram:
    """Export ``f`` and compare with eager: on the example, on fresh inputs, on ``more_inputs``.

    State that ``f`` changes is compared after each call; every node's result is compared with
    what the graph says of it; no operator of the graph may write. ``verify``: calls that are drawn
    over the program's contract are compared as well (``ExportedProgram.verify``).
    """
    kwargs = kwargs or {}
    eager = copy.deepcopy(f) if isinstance(f, nn.Module) else f
    example = copy.deepcopy((args, kwargs))
    program = export(f, *example, dynamic_shapes=dynamic_shapes, strict=strict)
    for node in program.graph.nodes:
        is_operator = isinstance(node.target, Operator)
        assert not is_operator or not schema_of(node.target).is_mutable, f"{node.target} writes"
    module = program.module()
    for call in [args, fresh_like(args), *more_inputs]:
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
    for call in [args, *more_inputs]:
        assert_specs_hold(program, *copy.deepcopy((call, kwargs)))
    if verify:
        program.verify(f, tolerance=max(tolerance, 1e-5))
    return program


def assert_specs_hold(
    program: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> None:
    """Run the graph and compare every node's ``meta["val"]`` with what its operator returns.

    Strides are promised for sizes from 2, and compared with these. Without gradients: attention
    kernels choose another layout for a mask that requires grad.
    """
    leaves = flatten(args)[0] + flatten(kwargs or {})[0]
    parts, plan = program.parts, program.parts.plan
    state = [parts.state[name][0] for name in plan.state]
    env, checks = parts.env, plan.sizes
    values = {} if checks is None else checks.run(leaves)
    with torch.no_grad():
        _Checker(program.graph_module, env, values).run(*state, *leaves)


class _Checker(Interpreter):
    """Runs a graph; symbols get their values from the first result that has them as a size."""

    def __init__(self, module: GraphModule, env: ShapeEnv, values: dict[str, Any]) -> None:
        super().__init__(module)
        self.size_env = env
        self.values = values
        self.squeezed: set[Node] = set()  # whose dimensions of size 1 may be left out

    def run_node(self, n: Node) -> object:
        result = super().run_node(n)
        if n.op == "call_function":
            if n.target in SQUEEZING or not self.squeezed.isdisjoint(n.all_input_nodes):
                self.squeezed.add(n)
            self.compare(n, n.meta["val"], result)
        return result

    def number(self, promised: Promised, actual: float | None) -> float:
        """The value of a promised size; ``actual`` is that of a symbol without one."""
        expr = expression_of(promised)
        if isinstance(expr, (Expr, FloatExpr)):
            names = (
                expr.symbols() if isinstance(expr, FloatExpr) else [a.name for a in expr.symbols()]
            )
            for name in names:
                if name not in self.values and not self.follows(name) and str(expr) == name:
                    self.values[name] = actual
            return float_value(expr, self.values)
        if not isinstance(expr, (int, float)):
            for name in symbols_of(expr):
                if name not in self.values and not self.follows(name):
                    self.values[name] = int(bool(actual))  # a truth that was read from a tensor
            return truth(expr, self.values)
        return expr

    def follows(self, name: str) -> bool:
        """Whether the symbol is a float made an integer, whose value is noted here."""
        definition = self.size_env.definitions.get(name)
        if definition is None or not isinstance(definition[0], str):
            return False
        self.values[name] = ROUNDINGS[definition[0]](float_value(definition[1], self.values))
        return True

    def has_units(self) -> bool:
        """Whether a size that varies is 0 or 1: kernels look at strides that lead nowhere, too."""
        return any(isinstance(value, int) and value < 2 for value in self.values.values())

    def compare_squeezed(self, promised: torch.Tensor, actual: torch.Tensor) -> None:
        """``squeeze`` has left dimensions out that are there for other sizes."""
        sizes = [self.number(size, None) for size in promised.shape]
        assert [n for n in sizes if n != 1] == [n for n in actual.shape if n != 1]
        assert promised.dtype == actual.dtype

    def compare(self, node: Node, promised: object, actual: object) -> None:
        if isinstance(promised, (tuple, list)) and isinstance(actual, (tuple, list)):
            for one, other in zip(promised, actual, strict=True):
                self.compare(node, one, other)
        elif isinstance(promised, torch.Tensor) and isinstance(actual, torch.Tensor):
            if node in self.squeezed and promised.dim() != actual.dim():
                self.compare_squeezed(promised, actual)
                return
            pairs = list(zip(promised.shape, actual.shape, strict=True))
            shape = tuple(self.number(one, other) for one, other in pairs)
            strides = tuple(self.number(stride, None) for stride in promised.stride())
            wanted = [
                t for t, n in zip(strides, actual.shape, strict=True) if n > 1 and actual.numel()
            ]
            same = (
                shape == tuple(actual.shape)
                and promised.dtype == actual.dtype
                and promised.device == actual.device
                and (self.has_units() or tuple(wanted) == significant_strides(actual))
            )
            want, have = spec_of(promised), spec_of(actual)
            assert same, (
                f"{node.format_node()}: promised {want} {want.strides}, that is {shape} {strides}; "
                f"got {have} {have.strides}"
            )
        elif isinstance(promised, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            assert isinstance(actual, (int, float)), f"{node.format_node()}: got {actual}"
            wanted_number = self.number(promised, actual)
            assert wanted_number == actual or wanted_number != wanted_number, (
                f"{node.format_node()}: promised {promised}, that is {wanted_number}; got {actual}"
            )
