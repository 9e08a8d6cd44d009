"""What a program keeps from call to call: tensors and numbers that it replaces become its state.

A tensor that the program has read and replaced by another of its form is state of the graph. So
are numbers of which is known that they go on changing (``Start.counted``): they enter as tensors
without dimensions, and the program gets numbers that vary. What else is another thing after the
call is left to ``constraints.between_calls``, which captures the next call.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass
from types import FunctionType, GeneratorType, ModuleType
from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.operators.data_dependence import symbol_for, tensor_of_truth
from monograph.capture.python.saved import MISSING, Change, Saved, SavedGenerator, SavedTensor
from monograph.capture.python.snapshot import Changed
from monograph.capture.start import (
    NUMBERS,
    Counted,
    Leaving,
    Left,
    Start,
    abstract_leaves,
    leaf_pairs,
    place_of,
)
from monograph.diagnostics import MutationError, SourceLine
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import expression_of

if TYPE_CHECKING:
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder

__all__ = ["Kept", "side_effect"]

_HINTS = {
    "attribute": "return the value instead; or keep it in a buffer (register_buffer), which "
    "becomes state of the program.",
    "module": "build the model completely before it is exported.",
    "global": "pass the value in and return it.",
    "argument": "return the value; the exported program leaves the caller's containers alone.",
}
aten = torch.ops.aten
_DTYPES = {bool: torch.bool, int: torch.int64, float: torch.float64}


def side_effect(
    path: str,
    field: str,
    where: SourceLine | None,
    *,
    why: str = "is changed while the program runs, and stays so after the call",
    change: Change | None = None,
) -> MutationError:
    """The error for a change that outlives the call; ``change``: its line is to be found."""
    return MutationError(
        f"{path} {why}",
        code="MG-M107",
        where=where,
        hint=_HINTS.get(field, _HINTS["global"]),
        change=change,
    )


@dataclass(slots=True)
class _Number:
    """One number that is state: the tensor it comes from, and what is its content afterwards."""

    counted: Counted
    origin: Origin
    first: float
    number: object = None
    item: Node | None = None
    content: object = None


class Kept:
    """What one capture finds of it."""

    def __init__(self, recorder: Recorder, start: Start) -> None:
        self._recorder = recorder
        self._start = start
        self._numbers: list[_Number] = []
        self._changed: list[Changed] = []
        self.rebound: dict[Origin, Value] = {}  # state that the program has rebound
        self.leaks: list[Change] = []  # tensors of branches that are left in plain objects
        self.lefts: list[Left] = []
        self.dropped: list[Change] = []  # what nobody has read
        self._known: frozenset[int] = frozenset()
        self._holders: Counter[int] | None = None

    # Before the program runs -----------------------------------------------------------------

    def enter(self) -> None:
        """Numbers that count become placeholders."""
        entrance = self._recorder.entrance
        taken = {origin.target for origin in entrance.origins}
        for counted in self._start.counted:
            value, path = counted.value, _name_of(counted)
            numbers = value if isinstance(value, tuple) else (value,)
            for i, number in enumerate(numbers):
                name = _free(f"{path}.{i}" if isinstance(value, tuple) else path, taken)
                tensor = torch.tensor(number, dtype=_DTYPES[type(number)])
                entered = entrance.enter("buffer", "b_" + name.replace(".", "_"), name, tensor)
                assert entered.origin is not None
                self._numbers.append(_Number(counted, entered.origin, number))

    def put(self) -> None:
        """The program gets them as numbers that vary."""
        recorder = self._recorder
        for counted in self._start.counted:
            mine = [number for number in self._numbers if number.counted is counted]
            for each in mine:
                node = each.origin.node
                each.number = symbol_for(
                    recorder, node, each.origin.tensor.dtype, each.origin.target
                )
                each.item = next(iter(node.users))
            numbers = [each.number for each in mine]
            value = counted.value
            if not isinstance(value, tuple):
                counted.put(numbers[0])
            elif hasattr(value, "_make"):
                counted.put(value._make(numbers))
            else:
                counted.put(type(value)(numbers))

    # After it has run ------------------------------------------------------------------------

    def adopt(self, changed: list[Changed], known: frozenset[int]) -> None:
        """Tensors and numbers that the program has replaced."""
        self._changed, self._known = changed, known
        pairs: list[tuple[Left, list[tuple[torch.Tensor, torch.Tensor]]]] = []
        places = {}
        for saved, after, changes in changed:
            for change in changes:
                place = place_of(saved, change)
                places[place] = change
                if not self._start.counts(place) and not self._is_passed_over(saved, change):
                    found = self._pairs(saved, after, change)
                    if found is not None:
                        pairs.append(found)
        for number in self._numbers:
            counted = number.counted
            place = place_of(counted.saved, Change("", "", None, None, counted.key))
            if place in places:
                self._adopt_number(number, places[place])
        self._adopt_tensors(pairs)

    def _is_passed_over(self, saved: Saved, change: Change) -> bool:
        new = change.new
        if isinstance(saved, SavedGenerator):
            raise MutationError(
                f"the random generator {change.path} is seeded inside the program",
                code="MG-P103",
                hint="seed it before the exported program is called.",
                change=change,
            )
        if isinstance(new, (io.IOBase, GeneratorType)):
            why = f"is a {type(new).__name__} after the call, which no state of a program is"
            raise side_effect(change.path, change.field, None, why=why, change=change)
        if change.field == "global" and isinstance(new, (ModuleType, FunctionType, type)):
            return True  # imported when first needed
        if isinstance(saved, SavedTensor) and change.key == "grad":
            self.dropped.append(change)
            return True
        return False

    def _pairs(
        self, saved: Saved, after: Saved, change: Change
    ) -> tuple[Left, list[tuple[torch.Tensor, torch.Tensor]]] | None:
        recorder = self._recorder
        if change.field == "parameter" and isinstance(change.old, torch.Tensor):
            raise MutationError(
                f"the parameter {change.path} is replaced while the program runs",
                code="MG-M106",
                hint="under torch.no_grad(), write its content: parameter.copy_(new).",
                change=change,
            )
        tensors, varies = abstract_leaves(change.new, self._known)
        varies = varies or any(t.value.spec.scope is not None for t in tensors)
        varies = varies or abstract_leaves(change.key, self._known)[1]
        graph = recorder.emission.graph
        if any(tensor.value.node.graph is not graph for tensor in tensors):
            self.leaks.append(change)  # who reads it has the better line
            return None
        left = Left(change, saved, after, varies)
        pairs = leaf_pairs(change.old, change.new)
        tensors_of = [
            (old, new)
            for old, new in pairs or ()
            if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor)
        ]
        if pairs is None or len(tensors_of) < len(pairs):
            self.lefts.append(left)
            return None
        return left, tensors_of

    def _adopt_tensors(
        self, pairs: list[tuple[Left, list[tuple[torch.Tensor, torch.Tensor]]]]
    ) -> None:
        """Those that are read, by the program or in what becomes of others that are."""
        waiting = [(left, *pair) for left, each in pairs for pair in each]
        replaced = Counter(id(old) for _, old, _ in waiting)
        while True:
            read = [each for each in waiting if self._is_read(each[0].change, each[1])]
            if not read:
                break
            waiting = [each for each in waiting if each not in read]
            for left, old, new in read:
                value = self._recorder.entrance.values[id(old)]
                spec = self._recorder.value_of(new).spec
                if (spec.shape, spec.dtype) == (value.spec.shape, value.spec.dtype):
                    self._refuse_two(left.change, old, new, replaced[id(old)])
                    self._adopt_tensor(value, new)
                else:
                    left.is_read = bool(value.origin and value.origin.node.users)
                    self._leave(left, old, new)
        for left, old, new in waiting:
            now = self._recorder.value_of(new).spec if isinstance(new, AbstractTensor) else new
            if (tuple(now.shape), now.dtype) != (tuple(old.shape), old.dtype):
                self._leave(left, old, new)
            elif left.change not in self.dropped:
                self.dropped.append(left.change)

    def _refuse_two(
        self, change: Change, old: torch.Tensor, new: torch.Tensor, replaced: int
    ) -> None:
        """What was one tensor in two places must still be one."""
        value = self._recorder.entrance.values[id(old)]
        assert value.origin is not None
        before = self.rebound.get(value.origin)
        is_other = before is not None and before is not self._recorder.value_of(new)
        snapshot = self._recorder.context.snapshot
        if self._holders is None and snapshot is not None:
            self._holders = snapshot.holders()
        if is_other or (self._holders is not None and self._holders[id(old)] > replaced):
            raise MutationError(
                f"{change.path} is one tensor with another attribute before the call, and not "
                "after it",
                code="MG-M102",
                hint="give each a tensor of its own: tensor.clone().",
                change=change,
            )

    def _leave(self, left: Left, old: torch.Tensor, new: torch.Tensor) -> None:
        if left not in self.lefts:
            now = new.value.spec if isinstance(new, AbstractTensor) else spec_of(new)
            left.forms = repr(spec_of(old)), repr(now)
            self.lefts.append(left)

    def _is_read(self, change: Change, old: torch.Tensor) -> bool:
        value = self._recorder.entrance.values.get(id(old))
        if value is None or value.origin is None:
            return False
        rebound = any(value is new.root for new in self.rebound.values())
        is_known = value.origin.kind == "constant" and value.origin.read_at is not None
        return change.field == "buffer" or rebound or is_known or bool(value.origin.node.users)

    def _adopt_tensor(self, value: Value, new: torch.Tensor) -> None:
        self._recorder.aliases.written(value)
        assert value.origin is not None
        value.origin.is_seen_by_autograd = True
        self.rebound[value.origin] = self._recorder.value_of(new)

    def _adopt_number(self, number: _Number, change: Change) -> None:
        counted, new = number.counted, change.new
        mine = [each for each in self._numbers if each.counted is counted]
        old = counted.value
        now = list(new) if isinstance(new, tuple) and isinstance(old, tuple) else [new]
        index = mine.index(number)
        kind = type(number.first)
        if len(now) != len(mine) or new is MISSING or not _is_of_kind(now[index], kind):
            saved = counted.saved
            after = saved.__class__(saved.container, saved.path, saved.field)
            if not any(left.change is change for left in self.lefts):
                self.lefts.append(Left(change, saved, after))
            return
        if now[index] is not number.number:
            number.content = now[index]

    # Its graph ends --------------------------------------------------------------------------

    def finish(self) -> None:
        """Numbers that somebody has read have a new content; the others are no state."""
        recorder = self._recorder
        for each in self._numbers:
            if each.content is not None:
                content = self._tensor_of(each)
                each.origin.mutated = True
                self.rebound[each.origin] = recorder.value_of(content)
        for each in self._numbers:
            item, counted = each.item, each.counted
            if item is not None and item.users:
                if not counted.is_known:
                    change = Change(counted.path, counted.field, MISSING, MISSING, counted.key)
                    self.lefts.append(Left(change, counted.saved, counted.saved, is_read=True))
                continue
            if item is not None:
                self._forget(item)
            if not each.origin.node.users:
                self.rebound.pop(each.origin, None)
                recorder.emission.graph.erase_node(each.origin.node)
                recorder.entrance.origins.remove(each.origin)

    def _forget(self, item: Node) -> None:
        sizes = self._recorder.sizes
        for name in [name for name, node in sizes.bindings.items() if node is item]:
            del sizes.bindings[name]
            del sizes.env.symbols[name]
        self._recorder.emission.graph.erase_node(item)

    def _tensor_of(self, each: _Number) -> torch.Tensor:
        recorder, content = self._recorder, each.content
        dtype = each.origin.tensor.dtype
        if isinstance(content, torch.SymBool):
            return tensor_of_truth(recorder, content, dtype)
        spec = TensorSpec.of((), (), dtype, torch.device("cpu"))
        number = expression_of(content)
        assert isinstance(number, (*NUMBERS, Expr, FloatExpr))
        operand = recorder.sizes.node_of(number)
        node = recorder.emission.append(
            aten.scalar_tensor.default, (operand,), {"dtype": dtype}, spec
        )
        return make_abstract(spec, Value(node, spec, recorder))

    def numbers(self) -> dict[str, float]:
        """The symbols of the numbers that are state, and what these are before the first call."""
        found = {}
        for each in self._numbers:
            if each.origin in self._recorder.entrance.origins and each.item is not None:
                bindings = self._recorder.sizes.bindings.items()
                name = next(name for name, node in bindings if node is each.item)
                found[name] = each.first
        return found

    def counted(self) -> frozenset[str]:
        """The names of the numbers that are state."""
        return frozenset(each.origin.target for each in self._numbers)

    def leaving(self) -> Leaving | None:
        """What is left behind, if anything is that the next call might read."""
        if not self.lefts:
            return None
        recorder = self._recorder
        values: dict[int, Value] = {}
        for _, after, _ in self._changed:
            held = after.copy.values() if isinstance(after.copy, dict) else after.copy
            leaves, _ = abstract_leaves(tuple(held), self._known)
            values |= {id(tensor): tensor.value for tensor in leaves}
        roots = [value.root for value in values.values()]
        contents = {}
        for identity, value in values.items():
            shares = value.root.origin is not None or roots.count(value.root) > 1
            contents[identity] = (recorder.read(value), value.spec, shares)
        symbols = recorder.sizes.env.symbols.values()
        sizes = {s.name: s.hint for s in symbols if s.hint is not None}
        parts = [(saved, after) for saved, after, _ in self._changed]
        return Leaving(list(self.lefts), parts, self._known, sizes, contents)


def _is_of_kind(value: object, kind: type) -> bool:
    varying = {bool: torch.SymBool, int: torch.SymInt, float: torch.SymFloat}[kind]
    return (value.__class__ in NUMBERS and type(value) is kind) or isinstance(value, varying)


def _name_of(counted: Counted) -> str:
    """A dotted name of identifiers: the path where it hangs on the model, else its last part."""
    steps = counted.path.split(".")
    if counted.field in ("global", "class"):
        steps = steps[-1:]
    elif counted.field == "closure":
        steps = ["variable"] if " " in counted.path else steps
    names = [re.sub(r"\W+", "_", step).strip("_") or "item" for step in steps]
    return ".".join(names)


def _free(name: str, taken: set[str]) -> str:
    found, i = name, 0
    while found in taken:
        i += 1
        found = f"{name}_{i}"
    taken.add(found)
    return found
