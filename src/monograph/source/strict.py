"""Strict mode: functions with branches on data run as converted code while they are captured.

Nothing is converted ahead of time. Where the program asks for the truth of a tensor, the statement
that asks is noted, its file compiled again with that statement lowered, and the capture restarted.
What was learned is kept for the process, so that the next export starts with it.
"""

from __future__ import annotations

import ast
import contextlib
import re
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import NoReturn, TypeVar, cast

from monograph.capture.python.builtin_functions import CALL_SITES
from monograph.capture.python.call_sites import choosing
from monograph.capture.python.live_functions import live_functions
from monograph.capture.python.nodes import takes_truth
from monograph.capture.python.redirect import constant_replaced
from monograph.capture.python.saved import Change
from monograph.capture.python.sites import (
    ASKING,
    Site,
    SourceFile,
    Span,
    codes_in,
    is_made,
    note_made,
    position,
    source_file,
    span_of,
)
from monograph.capture.python.snapshot import Snapshot
from monograph.capture.recorder import Recorder
from monograph.capture.restarts import Branch, NeedsAnotherLook, NeedsConversion
from monograph.diagnostics import ControlFlowError, ExportError, SourceLine
from monograph.shapes.env import Guard
from monograph.shapes.expr import interval
from monograph.shapes.questions import Compare, Some, Test, negated, text_of
from monograph.source import runtime
from monograph.source.audit import Culprit, audited, side_effect, unstable
from monograph.source.chance import Chances
from monograph.source.filling import loops_that_fill
from monograph.source.lowering import RUNTIME, lower
from monograph.source.rows import accepted
from monograph.source.steering import Listener, Outcome, Steering, functions_in, with_steering

__all__ = ["Strict", "forget_file"]

T = TypeVar("T")
_Key = tuple[str, int, Span | None]  # name and first line; of a lambda, where its body stands
# Statements, branches with what follows, and what statements ask in passing.
Learned = tuple[frozenset[Site], frozenset[Span], Mapping[Span, tuple[Test, ...]]]
_NOTHING: Learned = (frozenset(), frozenset(), {})
_MOST_ASKED = 6  # questions of one statement
_plans: dict[str, _Plan] = {}
# A way through a program: its modules' types, the outcomes of its tests, its functions.
Way = tuple[frozenset[type], frozenset[Outcome], frozenset[tuple[str, str]]]
_ways: dict[Way, tuple[CodeType, ...]] = {}  # known ones, and the functions not seen there


class _Plan:
    """What is lowered in one file, and the functions that it concerns."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.sites: frozenset[Site] = frozenset()
        self.ending: frozenset[Span] = frozenset()
        self.questions: Mapping[Span, tuple[Test, ...]] = {}  # of statements, in passing
        self.asked: dict[Span, Site] = {}  # statements around places, to be run with each answer
        self.open: dict[Site, list[Test]] = {}  # what they were seen to ask, and nothing settles
        self.with_rest: set[Site] = set()  # those to be tried with what follows them
        self.refused: set[Site] = set()
        self.watched: set[_Key] = set()  # functions whose tests are to be seen
        self.functions: weakref.WeakSet[FunctionType] = weakref.WeakSet()
        self._codes: dict[_Key, CodeType] | None = None
        self._made: set[CodeType] = set()
        self._chosen: frozenset[int] = frozenset()  # lines of functions whose callees are chosen

    def knows(self, code: CodeType) -> bool:
        """Whether ``code`` comes from the file as it is now, or was made from it."""
        return is_made(code) or self.file.has(code)

    def has_made(self, code: CodeType) -> bool:
        """Whether ``code`` is converted code of this file."""
        return code in self._made

    def add(self, site: Site) -> bool:
        """Lower one more statement; False where it is lowered already."""
        if site in self.sites or site in self.refused:
            return False
        self.sites |= {site}
        self._codes = None
        return True

    def end(self, span: Span) -> bool:
        """Move what follows the branch at ``span`` into it."""
        if span in self.ending:
            return False
        self.ending |= {span}
        self._codes = None
        return True

    def forget(self, site: Site) -> None:
        """Leave the statement as it is, for good; one that asks is tried with what follows it."""
        if site.kind == ASKING and site not in self.with_rest:
            self.with_rest.add(site)
            return
        self.sites -= {site}
        self.refused.add(site)
        self._codes = None

    def ask(self, span: Span) -> bool:
        """Run the statement around ``span`` with each answer to what it asks there."""
        site = self.asked[span]
        known = (*self.questions.get(site.span, ()), *self.open.pop(site, ()))
        self.questions = {**self.questions, site.span: known[:_MOST_ASKED]}
        if site in self.with_rest:
            self.end(site.span)
        return self.add(site) or site in self.sites

    def forget_questions(self) -> None:
        """Another export asks others."""
        self.questions, self.asked, self.open, self.with_rest = {}, {}, {}, set()
        if any(site.kind == ASKING for site in self.sites):
            self.sites = frozenset(site for site in self.sites if site.kind != ASKING)
            self._codes = None

    def go_back(
        self,
        sites: frozenset[Site],
        ending: frozenset[Span],
        questions: Mapping[Span, tuple[Test, ...]],
    ) -> None:
        """Lower these statements, and move what follows into those: as it was before."""
        self.questions = questions
        if (sites, ending) != (self.sites, self.ending):
            self.sites, self.ending, self._codes = sites, ending, None

    def site_at(self, span: Span) -> Site | None:
        """The statement that the source at ``span`` decides, where it stands in a function."""
        if span in self.asked:
            return self.asked[span]
        site = self.file.site_of(span)
        return None if site is None or self.file.function_of(site.span) is None else site

    def is_asked_anew(self, span: Span, test: Test) -> bool:
        """Whether the statement around ``span`` may be run with each answer, and is not yet."""
        site = self.file.asking_site(span)
        if site is None or site in self.refused or self.file.function_of(span) is None:
            return False
        known, waiting = self.questions.get(site.span, ()), self.open.setdefault(site, [])
        texts = {text_of(each) for one in (*known, *waiting) for each in (one, negated(one))}
        new = next((part for part in _parts(test) if text_of(part) not in texts), None)
        if new is not None:
            waiting.append(new)
        if len(known) >= _MOST_ASKED or not waiting:
            return False
        self.asked[span] = site
        return True

    def is_open(self, site: Site) -> bool:
        """Whether the statement may be lowered, and is not."""
        return site not in self.sites and site not in self.refused

    def watch(self, code: CodeType) -> bool:
        """See the tests in ``code``; False where they are seen already, or cannot be."""
        key = self.key_of(code)
        if code in self._made or not self.knows(code):
            return False
        if key not in self.watched:
            self.watched.add(key)
            self._codes = None
        return True

    def key_of(self, code: CodeType) -> _Key:
        """What tells a function of the file from all others."""
        body = None
        if code.co_name == "<lambda>":
            body = self.file.body_of_lambda(code)
        return code.co_name, code.co_firstlineno, body

    def codes(self) -> dict[_Key, CodeType]:
        """Converted code, by the function that it replaces."""
        chosen = CALL_SITES.lines_in(self.file.name)
        if self._codes is None or chosen != self._chosen:
            self._chosen = chosen
            wanted = self.concerned()
            part = self.file.part({line for _, line, _ in wanted}, taken=True)
            tree = lower(part, self.sites, self.ending, self.file.name)
            tree = ast.fix_missing_locations(with_steering(tree, self.file.name, self.file.text))
            tree = choosing(tree, chosen)
            compiled = compile(tree, self.file.name, "exec", dont_inherit=True)
            compiled = CALL_SITES.finished(compiled)
            compiled = _named_as_their_owner(constant_replaced(compiled, RUNTIME, runtime))
            self._made.update(codes_in(compiled))
            note_made(codes_in(compiled))
            self._codes = {}
            for code in codes_in(compiled):  # those made for its sides come after a function
                key = self.key_of(code)
                if key in wanted:
                    self._codes.setdefault(key, code)
        return self._codes

    def concerned(self) -> set[_Key]:
        """Every function that runs, or is around a site."""
        found = set(self.watched)
        for site in self.sites:
            nodes = self.file.by_span[site.span]
            is_any = site.kind == ASKING
            node: ast.AST | None = next(
                (n for n in nodes if is_any or type(n).__name__ == site.kind), None
            )
            while node is not None:
                if isinstance(node, ast.FunctionDef):
                    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                    found.add((node.name, first, None))
                elif isinstance(node, ast.Lambda):
                    found.add(("<lambda>", node.lineno, span_of(node.body)))
                node = self.file.parents.get(node)
        return found


def _is_of_few(guard: Guard) -> bool:
    """Whether Python has asked for a truth, or for a number that has few values: ``n % 3``.

    What we ask ourselves, of how tensors lie, say, is not asked again on the other side.
    """
    if guard.kind == "branch":
        return guard.is_of_python
    fixed = [part.expr for part in _parts(guard.test) if isinstance(part, Compare)]
    ranges = [interval(expr) for expr in fixed]
    return all(lo is not None and hi is not None and hi - lo < _MOST_ASKED for lo, hi in ranges)


def _parts(test: Test) -> Iterator[Test]:
    """What is asked on one side of others is: it is another side, or this holds."""
    for part in test.parts if isinstance(test, Some) else ():
        yield from _parts(part)
    if not isinstance(test, Some):
        yield test


def _find_functions(plans: Collection[_Plan]) -> bool:
    """Look for live functions that are to be replaced; whether there are new ones."""
    before = sum(len(plan.functions) for plan in plans)
    for plan in plans:
        wanted = plan.concerned()
        for function in live_functions(plan.file.name):
            if plan.key_of(function.__code__) in wanted:
                plan.functions.add(function)
    return sum(len(plan.functions) for plan in plans) > before


def _named_as_their_owner(code: CodeType) -> CodeType:
    """Functions that were made for branches bear the name of the user's function."""
    consts: list[object] = []
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_name.startswith("_monograph_"):
                const = const.replace(co_name=code.co_name, co_qualname=code.co_qualname)
            const = _named_as_their_owner(const)
        consts.append(const)
    return code.replace(co_consts=tuple(consts))


def forget_file(file: str) -> None:
    """Forget what was learned of a file: its text has changed."""
    _plans.pop(file, None)


class Strict:
    """The strict mode of one export: the ``Strictness`` of a capture."""

    audits = True  # side effects and unstable values are refused
    settles = False  # questions are listed, or the functions that ask them are converted

    def __init__(self) -> None:
        self.plans = _plans  # by file
        for plan in self.plans.values():
            plan.refused.clear()  # what did not fit another program may fit this one
            plan.forget_questions()
        self._before = self.learned()
        self.refusals: dict[tuple[str, int], str] = {}  # why the sides at a line are no operator
        self.snapshot: Snapshot | None = None
        self.forbidden: dict[str, tuple[Branch | None, ControlFlowError, SourceLine | None]] = {}
        self.apart: dict[SourceLine, ExportError] = {}
        self.culprit: Culprit | None = None
        self.listener: Listener | None = None
        self.chances = Chances()
        self._unseen: tuple[CodeType, ...] | None = None
        self._looked_for: set[tuple[str, Site]] = set()  # functions made anew since it was lowered

    def start(self, snapshot: Snapshot) -> None:
        """A capture begins."""
        self.snapshot = snapshot
        self.forbidden.clear()
        self.chances.start()
        Steering.start()
        if self.listener is not None:
            self.listener.start()
        if self.culprit is not None:
            self.culprit.start(snapshot)

    def stop(self) -> None:
        """The program has run."""
        if self.culprit is not None:
            self.culprit.stop()
        if self.listener is not None:
            self.listener.stop()

    def finish(self, recorder: Recorder, kinds: frozenset[type]) -> None:
        """See to it that every test of the program was seen; ``kinds``: its modules' types.

        Raises:
            NeedsAnotherLook: to capture again, where the program has gone a new way.
        """
        if self.culprit is not None:
            return
        places = {node.meta.get("location") for node in recorder.emission.graph.nodes}
        functions = frozenset((p.file, p.function) for p in places if p is not None)
        way = (kinds, Steering.outcomes(), functions)
        if way not in _ways:
            if self.listener is None and self._unseen is None:
                self.listener = Listener()
                raise NeedsAnotherLook
            if self.listener is not None:
                codes, self.listener = self.listener.codes, None
                self._unseen = tuple(c for c in codes if self._plan(c.co_filename) is None)
                if self._watch(codes):
                    raise NeedsAnotherLook
            _ways[way], self._unseen = self._unseen or (), None
        for code in _ways[way]:
            text = "the source of this function is not at hand: what has steered it is not listed"
            where = SourceLine(code.co_filename, code.co_firstlineno, code.co_name)
            recorder.assume("no-source", text, where)

    def _watch(self, codes: dict[CodeType, dict[str, object]]) -> bool:
        """See the tests in functions; whether there are new ones."""
        by_file: dict[str, list[CodeType]] = {}
        for code in codes:
            by_file.setdefault(code.co_filename, []).append(code)
        for file, inside in by_file.items():
            plan = self._plan(file)
            if plan is not None:
                plan.file.check(inside)
        new = {
            code: plan
            for code in codes
            if (plan := self._plan(code.co_filename)) is not None and plan.watch(code)
        }
        lost = {code for code in new if not code.co_name.startswith("<")}
        for function in functions_in({id(g): g for g in codes.values()}.values()):
            if function.__code__ in new:
                new[function.__code__].functions.add(function)
                lost.discard(function.__code__)
        for code in new:  # functions inside others are made anew by the converted ones
            lost -= {inner for inner in codes_in(code) if inner is not code}
        if lost:
            _find_functions(set(new.values()))
        return bool(new)

    def converts(self, code: CodeType) -> bool:
        """Whether statements of ``code`` become operators."""
        return True

    def exchanges(self, code: CodeType) -> bool:
        """Whether ``code`` runs converted, where statements of it are."""
        return self.converts(code)

    def auditing(self) -> contextlib.AbstractContextManager[None]:
        """Side effects are seen."""
        return audited()

    def in_order(self, items: T, where: SourceLine | None) -> T:
        """The items of a set, in the order that is tried."""
        return self.chances.items(items, where)

    side_effect = staticmethod(side_effect)

    def by_chance(self, kind: str, what: str, found: T, where: SourceLine | None) -> T:
        """A time or an identity, if it decides nothing: other ones are tried."""
        if kind not in ("time", "id") or type(found) not in (int, float):
            raise unstable(what, where)
        assert isinstance(found, (int, float))
        return cast("T", self.chances.number(kind, what, found, where))

    def refuse_change(self, change: Change) -> None:
        """A change outlives the call: find its line, then raise MG-M107."""
        if self.culprit is None:
            self.culprit = Culprit(change)
            raise NeedsAnotherLook
        culprit, self.culprit = self.culprit, None
        raise side_effect(culprit.change.path, culprit.change.field, culprit.where)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Functions with branches on data have converted code."""
        before: list[tuple[FunctionType, CodeType]] = []
        try:
            for plan in list(self.plans.values()):
                codes = plan.codes() if plan.sites or plan.watched else {}
                for function in list(plan.functions):
                    code = function.__code__
                    made = codes.get(plan.key_of(code))
                    if (
                        made is not None
                        and self.exchanges(code)
                        and made.co_freevars == code.co_freevars
                    ):
                        before.append((function, code))
                        function.__code__ = made
            with accepted(), self.auditing():
                yield
        finally:
            for function, code in before:
                function.__code__ = code

    # Learning ---------------------------------------------------------------------------------

    def learn(self, needed: NeedsConversion) -> bool:
        """Lower the statement that needs it; False where that is no help."""
        if needed.loop is not None:
            return self.apart.setdefault(needed.loop, needed.error) is needed.error
        if needed.ending is not None:
            file, _, first, last, start, end = needed.ending
            return self.plans[file].end((first, last, start, end))
        assert needed.code is not None
        span = position(needed.code, needed.instruction)
        is_tested = takes_truth(needed.code, needed.instruction)
        file = needed.code.co_filename
        return span is not None and self.learn_place(file, span, needed.code, is_tested=is_tested)

    def learn_place(
        self, file: str, span: Span, code: CodeType | None = None, *, is_tested: bool = False
    ) -> bool:
        """Lower the statement that the source at ``span`` decides."""
        plan = self._plan(file)
        if plan is None or (code is not None and not plan.knows(code)):
            return False
        is_asked = span in plan.asked
        site = plan.site_at(span) if is_asked else plan.file.site_of(span, is_tested=is_tested)
        if site is None or plan.file.function_of(site.span) is None:
            return False
        is_new = plan.ask(span) if is_asked else plan.add(site)
        if is_new and not is_asked and site.kind in ("BinOp", "ListComp"):
            made = next(n for n in plan.file.by_span[site.span] if type(n).__name__ == site.kind)
            for loop in loops_that_fill(made, plan.file.parents):
                plan.add(Site("For", span_of(loop)))
        try:
            plan.codes()
        except ControlFlowError:
            plan.forget(site)
            raise
        if not is_new and code is not None and plan.has_made(code):
            return False  # it asks as it did before
        # A function may be another object of the same code: made anew since.
        return _find_functions([plan]) or is_new

    def open_places(self, guards: Iterable[Guard]) -> list[tuple[str, Span]]:
        """The statements that ``guards`` came of and that may be lowered: where they stand."""
        found: dict[tuple[str, Site], tuple[str, Span]] = {}
        asked: dict[tuple[str, Site], tuple[str, Span]] = {}
        for guard in guards:
            where = SourceLine.of(guard.where)
            if where is None or where.span is None or guard.kind not in ("branch", "fixed"):
                continue
            plan = self._plan(where.file)
            site = None if plan is None else plan.site_at(where.span)
            if plan is None or where.span not in plan.file.by_span:
                continue
            catching = SourceLine.of(guard.caught_at)
            may_be = site is not None and self._may_be_lowered(plan, site)
            if site is not None and may_be and (guard.is_of_python or catching is None):
                self._looked_for.add((where.file, site))
                found.setdefault((where.file, site), (where.file, where.span))
            elif catching is not None:
                self._note_asking(catching, guard, asked)
            elif _is_of_few(guard):
                # Where what follows cannot be moved into the sides: what has called it.
                lines = (where, *map(SourceLine.of, guard.calls))
                any(line is not None and self._note_asking(line, guard, asked) for line in lines)
        return list((found or asked).values())

    def _note_asking(
        self, where: SourceLine, guard: Guard, asked: dict[tuple[str, Site], tuple[str, Span]]
    ) -> bool:
        """The statement at ``where`` is to be run with each answer; False if it is, or was."""
        plan = self._plan(where.file)
        if plan is None or not where.span or not plan.is_asked_anew(where.span, guard.test):
            return False
        asked.setdefault((where.file, plan.asked[where.span]), (where.file, where.span))
        return True

    def _may_be_lowered(self, plan: _Plan, site: Site) -> bool:
        """Whether ``site`` is a branch that is not an operator yet."""
        if site.kind == ASKING or site in plan.refused:
            return False
        return plan.is_open(site) or (plan.file.name, site) not in self._looked_for

    def questions_at(self, place: Branch) -> Sequence[Test]:
        """What the statement at ``place`` was seen to ask of sizes in passing."""
        file, _, *span = place
        plan = self._plan(file)
        first, last, start, end = span
        return () if plan is None else plan.questions.get((first, last, start, end), ())

    def learn_places(self, places: Iterable[tuple[str, Span]]) -> bool:
        """Lower the statements at ``places``; whether there are any that can be."""
        found = []
        for file, span in places:
            with contextlib.suppress(ControlFlowError):
                found.append(self.learn_place(file, span))
        return any(found)

    def place_around(
        self, where: SourceLine, places: Iterable[tuple[str, Span]]
    ) -> tuple[str, Span] | None:
        """The innermost statement of those at ``places`` that has the line ``where`` inside it."""
        found: dict[int, tuple[str, Span]] = {}  # by the number of its lines
        for file, span in places:
            plan = self._plan(file) if file == where.file else None
            site = None if plan is None else plan.site_at(span)
            if site is not None and site.span[0] <= where.line <= site.span[1]:
                found[site.span[1] - site.span[0]] = file, span
        return found[min(found)] if found else None

    def learned(self) -> dict[str, Learned]:
        """What is lowered now, by file: for ``unlearn``."""
        plans = self.plans.items()
        return {file: (plan.sites, plan.ending, plan.questions) for file, plan in plans}

    def begins_anew(self, error: ExportError) -> bool:
        """Lower nothing that other exports have lowered, where ``error`` may have come of that.

        False where no statement around its place was lowered before, or it has been tried.
        """
        found = {
            file: plan
            for file, plan in self.plans.items()
            for line in (error.where, *error.calls)
            if line is not None and line.file == file and self._is_in_lowered(file, line.line)
        }
        for file, plan in found.items():
            del self._before[file]
            plan.go_back(*_NOTHING)
        return bool(found)

    def _is_in_lowered(self, file: str, line: int) -> bool:
        """Whether a statement around ``line`` was lowered before, or one that it follows."""
        sites, ending, _ = self._before.get(file, _NOTHING)
        return any(
            site.span[0] <= line and (line <= site.span[1] or site.span in ending) for site in sites
        )

    def unlearn(
        self, before: dict[str, Learned], places: Iterable[tuple[str, Span]], *, for_good: bool
    ) -> None:
        """Lower what was lowered ``before``; ``for_good``: and never those at ``places``."""
        for file, plan in self.plans.items():
            plan.go_back(*before.get(file, _NOTHING))
        if for_good:
            for file, span in places:
                plan = self.plans[file]
                site = plan.site_at(span)
                if site is not None:
                    plan.forget(site)

    def _plan(self, file: str) -> _Plan | None:
        if file not in self.plans:
            source = source_file(file)
            if source is None:
                return None
            self.plans[file] = _Plan(source)
        return self.plans[file]

    # Variables that are one thing on one side, and another on the other -----------------------

    def forbid(
        self,
        name: str,
        branch: Branch | None,
        error: ControlFlowError,
        loop: SourceLine | None = None,
    ) -> None:
        """The variable ``name`` must not be used: ``error`` says why.

        ``loop``: what assigns it, and may not run at all; where it is used, there is a first time.
        """
        self.forbidden[name] = (branch, error, loop)

    def end_branch(self, branch: Branch | None, error: ExportError) -> NoReturn:
        """Try again with what follows the branch moved into it, else raise ``error``."""
        if branch is not None:
            raise NeedsConversion(error, ending=branch)
        raise error

    def explain(self, error: NameError) -> None:
        """An unknown name may be a variable that is forbidden: then raise what explains it."""
        found = re.search(r"'(\w+)'", str(error))
        if found is None or found[1] not in self.forbidden:
            return
        branch, why, loop = self.forbidden[found[1]]
        if loop is not None and loop not in self.apart:
            raise NeedsConversion(why, loop=loop)
        self.end_branch(branch, why)
