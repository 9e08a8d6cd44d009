"""The shape environment as torch's own Python code expects it under ``node.shape_env``."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import both, equal, not_less
from monograph.shapes.symnode import BoolNode, symbolic

__all__ = ["Sympyish", "facade"]


class Sympyish:
    """What torch's code reads of ``node.expr``, where it expects an expression of sympy."""

    is_Boolean = is_symbol = False

    def __init__(self, env: ShapeEnv, content: Any) -> None:
        self.env = env
        self.content = content
        self.is_number = self.is_constant = isinstance(content, (int, float))

    @property
    def free_symbols(self) -> set[Any]:
        return set()  # torch looks for symbols of sympy here, to tell kinds of them apart

    def __eq__(self, other: object) -> bool:
        return self.content == (other.content if isinstance(other, Sympyish) else other)

    def __hash__(self) -> int:
        return hash(self.content)

    def __int__(self) -> int:
        return self.env.fix(self.content, "torch needs this number itself")

    def __str__(self) -> str:
        return str(self.content)

    __repr__ = __str__


def _content(item: Any) -> Any:
    return item.content if isinstance(item, Sympyish) else item


class _Facade:
    """The part of torch's ShapeEnv that its meta functions and fake tensors touch."""

    def __init__(self, env: ShapeEnv) -> None:
        self.env = env
        self.allow_scalar_outputs = self.allow_dynamic_output_shape_ops = False
        self.prefer_deferred_runtime_asserts_over_guards = True
        self.pending_fresh_unbacked_symbols: list[Any] = []
        self.unbacked_renamings: dict[Any, Any] = {}
        self.replacements: dict[Any, Any] = {}
        self.settings = self
        self.specialize_zero_one = False
        self.trace_asserts = False
        self.should_record_events = self._translation_validation_enabled = False
        self.frozen = self.runtime_asserts_frozen = False
        self.tracked_fakes = None
        self.is_recording = False
        self._version_counter = 0
        self.fake_tensor_cache: dict[Any, Any] = {}

    def evaluate_sym_node(
        self, node: Any, size_oblivious: bool = False, fallback_value: bool | None = None
    ) -> Any:
        if fallback_value is not None or size_oblivious:
            return self.env.probably(node.content, bool(fallback_value))
        return node.evaluate()

    def _maybe_evaluate_static(self, content: Any, **options: Any) -> Any:
        content = _content(content)
        if isinstance(content, (int, float)):
            return content
        if isinstance(content, (Expr, FloatExpr)):
            return None
        return self.env.known(content)

    def _fresh(self, name: str, lo: int | None, hi: int | None = None) -> Any:
        env = self.env
        name = env.numbered(name)
        return env.symbol(name, None, name, lo, hi, is_unbacked=True)

    def new_size(self, lo: int, hi: int | None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", lo, hi))

    def create_unbacked_symint(self, source: Any = None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", None))

    def create_unbacked_symfloat(self) -> torch.SymFloat:
        name = self.env.numbered("zf")
        return symbolic(self.env, self.env.float_symbol(name, None, name))

    def create_unbacked_symbool(self) -> torch.SymBool:
        return torch.SymBool(BoolNode(self.env, equal(self._fresh("u", 0, 1), 1)))

    def _constrain_range_for_size(
        self, content: Any, min: int | None = None, max: int | None = None
    ) -> None:
        content = _content(content)
        self.env.assume(not_less(content, min or 0))
        if max is not None:
            self.env.assume(not_less(max, content))

    def constrain_symbol_range(self, content: Any, lo: int, hi: int) -> None:
        content = _content(content)
        self.env.assume(both(not_less(content, lo), not_less(hi, content)))

    def is_unbacked_symint(self, content: Any) -> bool:
        content = _content(content)
        if not isinstance(content, Expr):
            return False
        return any(self.env.symbols[a.name].is_unbacked for a in content.symbols())

    def has_hint(self, content: Any) -> bool:
        return self.env.hint(_content(content)) is not None

    def suppress_guards(self) -> Any:
        return contextlib.nullcontext()

    ignore_fresh_unbacked_symbols = suppress_guards

    def freeze(self) -> None:
        """Nothing to do."""

    def is_dim_dynamic(self, *args: Any) -> bool:
        return True

    def _update_version_counter(self) -> None:
        """Nothing to do."""


def facade(env: ShapeEnv) -> Any:
    """The one facade of an environment."""
    found = env.scope.interned.get("facade")
    if found is None:
        found = env.scope.interned["facade"] = _Facade(env)
    return found
