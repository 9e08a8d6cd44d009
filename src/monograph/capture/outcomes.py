"""What operators return: from memory, else inferred, else from what is known of their values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.registry import RESCUES
from monograph.diagnostics import DataDependentError, ExportError
from monograph.inference.fakes import Outcome
from monograph.inference.infer import infer
from monograph.inference.rules.attention import attention_state
from monograph.torch_internals import Operator

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["Outcomes"]

_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
# Views that are refused for how their argument lies, and for no other reason.
_OF_LAYOUTS = frozenset(
    {
        torch.ops.aten.view.default,
        torch.ops.aten.view.dtype,
        torch.ops.aten.view_as_complex.default,
    }
)
_RESCUES = ("known values", "new symbols", "parts", "example")  # in this order

# Outcomes of built-in operators hold for the whole process; those of custom operators only for
# one capture, because their fake implementation is the user's and may change.
# A key begins with the identity of the operator, whose hash would be computed in Python; an
# operator is kept as long as outcomes of it are, so that no other can have its identity.
_memo: dict[tuple[Any, ...], Outcome] = {}
_operators: dict[int, Operator] = {}
_MEMO_LIMIT = 200_000


class Outcomes:
    """The outcomes of one capture."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._local: dict[tuple[Any, ...], Outcome] = {}
        self._operators: dict[int, Operator] = {}

    def find(
        self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]
    ) -> Outcome:
        """What ``op`` returns: from the memo, else inferred."""
        if op is _ATTENTION:
            key = (*key, attention_state())
        try:
            outcome = _memo.get(key) or self._local.get(key)
        except TypeError:  # an argument that cannot be hashed
            outcome = None
        return outcome if outcome is not None else self._infer(op, args, kwargs, key)

    def known(self, key: tuple[Any, ...]) -> Outcome | None:
        """What was inferred in this capture, for all sizes that it is for."""
        return self._local.get(key)

    def take(self, outcomes: Outcomes) -> None:
        """What was inferred elsewhere for the same sizes."""
        self._local.update(outcomes._local)
        self._operators.update(outcomes._operators)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """What is inferred meanwhile holds for the sizes that are supposed meanwhile."""
        before, self._local = self._local, self._local.copy()
        try:
            yield
        finally:
            self._local = before

    def forget(self, key: tuple[Any, ...]) -> None:
        """It holds for some sizes only."""
        self._local.pop(key, None)

    def _infer(
        self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]
    ) -> Outcome:
        recorder, sizes = self._recorder, self._recorder.sizes
        specs = tuple(recorder.to_specs(arg) for arg in args)
        spec_kwargs = {name: recorder.to_specs(arg) for name, arg in kwargs.items()}
        env = sizes.env
        symbols = len(env.symbols)
        try:
            outcome = infer(op, specs, spec_kwargs, recorder.context.unpatched, env)
        except ExportError as error:
            for way in _RESCUES:
                found = RESCUES[way](recorder, op, args, kwargs, specs, spec_kwargs, error)
                if found is not None:
                    return found
            _place(recorder, error, args)
            if op in _OF_LAYOUTS and isinstance(args[0], torch.Tensor):
                # Who catches it goes on as for arguments that lie like these.
                recorder.layouts.rely_on_strides(recorder.value_of(args[0]))
            raise
        if len(env.symbols) > symbols and sizes.adopt(symbols, outcome):
            return outcome  # its sizes are this call's own
        memo, operators = self._local, self._operators
        if op.namespace in ("aten", "prims") and not outcome.is_symbolic(key):
            memo, operators = _memo, _operators
            if len(memo) > _MEMO_LIMIT:
                memo.clear()
        with contextlib.suppress(TypeError):
            memo[key] = outcome
            operators[key[0]] = op
        return outcome


def _place(recorder: Recorder, error: ExportError, args: tuple[Any, ...]) -> None:
    """Note the line of an operator that is refused, and where its arguments have come from."""
    error.where = error.where or recorder.here()
    if isinstance(error, DataDependentError):
        from monograph.capture.provenance import lines_to

        tensors = [a for arg in args for a in (arg if isinstance(arg, (list, tuple)) else [arg])]
        nodes = [recorder.value_of(a).node for a in tensors if isinstance(a, torch.Tensor)]
        error.origins = lines_to(nodes, error.where)
