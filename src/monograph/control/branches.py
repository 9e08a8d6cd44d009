"""Two branches become one ``cond`` node."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch.fx import Node
from torch.fx.node import Argument

from monograph.capture.abstract import AbstractTensor, become, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.layouts import LaidAnew
from monograph.capture.operators.data_dependence import assert_tensor, truth_node
from monograph.capture.python.exception_handlers import may_be_caught
from monograph.capture.python.frames import (
    frames_of_user,
    is_raised_by_program,
    is_raised_in_program,
)
from monograph.capture.recorder import Recorder
from monograph.control.region import Region, lift
from monograph.control.results import (
    UNDEFINED,
    Computed,
    Constant,
    Found,
    Joined,
    Mismatch,
    Sides,
    describe,
    join,
    note,
)
from monograph.control.state import Key, State, Variable
from monograph.diagnostics import (
    ControlFlowError,
    ExportError,
    MonographError,
    PythonFeatureError,
)
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import LEAF, Structure, flatten
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph
from monograph.shapes.expr import Expr
from monograph.shapes.questions import Test, negated

__all__ = [
    "RESULT",
    "RETURNED",
    "Group",
    "Named",
    "Result",
    "Same",
    "Side",
    "branch",
    "emit",
    "group",
    "overwrite",
    "predicate_node",
    "raised",
    "side",
    "unflatten",
]

RETURNED = "_monograph_value"  # a variable that is only looked at where it is defined
HAS_RETURNED = "_monograph_return"
_TENSOR = "a tensor, in place,"
aten = torch.ops.aten
higher_order = torch.ops.higher_order


class Result:
    """Names what a side returns, beside the state that it changes."""


RESULT = Result()


@dataclass(frozen=True, slots=True)
class Same:
    """Names a tensor that stands for another value: ``y.t_()``. ``tensor``: its identity."""

    tensor: int


Named = Key | Result | Same
Side = Mapping[Named, tuple[str, object]]  # a name for each, and the value


@dataclass
class Group:
    """One of several results of a region: a nested value, taken apart."""

    name: str
    structure: Structure
    found: list[Found]
    is_dead: bool = False  # nobody looks at it after this side

    @property
    def length(self) -> int:
        """How many items there are, of a list: each may hold several leaves."""
        return len(self.found if self.structure is LEAF else self.structure.children)


def side(state: State, name: str, result: object) -> Side:
    """What a side has changed, and its ``result``."""
    changed = state.changed()
    found: dict[Named, tuple[str, object]] = dict(changed.items())
    found[RESULT] = (name, result)
    if all(isinstance(key, Variable) for key in changed):
        return found
    # A list that the side has changed is about to be as it was, also where it is a result.
    return {key: (name, _as_it_is_now(value)) for key, (name, value) in found.items()}


def _as_it_is_now(value: object) -> object:
    """``value`` with containers of its own."""
    if value is UNDEFINED:
        return value
    try:
        leaves, structure = flatten(value)
    except PythonFeatureError:
        return value
    return structure.unflatten(leaves)


def group(region: Region, name: str, value: object) -> Group:
    """Remember a nested value; what cannot be taken apart is one leaf."""
    try:
        leaves, structure = ([value], LEAF) if value is UNDEFINED else flatten(value)
    except PythonFeatureError:
        leaves, structure = [value], LEAF
    return Group(name, structure, [note(region, leaf) for leaf in leaves])


def raised(error: ExportError) -> NoReturn:
    """Raise it: there is nothing else to try."""
    raise error


def branch(
    recorder: Recorder,
    predicate: torch.Tensor | Test,
    bodies: Sequence[Callable[[], Side]],
    before: Callable[[Key], tuple[str, object]],
    preferred: Sequence[Argument] = (),
    inspect: Callable[[Sequence[Mapping[Named, Group]]], None] = lambda results: None,
    refuse: Callable[[ExportError], NoReturn] = raised,
) -> dict[Named, object]:
    """Capture both ``bodies`` and join what they return: by key, a name and a value.

    ``before`` gives the name and value of a key that only the other body returns. ``preferred`` are
    nodes that become the first operands; ``inspect`` sees what both return, and may raise.
    ``refuse`` raises the error of who asks how a result lies, where it lies otherwise on each side;
    or it tries again, without the result. What cannot be joined gives its ``Mismatch``. A body that
    raises an error of the program's own, or asks for an item that is not there, becomes an
    assertion.
    """
    node = predicate_node(recorder, predicate)
    paths: list[Test] = [True, True]
    if not isinstance(predicate, torch.Tensor):
        paths = [predicate, negated(predicate)]
    recorder.emission.has_regions = True
    symbols = len(recorder.sizes.env.symbols)
    regions: list[Region] = []
    results: list[dict[Named, Group]] = []
    same: dict[Named, AbstractTensor] = {}
    for name, body, path in zip(("true", "false"), bodies, paths, strict=True):
        region = Region(recorder, name, joins_tensors=True)
        regions.append(region)
        try:
            with region.capturing(path):
                found = {k: group(region, *pair) for k, pair in body().items()}
                results.append(found | _others(region, same))
        except BaseException as error:
            for given_up in regions:
                given_up.abandon()
            if isinstance(error, NameError):
                error = _of_unset_variable(recorder, error)
            elif isinstance(error, MonographError) or not isinstance(error, Exception):
                raise
            elif not is_raised_by_program(error):
                _refuse_where_it_is_caught(recorder, error)
                if not is_raised_in_program(error):
                    raise
            _assert(recorder, predicate, name == "false", error)
            return {key: value for key, (_, value) in bodies[name == "true"]().items()}
    try:
        inspect(results)
    except BaseException:
        for region in regions:
            region.abandon()
        raise
    local = frozenset(list(recorder.sizes.env.symbols)[symbols:])
    keys = list(dict.fromkeys(key for found in results for key in found))
    for region, found in zip(regions, results, strict=True):
        for key in keys:
            if key not in found:
                assert not isinstance(key, Result)  # both sides return
                with region.as_left():
                    pair = (_TENSOR, same[key]) if isinstance(key, Same) else before(key)
                    found[key] = group(region, *pair)
                found[key].is_dead = _has_returned(found)
    sides = Sides(local, tuple(paths))
    joined = [_join_groups(recorder, [found[key] for found in results], sides) for key in keys]
    values = _emit_cond(recorder, node, regions, joined, preferred, refuse)
    made = dict(zip(keys, values, strict=True))
    return {key: value for key, value in made.items() if not _has_become(same.get(key), value)}


def _others(region: Region, same: dict[Named, AbstractTensor]) -> dict[Named, Group]:
    """What tensors of the outside stand for after a side; they are noted in ``same``."""
    found: dict[Named, Group] = {}
    for tensor in region.others():
        key = Same(id(tensor))
        same[key] = tensor
        value = make_abstract(tensor.value.spec, tensor.value)
        found[key] = group(region, _TENSOR, value)
    return found


def _has_become(tensor: AbstractTensor | None, value: object) -> bool:
    """Whether ``tensor`` stands for what the sides have made of it: ``value``."""
    if tensor is None or not isinstance(value, AbstractTensor):
        return False
    tensor.value.recorder.aliases.touch_tensor(tensor)
    become(tensor, value.value)
    return True


def _of_unset_variable(recorder: Recorder, error: NameError) -> UnboundLocalError:
    """What eager mode raises where this side has left a variable without a value.

    Raises:
        NameError: this one, where it is about something else.
    """
    found = re.search(r"'(\w+)'", str(error))
    name = found[1] if found else ""
    forbidden = recorder.context.strict.forbidden if recorder.context.strict is not None else {}
    if "not associated with a value" not in str(error) or name in forbidden:
        raise error
    return UnboundLocalError(
        f"cannot access local variable {name!r} where it is not associated with a value"
    )


def _has_returned(found: Mapping[Named, Group]) -> bool:
    """Whether a side ends the function: what it leaves undefined will not be missed."""
    return any(
        g.name.startswith(HAS_RETURNED) and g.found and g.found[0].content is True
        for g in found.values()
    )


def predicate_node(recorder: Recorder, predicate: torch.Tensor | Test) -> Node | bool:
    """The node of a truth: a boolean tensor without dimensions, or a comparison of sizes."""
    if isinstance(predicate, torch.Tensor):
        return truth_node(recorder, predicate)
    return recorder.sizes.test_node(predicate)


def _assert(
    recorder: Recorder, predicate: torch.Tensor | Test, wanted: bool, error: BaseException
) -> None:
    """The program raises ``error`` unless ``predicate`` is ``wanted``."""
    _refuse_where_it_is_caught(recorder, error)
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(predicate, torch.Tensor):
        assert_tensor(recorder, predicate, wanted, message)
    else:
        test = predicate if wanted else negated(predicate)
        if not recorder.sizes.env.require_by_program(test, message):
            raise error


def _refuse_where_it_is_caught(recorder: Recorder, error: BaseException) -> None:
    """What catches it would go on as for all sizes: it is raised on one side alone."""
    if may_be_caught(frames_of_user(2)):
        raise ControlFlowError(
            f"a branch raises {type(error).__name__}, which the program may catch",
            code="MG-C115",
            where=recorder.here(),
            hint="decide by the condition itself, not by an exception.",
        ) from error


@dataclass
class _JoinedGroup:
    """A nested value that all sides give: each leaf joined, and what each side has for it."""

    structure: Structure
    leaves: list[Joined]
    columns: list[list[Found]]


def _join_groups(
    recorder: Recorder, pair: Sequence[Group], sides: Sides
) -> _JoinedGroup | Mismatch:
    empty = [g.structure is LEAF and g.found[0].content is UNDEFINED for g in pair]
    if any(empty) and not all(empty):
        is_read = not all(g.is_dead for g, none in zip(pair, empty, strict=True) if none)
        if is_read and not pair[0].name.startswith(RETURNED):
            return Mismatch(
                "MG-C112",
                f"{pair[0].name} is defined on one side of a branch only",
                [("", *(_outline(g) for g in pair))],
                f"define {pair[0].name} before the branch.",
            )
        model = pair[empty.index(False)]
        pair = [
            Group(g.name, model.structure, g.found * len(model.found)) if is_empty else g
            for g, is_empty in zip(pair, empty, strict=True)
        ]
    structures = [g.structure for g in pair]
    if any(s != structures[0] for s in structures):
        values = [g.found[0] if g.structure is LEAF else None for g in pair]
        texts = [_outline(g) for g in pair]
        code = "MG-C103" if any(v is not None and v.content is None for v in values) else "MG-C102"
        hint = "let every branch give the same structure of tensors."
        what = "the branches give different structures"
        if code == "MG-C103":
            what = "one branch gives None, the other does not"
            hint = (
                "let every branch give a tensor; a mask that masks nothing, say, instead of None."
            )
        return Mismatch(code, what, [("", *texts)], hint)
    try:
        columns = [list(column) for column in zip(*(g.found for g in pair), strict=True)]
        leaves = [join(recorder, column, sides) for column in columns]
    except Mismatch as mismatch:
        return mismatch
    return _JoinedGroup(structures[0], leaves, columns)


def _outline(found: Group) -> str:
    if found.structure is LEAF:
        return describe(found.found[0])
    kind = getattr(found.structure.kind, "__name__", "value")
    return f"{kind} of {len(found.found)}"


def unflatten(structure: Structure, leaves: Sequence[object]) -> object:
    """A value of ``structure``."""
    return leaves[0] if structure is LEAF else structure.unflatten(list(leaves))


def _emit_cond(
    recorder: Recorder,
    predicate: Argument,
    regions: Sequence[Region],
    joined: Sequence[_JoinedGroup | Mismatch],
    preferred: Sequence[Argument],
    refuse: Callable[[ExportError], NoReturn],
) -> list[object]:
    """Close the regions and record the node: what the program gets for each of ``joined``."""
    computed = [
        (one, column)
        for each in joined
        if isinstance(each, _JoinedGroup)
        for one, column in zip(each.leaves, each.columns, strict=True)
        if isinstance(one, Computed)
    ]
    outputs: list[list[Argument]] = [[] for _ in regions]
    for one, column in computed:
        for region, found, nodes in zip(regions, column, outputs, strict=True):
            with region.reopened():
                nodes.append(one.node_in(region, found))
    roots = list({id(root): root for region in regions for root, _ in region.written}.values())
    for root in roots:
        untouched = recorder.read(root)
        for region, nodes in zip(regions, outputs, strict=True):
            content = next((new for old, new in region.written if old is root), None)
            nodes.append(untouched if content is None else content.node)
    for region, nodes in zip(regions, outputs, strict=True):
        region.finish(nodes)
    specs = [*(one.spec for one, _ in computed), *(root.spec for root in roots)]
    results = _cond_node(recorder, predicate, regions, specs, preferred)
    for root, node in zip(roots, results[len(computed) :], strict=True):
        contents = [new for region in regions for old, new in region.written if old is root]
        overwrite(recorder, root, node, max(content.tracks for content in contents))
    made = [one.wrap(node) for (one, _), node in zip(computed, results, strict=False)]
    for (one, _), node in zip(computed, results, strict=False):
        if one.sides is not None:
            laid = LaidAnew(one.only_starts, refuse, one.sides)
            recorder.layouts.note_laid_anew(node, laid)
    _note_shared(recorder, [column for _, column in computed], made)
    left = iter(made)
    return [
        each
        if isinstance(each, Mismatch)
        else unflatten(
            each.structure,
            [one.value if isinstance(one, Constant) else next(left) for one in each.leaves],
        )
        for each in joined
    ]


def _cond_node(
    recorder: Recorder,
    predicate: Argument,
    regions: Sequence[Region],
    specs: Sequence[TensorSpec | Expr],
    preferred: Sequence[Argument],
) -> list[Node]:
    """The results of the ``cond`` node; none is recorded where no side does anything."""
    if not specs and all(len(region.graph.nodes) <= 1 for region in regions):
        return []
    operands = lift(regions, preferred)
    subgraphs = [region.subgraph(operands) for region in regions]
    return emit(
        recorder,
        higher_order.cond,
        "cond",
        ("true_graph", "false_graph"),
        subgraphs,
        lambda graphs: (predicate, *graphs, tuple(operands)),
        specs,
    )


def _note_shared(
    recorder: Recorder, columns: Sequence[Sequence[Found]], made: Sequence[object]
) -> None:
    """Two results that are one tensor's memory on some side."""
    owners: dict[tuple[int, int], list[Value]] = {}
    for column, result in zip(columns, made, strict=True):
        if isinstance(result, AbstractTensor):
            for side, one in enumerate(column):
                if one.original is not None:
                    owners.setdefault((side, id(one.original.root)), []).append(result.value)
    for sharing in owners.values():
        for first, second in itertools.combinations(sharing, 2):
            recorder.aliases.copies_of_branches.append((first, second))


def emit(
    recorder: Recorder,
    target: torch._ops.HigherOrderOperator,
    name: str,
    prefixes: Sequence[str],
    subgraphs: list[Subgraph],
    arguments: Callable[[list[Node]], tuple[Argument, ...]],
    specs: Sequence[TensorSpec | Expr],
) -> list[Node]:
    """The control-flow node, and a node for each of its results."""
    graphs = []
    for prefix, subgraph in zip(prefixes, subgraphs, strict=True):
        count = 0
        while f"{prefix}_{count}" in recorder.emission.names.used:
            count += 1
        attribute = recorder.emission.names.fresh(f"{prefix}_{count}")
        recorder.emission.opaque[attribute] = subgraph
        graphs.append(recorder.emission.graph.get_attr(attribute))
        recorder.emission.names.used.add(graphs[-1].name)
    node = recorder.emission.append_named(name, target, arguments(graphs), tuple(specs))
    node.meta[SUBGRAPHS] = subgraphs
    return [
        recorder.emission.append(operator.getitem, (node, i), {}, spec)
        for i, spec in enumerate(specs)
    ]


def overwrite(recorder: Recorder, root: Value, node: Node, tracks: int) -> None:
    """``node`` is the content of ``root`` from now on: what a region has written."""
    recorder.aliases.touch(root)
    root.node = node
    root.tracks = max(root.tracks, tracks)
    root.detached = False
    root.version += 1
    root.seen = root.version
