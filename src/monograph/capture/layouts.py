"""What the program asks of how its tensors lie in memory, and of which arguments it is a fact.

So it is with what it asks of gradients.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.fx import Node

from monograph.capture.operators.registry import handles
from monograph.diagnostics import ExportError, PythonFeatureError
from monograph.inference.layout_flow import COPY_OR_VIEW, LayoutFlow, copied_where_none, may_copy
from monograph.inference.rules import VIEWS
from monograph.inference.rules.table import is_canonical
from monograph.ir.layouts import OF_GRADIENTS, LayoutFact
from monograph.ir.operators import is_random
from monograph.ir.spec import CONJUGATE, NEGATIVE, TensorSpec
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import Test, either, equal, not_less
from monograph.torch_internals import Operator, without_modes

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder
    from monograph.inference.unit_sizes import UnitSizes

__all__ = ["LaidAnew", "Layouts"]

aten = torch.ops.aten
_ITSELF = frozenset({aten.detach.default, aten.alias.default})


@dataclass(frozen=True)
class LaidAnew:
    """A result of a branch, or of a loop, that is given one layout: each side has its own.

    ``only_starts``: all lie alike, but not from the same place of their memory. ``refuse`` raises
    the error that it is given, or tries again without the result. ``sides`` are what they give in
    eager mode, where sizes decide: a call that eager mode refuses can be refused.
    """

    only_starts: bool
    refuse: Callable[[ExportError], NoReturn]
    sides: tuple[TensorSpec, ...] = ()


class Layouts:
    """The layout facts of one capture.

    A question about an argument itself is a fact of it. A question about what is made of an
    argument, and lies as that does, fixes the argument's strides.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._facts: dict[tuple[str, str, Any], LayoutFact] = {}
        self._born: dict[Value, Node] = {}
        self._flows: dict[bool, LayoutFlow] = {}
        self._units: UnitSizes | None = None
        self._contents: dict[Value, list[Node]] = {}  # all that a written one has been
        self._overwritten: dict[Node, list[Node]] = {}  # what was there before a content
        self._hidden: dict[Node, list[Node]] = {}  # of these, what autograd has not seen go
        self.writes: list[tuple[Node, Node, int]] = []  # not followed: content, what was, its rank
        self.laid_anew: dict[Node, list[Value]] = {}  # content -> arguments that decide how it lies
        self.of_sides: dict[Node, LaidAnew] = {}  # what branches and loops have laid out
        self._moved: dict[Node, LaidAnew] = {}  # the same, where it starts elsewhere in its memory
        self._ordered: set[Node] = set()  # what draws were made for, in the order of its elements
        self._without_gradient: set[Node] = set()  # nothing that they are made of requires one
        self.follows: Callable[[Node], bool] | None = None  # of an input that is not the program's

    def facts(self) -> list[LayoutFact]:
        """All that was read, in order."""
        return list(self._facts.values())

    # Answers -----------------------------------------------------------------------------------

    def strides(self, value: Value, dim: int | None = None) -> tuple[Any, ...]:
        """The strides of ``value``, of which the program reads one or all."""
        spec = value.spec
        origin = _argument_of(value)
        if not self._recorder.context.is_running:
            return spec.strides
        strides = spec.strides if origin is None else self._strides_of(origin)
        if origin is None:
            self._require_one_layout(self._node_of(value))
            self._require_certain(value, dim)
            self._require_general(value, lambda s: s.strides if dim is None else s.strides[dim])
            self._derived(value, "all strides")
        elif dim is None:
            self._note(origin, "all strides", None, strides)
        else:
            self._note(origin, "stride", dim, strides[dim])
        return strides

    def is_contiguous(self, value: Value, form: torch.memory_format, answer: bool) -> bool:
        """The program asks whether ``value`` lies in the order of ``form``: it does in general if

        ``answer`` is true. Returns what holds for the example.
        """
        self.truth(value, "contiguous", form, answer)
        if value.spec.scope is None or not self._recorder.context.is_running or _argument_of(value):
            return answer
        if self._is_general(value, lambda spec: _lies_in_order(spec, form)):
            return answer
        env, units = self._recorder.sizes.env, self._unit_sizes()
        for name in units.symbols(self._node_of(value)):  # the answer is that of such sizes
            env.decide(not_less(env.symbols[name].expr, 2))  # type: ignore[arg-type]
        actual = units.at_example(self._node_of(value))
        return answer if actual is None else _lies_in_order(actual, form)

    def truth(self, value: Value, kind: str, detail: object, answer: object) -> None:
        """The program reads a truth (or an order of dimensions), which is ``answer``."""
        if not self._recorder.context.is_running:
            return
        origin = _argument_of(value)
        if origin is not None:
            self._note(origin, kind, detail, answer)
            return
        node = self._node_of(value)
        is_mixed = self._flow(exact=False).is_mixed(node)
        if is_mixed and not self._is_row_major(value):
            self._require_elements(value.spec, 2)
        elif detail is not torch.contiguous_format:
            self._require_elements(value.spec, 1)
        self._derived(value, "all strides" if is_mixed else "strides")

    def offset(self, value: Value) -> Int:
        """Where ``value`` starts in its memory, in elements; the program reads it."""
        root = value.root.origin
        found = value.offset
        if root is not None and root.kind == "input":
            found = found + int(root.tensor.storage_offset())
        if not self._recorder.context.is_running:
            return found
        node = self._node_of(value)
        self.rely_on_memory(value.root)
        if value.root.origin is None and self._node_of(value.root).target in COPY_OR_VIEW:
            self._require_elements(value.root.spec, 2)  # a single element is no copy
        strides, starts = self._flow(exact=True).starts(node)
        for origin in self._arguments(starts):
            self._note(origin, "offset", None, int(origin.tensor.storage_offset()))
        for origin in self._arguments(strides):
            self._note_all_strides(origin)
        return found

    def is_view(self, value: Value) -> bool:
        """Whether autograd sees ``value`` as a view of what it was made of; the program asks."""
        current = value
        while current.parent is not None:
            row = VIEWS.get(current.step.target)
            if row is None or not row.itself:
                return current.step.target is not aten.detach.default
            self.rely_on_strides(current.parent)
            current = current.parent
        if current.origin is not None and current.origin.kind == "input":
            raise PythonFeatureError(
                "Python asks whether an argument is a view",
                code="MG-P106",
                where=self._recorder.here(),
                hint="make the tensor inside the program: x = x.clone(); who calls it decides "
                "whether an argument is a view.",
            )
        self._require_copies(current)
        for source, copied in self._recorder.aliases.ambiguous:
            if copied is current:
                self.rely_on_copy(source)
        return False

    def bit(self, value: Value, kind: str) -> bool:
        """Whether ``value`` is conjugated (or negated) when it is read; the program asks."""
        origin, bits = value.root.origin, value.spec.bits
        if origin is not None and origin.kind == "input" and self._recorder.context.is_running:
            if origin.tensor.is_complex():
                self._note(origin, "conjugate", None, origin.tensor.is_conj())
            if kind == "negative":
                self._note(origin, "negative", None, origin.tensor.is_neg())
        return bool(bits & (CONJUGATE if kind == "conjugate" else NEGATIVE))

    def gradient(self, value: Value, kind: str, answer: bool) -> None:
        """The program asks whether a gradient flows through ``value``, or whether it is a leaf.

        Of what it computes, ``answer`` is what those arguments decide that it is made of.
        """
        origin = _argument_of(value)
        contents = self._contents.get(value, [value.node])
        if origin is not None and not self.is_written(value):
            self._note(origin, kind, None, answer)
        elif value.tracks == 1:
            for made_of in self._made_of(contents, self._without_gradient):
                if made_of.kind == "input":
                    self._note(made_of, "requires grad", None, False)
        else:
            found = [o for o in self._made_of(contents, set()) if o.tensor.requires_grad]
            if found and all(each.kind == "input" for each in found):  # one of them is enough
                self._note(found[0], "requires grad", None, True)

    def _made_of(self, nodes: list[Node], seen: set[Node]) -> list[Origin]:
        """The tensors that gradients flow to from ``nodes``; nothing is looked for in ``seen``."""
        origins = {each.node: each for each in self._recorder.entrance.origins}
        found, stack = [], [*nodes]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            stack += self._overwritten.get(current, ())  # it still requires what that did
            if current.target is aten.detach.default:
                stack += [n for cut in current.all_input_nodes for n in self._hidden.get(cut, ())]
                continue
            origin = origins.get(current)
            if origin is None:
                stack += current.all_input_nodes
            elif origin.tensor.is_floating_point() or origin.tensor.is_complex():
                found.append(origin)
        return found

    def example_of(self, value: Value) -> torch.Tensor | None:
        """The example that ``value`` is, where it is an argument itself."""
        origin = _argument_of(value)
        return None if origin is None else origin.tensor

    # Facts -------------------------------------------------------------------------------------

    def rely_on(self, origin: Origin, *, with_offset: bool = False) -> None:
        """The graph addresses the memory of an argument, from its start or from the tensor's."""
        spec = origin.value.spec
        self._note(origin, "strides", None, spec.strides)
        if with_offset:
            self._note(origin, "offset", None, int(origin.tensor.storage_offset()))
        if spec.dtype.is_complex:
            self._note(origin, "conjugate", None, bool(spec.bits & CONJUGATE))
        if spec.bits & NEGATIVE:
            self._note(origin, "negative", None, True)

    def rely_on_strides(self, value: Value) -> None:
        """Who shares memory with whom is so for tensors that lie like ``value``."""
        self._derived(value, "strides")

    def rely_on_copy(self, value: Value) -> None:
        """Whether an operator copies ``value`` for its layout is so for tensors that lie like it.

        A copy that is none where a size is 1 wants sizes that are not.
        """
        self._derived(value, "strides")
        if value.spec.scope is not None and not is_canonical(value.spec):
            self._require_elements(value.spec, 2)

    def is_surely_copied(self, spec: TensorSpec, shape: Sequence[Int]) -> bool:
        """Whether what copies ``spec`` where no view of this ``shape`` can be had copies it.

        Where sizes decide it, that they do so is a guard; false if the example's do not.
        """
        if spec.scope is None and not any(isinstance(size, Expr) for size in shape):
            return True
        if tuple(shape) == tuple(spec.shape):
            return self._lies_as_in_general(spec)
        return self._is_copied(copied_where_none(spec, shape))

    def _is_copied(self, places: list[list[Test]]) -> bool:
        """Whether no test holds of one of the places: a guard, where sizes decide it."""
        env = self._recorder.sizes.env
        found = []
        for tests in places:
            answers = [(test, env.known(test)) for test in tests]
            open_tests = [test for test, answer in answers if answer is None]
            if all(answer is not True for _, answer in answers) and not any(
                env.truth(test) for test in open_tests
            ):
                found.append(open_tests)
        fewest = min(found, key=len, default=None)
        return fewest is not None and not any(map(env.decide, fewest))

    def _lies_as_in_general(self, spec: TensorSpec) -> bool:
        """Whether no size and no pair of strides is special, which makes it a guard."""
        env = self._recorder.sizes.env
        if not all(env.decide(not_less(n, 2)) for n in spec.shape if isinstance(n, Expr)):
            return False
        for i in range(len(spec.shape) - 1):
            follows = equal(spec.strides[i], spec.shape[i + 1] * spec.strides[i + 1])
            if env.known(follows) is None and env.decide(follows):
                return False
        return True

    def rely_on_views(self, value: Value) -> None:
        """A write goes through the views that ``value`` is made of, or is seen through them."""
        current = value
        while current.parent is not None:
            if may_copy(current.step):
                self._derived(current.parent, "strides")
            current = current.parent

    def note_write(self, value: Value, before: Node) -> None:
        """``value``, which was ``before``, has got new content: it lies as it did.

        Most programs ask nothing of it, so that it is followed (``_follow_writes``) when one does.
        """
        born = self._born.setdefault(value, before)
        if value.node is not before:
            self.writes.append((value.node, born, len(value.spec.shape)))

    def _follow_writes(self) -> None:
        """Tell the flows of what was written since, in its order."""
        writes, self.writes = self.writes, []
        for content, born, rank in writes:
            if rank > 1:
                self._note_order(content, born)
            for flow in self._flows.values():
                flow.note_write(content, born)

    def _note_order(self, content: Node, born: Node) -> None:
        """What was written lies as other arguments do than in eager mode, where it lies as before.

        To most operators that is no matter.
        """
        flow = self._flows[False]
        lies, eager = flow.sources(content), flow.sources(born)
        if lies != eager:
            values = self._recorder.entrance.argument_values
            found = [value for node, value in values.items() if node in lies or node in eager]
            self.laid_anew[content] = found

    def note_laid_anew(self, node: Node, found: LaidAnew) -> None:
        """``node`` lies in order, and in eager mode as the side has it that was taken."""
        (self._moved if found.only_starts else self.of_sides)[node] = found

    def rely_on_sides(self, op: Operator, args: Sequence[object], values: Sequence[Value]) -> None:
        """An operator is called with ``args``, tensors that branches have given among them."""
        if is_random(op):
            for value in values:
                self._require_one_layout(self._node_of(value))
        if op is aten.view.default:
            found = self.of_sides.get(values[0].node)
            known, shape = self._recorder.sizes.env.known, self._shape_of(args[1])
            for spec in found.sides if found else ():
                if any(
                    all(known(test) is False for test in tests)
                    for tests in copied_where_none(spec, shape, single_rows=False)
                ):
                    self._require_one_layout(values[0].node)

    def rely_on_single_elements(self, root: Value) -> None:
        """``root`` is written: eager mode refuses it on a side where elements lie over others."""
        found = self.of_sides.get(self._node_of(root)) if self.of_sides else None
        if found is not None and any(0 in spec.strides for spec in found.sides):
            self._require_one_layout(self._node_of(root))

    def _shape_of(self, sizes: object) -> list[Int]:
        return [self._recorder.size_of(size) for size in sizes]  # type: ignore[attr-defined]

    def _require_one_layout(self, node: Node) -> None:
        """What is asked of how ``node`` lies has one answer on all sides of each branch before."""
        if not self.of_sides:
            return
        found = self._flow(exact=False).first_of(self.of_sides, node)
        if found is not None:
            self._refuse_sides(self.of_sides[found])

    def _refuse_sides(self, found: LaidAnew) -> NoReturn:
        found.refuse(
            PythonFeatureError(
                "Python asks how a tensor lies in memory, or writes to it, and a branch or a loop "
                "has given it, whose sides lay it out each in its own way",
                code="MG-P106",
                where=self._recorder.here(),
                hint="lay it out alike on both sides: x = x.contiguous().",
            )
        )

    def list_result(self, place: int, value: Value) -> None:
        """The program returns ``value``, in whichever order it lies."""
        if not self.of_sides:
            return
        node = self._node_of(value)
        if self._flow(exact=False).first_of(self.of_sides, node) is not None:
            text = f"result {place} lies in memory as {value.spec!r} with the strides "
            text += (
                f"{tuple(map(str, value.spec.strides))}; in eager mode as the side of a branch, "
            )
            text += "or the iteration of a loop, has laid it out that was the last"
            self._recorder.assume("layout", text.replace("'", ""), None)

    def rely_on_memory(self, root: Value) -> None:
        """An operator addresses the memory of ``root``."""
        node = self._node_of(root)
        if node in self._moved:
            self._refuse_sides(self._moved[node])
        self._require_one_layout(node)

    def rely_on_order(self, values: Sequence[Value]) -> None:
        """What an operator does with its arguments follows how these lie in memory."""
        self._flow(exact=False)
        nodes = [value.node for value in values] if self.laid_anew else []
        while nodes:
            node = nodes.pop()
            if node in self._ordered:
                continue
            self._ordered.add(node)
            nodes += node.all_input_nodes
            for value in self.laid_anew.get(node, ()):
                if value.origin is not None:
                    self._note(value.origin, "strides", None, value.origin.value.spec.strides)

    def note_gradient(self, root: Value, before: Node, *, is_hidden: bool) -> None:
        """``root``, which was ``before``, has got new content, which autograd may not have seen."""
        if root.node is before:
            return
        contents = self._contents.setdefault(root, [before])
        if not is_hidden:
            contents.append(root.node)
        else:
            self._hidden.setdefault(root.node, []).append(before)
        self._overwritten.setdefault(root.node, []).append(before)

    def is_hidden(self, value: Value) -> bool:
        """Whether it was written, and autograd has seen nothing of it."""
        return len(self._contents.get(value, ())) == 1

    def is_written(self, value: Value) -> bool:
        """Whether autograd has seen a write to it."""
        return len(self._contents.get(value, ())) > 1

    def follows_inputs(self, value: Value) -> bool:
        """Whether ``value`` lies as some input of the graph does."""
        return bool(self._flow(exact=False).sources(self._node_of(value)))

    def _require_copies(self, value: Value) -> None:
        """What ``value`` lies as, and is a copy, is none of the views that other sizes make it.

        (``UnitSizes`` tells of the views that there are because a symbol is 1.)
        """
        pairs = self._recorder.aliases.ambiguous
        copies = {
            self._node_of(copied): (source.spec, copied.spec.shape) for source, copied in pairs
        }
        if not copies:
            return
        env = self._recorder.sizes.env
        for node in self._flow(exact=True).copies(self._node_of(value)):
            spec, shape = copies.get(node, (value.spec, value.spec.shape))
            if tuple(spec.shape) == tuple(shape):  # no copy, or one that asks for an order
                continue
            others = copied_where_none(spec, shape, single_rows=False)
            if any(env.known(test) is None for tests in others for test in tests):
                self._require(self._is_copied(copied_where_none(spec, shape)))

    def rely_on_strides_of(self, node: Node) -> None:
        """What has been made of a node is so for tensors that lie like it."""
        self._derived_of(node, "strides")

    def _derived(self, value: Value, kind: str) -> None:
        self._require_copies(value)
        self._derived_of(self._node_of(value), kind)

    def _derived_of(self, node: Node, kind: str) -> None:
        self._require_one_layout(node)
        for origin in self._arguments(self._flow(kind == "all strides").sources(node)):
            if kind == "all strides":
                self._note_all_strides(origin)
            else:
                self._note(origin, kind, None, origin.value.spec.strides)

    def _note_all_strides(self, origin: Origin) -> None:
        strides = origin.value.spec.strides
        self._require(self._strides_of(origin) == strides)
        self._note(origin, "all strides", None, strides)

    def _strides_of(self, origin: Origin) -> tuple[Int, ...]:
        """The strides of an argument; those of single rows, and of no rows, are the example's.

        Where there are several, sizes tell them. Where there are not, torch has many kinds.
        """
        spec, tensor, env = origin.value.spec, origin.tensor, self._recorder.sizes.env
        if spec.scope is None or tuple(tensor.stride()) == spec.strides:
            return spec.strides
        sizes = dict(env.values)  # where they are 0 and 1, the capture was not run with these
        for size, actual in zip(spec.shape, tensor.shape, strict=True):
            for atom in size.symbols() if isinstance(size, Expr) else ():
                if env.symbols[atom.name].expr == size:
                    sizes[atom.name] = actual
        return tuple(
            stride
            if actual == (stride.evaluate(sizes) if isinstance(stride, Expr) else stride)
            else actual
            for stride, actual in zip(spec.strides, tensor.stride(), strict=True)
        )

    def _note(self, origin: Origin, kind: str, detail: object, answer: object) -> None:
        key = (origin.target, kind, tuple(detail) if isinstance(detail, list) else detail)
        if key in self._facts:
            return
        where = self._recorder.here()
        fact = self._facts[key] = LayoutFact(origin.target, kind, detail, answer, where)
        if kind not in OF_GRADIENTS:  # which are listed as what was asked
            self._recorder.assume("layout", fact.sentence(), where)

    def _require_certain(self, value: Value, dim: int | None = None) -> None:
        """Strides are what the rules say where there are elements to tell them by.

        Torch gives a single element, and an empty tensor, strides of many kinds.
        """
        spec = value.spec
        if self._flow(exact=True).is_doubtful(self._node_of(value)):
            self._require(False)
        if not self._is_row_major(value) or self._flow(exact=True).is_mixed(self._node_of(value)):
            for i, size in enumerate(spec.shape):
                self._require(not_less(size, 2 if dim in (None, i) else 1))
        elif spec.scope is not None:
            self._require(not_less(spec.strides[0], 1))

    def _is_general(self, value: Value, answer: Callable[[TensorSpec], object]) -> bool:
        """Whether the example has no size of 1 that makes another ``answer``: a guard, then."""
        env = self._recorder.sizes.env
        for ones in self._unit_sizes().differing(self._node_of(value), value.spec, answer):
            test: Test = False
            for name in sorted(ones):
                test = either(test, not_less(env.symbols[name].expr, 2))  # type: ignore[arg-type]
            if not env.decide(test):
                return False
        return True

    def _require_general(self, value: Value, answer: Callable[[TensorSpec], object]) -> None:
        if value.spec.scope is not None:
            self._require(self._is_general(value, answer))

    def _is_row_major(self, value: Value) -> bool:
        """Whether it is, and all is that it is made of: then single elements are, too."""
        sources = self._flow(exact=True).sources(self._node_of(value))
        specs = [value.spec, *(origin.value.spec for origin in self._arguments(sources))]
        return all(map(is_canonical, specs))

    def _require(self, test: Test) -> None:
        """What the example shows, and each call must."""
        holds = test if isinstance(test, bool) else self._recorder.sizes.env.decide(test)
        if not holds:
            raise PythonFeatureError(
                "Python asks for strides that are not known for certain: of an empty tensor, of a "
                "single element, or of what another layout decides",
                code="MG-P106",
                where=self._recorder.here(),
                hint="ask an argument, or export with an example that has several elements.",
            )

    def _require_elements(self, spec: TensorSpec, least: int) -> None:
        for size in spec.shape:
            self._require(not_less(size, least))

    def require_order(self, value: Value) -> None:
        """The order of dimensions is asked for: a single element may lie anywhere in it."""
        for size in value.spec.shape:
            self._require(not_less(size, 2))

    def _unit_sizes(self) -> UnitSizes:
        if self._units is None:
            from monograph.inference.unit_sizes import UnitSizes  # of sizes that vary

            self._units = UnitSizes(self._recorder.sizes.env, self._as_torch)
        return self._units

    # Provenance --------------------------------------------------------------------------------

    def _flow(self, exact: bool) -> LayoutFlow:
        if not self._flows:
            for each in (False, True):
                self._flows[each] = LayoutFlow(
                    self._recorder.sizes.env, self._root_of, self._as_torch, exact=each
                )
        if self.writes:
            self._follow_writes()
        return self._flows[exact]

    @contextlib.contextmanager
    def _as_torch(self) -> Iterator[None]:
        """Operators that are tried are not the program's."""
        with without_modes(), self._recorder.context.unpatched():
            yield

    def _root_of(self, placeholder: Node) -> frozenset[Node]:
        """An argument is its own source; so is an input of a loop, of which nothing is known."""
        if self.follows is not None:
            return frozenset((placeholder,)) if self.follows(placeholder) else frozenset()
        if placeholder in self._recorder.entrance.states:
            return frozenset()
        return frozenset((placeholder,))

    def _node_of(self, value: Value) -> Node:
        """The node that has decided how ``value`` lies: not what was written into it since."""
        if value.parent is not None:
            return value.step
        if value.origin is not None:
            return value.origin.node
        return self._born.get(value, value.node)

    def _arguments(self, sources: frozenset[Node]) -> list[Origin]:
        values = self._recorder.entrance.argument_values
        if all(node in values for node in sources):
            found = {values[node] for node in sources}
        else:
            found = set(values.values())
        return [v.origin for v in values.values() if v in found and v.origin is not None]


def _argument_of(value: Value) -> Origin | None:
    """The argument that ``value`` is, itself or under another name."""
    current = value
    while current.parent is not None and current.step.target in _ITSELF:
        current = current.parent
    origin = current.origin
    return origin if origin is not None and origin.kind == "input" else None


def _lies_in_order(spec: TensorSpec, form: torch.memory_format) -> bool:
    with without_modes():
        example = torch.empty_strided(spec.shape, spec.strides, device="meta")
        return example.is_contiguous(memory_format=form)


# Asked through the dispatcher ------------------------------------------------------------------


@handles(aten.stride.int, aten.sym_stride.int)
def _stride(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return args[0].stride(*args[1:], **kwargs)


@handles(
    aten.is_contiguous.default, aten.is_contiguous.memory_format, aten.sym_is_contiguous.default
)
def _contiguous(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    form = args[1] if len(args) > 1 else kwargs.get("memory_format", torch.contiguous_format)
    return args[0].is_contiguous(memory_format=form)


@handles(aten.storage_offset.default, aten.sym_storage_offset.default)
def _offset(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return args[0].storage_offset()


@handles(aten.is_conj.default)
def _conjugate(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return args[0].is_conj()


@handles(aten.is_neg.default)
def _negative(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return args[0].is_neg()
