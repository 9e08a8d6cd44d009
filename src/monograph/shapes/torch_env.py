"""The shape environment as torch's own Python code expects it under ``node.shape_env``."""

from __future__ import annotations

import contextlib

import torch

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import Test, both, equal, not_less
from monograph.shapes.symnode import BoolNode, FloatNode, IntNode, symbolic

__all__ = ["Facade", "Sympyish", "facade"]

Content = Real | Test


class Sympyish:
    """What torch's code reads of ``node.expr``, where it expects an expression of sympy."""

    is_Boolean = is_symbol = False

    def __init__(self, env: ShapeEnv, content: Content) -> None:
        self.env = env
        self.content = content
        self.is_number = self.is_constant = isinstance(content, (int, float))

    @property
    def free_symbols(self) -> set[object]:
        return set()  # torch looks for symbols of sympy here, to tell kinds of them apart

    def __eq__(self, other: object) -> bool:
        return self.content == (other.content if isinstance(other, Sympyish) else other)

    def __hash__(self) -> int:
        return hash(self.content)

    def __int__(self) -> int:
        content = self.content
        if isinstance(content, (int, Expr)):
            return self.env.fix(content, "torch needs this number itself")
        raise TypeError(f"{content} is no integer")

    def __str__(self) -> str:
        return str(self.content)

    __repr__ = __str__


def _content(item: Content | Sympyish) -> Content:
    return item.content if isinstance(item, Sympyish) else item


def _size(item: Int | Sympyish) -> Int:
    content = _content(item)
    if isinstance(content, (int, Expr)):
        return content
    raise TypeError(f"{content} is no integer")


class Facade:
    """The part of torch's ShapeEnv that its meta functions and fake tensors touch."""

    def __init__(self, env: ShapeEnv) -> None:
        self.env = env
        self.allow_scalar_outputs = self.allow_dynamic_output_shape_ops = False
        self.prefer_deferred_runtime_asserts_over_guards = True
        self.pending_fresh_unbacked_symbols: list[object] = []
        self.unbacked_renamings: dict[object, object] = {}
        self.replacements: dict[object, object] = {}
        self.settings = self
        self.specialize_zero_one = False
        self.trace_asserts = False
        self.should_record_events = self._translation_validation_enabled = False
        self.frozen = self.runtime_asserts_frozen = False
        self.tracked_fakes = None
        self.is_recording = False
        self._version_counter = 0
        self.fake_tensor_cache: dict[object, object] = {}

    def evaluate_sym_node(
        self,
        node: IntNode | FloatNode | BoolNode,
        size_oblivious: bool = False,
        fallback_value: bool | None = None,
    ) -> float:
        if isinstance(node, BoolNode) and (fallback_value is not None or size_oblivious):
            return self.env.probably(node.content, bool(fallback_value))
        return node.evaluate()

    def _maybe_evaluate_static(
        self, content: Content | Sympyish, **options: object
    ) -> float | None:
        content = _content(content)
        if isinstance(content, (int, float)):
            return content
        if isinstance(content, (Expr, FloatExpr)):
            return None
        return self.env.known(content)

    def _fresh(self, name: str, lo: int | None, hi: int | None = None) -> Expr:
        env = self.env
        name = env.numbered(name)
        return env.symbol(name, None, name, lo, hi, is_unbacked=True)

    def new_size(self, lo: int, hi: int | None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", lo, hi))

    def create_unbacked_symint(self, source: object = None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", None))

    def create_unbacked_symfloat(self) -> torch.SymFloat:
        name = self.env.numbered("zf")
        return symbolic(self.env, self.env.float_symbol(name, None, name))

    def create_unbacked_symbool(self) -> torch.SymBool:
        return torch.SymBool(BoolNode(self.env, equal(self._fresh("u", 0, 1), 1)))

    def _constrain_range_for_size(
        self, content: Int | Sympyish, min: int | None = None, max: int | None = None
    ) -> None:
        size = _size(content)
        self.env.assume(not_less(size, min or 0))
        if max is not None:
            self.env.assume(not_less(max, size))

    def constrain_symbol_range(self, content: Int | Sympyish, lo: int, hi: int) -> None:
        size = _size(content)
        self.env.assume(both(not_less(size, lo), not_less(hi, size)))

    def is_unbacked_symint(self, content: Content | Sympyish) -> bool:
        content = _content(content)
        if not isinstance(content, Expr):
            return False
        return any(self.env.symbols[a.name].is_unbacked for a in content.symbols())

    def has_hint(self, content: Content | Sympyish) -> bool:
        content = _content(content)
        if isinstance(content, (int, float, Expr, FloatExpr)):
            return self.env.hint(content) is not None
        return True

    def suppress_guards(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    ignore_fresh_unbacked_symbols = suppress_guards

    def freeze(self) -> None:
        """Nothing to do."""

    def is_dim_dynamic(self, *args: object) -> bool:
        return True

    def _update_version_counter(self) -> None:
        """Nothing to do."""


def facade(env: ShapeEnv) -> Facade:
    """The one facade of an environment."""
    found: Facade | None = env.scope.interned.get("facade")
    if found is None:
        found = env.scope.interned["facade"] = Facade(env)
    return found
