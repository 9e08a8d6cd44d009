"""A loop becomes one ``while_loop`` node.

What the loop carries is found by trying: at first all numbers are taken for constants and all sizes
for fixed; what the body then returns otherwise is carried, and the body is captured again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.fx import Node
from torch.fx.node import Argument

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value, base_of
from monograph.capture.layouts import LaidAnew
from monograph.capture.operators.data_dependence import number_in
from monograph.capture.recorder import Recorder
from monograph.capture.sizes import in_sizes
from monograph.control.branches import emit, overwrite, predicate_node, raised
from monograph.control.carrying import (
    Carried,
    as_spec,
    is_same,
    start_of,
    tensor_of,
)
from monograph.control.region import Region, lift
from monograph.control.results import Found, Mismatch, describe, is_of_own_class
from monograph.diagnostics import ControlFlowError, ExportError
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.ir.structure import Structure
from monograph.shapes.expr import Expr
from monograph.shapes.questions import Test, not_less
from monograph.shapes.supposing import give_up
from monograph.shapes.symnode import expression_of, symbolic

__all__ = ["loop"]

aten = torch.ops.aten
higher_order = torch.ops.higher_order
_MOST_ATTEMPTS = 12

Returned = list[tuple[Structure, list[object]]]
Condition = Callable[[Sequence[object]], object]
Body = Callable[[Sequence[object]], Returned]


def loop(
    recorder: Recorder,
    names: Sequence[str],
    initial: Sequence[object],
    structures: Sequence[Structure],
    test: Condition,
    body: Body,
    *,
    is_counted: bool = False,
) -> list[object]:
    """Capture ``while test(state): state = body(state)``.

    ``initial`` are the leaves of the state, ``names`` what to call each. ``body`` returns, for each
    of ``structures``, the structure and the leaves of the new state. Returns the leaves of the
    final state; a ``Mismatch`` where a leaf cannot be carried. ``is_counted``: the last of the
    leaves counts the iterations, from what it is before the loop on.
    """
    recorder.emission.has_regions = True
    items = [start_of(name, leaf) for name, leaf in zip(names, initial, strict=True)]
    if is_counted:
        counter = items[-1]
        counter.kind = "int"
        counter.lowest = counter.initial if isinstance(counter.initial, int) else None
    roots: list[Value] = []
    for _ in range(_MOST_ATTEMPTS):
        attempt = _Attempt(recorder, items, roots)
        try:
            again = attempt.run(test, body, structures)
        except BaseException as error:
            attempt.abandon()
            if not isinstance(error, ExportError) or not _without_guesses(items):
                raise
            if recorder.context.pending is error:
                recorder.context.pending = None
            continue
        if not again:
            return attempt.emit()
        attempt.abandon()
    raise ControlFlowError(
        "what the loop carries is another thing after each iteration",
        code="MG-C107",
        where=recorder.here(),
        hint="keep what the loop carries at one type, dtype and number of dimensions.",
    )


def _without_guesses(items: list[Carried]) -> bool:
    """Take back what is only guessed of numbers that go round; whether there was anything."""
    guessed = [item for item in items if item.is_guessed]
    for item in guessed:
        item.lowest, item.is_guessed = None, False
    return bool(guessed)


class _Attempt:
    def __init__(self, recorder: Recorder, items: list[Carried], roots: list[Value]) -> None:
        self.recorder = recorder
        self.items = items
        self.roots = roots
        self.test_region = Region(recorder, "the condition of the loop")
        self.body_region = Region(recorder, "the body of the loop")
        self.symbols = len(recorder.sizes.env.symbols)
        self.outputs: list[Argument] = []
        self.predicate: Node | bool = True
        self.results: list[tuple[Carried, Value]] = []

    def abandon(self) -> None:
        give_up(self.recorder.sizes.env, self.symbols)
        self.test_region.abandon()
        self.body_region.abandon()

    def run(
        self,
        test: Condition,
        body: Body,
        structures: Sequence[Structure],
    ) -> bool:
        """Capture the condition and the body; returns whether to try again."""
        recorder = self.recorder
        for item in self.items:
            item.spec = self._spec(item)
        path: Test = True
        region = self.test_region
        with region.capturing():
            truth = test(self._enter(region))
            if isinstance(truth, torch.SymBool):
                path = expression_of(truth)
                self.predicate = recorder.sizes.test_node(path)
            elif isinstance(truth, torch.Tensor):
                _require_one_element(recorder, truth)
                self.predicate = predicate_node(recorder, truth)
            else:
                self.predicate = self._constant_truth(truth)
        if any(new.node not in region.inputs for _, new in region.written):
            raise _writes("the condition of the loop", recorder)
        region = self.body_region
        with region.capturing(path):
            given = self._enter(region)
            returned = body(given)
            again = self._compare(returned, structures)
            if not again:
                self._note_outputs(returned)
        new = [root for root, _ in region.written if root not in self.roots]
        self.roots.extend(new)
        return again or bool(new)

    def _constant_truth(self, truth: object) -> bool:
        if isinstance(truth, (bool, int)):
            return bool(truth)
        raise ControlFlowError(
            f"the condition of the loop is a {type(truth).__name__}",
            code="MG-C108",
            where=self.recorder.here(),
            hint="let it return a boolean tensor with one element, or a comparison of sizes.",
        )

    def _spec(self, item: Carried) -> TensorSpec | Expr | None:
        """What stands for ``item`` in this attempt; the same in both graphs."""
        sizes = self.recorder.sizes
        if item.kind == "constant":
            return None
        if item.kind == "int":
            return sizes.fresh(item.name, item.lowest)
        if item.kind != "tensor":
            return TensorSpec.of((), (), item.as_tensor_dtype(), torch.device("cpu"))
        spec = self.recorder.value_of(item.initial_tensor).spec
        assert item.dtype is not None
        shape = tuple(
            sizes.fresh(f"a size of {item.name}") if i in item.varying else size
            for i, size in enumerate(spec.shape)
        )
        dense = item.is_dense or item.varying or item.dtype != spec.dtype
        strides = contiguous_strides(shape) if dense else spec.strides
        return TensorSpec.of(shape, strides, item.dtype, spec.device)

    def _enter(self, region: Region) -> list[object]:
        """The inputs of a region, and what the program gets for them."""
        recorder = self.recorder
        numbers: list[tuple[Carried, AbstractTensor]] = []
        for item in self.items:  # all inputs come before anything is computed with them
            if item.kind == "constant":
                item.given = item.initial
            elif item.kind == "int":
                item.given = region.number(item.symbol, item.name)
            elif item.kind == "tensor":
                tracks = recorder.value_of(item.initial_tensor).tracks
                item.given = region.tensor(item.tensor_spec, item.name, tracks)
                self._note_layout(item, item.given_tensor.value.node)
            else:
                numbers.append((item, region.tensor(item.tensor_spec, item.name, 0)))
        for root in self.roots:
            tensor = region.tensor(root.spec, root.node.name, root.tracks)
            overwrite(recorder, root, tensor.value.node, 0)
        for item, tensor in numbers:
            item.given = number_in(recorder, tensor)
        return [item.given for item in self.items]

    def _note_layout(self, item: Carried, node: Node) -> None:
        """In eager mode it lies as the iteration before has left it."""
        start = self.recorder.value_of(item.initial_tensor).spec
        if item.is_dense or (item.tensor_spec.strides != start.strides and not _is_in_order(start)):
            self.recorder.layouts.note_laid_anew(node, LaidAnew(False, raised))

    # What came back ----------------------------------------------------------------------------

    def _compare(self, returned: Returned, structures: Sequence[Structure]) -> bool:
        """Note what changes from one iteration to the next; whether anything new was found."""
        leaves: list[object] = []
        names = iter(self.items)
        for (structure, found), wanted in zip(returned, structures, strict=True):
            if structure != wanted:
                name = next(names, self.items[0]).name if self.items else "the state"
                mismatch = Mismatch(
                    "MG-C107",
                    f"{name} has another structure after an iteration than before it",
                    [("", f"{wanted.num_leaves} leaves", f"{structure.num_leaves} leaves")],
                    "keep what the loop carries at one structure.",
                )
                mismatch.name = name
                raise mismatch
            for _ in found:
                next(names)
            leaves += found
        learned = [self._learn(i, leaf) for i, leaf in zip(self.items, leaves, strict=True)]
        return any(learned)

    def _learn(self, item: Carried, leaf: object) -> bool:
        if item.kind == "constant":
            if leaf is item.given or is_same(leaf, item.given):
                return False
            return self._becomes_variable(item, leaf)
        if is_of_own_class(leaf):
            raise self._mismatch(item, leaf)
        if item.kind == "int":
            return self._learn_int(item, leaf)
        if item.kind != "tensor":
            if isinstance(leaf, torch.Tensor):
                item.initial = tensor_of(self.recorder, item.initial, leaf.dtype)
                item.kind, item.dtype = "tensor", leaf.dtype
                return True
            if not isinstance(leaf, _TYPES[item.kind]):
                raise self._mismatch(item, leaf)
            return False
        if not isinstance(leaf, torch.Tensor):
            if isinstance(leaf, (bool, int, float)) or in_sizes(leaf):
                return False  # filled into a tensor when it is returned
            raise self._mismatch(item, leaf)
        return self._learn_tensor(item, self.recorder.value_of(leaf).spec, leaf)

    def _learn_tensor(self, item: Carried, spec: TensorSpec, leaf: torch.Tensor) -> bool:
        assert item.dtype is not None
        spec, known = spec.normal(), item.tensor_spec.normal()
        if len(spec.shape) != len(known.shape) or spec.device != known.device:
            raise self._mismatch(item, leaf)
        is_new = self._learn_dtype(item, spec.dtype, leaf)
        for i, (size, before) in enumerate(zip(spec.shape, known.shape, strict=True)):
            if size != before and i not in item.varying:
                item.varying.add(i)
                is_new = True
        lies_alike = spec.strides == known.strides and 0 not in known.strides
        if not (item.is_dense or lies_alike or (_is_in_order(spec) and _is_in_order(known))):
            item.is_dense = is_new = True
        return is_new

    def _learn_dtype(self, item: Carried, found: torch.dtype, leaf: torch.Tensor) -> bool:
        """A number that becomes a tensor has the dtype that it is computed with.

        Of a tensor the dtype stays: without an iteration the result has that of the start, and the
        first iteration computes in it.
        """
        if found == item.dtype:
            return False
        if isinstance(item.first, torch.Tensor):
            mismatch = self._mismatch(item, leaf)
            mismatch.hint = f"start the loop from a tensor of the dtype that it has after: {found}."
            raise mismatch
        assert item.dtype is not None
        before, item.dtype = item.dtype, torch.promote_types(found, item.dtype)
        return before != item.dtype

    def _learn_int(self, item: Carried, leaf: object) -> bool:
        if isinstance(leaf, torch.Tensor):
            item.initial = tensor_of(self.recorder, item.initial, leaf.dtype)
            item.kind, item.dtype = "tensor", leaf.dtype
            return True
        if isinstance(leaf, (float, torch.SymFloat)):
            item.kind = "float"
            return True
        if not isinstance(leaf, (int, torch.SymInt)):
            raise self._mismatch(item, leaf)
        size, start = expression_of(leaf), item.initial_size
        step = size - item.symbol
        if isinstance(step, int) and step >= 0 and isinstance(start, int):
            item.is_guessed = False
            is_new = item.lowest is None
            item.lowest = start
            return is_new
        if item.lowest is None or self.recorder.sizes.env.is_known(not_less(size, item.lowest)):
            return False  # ``step *= 2``: if it was no less before the iteration, nor is it after
        return _without_guesses([item])

    def _becomes_variable(self, item: Carried, leaf: object) -> bool:
        before = item.initial
        if isinstance(leaf, torch.Tensor) and isinstance(before, (bool, int, float)):
            tensor = tensor_of(self.recorder, before, leaf.dtype)
            item.initial, item.kind, item.dtype = tensor, "tensor", tensor.dtype
            return True
        is_plain = not is_of_own_class(before) and not is_of_own_class(leaf)
        for kind, types in _TYPES.items() if is_plain else ():
            if isinstance(before, types) and isinstance(leaf, types):
                item.kind = kind
                if kind == "int" and type(before) is int and type(leaf) is int and leaf > before:
                    item.lowest, item.is_guessed = before, True  # it may be a counter
                return True
        raise self._mismatch(item, leaf)

    def _mismatch(self, item: Carried, leaf: object) -> Mismatch:
        recorder = self.recorder
        sides = []
        for content in (item.given, leaf):
            value = recorder.value_of(content) if isinstance(content, torch.Tensor) else None
            sides.append(Found(content, value))
        rows = [("", *(describe(side) for side in sides))]
        specs = [side.value.spec for side in sides if side.value is not None]
        for i in range(max((len(s.shape) for s in specs), default=0)):
            cells = [str(s.shape[i]) if i < len(s.shape) else "-" for s in specs]
            if len(cells) == 2:
                rows.append((f"axis {i}", *cells))
        mismatch = Mismatch(
            "MG-C107",
            f"{item.name} is one thing before an iteration and another after it",
            rows,
            "start the loop from a tensor of the shape that it keeps.",
        )
        mismatch.name = item.name
        return mismatch

    def _note_outputs(self, returned: Returned) -> None:
        recorder = self.recorder
        leaves = [leaf for _, found in returned for leaf in found]
        for item in self.items:
            item.is_written = item.kind == "tensor" and item.given_tensor.value.root.version > 0
        for item, leaf in zip(self.items, leaves, strict=True):
            if item.kind == "constant":
                continue
            if item.kind == "int":
                self.outputs.append(recorder.sizes.node_of(recorder.size_of(leaf)))
                continue
            spec = item.tensor_spec
            if not isinstance(leaf, torch.Tensor):
                leaf = tensor_of(recorder, leaf, spec.dtype)
            else:
                value = recorder.value_of(leaf)
                if self.body_region.is_outside(value) or recorder.aliases.is_perhaps_shared(value):
                    item.may_be.append(value)
            item.tracks = recorder.value_of(leaf).tracks
            item.end = recorder.value_of(leaf).root if item.kind == "tensor" else None
            self.outputs.append(recorder.read(as_spec(recorder, leaf, spec).value))

    # The node ----------------------------------------------------------------------------------

    def emit(self) -> list[object]:
        """Close both regions, and record the loop; returns the final state."""
        recorder = self.recorder
        contents = {id(root): new for root, new in self.body_region.written}
        for root in self.roots:
            self.outputs.append(contents[id(root)].node)
        self._refuse_shared_writes()
        self._refuse_written_items()
        self._list_promotions()
        self.test_region.finish([self.predicate], is_test=True)
        self.body_region.finish(self.outputs)
        start: list[Argument] = []
        for item in self.items:
            if item.kind == "int":
                start.append(recorder.sizes.node_of(item.initial_size))
            elif item.kind != "constant":
                spec = item.tensor_spec
                tensor = tensor_of(recorder, item.initial, spec.dtype)
                start.append(recorder.read(as_spec(recorder, tensor, spec).value))
        start += [recorder.read(root) for root in self.roots]
        operands = lift([self.test_region, self.body_region])
        subgraphs = [self.test_region.subgraph(operands), self.body_region.subgraph(operands)]
        specs = [self._final(item) for item in self.items if item.kind != "constant"]
        specs += [root.spec for root in self.roots]
        nodes = emit(
            recorder,
            higher_order.while_loop,
            "while_loop",
            ("while_loop_cond_graph", "while_loop_body_graph"),
            subgraphs,
            lambda graphs: (*graphs, tuple(start), tuple(operands)),
            specs,
        )
        found = iter(zip(specs, nodes, strict=True))
        results = [
            item.initial if item.kind == "constant" else self._wrapped(item, *next(found))
            for item in self.items
        ]
        for root, node in zip(self.roots, nodes[len(nodes) - len(self.roots) :], strict=True):
            overwrite(recorder, root, node, contents[id(root)].tracks)
        return results

    def _list_promotions(self) -> None:
        """A number that is another thing after an iteration is that without one, too."""
        for item in self.items:
            if isinstance(item.first, torch.Tensor) or item.kind == "constant":
                continue
            plain = expression_of(item.first) if in_sizes(item.first) else item.first
            was = "int" if isinstance(plain, Expr) else type(plain).__name__
            if was != item.kind and {was, item.kind} & {"int", "float", "tensor"}:
                text = f"{item.name} is of type {was} before the loop: it is always "
                text += repr(item.tensor_spec) if item.kind == "tensor" else f"of type {item.kind}"
                self.recorder.assume("promoted", text, self.recorder.here())

    def _refuse_shared_writes(self) -> None:
        """A tensor that goes round and is written in place must be nobody else's memory.

        Each thing that goes round gets memory of its own, so a write to one would not show in
        another that is the same tensor in eager mode.
        """
        recorder = self.recorder
        tensors = [item for item in self.items if item.kind == "tensor"]
        starts = [recorder.value_of(item.initial_tensor).root for item in tensors]
        inputs = {id(item.given_tensor.value.root): item for item in tensors}
        ends = [item.end for item in tensors if item.end is not None]
        shared = {id(r) for r in ends if ends.count(r) > 1}
        shared |= {
            id(item.end)
            for item in tensors
            if item.end is not None and inputs.get(id(item.end), item) is not item
        }
        is_written = any(item.is_written for item in tensors)
        for item, start in zip(tensors, starts, strict=True):
            is_twice = starts.count(start) > 1 or start in self.roots
            if (item.is_written and is_twice) or (self.roots and start in self.roots):
                self._refuse_write(item)
            if is_written and (id(item.end) in shared or item.may_be):
                self._refuse_write(item)
        if is_written:
            written = [s for item, s in zip(tensors, starts, strict=True) if item.is_written]
            bases = {base_of(recorder.read(start)) for start in written}
            for region in (self.test_region, self.body_region):
                for node in region.graph.nodes:
                    for source in node.all_input_nodes:
                        if source.graph is not region.graph and base_of(source) in bases:
                            self._refuse_write(tensors[0])

    def _note_kept(self, item: Carried, end: Value, result: Value) -> None:
        """A list that goes round keeps what others have as well: those outside, those that do."""
        aliases, ends = self.recorder.aliases, [i.end for i in self.items if i is not item]
        together = aliases.kept_with(end)
        is_outside = any(self.body_region.is_outside(root) for root in together)
        if is_outside or any(root in ends for root in together):
            aliases.keep([end], result)
        if is_outside:
            aliases.overlapping.add(result)

    def _refuse_written_items(self) -> None:
        """What each iteration writes is not kept in a list: all its items would be written."""
        written = [item.given_tensor.value.root for item in self.items if item.is_written]
        for root in (*written, *self.roots):
            if self.recorder.aliases.kept_with(root):
                raise ControlFlowError(
                    "a tensor that each iteration writes to is an item of a list",
                    code="MG-C110",
                    where=self.recorder.here(),
                    hint="append a copy: append(x.clone()).",
                )

    def _refuse_write(self, item: Carried) -> None:
        raise ControlFlowError(
            f"the loop writes to a tensor in place that is known by two names, {item.name} among "
            "them",
            code="MG-C110",
            where=self.recorder.here(),
            hint=f"write {item.name} = {item.name} + ... instead of {item.name} += ..., or copy "
            "it before the loop (.clone()).",
        )

    def _final(self, item: Carried) -> TensorSpec | Expr:
        """The spec after the loop: what varies is another unknown."""
        sizes = self.recorder.sizes
        if item.kind == "int":
            return sizes.fresh(item.name, item.lowest)
        spec = item.tensor_spec
        if not item.varying:
            return spec
        shape = tuple(
            sizes.fresh(f"a size of {item.name}") if i in item.varying else size
            for i, size in enumerate(spec.shape)
        )
        return spec.with_layout(shape, contiguous_strides(shape))

    def _wrapped(self, item: Carried, spec: TensorSpec | Expr, node: Node) -> object:
        recorder = self.recorder
        if isinstance(spec, Expr):
            recorder.sizes.bind_number(spec, node)
            return symbolic(recorder.sizes.env, spec)
        if spec.scope is not None:
            recorder.sizes.bind_sizes(spec, node)
        value = Value(node, spec, recorder)
        if item.kind != "tensor":
            return number_in(recorder, make_abstract(spec, value))
        self._note_layout(item, node)
        before = recorder.value_of(item.initial_tensor)
        if spec.dtype.is_floating_point or spec.dtype.is_complex:
            value.tracks = max(before.tracks, item.tracks)
            if value.tracks and recorder.context.hides_gradients():
                value.detached, value.seen = True, -1
        if item.is_written:
            recorder.aliases.forbid(before.root)
        for original in (before, *item.may_be):
            recorder.aliases.copies_of_branches.append((original, value))
        for other, result in self.results:
            if other.end is item.end:
                recorder.aliases.copies_of_branches.append((result, value))
        if item.end is not None:
            self._note_kept(item, item.end, value)
        self.results.append((item, value))
        return make_abstract(spec, value)


_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool, torch.SymBool),
    "int": (int, torch.SymInt),
    "float": (float, int, torch.SymFloat, torch.SymInt),
}


def _is_in_order(spec: TensorSpec) -> bool:
    return spec.strides == contiguous_strides(spec.shape)


def _require_one_element(recorder: Recorder, tensor: torch.Tensor) -> None:
    if recorder.value_of(tensor).spec.numel != 1:
        raise ControlFlowError(
            f"the condition of the loop is {recorder.value_of(tensor).spec!r}",
            code="MG-C108",
            where=recorder.here(),
            hint="reduce it to one element: .any() or .all().",
        )


def _writes(what: str, recorder: Recorder) -> ControlFlowError:
    return ControlFlowError(
        f"{what} writes to a tensor",
        code="MG-C110",
        where=recorder.here(),
        hint="write in the body.",
    )
