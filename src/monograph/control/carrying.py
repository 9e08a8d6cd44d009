"""Leaves that go round in a loop, and what branches and loops do to values alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from monograph.capture.abstract import AbstractTensor
from monograph.capture.aliasing import Value
from monograph.capture.operators.data_dependence import tensor_of_truth
from monograph.capture.recorder import Recorder
from monograph.capture.sizes import in_sizes
from monograph.control.branches import unflatten
from monograph.control.results import Mismatch, table
from monograph.diagnostics import ControlFlowError
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.ir.structure import Structure
from monograph.shapes.expr import Expr, Int
from monograph.shapes.symnode import expression_of

__all__ = [
    "Carried",
    "as_spec",
    "explain",
    "is_same",
    "rebuilt",
    "start_of",
    "tensor_of",
]

aten = torch.ops.aten


@dataclass
class Carried:
    """A leaf that goes round: what is known of it so far.

    ``kind``: ``constant`` (it never changes), ``tensor``, ``int``, or ``bool`` and ``float`` (which
    go round as tensors). ``varying``: the dimensions whose size changes. ``lowest``: a bound of an
    ``int`` that only grows; ``is_guessed``: which it may not do.
    """

    name: str
    first: object  # as the program has it before the loop
    initial: object
    kind: str
    dtype: torch.dtype | None = None
    varying: set[int] = field(default_factory=set)
    is_dense: bool = False
    lowest: int | None = None
    is_guessed: bool = False
    given: object = None  # what the body gets, in the latest attempt
    spec: TensorSpec | Expr | None = None
    is_written: bool = False  # in place, by the body
    may_be: list[Value] = field(default_factory=list)  # tensors of the outside that it returns
    tracks: int = 0
    end: Value | None = None  # whose memory it is after an iteration

    def as_tensor_dtype(self) -> torch.dtype:
        """The dtype in which a truth or a float goes round."""
        return torch.bool if self.kind == "bool" else torch.float64

    @property
    def tensor_spec(self) -> TensorSpec:
        """What stands for a leaf that goes round as a tensor."""
        assert isinstance(self.spec, TensorSpec)
        return self.spec

    @property
    def symbol(self) -> Expr:
        """What stands for an ``int``."""
        assert isinstance(self.spec, Expr)
        return self.spec

    @property
    def initial_tensor(self) -> torch.Tensor:
        """What a ``tensor`` is before the loop."""
        assert isinstance(self.initial, torch.Tensor)
        return self.initial

    @property
    def initial_size(self) -> Int:
        """What an ``int`` is before the loop."""
        found = expression_of(self.initial)
        assert isinstance(found, (int, Expr))
        return found

    @property
    def given_tensor(self) -> AbstractTensor:
        """What the body gets for a ``tensor``."""
        assert isinstance(self.given, AbstractTensor)
        return self.given


def start_of(name: str, leaf: object) -> Carried:
    """A leaf of what a loop starts from."""
    if isinstance(leaf, torch.Tensor):
        return Carried(name, leaf, leaf, "tensor", leaf.dtype)
    return Carried(name, leaf, leaf, "constant")


def is_same(left: object, right: object) -> bool:
    """Whether two leaves that are no tensors are one constant."""
    if in_sizes(left) or in_sizes(right):
        return bool(expression_of(left) == expression_of(right))
    if type(left) is not type(right) or isinstance(left, torch.Tensor):
        return False
    try:
        return bool(left == right)
    except Exception:
        return False


def tensor_of(recorder: Recorder, number: object, dtype: torch.dtype) -> torch.Tensor:
    """A number as a tensor without dimensions, of ``dtype`` or what the two promote to."""
    if isinstance(number, torch.Tensor):
        return number
    if isinstance(number, torch.SymBool):
        return tensor_of_truth(recorder, number, dtype)
    probe = torch.empty((), dtype=dtype)
    sample: float = 1.0
    if isinstance(number, (int, torch.SymInt)):
        sample = True if isinstance(number, bool) else 1
    dtype = torch.result_type(probe, sample)
    return recorder.call(aten.scalar_tensor.default, (number,), {"dtype": dtype})


def as_spec(recorder: Recorder, tensor: torch.Tensor, spec: TensorSpec) -> AbstractTensor:
    """``tensor`` with the dtype and the order of strides of ``spec``."""
    if recorder.value_of(tensor).spec.dtype != spec.dtype:
        tensor = recorder.call(aten._to_copy.default, (tensor,), {"dtype": spec.dtype})
    have = recorder.value_of(tensor).spec
    want = spec.strides if have.shape == spec.shape else contiguous_strides(have.shape)
    if have.strides != want:
        keywords = {"memory_format": torch.contiguous_format}
        tensor = recorder.call(aten.clone.default, (tensor,), keywords)
    return recorder.value_of(tensor).abstract()


def explain(mismatch: Mismatch, columns: Sequence[str], recorder: Recorder) -> ControlFlowError:
    """The error for two sides that are no one thing."""
    return ControlFlowError(
        f"{mismatch.what}\n{table(columns, mismatch.rows)}",
        code=mismatch.code,
        where=recorder.here(),
        hint=mismatch.hint,
    )


def rebuilt(structures: Sequence[Structure], leaves: Sequence[object]) -> list[object]:
    """Values of these structures from all their leaves in a row."""
    found: list[object] = []
    at = 0
    for structure in structures:
        count = structure.num_leaves
        found.append(unflatten(structure, leaves[at : at + count]))
        at += count
    return found
