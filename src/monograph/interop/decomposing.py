"""Programs of torch's that are decomposed by templates, and what becomes one."""

from __future__ import annotations

import copy
import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

from torch.export import CustomDecompTable, load, save
from torch.export import ExportedProgram as TorchProgram

from monograph.diagnostics import MonographError
from monograph.interop.importing import from_torch
from monograph.interop.private import choosable_composites
from monograph.interop.reflected import Taking, is_known, tree_spec
from monograph.interop.torch_export import converted
from monograph.ir.call_plan import arguments_of
from monograph.ir.program import Parts
from monograph.passes.decomposed import decomposed
from monograph.passes.table import Decompositions

__all__ = ["Decomposing", "as_installed", "to_torch"]

_log = logging.getLogger("monograph.installed")


def to_torch(program: Parts) -> TorchProgram:
    """The program as torch's, over the same tensors.

    Sizes become symbols of a torch ``ShapeEnv``; what the program demands of them beyond ranges
    becomes assertions at the start of its graph. What it has read of layouts is checked by the
    module of torch's program, and by that of what torch loads; torch's passes forget it. A program
    whose arguments or results are of classes that torch's pytree does not know is one that
    decomposes itself: torch, which calls it for that, cannot.

    Raises:
        InteropError: MG-F104, for what torch has no word for.
    """
    plan = program.plan
    is_traced = is_known(tree_spec(arguments_of(plan))) and is_known(tree_spec(plan.result))
    return converted(program)[0] if is_traced else as_installed(program)


def as_installed(parts: Parts) -> TorchProgram:
    """A program as torch's, of the kind that is given where Monograph is installed."""
    return converted(parts, kinds=(Decomposing, _DecomposingTaking))[0]


class Decomposing(TorchProgram):
    """A program of torch's that is decomposed by templates.

    It remembers nothing of ours: its graph may be edited between export and decomposition, as
    quantisers do, and is read as it is then.
    """

    def run_decompositions(
        self,
        decomp_table: Mapping[Any, Callable[..., object]] | None = None,
        decompose_custom_triton_ops: bool = False,
    ) -> TorchProgram:
        """The same program with other operators: one of this class again.

        What cannot be read, since it was edited or holds what only torch knows, torch decomposes.

        Raises:
            DecompositionError: MG-O102, for a rule that fails or gives another result.
        """
        if decompose_custom_triton_ops:
            return super().run_decompositions(decomp_table, decompose_custom_triton_ops)
        try:
            parts = from_torch(self)
        except MonographError as error:
            _log.warning("torch decomposes the program, which is not read here: %s", error)
            return super().run_decompositions(decomp_table)
        return as_installed(decomposed(parts, _rules(decomp_table)))

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the program's file: torch's own pickles lose what is noted on nodes."""
        file = io.BytesIO()
        save(self, file)
        return _of_bytes, (type(self), file.getvalue())

    def __copy__(self) -> TorchProgram:
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchProgram:
        made = memo[id(self)] = type(self).__new__(type(self))
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


class _DecomposingTaking(Decomposing, Taking):
    """Such a program, whose module takes arguments of any class."""


def _of_bytes(kind: type[TorchProgram], content: bytes) -> TorchProgram:
    made = kind.__new__(kind)
    made.__dict__.update(load(io.BytesIO(content)).__dict__)
    return made


def _rules(table: Mapping[Any, Callable[..., object]] | None) -> Decompositions | None:
    """What torch's programs make of a table: composite operators that it lacks are kept whole."""
    if table is None:
        return None
    full: Mapping[Any, Callable[..., object]] = table
    if isinstance(table, CustomDecompTable):
        full = table.materialize()
    rules = Decompositions(full)
    for op in choosable_composites() - set(full):
        rules.keep(op)
    return rules
