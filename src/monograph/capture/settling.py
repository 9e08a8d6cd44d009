"""A question about sizes is settled in the function that asks it, where that can be told there.

What the function has still to do is evaluated twice (``python/evaluation.py``), with nothing
recorded and nothing changed: once as it goes on with one answer, and once with the other answer
supposed. Where both call the same operators on the same tensors and return the same, for all sizes
of the other side, no more of the program needs to be run: the question is no matter. Otherwise the
function that has called it is tried. See docs/notes/0006.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import torch
from torch.fx import Graph, Node

from monograph.capture.abstract import AbstractTensor
from monograph.capture.aliasing import Value
from monograph.capture.context import Context
from monograph.capture.emission import Emission
from monograph.capture.following import Along, ApartError
from monograph.capture.operators.registry import HANDLERS, PURE, handler_of
from monograph.capture.outcomes import Outcomes
from monograph.capture.python.evaluation import Evaluation, Item, Reads, Rest, attribute_of, rest_of
from monograph.capture.python.frames import frames_of_user, is_ours
from monograph.capture.python.sites import is_made
from monograph.capture.recorder import Recorder
from monograph.capture.restarts import Restart
from monograph.inference.fakes import Outcome
from monograph.shapes.decide import Patience, TiredError
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.questions import (
    All,
    Some,
    Test,
    answered_in_parts,
    negated,
    symbols_of,
    text_of,
)
from monograph.shapes.supposing import Known, forget, mark
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator, append_node, hide_from_compiler, without_modes

if TYPE_CHECKING:
    from monograph.capture.declare import Declaration

__all__ = ["Settling"]

aten = torch.ops.aten
_MOST_FRAMES = 3  # functions that have called each other
_MOST_LOOKED_AT = 6  # among these: a comprehension is none, nor what is in the middle of a loop
_MOST_SIDES = 8  # of questions that come up on the other side
_MOST_FORMS = 8  # of what a function reads, where a question is settled
_MOST_FAILURES = 8  # in one capture
_MOST_TRIED = 24  # functions in one export, in vain
# What questions about sizes may cost in the trials of one export, and in one of them.
_MOST_EFFORT, _MOST_EFFORT_EACH = 1_000_000, 300_000
# Operators that are more than a node, and no more than nodes.
_NODES_ONLY = frozenset({
    aten.reshape.default, aten.flatten.using_ints, aten.contiguous.default, aten.to.dtype,
    aten.to.device, aten.to.dtype_layout, aten.to.other, aten.detach.default, aten.alias.default,
    aten.reshape_as.default, aten.conv1d.default, aten.where.self, aten.where.ScalarSelf,
    aten.where.ScalarOther, aten.where.Scalar, aten.index.Tensor, aten.dropout.default,
    aten.feature_dropout.default, aten.alpha_dropout.default, aten.feature_alpha_dropout.default,
    aten.type_as.default, aten.broadcast_tensors.default, aten.batch_norm.default,
    aten._to_copy.default, aten.clone.default, aten.unsqueeze.default, aten.conj_physical.default,
    aten.mT.default, aten.mH.default, aten.matrix_H.default, aten.adjoint.default,
})  # fmt: skip


class _Running(NamedTuple):
    """A question that is no matter until the function that runs in ``frame`` returns."""

    frame: FrameType
    text: str
    answer: bool


class Unsettled:
    """What was tried in vain in the captures of one export, and what trials may still cost."""

    def __init__(self) -> None:
        self.tried: set[tuple[object, ...]] = set()
        self.patience = Patience(_MOST_EFFORT, _MOST_EFFORT_EACH)

    def begin(self) -> bool:
        """Whether there is patience for one more."""
        self.patience.spent = 0
        return self.patience.left > 0 and len(self.tried) < _MOST_TRIED


class Settling:
    """The questions of one capture, as they come up."""

    def __init__(
        self, recorder: Recorder, declared: Mapping[str, Declaration], unsettled: Unsettled
    ) -> None:
        self._unsettled = unsettled
        self._recorder = recorder
        self._declared = declared
        self._is_trying = False
        self._running: list[_Running] = []
        self._failures = 0
        self._known: dict[tuple[object, ...], list[_Settled]] = {}

    def let_go(self) -> None:
        """Refer to nothing of the program."""
        self._running.clear()
        self._known.clear()

    def settled(self, test: Test, answer: bool) -> bool | None:
        """The answer of the example, where it does not matter; None where it does."""
        recorder, env = self._recorder, self._recorder.sizes.env
        is_apart = env.supposed is not True or recorder.aliases.region is not None
        if self._is_trying or is_apart or not recorder.context.is_running:
            return None
        asking, text = _asking_frames(), text_of(test)
        self._running = [each for each in self._running if each.frame in asking]
        for each in self._running:
            if each.text == text:
                return each.answer
        if self._failures >= _MOST_FAILURES or not self._is_open(test):
            return None
        rests = ((frame, rest_of(frame)) for frame in asking[:_MOST_LOOKED_AT])
        known = ((frame, rest) for frame, rest in rests if rest is not None)
        for frame, rest in itertools.islice(known, _MOST_FRAMES):
            if self._is_settled(frame, rest, test, answer):
                self._running.append(_Running(frame, text, answer))
                return answer
        self._failures += 1
        return None

    def _is_open(self, test: Test) -> bool:
        """Whether it is about sizes that were declared, which have both answers."""
        env, names = self._recorder.sizes.env, symbols_of(test)
        is_ours = all(n in self._declared and env.symbols[n].hint is not None for n in names)
        return bool(names) and is_ours and env.depends(test)

    def _is_settled(self, frame: FrameType, rest: Rest, test: Test, answer: bool) -> bool:
        recorder = self._recorder
        answers = {each.text: each.answer for each in self._running if each.frame is frame}
        modes = torch.is_grad_enabled(), *recorder.context.autocast
        key = (rest.code, frame.f_lasti, text_of(test), answer, *answers.items(), modes)
        known = self._known.setdefault(key, [])
        if any(each.holds_in(frame, recorder) for each in known):
            return True
        question = rest.code, frame.f_lasti, text_of(test), answer
        if question in self._unsettled.tried or not self._unsettled.begin():
            return False
        self._is_trying = True
        try:
            with recorder.sizes.env.decider.impatient(self._unsettled.patience):
                reads = _Comparison(recorder, frame, rest, test, answer, answers).reads()
        finally:
            self._is_trying = False
        if reads is None:
            self._unsettled.tried.add(question)
            return False
        if len(known) < _MOST_FORMS:
            known.append(_Settled.of(reads, recorder))
        return True


def _asking_frames() -> list[FrameType]:
    """The functions of the program that are running, where one of them asks; innermost first."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and is_ours(frame.f_code):
        if frame.f_code is Recorder.__torch_dispatch__.__code__:
            return []  # an operator asks
        frame = frame.f_back
    return frames_of_user(2)


# What was settled once ------------------------------------------------------------------------


class _Settled(NamedTuple):
    """What a comparison has read, in a form that says whether another call reads the same."""

    whole: dict[str, object]
    attributes: dict[tuple[str, str], object]
    others: list[tuple[Any, str, object]]

    @classmethod
    def of(cls, reads: Reads, recorder: Recorder) -> _Settled:
        """In that form."""
        form = _Form(recorder)
        whole = {name: form.of(value) for name, value in reads.whole.items()}
        attributes = {key: form.of(value) for key, value in reads.attributes.items()}
        others = [(owner, name, form.of(value)) for owner, name, value in reads.others.values()]
        return cls(whole, attributes, others)

    def holds_in(self, frame: FrameType, recorder: Recorder) -> bool:
        """Whether the function reads the same in ``frame``."""
        local, form = frame.f_locals, _Form(recorder)
        if not all(name in local and form.of(local[name]) == found
                   for name, found in self.whole.items()):  # fmt: skip
            return False
        return all(
            name in local and form.of(attribute_of(local[name], attribute)) == found
            for (name, attribute), found in self.attributes.items()
        ) and all(form.of(attribute_of(owner, name)) == found for owner, name, found in self.others)


class _Form:
    """Values by what an evaluation can tell of them; tensors by their specs, and which is which."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._nodes: dict[object, int] = {}
        self._roots: dict[object, int] = {}

    def of(self, value: Item) -> object:
        """The form of ``value``."""
        kind = type(value)
        if kind is AbstractTensor:
            found: Value = value.value
            node = self._nodes.setdefault(found.node, len(self._nodes))
            root = self._roots.setdefault(found.root, len(self._roots))
            is_read = found.seen == found.root.version
            return kind, found.spec, node, root, found.tracks, found.detached, is_read
        if kind in (torch.SymInt, torch.SymFloat, torch.SymBool):
            content: Item = expression_of(value)
            return kind, text_of(content) if kind is torch.SymBool else content
        if kind in (tuple, list, torch.Size):
            return kind, *map(self.of, value)
        if kind is dict:
            return kind, *((key, self.of(item)) for key, item in value.items())
        if kind in (int, float, bool, str, type(None)):
            return kind, value
        return kind, _Same(value)


class _Same:
    """One object, by its identity."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    __hash__ = None  # type: ignore[assignment]


# One comparison -------------------------------------------------------------------------------


class _Comparison:
    """What a function has still to do, for both answers to a question.

    ``answers``: to the questions that are no matter in it.
    """

    def __init__(
        self,
        recorder: Recorder,
        frame: FrameType,
        rest: Rest,
        test: Test,
        answer: bool,
        answers: dict[str, bool],
    ) -> None:
        self.recorder = recorder
        self.env = recorder.sizes.env
        self.frame = frame
        self.rest = rest
        self.test = test
        self.answer = answer
        self.answers = answers
        self.inferred: Outcomes | None = None  # with no answer given: for all sizes

    def reads(self) -> Reads | None:
        """What both have read, where they are the same for all sizes of the other side."""
        env, before = self.env, mark(self.env)
        listener, symbols = env.listener, len(env.symbols)
        try:
            with _writes_nothing(self.recorder):
                found = self._compared(before)
            return found if len(env.symbols) == symbols else None
        except (Exception, Restart, TiredError):
            # It is not known, or raises an error, or goes another way, or takes too long.
            return None
        finally:
            has_new = len(env.symbols) > symbols
            env.trial = None
            forget(env, before)
            env.listener = listener
            if self.inferred is not None and not has_new:
                self.recorder.outcomes.take(self.inferred)

    def _compared(self, before: Known) -> Reads:
        env, test = self.env, self.test
        key = text_of(test)
        first = _Answers(env, {**self.answers, key: self.answer}, None, {})
        draft = _Draft(copy.copy(self.recorder.context))
        found, reads, outcomes = self._evaluated(first, draft, self.recorder.outcomes)
        if first.is_by_example and any(map(is_made, found.evaluation.codes)):
            raise ApartError  # what asks may be an operator with both sides: no guard says of it
        sides: list[tuple[bool, ...]] = [()]
        for _ in range(_MOST_SIDES):
            given = sides.pop()
            forget(env, before)
            other = _Answers(env, {**self.answers, key: not self.answer}, given, first.demands)
            env.assume(negated(test) if self.answer else test)
            again = _Redrawn(draft, env)
            result, more, _ = self._evaluated(other, again, outcomes)
            again.require_same(found, result)
            if not all(map(env.is_known, first.demands.values())):
                raise ApartError
            reads.update(more)
            taken = tuple(other.taken)
            sides += [(*taken[:i], not taken[i]) for i in range(len(given), len(taken))]
            if not sides:
                return reads
        raise ApartError

    def _evaluated(
        self, answers: _Answers, emission: Emission, known: Outcomes
    ) -> tuple[_Found, Reads, Outcomes]:
        env, context = self.env, emission.context
        trial = _Trying(self.recorder, emission)
        outcomes = trial.outcomes = _OfATrial(trial, known, answers)
        if answers.given is None:
            self.inferred = outcomes
        env.trial = answers
        evaluation = Evaluation(
            lambda item: env.decide(expression_of(item)),
            lambda item: type(item) is AbstractTensor and item.value.recorder is trial,
        )
        try:
            with without_modes(), trial:
                value = evaluation.finish(self.frame, self.rest)
        finally:
            env.trial = None
            trial.touched.restore()
        if context.assumptions or trial.layouts.facts():
            raise ApartError
        return _Found(value, evaluation), evaluation.reads, outcomes


class _Found(NamedTuple):
    """What a function returns."""

    value: object
    evaluation: Evaluation


class _Answers:
    """What is answered meanwhile: what is ``known``, and else as for the example, with no facts.

    ``given``: on the other side, the first answers to questions that nothing else settles, where
    nothing is demanded that is not among ``demands``.
    """

    divides_by_zero = False

    def __init__(
        self,
        env: ShapeEnv,
        known: dict[str, bool],
        given: tuple[bool, ...] | None,
        demands: dict[str, Test],
    ) -> None:
        self.env = env
        self.known = known
        self.given = given
        self.demands = demands
        self.taken: list[bool] = []
        self.is_by_example = False  # whether something was answered as for the example
        self.asked = 0

    def answer(self, test: Test) -> bool:
        """The answer that is known to ``test``, as it is or to each part of it, or a new one."""
        self.asked += 1
        text, opposite = text_of(test), text_of(negated(test))
        if text in self.known:
            return self.known[text]
        if opposite in self.known:
            return not self.known[opposite]
        if isinstance(test, (All, Some)):
            return answered_in_parts(test, self.env.known, self.answer)
        found = self.known[text] = self._new(test)
        return found

    def _new(self, test: Test) -> bool:
        if self.given is None:
            truth = self.env.truth(test)
            self.is_by_example = True
            return self.give_up() if truth is None else truth
        at = len(self.taken)
        found = self.given[at] if at < len(self.given) else True
        self.taken.append(found)
        self.env.assume(test if found else negated(test))
        return found

    def demand(self, test: Test, message: str | None) -> bool:
        """What the program demands where it goes on as for the example, it demands anyway."""
        self.asked += 1
        text = text_of(test)
        if self.given is None:
            if self.env.truth(test) is not True:
                return False
            self.demands[text] = test
        elif text not in self.demands:
            self.give_up()
        self.env.assume(test)
        return True

    def give_up(self) -> NoReturn:
        """It is not settled.

        Raises:
            ApartError: always.
        """
        raise ApartError


class _OfATrial(Outcomes):
    """What operators return meanwhile: as is ``known``, and else inferred.

    That is remembered where no answer was given on the way, and nothing was demanded before: so it
    holds on both sides, and where the program goes on.
    """

    def __init__(self, recorder: Recorder, known: Outcomes, answers: _Answers) -> None:
        super().__init__(recorder)
        self._known = known
        self._answers = answers

    def known(self, key: tuple[Any, ...]) -> Outcome | None:
        """What was inferred in this trial, or is known."""
        return super().known(key) or self._known.known(key)

    def _infer(
        self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]
    ) -> Outcome:
        with contextlib.suppress(TypeError):  # an argument that cannot be hashed
            found = self._known.known(key)
            if found is not None:
                return found
        answers = self._answers
        asked = answers.asked
        found = super()._infer(op, args, kwargs, key)
        if answers.asked > asked or answers.demands:
            self.forget(key)
        return found


class _Trying(Recorder):
    """A recorder whose operators are nodes of ``emission``, on values of another's."""

    def __init__(self, recorder: Recorder, emission: Emission) -> None:
        super().__init__(emission=lambda _: emission)
        self.context = emission.context
        self.context.assumptions = []
        self.entrance, self.knowledge = recorder.entrance, recorder.knowledge
        sizes = recorder.sizes
        self.sizes.use(sizes.env)
        self.sizes.is_of_trial = True
        self.sizes.bindings, self.sizes.whole = dict(sizes.bindings), dict(sizes.whole)
        self.touched = _Touched()
        self.aliases.region = self.touched
        self.aliases.refresh = _refused  # type: ignore[method-assign, assignment]

    def __torch_dispatch__(
        self,
        op: Operator,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        handler = HANDLERS.get(op) or handler_of(op)
        is_training = op is aten.batch_norm.default and (len(args) < 6 or args[5])
        if (handler is not PURE and op not in _NODES_ONLY) or is_training:
            raise ApartError
        return super().__torch_dispatch__(op, types, args, kwargs)


hide_from_compiler(_Trying.__torch_dispatch__)


class _Touched:
    """Values of the program that are about to change, as they were."""

    outer = None

    def __init__(self) -> None:
        self.graph = Graph()
        self._saved: dict[Value, dict[str, Any]] = {}

    def save(self, value: Value) -> None:
        """``value`` may stand for another node, which holds the same."""
        self._saved.setdefault(value, value.state())

    def save_tensor(self, tensor: AbstractTensor) -> NoReturn:
        """A tensor is about to become another one.

        Raises:
            ApartError: always.
        """
        raise ApartError

    def is_outside(self, value: Value) -> bool:
        """Nothing is its own."""
        return True

    def restore(self) -> None:
        """They are as they were."""
        for value, state in self._saved.items():
            value.restore(state)


def _refused(*_: object) -> NoReturn:
    raise ApartError


class _Silent:
    """Whatever is to be written is refused."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ApartError


@contextlib.contextmanager
def _writes_nothing(recorder: Recorder) -> Iterator[None]:
    """What ``recorder`` itself is asked to write is refused."""
    emission, layouts = recorder.emission, recorder.layouts
    recorder.emission = recorder.layouts = _Silent()  # type: ignore[assignment]
    try:
        yield
    finally:
        recorder.emission, recorder.layouts = emission, layouts


class _Draft(Emission):
    """Notes what is called."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.steps: list[Node] = []
        self.calls: dict[Node, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.parts: dict[tuple[Node, object], Node] = {}

    def append(
        self, target: Item, args: tuple[Any, ...], kwargs: dict[str, Any], example: object
    ) -> Node:
        """Note it."""
        node = self._stand_in(target, example)
        if target is operator.getitem:
            self.parts[args[0], args[1]] = node
        elif target is not aten.sym_size.int:
            self.steps.append(node)
            self.calls[node] = args, kwargs
        return node

    def append_named(
        self, name: str, target: Callable[..., object], args: tuple[Any, ...], example: object
    ) -> Node:
        """A node that computes with sizes: it is told by its value."""
        if example is None:
            raise ApartError
        return self._stand_in(target, example)

    def _stand_in(self, target: Callable[..., object], example: object) -> Node:
        """The graph of the program does not see it: its arguments have no new users."""
        node = append_node(self.graph, self.names.fresh("stand_in"), target, (), {})
        node.meta.update({"val": example, "location": None, "scope": None})
        return node

    def attribute(self, held: object) -> NoReturn:
        """Nothing is known of it."""
        raise ApartError


class _Redrawn(Along):
    """Compares what is called with a draft."""

    def __init__(self, draft: _Draft, env: ShapeEnv) -> None:
        super().__init__(copy.copy(draft.context), env, [])
        end = self.stand_in(operator.is_, None)
        self._steps = [*draft.steps, end]
        self._draft = draft
        self._pairs: tuple[dict[int, int], dict[int, int]] = {}, {}  # results, and the other's
        self._roots: tuple[dict[int, int], dict[int, int]] = {}, {}  # and their memory

    def arguments(self, step: Node) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """What it was called with."""
        return self._draft.calls[step]

    def part(self, whole: Node, index: object) -> Node | None:
        """The node of one of several results, where there is one."""
        return self._draft.parts.get((whole, index))

    def require_same(self, then: _Found, now: _Found) -> None:
        """All has been called, and the results are the same.

        Raises:
            ApartError: where they are not.
        """
        self.require_end()
        if not self._is_same_result(then.value, now.value, then.evaluation, now.evaluation):
            self.give_up()

    def _is_same_result(self, then: Item, now: Item, before: Evaluation, after: Evaluation) -> bool:
        if then is now:
            return True
        if type(then) is AbstractTensor:
            return type(now) is AbstractTensor and self._is_same_tensor(then, now)
        if type(then) is not type(now):
            sizes = [expression_of(item) if isinstance(item, torch.SymInt) else item for item in
                     (then, now)]  # fmt: skip
            return all(type(item) in (int, Expr) for item in sizes) and self.is_equal(*sizes)
        if type(then) in (int, float, bool, str):
            return then == now
        if type(then) is torch.SymInt:
            return self.is_equal(expression_of(then), expression_of(now))
        if type(then) in (list, dict) and not (before.is_made(then) and after.is_made(now)):
            return False
        if type(then) is dict:
            return [*then] == [*now] and all(
                self._is_same_result(then[key], now[key], before, after) for key in then
            )
        return type(then) in (list, tuple, torch.Size) and len(then) == len(now) and all(
            self._is_same_result(one, other, before, after)
            for one, other in zip(then, now, strict=True)
        )  # fmt: skip

    def _is_same_tensor(self, then: AbstractTensor, now: AbstractTensor) -> bool:
        """Whether they hold the same, and who else sees what is written to them."""
        one, other = then.value, now.value
        if not (self._is_made(one) and self._is_made(other)):
            return then is now
        if self._is_made(one.root) is not self._is_made(other.root):
            return False
        if not self._is_made(one.root) and one.root is not other.root:
            return False
        is_one = _are_paired(self._pairs, then, now) and (
            _are_paired(self._roots, one.root, other.root)
        )
        flags = [(v.tracks, v.detached) for v in (one, other)]
        is_same = is_one and flags[0] == flags[1] and self.is_alike(other.spec, one.spec)
        return is_same and self.root(one.node) is self.root(other.node)

    def _is_made(self, value: Value) -> bool:
        """Whether it was made meanwhile."""
        return value.recorder.emission is self or value.recorder.emission is self._draft


def _are_paired(pairs: tuple[dict[int, int], dict[int, int]], one: object, other: object) -> bool:
    """Whether each of the two is the other's only counterpart."""
    there, back = (found.setdefault(id(a), id(b)) for found, a, b in
                   ((pairs[0], one, other), (pairs[1], other, one)))  # fmt: skip
    return there == id(other) and back == id(one)
