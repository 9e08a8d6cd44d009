"""One capture from start to finish: the program runs once, and its graph is what remains."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch
from torch import nn
from torch.fx import Node

from monograph.capture.aliasing import Value, base_of, in_own_memory
from monograph.capture.captured import Captured, Output
from monograph.capture.current import running
from monograph.capture.declare import Declaration, declare, read_specification
from monograph.capture.emission import Emission
from monograph.capture.following import Following
from monograph.capture.inputs import Origin, Root, State, flatten_arguments
from monograph.capture.kept import Kept, side_effect
from monograph.capture.python import frames
from monograph.capture.python.builtin_functions import CALL_SITES, ask_after
from monograph.capture.python.indexing import Indexing
from monograph.capture.python.patches import patched
from monograph.capture.python.plain_numbers import refusal_of_numbers
from monograph.capture.python.process_state import exporting_flags, kept
from monograph.capture.python.reached import AskingIfOne
from monograph.capture.python.redirect import identity_of
from monograph.capture.python.saved import Change
from monograph.capture.python.snapshot import Changed, Snapshot
from monograph.capture.python.type_calls import types_as_in_eager_mode
from monograph.capture.recorder import Recorder
from monograph.capture.restarts import (
    NarrowedError,
    NeedsAnotherLook,
    NeedsAutograd,
    NeedsCalls,
    NeedsConversion,
    NeedsIndexing,
    NeedsKinds,
    NeedsNumbers,
    NeedsRows,
    NeedsTables,
    NeedsTexts,
    Restart,
)
from monograph.capture.settling import Settling, Unsettled
from monograph.capture.sizes import Operand, in_sizes
from monograph.capture.start import Start
from monograph.capture.strictness import OfACapture, Strictness
from monograph.capture.timed import new_recorder
from monograph.collection import rarer_collection
from monograph.diagnostics import (
    ControlFlowError,
    ExportError,
    InternalError,
    MonographError,
    MutationError,
    PythonFeatureError,
    errors_made,
)
from monograph.ir.dead_nodes import remove_dead_nodes
from monograph.ir.spec import kind_without_spec
from monograph.ir.structure import Structure, flatten, in_code, is_constant, met_twice
from monograph.ir.subgraphs import refuse_leaks
from monograph.shapes.decide import Patience, TiredError
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    below_autograd,
    bits_untouched,
    compiled_functions_run_as_written,
    replaying_views,
)

__all__ = ["Captured", "Output", "capture", "trim"]

_lock = threading.RLock()
_MOST_ATTEMPTS = 12
_CLONE = torch.ops.aten.clone.default


def capture(
    root: Root,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    opens: bool = False,
    watched: frozenset[str] = frozenset(),
    dynamic_shapes: object = None,
    hints: dict[str, float] | None = None,
    pretended: dict[str, bool] | None = None,
    collected: list[ExportError] | None = None,
    strict: Strictness | None = None,
    turned: frozenset[str] = frozenset(),
    start: Start | None = None,
    first: Captured | None = None,
    patience: Patience | None = None,
    is_for_all: bool = False,
    are_two: bool = False,
    unsettled: Unsettled | None = None,
    singles: frozenset[str] = frozenset(),
    not_single: Mapping[str, bool] | None = None,
) -> Captured:
    """Run ``root.call(*args, **kwargs)`` on abstract tensors and return its graph.

    ``opens`` records composite operators as their parts; ``dynamic_shapes`` says which sizes
    vary, and ``hints`` by which values of these questions are answered (those of the examples,
    if it is None). ``pretended`` answers questions that nobody can answer, as assertions in the
    program would. ``collected`` gets what is refused, where the capture can go on with what holds
    for the example inputs. ``strict`` converts functions that branch on data. The dictionaries at
    the paths in ``turned`` are given with their keys in the opposite order. ``start``: what the
    program's objects hold when it is called, if that is not what the user has. ``first``: the
    capture whose graph is followed (``following.py``), with its sizes, as they are supposed to be
    in its environment. ``patience``: what questions about sizes may cost, and what is left of
    it afterwards. ``is_for_all`` gives the capture up where it narrows the sizes, or leaves
    behind what the next call finds. ``are_two``: a tensor that is passed twice is two for the
    program, which may ask. ``unsettled``: what other captures have tried in vain. ``singles`` and
    ``not_single``: what ``squeeze`` meets (``constraints/ranks.py``). Only one thread captures at a
    time.

    Raises:
        ExportError: what stands in the way, with the user's line.
        NarrowedError: see ``is_for_all``.
    """
    with _lock, rarer_collection(), kept(), _own_mistakes(root, args, kwargs):
        ways = _Ways(strict)
        CALL_SITES.meet(root.call)
        start = start or Start()
        if patience is not None:
            patience.spent = 0
        while ways.attempts < _MOST_ATTEMPTS:
            above = ways.above_autograd
            if collected:
                collected.clear()  # of the capture before
            try:
                with start.installed():
                    session = _Session(
                        root, args, kwargs, opens, above, watched, dynamic_shapes, start, first
                    )
                    context = session.recorder.context
                    context.indexes, context.as_called = ways.indexes, ways.as_called
                    context.rows_in_order = ways.rows_in_order
                    context.knows_tables = ways.knows_tables
                    context.spells_sizes = ways.spells_sizes
                    context.tells_kinds = ways.tells_kinds
                    context.given_numbers = ways.given_numbers
                    context.strict, context.collected = strict, collected
                    session.hints, session.turned = hints or {}, turned
                    session.are_two = are_two
                    session.unsettled = unsettled or Unsettled()
                    env = session.recorder.sizes.env
                    env.pretended, env.singles = pretended or {}, singles
                    env.not_single.update(not_single or {})
                    env.asserts_not_single = not_single is not None
                    session.recorder.sizes.is_for_all = is_for_all
                    decider = env.decider
                    decider.patience = patience
                    with (
                        nullcontext() if strict is None else strict.installed(),
                        CALL_SITES.installed(),
                        types_as_in_eager_mode(root.call, session.modules(), ways.is_chosen),
                    ):
                        found = session.run()
                        if decider.tires():  # the program has caught it
                            raise TiredError
                        decider.patience = None  # what is asked from now on is asked of all
                        if is_for_all and found.leaving is not None:
                            raise NarrowedError
                        return found
            except TiredError:
                raise ControlFlowError(
                    "to find out its sizes takes too long", code="MG-C115"
                ) from None
            except Restart as reason:
                if first is not None:  # it has gone another way
                    raise
                ways.change(reason)
        raise InternalError("the capture was started again and again")


class _Ways:
    """How a program is captured: what the captures before, which were given up, have shown."""

    def __init__(self, strict: Strictness | None) -> None:
        self.strict = strict
        self.above_autograd = self.indexes = self.rows_in_order = False
        self.knows_tables = self.spells_sizes = self.tells_kinds = False
        self.as_called: dict[int, CodeType] = {}  # by identity: calls there stay as they are
        self.given_numbers: dict[int, object] = {}  # by identity: functions
        self.attempts = 0

    def is_chosen(self, code: CodeType) -> bool:
        """Whether the callees in ``code`` are chosen, or cannot be."""
        return CALL_SITES.is_chosen(code) or id(code) in self.as_called

    def change(self, reason: Restart) -> None:
        """The next capture goes another way.

        Conversions are no attempts: they end with the statements and functions of the program.
        """
        if isinstance(reason, NeedsConversion):
            if self.strict is None or not self.strict.learn(reason):
                raise reason.error from None
        elif isinstance(reason, NeedsNumbers):
            CALL_SITES.learn(reason.code, reason.function)
            self.given_numbers[identity_of(reason.refusing)] = reason.refusing
        elif isinstance(reason, NeedsCalls):
            CALL_SITES.learn(reason.code, reason.function)
            self.as_called[id(reason.code)] = reason.code  # if it asks again, that was no help
        elif isinstance(reason, NeedsAutograd):
            self.above_autograd = True
            self.attempts += 1
        elif isinstance(reason, NeedsIndexing):
            self.indexes = True
            self.attempts += 1
        elif isinstance(reason, NeedsRows):
            self.rows_in_order = True
            self.attempts += 1
        elif isinstance(reason, NeedsTables):
            self.knows_tables = True
            self.attempts += 1
        elif isinstance(reason, NeedsTexts):
            self.spells_sizes = True
            self.attempts += 1
        elif isinstance(reason, NeedsKinds):
            self.tells_kinds = True
            self.attempts += 1
        elif not isinstance(reason, NeedsAnotherLook):
            raise reason


@contextlib.contextmanager
def _own_mistakes(root: Root, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[None]:
    """An exception of our own making says so; the user's, and torch's, pass through."""
    try:
        yield
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, MonographError) or not frames.is_raised_by_us(error):
            raise
        if isinstance(error, TypeError) and not root.can_take(args, kwargs):
            raise
        from monograph.diagnostics.reproduction import write_report  # what is never needed

        program = root.module if root.is_module else root.call
        report = write_report(error, program, args, kwargs)
        raise InternalError(
            f"{type(error).__name__}: {error}",
            where=frames.source_line_of_traceback(error),
            hint=f"what is needed to find it is in {report}." if report else None,
        ) from error


@dataclass
class _Given:
    """What the program is called with: leaves, their placeholders, and the arguments made of them.

    ``declared``: the sizes that vary; ``sizes``: those of each leaf. ``parts``: the leaves of the
    arguments as they are before the program runs, other ones where containers compute with
    tensors when they are built.
    """

    leaves: list[object]
    nodes: list[Node]
    declared: dict[str, Declaration]
    sizes: list[Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    parts: list[object] = field(default_factory=list)


class _Session:
    def __init__(
        self,
        root: Root,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        opens: bool,
        above_autograd: bool,
        watched: frozenset[str],
        dynamic_shapes: object,
        start: Start,
        first: Captured | None,
    ) -> None:
        self.root = root
        self.first = first
        self.example = args, kwargs
        self.arguments = flatten_arguments(root, args, kwargs)
        self.recorder = new_recorder(
            opens=opens,
            above_autograd=above_autograd,
            emission=Emission if first is None else lambda context: Following(context, first),
        )
        self.recorder.context.watched = watched
        self.hints: dict[str, float] = {}
        self.turned: frozenset[str] = frozenset()
        self.are_two = False
        self.unsettled = Unsettled()
        self.specification = read_specification(root, self.arguments, dynamic_shapes)
        self.state = State(root.module)
        self.names: dict[int, tuple[str, str]] = {}
        self.kept = Kept(self.recorder, start)

    def run(self) -> Captured:
        """The program runs once; what it did is written down, and everything is put back."""
        try:
            return self._run()
        except BaseException:  # its traceback has tensors of the capture in its frames
            self.recorder.sizes.env.let_go()
            raise
        finally:
            self.recorder.context.let_go()
            if self.recorder.sizes.settling is not None:
                self.recorder.sizes.settling.let_go()

    def modules(self) -> list[nn.Module]:
        """The program's modules, each once."""
        return [module for _, module in self.state.modules]

    def _run(self) -> Captured:
        strict = self.recorder.context.strict
        snapshot = self._remembered()
        try:
            if strict is not None:
                strict.start(snapshot)
            given = self._given(snapshot)
            is_above = self.recorder.context.above_autograd
            with snapshot.without_histories() if is_above else nullcontext():
                result = self._call(given)
            changed = snapshot.changed()
            self._assume_draws(snapshot)
        finally:
            if strict is not None:
                strict.stop()
            snapshot.restore()
            torch.clear_autocast_cache()
        if strict is not None:
            strict.finish(self.recorder, frozenset(map(type, self.modules())))
        known = snapshot.identities() if changed else frozenset()
        return self._captured(given, result, changed, known)

    def _assume_draws(self, snapshot: Snapshot) -> None:
        """List generators that functions have used which nobody watches."""
        listed = [a.text for a in self.recorder.context.assumptions if a.kind == "random"]
        for name in snapshot.drawn():
            if not any(text.startswith(f"{name}.") for text in listed):
                text = f"{name} drew numbers while capturing: they are fixed"
                self.recorder.assume("random", text)
        if not listed:
            for path in snapshot.drawn_from():
                text = f"{path} drew numbers while capturing: they are fixed"
                self.recorder.assume("random", text)

    def _remembered(self) -> Snapshot:
        """The user's objects as they are before the program runs."""
        snapshot = self.recorder.context.snapshot = Snapshot(self.state.modules, self.root.call)
        if snapshot.unwatched is not None:
            self.recorder.assume(
                "unwatched",
                f"{snapshot.unwatched} holds more objects than are watched: what the program "
                "changes of them is not noticed, and not put back",
            )
        return snapshot

    def _are_asked_if_one(self) -> bool:
        """Whether a tensor is passed twice to a program that asks if two arguments are one."""
        tensors = [a.example for a in self.arguments.leaves if isinstance(a.example, torch.Tensor)]
        if len({id(tensor) for tensor in tensors}) == len(tensors):
            return False
        search = AskingIfOne()
        search.add_all([self.root.call])
        search.add_modules(module for _, module in self.state.modules)
        return bool(search.run())

    def _given(self, snapshot: Snapshot) -> _Given:
        """State and arguments enter the graph."""
        recorder = self.recorder
        self._enter_state(snapshot)
        if self.first is None:
            env = recorder.sizes.env
            sizes, declared = declare(env, self.arguments, self.specification, self.hints)
            strict, collected = recorder.context.strict, recorder.context.collected
            if declared and collected is None and (strict is None or strict.settles):
                recorder.sizes.settling = Settling(recorder, declared, self.unsettled)
        else:
            recorder.sizes.use(self.first.recorder.sizes.env)
            sizes, declared = self.first.sizes, self.first.declared
        if not self.are_two and self._are_asked_if_one():
            recorder.entrance.one_tensor = {}
        leaves = [
            recorder.entrance.enter_argument(a.name, a.path, a.example, size)
            for a, size in zip(self.arguments.leaves, sizes, strict=True)
        ]
        nodes = [n for n in recorder.emission.graph.nodes if n.op == "placeholder"]
        if self.first is not None:
            nodes = self.first.argument_nodes
        recorder.context.generators = [g for g in leaves if isinstance(g, torch.Generator)]
        self._assume_constants(leaves)
        return _Given(leaves, nodes[len(nodes) - len(leaves) :], declared, sizes)

    def _build(self, given: _Given) -> None:
        """The arguments, as the program gets them; what their constructors compute is recorded."""
        args, kwargs = self.arguments.args, self.arguments.kwargs
        split = args.num_leaves
        given.args = args.unflatten(given.leaves[:split])
        given.kwargs = kwargs.unflatten(given.leaves[split:])
        given.parts = given.leaves
        if args.is_built_by_others or kwargs.is_built_by_others:
            given.parts = [*flatten(given.args)[0], *flatten(given.kwargs)[0]]
        if self.turned:
            args.turn_round(given.args, self.turned, "*args")
            kwargs.turn_round(given.kwargs, self.turned, "*kwargs")

    def _captured(
        self, given: _Given, result: object, changed: list[Changed], known: frozenset[int]
    ) -> Captured:
        """The graph with its outputs: what the program returned, and what it has changed."""
        recorder = self.recorder
        with below_autograd(), bits_untouched(), recorder:
            self.kept.adopt(changed, known)
            if not self.turned:
                self._compare_arguments(given.args, given.kwargs, given.parts, result)
            outputs, structure = self._outputs(result)
            self.kept.finish()
            leaving = self.kept.leaving()
            mutations = self._finish(outputs)
            if leaving is None:
                trim(recorder)
        for leak in self.kept.leaks:
            _refuse_change(leak, recorder.context.strict)
        if recorder.context.above_autograd:
            recorder.assume(
                "autograd",
                "the program differentiates inside itself: it was captured above autograd, with "
                "composite operators opened",
            )
        return Captured(
            graph=recorder.emission.graph,
            recorder=recorder,
            root=self.root,
            state=self.state,
            arguments=self.arguments,
            origins=recorder.entrance.origins,
            mutations=mutations,
            outputs=outputs,
            output_structure=structure,
            assumptions=recorder.context.assumptions,
            opaque=recorder.emission.opaque,
            argument_nodes=given.nodes,
            twins=recorder.aliases.twins,
            layouts=recorder.layouts.facts(),
            module_calls=recorder.emission.module_calls,
            declared=given.declared,
            sizes=given.sizes,
            dropped=self.kept.dropped,
            leaving=leaving,
            numbers=self.kept.numbers(),
            counted=self.kept.counted(),
        )

    def _enter_state(self, snapshot: Snapshot) -> None:
        """Parameters, then buffers, become placeholders; a tensor with two names enters once."""
        recorder, state = self.recorder, self.state
        for path, child in state.modules:
            kind = type(child)
            self.names[id(child)] = (path, f"{kind.__module__}.{kind.__qualname__}")
        for name, parameter in state.parameters:
            if id(parameter) not in recorder.entrance.values:
                recorder.entrance.enter("parameter", "p_" + name.replace(".", "_"), name, parameter)
        for name, buffer in state.buffers:
            if id(buffer) not in recorder.entrance.values:
                value = recorder.entrance.enter(
                    "buffer", "b_" + name.replace(".", "_"), name, buffer
                )
                assert value.origin is not None
                value.origin.persistent = name not in state.transient
        self.kept.enter()
        for name, buffer in state.unheld:  # where the program reads it, that is refused
            recorder.assume(
                "attribute",
                f"{name} is a {kind_without_spec(buffer)} tensor, which the program does not read: "
                "it is no part of it",
            )
        for name, class_name in state.untrained:
            recorder.assume(
                "gradient",
                f"{name} is a {class_name}: its parts are buffers, and no gradient is kept",
            )
        named = [name for name, _ in (*state.parameters, *state.buffers)]
        recorder.entrance.targets.take(named, [path for path, _ in state.modules])
        index: dict[int, str] = {}

        def find(tensor: torch.Tensor) -> str | None:
            if not index:
                index.update((id(t), path) for path, t in snapshot.tensor_paths())
                index.update((id(t), path) for path, t in state.unheld)
                index.setdefault(0, "")
            return index.get(id(tensor))

        recorder.entrance.find_constant_path = find

    def _assume_constants(self, leaves: list[Any]) -> None:
        for argument, leaf in zip(self.arguments.leaves, leaves, strict=True):
            if not isinstance(leaf, torch.Tensor) and leaf is not None and not in_sizes(leaf):
                self.recorder.assume(
                    "constant-input", f"the argument {argument.name} is always {leaf!r}"
                )

    def _call(self, given: _Given) -> object:
        recorder = self.recorder
        above = recorder.context.above_autograd
        torch.clear_autocast_cache()
        with (
            exporting_flags(),
            compiled_functions_run_as_written(),
            patched(recorder, self.names),
            torch.autograd.set_multithreading_enabled(False) if above else below_autograd(),
            bits_untouched(),
            replaying_views(),
            recorder,
            running(recorder),
            Indexing() if recorder.context.indexes else nullcontext(),
        ):
            try:
                context = contextvars.copy_context()  # what the program sets there ends with it
                with errors_made() as refusals, _none_is_caught(refusals):
                    self._build(given)
                    self.kept.put()
                    run, call = _run_user_program, self.root.call
                    result = context.run(run, call, given.args, given.kwargs)
                if recorder.context.pending is not None:  # an ``except`` has taken it
                    raise recorder.context.pending
                return result
            except Exception as error:
                if isinstance(
                    recorder.context.pending, Restart
                ):  # C has made an error of its own of it
                    raise recorder.context.pending from None
                if isinstance(error, TypeError):
                    ask_after(recorder, error)
                if isinstance(error, NameError) and recorder.context.strict is not None:
                    recorder.context.strict.explain(error)
                if isinstance(error, ExportError):
                    frames.place(error)
                refusal = refusal_of_numbers(recorder, error)
                if refusal is not None:
                    raise refusal from error
                raise

    # After the program has run ---------------------------------------------------------------

    def _compare_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any], result: object
    ) -> None:
        """List what the program changed in the containers that it was given.

        Strict mode refuses what is lost: what the caller finds in the result is not.
        """
        given = self.arguments
        try:
            now, structure = flatten(args)
            named, named_structure = flatten(kwargs)
        except PythonFeatureError:
            now, named, structure, named_structure = [], [], None, None
        changed: list[str] = []
        if (structure, named_structure) == (given.args, given.kwargs):
            after = [*now, *named]
            pairs = zip(given.leaves, leaves, after, strict=True)
            changed = [a.path for a, before, leaf in pairs if leaf is not before]
        else:
            changed = ["a container"]
        for path in changed[:1]:
            strict = self.recorder.context.strict
            if strict is not None and strict.audits and _is_lost([*now, *named], leaves, result):
                raise strict.side_effect(path, "argument", None)
            self._require_once(path)
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            self.recorder.assume(
                "argument",
                f"the program assigns {path} of its arguments{more}: the exported program leaves "
                "the caller's containers as they are",
            )

    def _require_once(self, changed: str) -> None:
        """No container of the arguments is passed twice: a change of it would be seen in both."""
        args, kwargs = self.example
        seen: dict[int, str] = {}
        twice = met_twice(args, "*args", seen) or met_twice(kwargs, "*kwargs", seen)
        if twice is not None:
            raise MutationError(
                f"{twice[0]} and {twice[1]} are one object, and the program changes {changed}",
                code="MG-M102",
                where=self.recorder.here(),
                hint="pass two: a program gets copies of its arguments' containers, in which the "
                "change of one is not seen in the other.",
            )

    def _outputs(self, result: object) -> tuple[list[Output], Structure]:
        recorder = self.recorder
        leaves, structure = flatten(result, "the result")
        for kind in structure.kinds():
            if issubclass(kind, OfACapture):
                raise kind.as_a_result()
        owners: dict[Node, Value] = {}  # whose memory it is, by the node that made it
        outputs = []
        for leaf in leaves:
            if in_sizes(leaf):
                outputs.append(self._size_output(leaf))
                continue
            if not isinstance(leaf, torch.Tensor):
                if not is_constant(leaf):
                    raise PythonFeatureError(f"the result holds a {type(leaf).__name__}")
                outputs.append(Output(None, leaf))
                continue
            value = recorder.value_of(leaf)
            node = recorder.read(value)
            recorder.layouts.list_result(len(outputs), value)
            origin = value.origin
            is_itself = origin is not None and origin not in self.kept.rebound
            if origin is not None and is_itself and origin.kind != "constant":
                outputs.append(Output(node, alias=origin.node.name))
                continue
            # Two tensors of the program that only share a node each get their own memory; so does
            # what must survive that an argument or a buffer is overwritten after the call.
            root, base = value.root, base_of(node)
            is_borrowed = root.origin is None and base.op == "placeholder"
            is_shared = owners.setdefault(base, root) is not root
            if is_borrowed or is_shared or root.origin in self.kept.rebound:
                node = in_own_memory(value, owners)
                owners[base_of(node)] = root
            outputs.append(Output(node))
        return outputs, structure

    def _size_output(self, leaf: torch.SymInt | torch.SymFloat | torch.SymBool) -> Output:
        sizes = self.recorder.sizes
        if isinstance(leaf, torch.SymBool):
            found: Operand = sizes.test_node(expression_of(leaf))
        else:
            sizes.require_kind(leaf)
            found = sizes.node_of(self.recorder.size_of(leaf))
        return Output(found) if isinstance(found, Node) else Output(None, found)

    def _finish(self, outputs: list[Output]) -> list[Origin]:
        recorder = self.recorder
        graph = recorder.emission.program_graph
        order = {"parameter": 0, "buffer": 1, "constant": 1, "input": 2}
        mutated = [o for o in recorder.entrance.origins if o.mutated]
        mutations = sorted(mutated, key=lambda o: order[o.kind])
        contents = []
        kept = []
        for origin in mutations:
            if origin.fresh:
                continue
            if origin.kind == "constant":
                _become_buffer(origin)
            value = self.kept.rebound.get(origin, origin.value.root)
            node = recorder.read(value)
            if base_of(node).op == "placeholder" or node in contents:  # may be overwritten before
                node = recorder.read(recorder.call(_CLONE, (value.abstract(),)).value)
            kept.append(origin)
            contents.append(node)
        results = [in_code(o.constant) if o.node is None else o.node for o in outputs]
        if recorder.emission.has_regions:
            refuse_leaks(graph, [*contents, *results])
        if recorder.context.seeds or recorder.context.reseeded is not None:
            from monograph.capture.seeding import draws_in, fill_in_seeded  # of few programs

            fill_in_seeded(recorder, recorder.context.seeds)
            if recorder.context.reseeded is not None and draws_in(graph):
                raise recorder.context.reseeded
        recorder.emission.finish((*contents, *results))
        return kept


def trim(recorder: Recorder) -> None:
    """Drop what nobody reads."""
    remove_dead_nodes(recorder.emission.program_graph)
    _remove_unused_constants(recorder)


def _is_lost(now: list[Any], before: list[Any], result: object) -> bool:
    """Whether arguments hold other things than before that are not in the result."""
    if len(now) == len(before):
        new = [leaf for leaf, old in zip(now, before, strict=True) if leaf is not old]
    else:
        held = {id(leaf) for leaf in before}
        new = [leaf for leaf in now if id(leaf) not in held]
    returned = {id(leaf) for leaf in flatten(result, "the result")[0]}
    return not new or len(now) < len(before) or any(id(leaf) not in returned for leaf in new)


def _refuse_change(change: Change, strict: Strictness | None) -> None:
    """Raise MG-M107, with the line that makes the change; ask for another look to find that."""
    if strict is not None and strict.audits:
        strict.refuse_change(change)
    raise side_effect(change.path, change.field, None, change=change)


@contextlib.contextmanager
def _none_is_caught(refusals: list[ExportError]) -> Iterator[None]:
    """A refusal that the program catches is raised all the same: eager mode would not go that way.

    Raises:
        ExportError: the first such refusal.
    """
    try:
        yield
    except Exception as raised:
        _raise_caught(refusals, raised)
        raise
    _raise_caught(refusals, None)


def _raise_caught(refusals: list[ExportError], raised: Exception | None) -> None:
    for error in refusals:
        is_caught = error is not raised and frames.is_caught_by_program(error)
        if is_caught and not error.is_of_eager_mode:
            raise error from None


def _run_user_program(
    call: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return call(*args, **kwargs)


frames.mark_entry(_run_user_program.__code__)


def _become_buffer(origin: Origin) -> None:
    """A plain tensor attribute that the program writes is state: a buffer that is not saved."""
    origin.kind, origin.persistent = "buffer", False


def _remove_unused_constants(recorder: Recorder) -> None:
    unused = [o for o in recorder.entrance.origins if o.kind == "constant" and not o.node.users]
    for origin in unused:
        recorder.emission.graph.erase_node(origin.node)
        recorder.entrance.origins.remove(origin)
