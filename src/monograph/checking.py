"""All that stands in the way of an export, each with what to write instead: ``check``."""

from __future__ import annotations

import contextvars
import copy
import difflib
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from monograph.capture.inputs import Root, by_name, positional, root_of
from monograph.capture.python.eager_run import eagerly
from monograph.capture.python.frames import is_ours, source_line_of_traceback
from monograph.collection import rarer_collection
from monograph.constraints.violations import refine_dynamic_shapes
from monograph.diagnostics import (
    ExportError,
    InternalError,
    MonographError,
    PythonFeatureError,
    ShapeError,
    SourceLine,
    drop_frames,
)
from monograph.diagnostics.watching import Watch, watching
from monograph.ir.assumptions import Assumption
from monograph.ir.program import Parts
from monograph.ir.report import Problem
from monograph.ir.statistics import Times, times_of
from monograph.program import ExportedProgram
from monograph.shapes.dims import AnyDim
from monograph.source.advice import Fix, Step, origin_of, patches_of, repair, rewritten_files
from monograph.source.declarations import redeclared
from monograph.source.rewrite import Patch
from monograph.stages import exported
from monograph.testing.compare import assert_equal

__all__ = ["Problem", "Report", "check"]

_TOLERANCE = 1e-4
_MOST_REFINEMENTS = 4


@dataclass
class Report:
    """What ``check`` found.

    ``program``: what the program (with ``fix`` and ``dynamic_shapes`` applied) exports to; None
    where it does not. ``fix``: the changes of files with which it does, and gives the results that
    it gave before, tried. ``dynamic_shapes``: the specification that holds, where another one was
    given. ``is_compared``: whether the results were compared; not where the program itself fails,
    or cannot be copied. ``times``: where the time of the check went.
    """

    program: ExportedProgram | None = None
    problems: list[Problem] = field(default_factory=list)
    fix: Fix | None = None
    dynamic_shapes: object = None
    suggested: dict[str, AnyDim | int] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    is_compared: bool = True
    times: Times | None = None

    @property
    def parts(self) -> Parts | None:
        """What the exported program consists of."""
        return None if self.program is None else self.program.parts

    @property
    def promise(self) -> str:
        """What is known of the changes."""
        results = "gives the same results" if self.is_compared else "its results are not compared"
        return f"with these changes it exports, and {results}:"

    def patches_for(self, file: Path) -> list[Patch]:
        """All changes of files, those of the sizes that ``file`` declares included."""
        patches = list(self.fix.patches) if self.fix is not None else []
        if self.program is None or not (self.suggested or self.renamed):
            return patches
        found = next((i for i, p in enumerate(patches) if Path(p.file) == file.resolve()), None)
        text = "".join(linecache.getlines(str(file)))
        before = Patch(str(file), text, text) if found is None else patches[found]
        after = redeclared(before.after, self.suggested, self.renamed)
        if after != before.after:
            patches[slice(found, None if found is None else found + 1)] = [
                replace(before, after=after, tried=before.tried or before.after)
            ]
        return patches

    @property
    def assumptions(self) -> list[Assumption]:
        """What the exported program takes for granted."""
        return [] if self.program is None else self.program.assumptions

    @property
    def is_clean(self) -> bool:
        """Whether the program exports as it is."""
        return not self.problems

    @property
    def summary(self) -> str:
        """One line."""
        if self.is_clean:
            count = len(self.assumptions)
            return "exports" if not count else f"exports, with {count} assumptions"
        ready = sum(problem.fix is not None for problem in self.problems)
        many = "problem" if len(self.problems) == 1 else "problems"
        return f"{len(self.problems)} {many}, {ready} with a ready patch"

    def as_dict(self) -> dict[str, object]:
        """For other tools."""
        return {
            "summary": self.summary,
            "exports": self.is_clean,
            "problems": [problem.as_dict() for problem in self.problems],
            "assumptions": [
                {"kind": a.kind, "text": a.text, "where": None if a.where is None else str(a.where)}
                for a in self.assumptions
            ],
            "diff": None if self.fix is None else self.fix.diff(),
            "compared": self.is_compared,
            "dynamic_shapes": {name: repr(dim) for name, dim in self.suggested.items()},
        }

    def as_html(self, title: str = "the program") -> str:
        """A page that needs nothing else: problems, source, graph, assumptions, timeline."""
        from monograph.web.report import report_page

        return report_page(self, title)

    def _repr_html_(self) -> str:
        from monograph.web.report import report_fragment

        return report_fragment(self)

    def __str__(self) -> str:
        parts = [str(problem) for problem in self.problems]
        for name, dim in self.suggested.items():
            parts.append(f"declare {name} = {dim!r}")
        if self.fix is not None and self.fix.patches:
            parts.append(self.promise)
            parts.append(self.fix.diff())
        parts += [f"assumes: {a}" for a in self.assumptions]
        return "\n\n".join([*parts, self.summary])


class _DifferenceError(Exception):
    """What was exported gives other results than the program as it was."""


@rarer_collection()
def check(
    f: Callable[..., object],
    args: tuple[object, ...] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    dynamic_shapes: object = None,
    strict: bool = False,
    prove: bool = False,
) -> Report:
    """Export ``f``, and find everything that stands in the way.

    After a problem the capture goes on with what holds for the example inputs. Changes of the
    user's files are tried, in memory, until the program exports and its results for the example
    inputs are those that it had before. Arguments are those of ``export``. ``prove``: a program
    that exports as it is is called as well, and compared with eager mode.

    Raises:
        InternalError: what was exported gives other results than eager mode.
    """
    checker = _Checker(root_of(f), positional(args), by_name(kwargs), dynamic_shapes, strict)
    with watching() as watch:
        report = checker.report(f, watch)
        if prove and report.is_clean:
            with watch.during("comparison with eager mode"):
                checker.prove(f)
        report.times = times_of(watch)
    return report


@dataclass
class _Declared:
    """What is declared otherwise: dimensions, keys of the specification, and for which problems."""

    dims: dict[str, AnyDim | int] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    titles: list[tuple[ExportError, str]] = field(default_factory=list)


@dataclass
class _Repairs:
    """The changes of files (None: nothing helps), and with each problem what removes it."""

    steps: list[Step] | None = None
    titles: list[tuple[ExportError, str]] = field(default_factory=list)
    shapes: object = None
    declared: _Declared = field(default_factory=_Declared)


def _error_of(attempt: Callable[[], None]) -> ExportError | None:
    try:
        attempt()
    except ExportError as error:
        return error
    return None


class _Checker:
    def __init__(
        self,
        root: Root,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        shapes: object,
        strict: bool,
    ) -> None:
        self.root, self.args, self.kwargs = root, args, kwargs
        self.shapes, self.strict = shapes, strict

    def report(self, f: Callable[..., object], watch: Watch) -> Report:
        """Everything, for the program ``f``."""
        try:
            return Report(self._export(self.root, self.shapes))
        except ExportError as error:
            first: ExportError = error
        except InternalError:
            raise
        except Exception as error:
            return Report(problems=[Problem(self._only_here(error, f))])
        with watch.during("all problems"):
            problems = self._all(first)
        try:
            expected = self._results(copy.deepcopy(f))
        except Exception:  # without memory, or without copies: to export is all there is
            expected = None
        with watch.during("trying changes"):
            made = self._repaired(first, f, expected)
        report = Report(None, problems, is_compared=expected is not None)
        for refused, title in made.titles:
            self._assign(report, refused, title)
        steps = made.steps
        if steps is not None:
            report.dynamic_shapes, declared = made.shapes, made.declared
            report.suggested, report.renamed = declared.dims, declared.renamed
            texts = {step.file: step.proposal.text for step in steps}
            with rewritten_files(texts):
                report.program = self._export(self.root, made.shapes)
            _show_lines_of_files(report.program.assumptions, texts)
            titles = tuple(step.proposal.title for step in steps)
            report.fix = Fix(titles, tuple(patches_of(texts)))
            for problem in problems:  # in a statement that was changed for another one
                problem.fix = problem.fix or (titles[-1] if titles else None)
        report.problems.sort(key=lambda p: (p.fix is not None, -p.count))
        return report

    def _only_here(self, error: Exception, f: Callable[..., object]) -> ExportError:
        """The refusal of an exception of the program's own.

        Raises:
            Exception: this one, where eager mode raises it, too.
        """
        if self._fails(f):
            drop_frames(error, is_ours)
            raise error
        return PythonFeatureError(
            f"{type(error).__name__}: {error} (while the program is captured, not in eager mode)",
            code="MG-P110",
            where=source_line_of_traceback(error),
            hint="look for torch.compiler.is_compiling(), is_exporting() and their relatives on "
            "the way to this line; pass what is missing there as an argument.",
        )

    def _fails(self, f: Callable[..., object]) -> bool:
        """Whether eager mode fails, too."""
        try:
            self._results(copy.deepcopy(f))
        except Exception:
            return True
        return False

    def prove(self, f: Callable[..., object]) -> None:
        """Compare what is exported with the program itself."""
        try:
            self._try(f, self._results(copy.deepcopy(f)), self.shapes)
        except _DifferenceError as error:
            raise InternalError(f"the exported program gives other results: {error}") from error

    def _export(
        self, root: Root, shapes: object, collected: list[ExportError] | None = None
    ) -> ExportedProgram:
        return ExportedProgram(
            exported(root, self.args, self.kwargs, shapes, strict=self.strict, collected=collected)
        )

    def _all(self, first: ExportError) -> list[Problem]:
        """Every problem: those that can be passed over, and the one that cannot."""
        collected: list[ExportError] = []
        try:
            self._export(self.root, self.shapes, collected)
        except ExportError as error:
            collected.append(error)
        except Exception:  # the program's own, on the way that it now takes
            pass
        found: dict[object, Problem] = {}
        for each in collected or [first]:
            key = (each.code, each.where, None if each.where is None else each.where.span)
            if key in found:
                found[key].count += 1
            else:
                found[key] = Problem(each)
        return list(found.values())

    # Repairs -----------------------------------------------------------------------------------

    def _repaired(self, first: ExportError, f: Callable[..., object], expected: object) -> _Repairs:
        """What is to be declared of sizes, and what is to be written in files."""
        made = _Repairs()

        def attempt() -> None:
            shapes, declared = self.shapes, _Declared()
            for _ in range(_MOST_REFINEMENTS):
                try:
                    self._try(f, expected, shapes)
                except ShapeError as error:
                    shapes = self._declared_otherwise(shapes, error, declared)
                else:
                    made.shapes, made.declared = shapes, declared
                    return
            raise first

        error = _error_of(attempt)
        made.steps = [] if error is None else repair(error, attempt, proved=expected is not None)
        made.titles = list(made.declared.titles)
        for step in made.steps or ():
            if step.origin is not None:
                step.error.where = step.origin
                made.titles.append((step.error, step.proposal.title))
        return made

    def _declared_otherwise(self, shapes: object, error: ShapeError, declared: _Declared) -> object:
        """Another specification of sizes.

        Raises:
            ShapeError: this one, where nothing is known that helps.
        """
        renamed = self._renamed(shapes, error) if not declared.renamed else {}
        if renamed:
            declared.renamed = renamed
            declared.titles.append(
                (error, ", ".join(f"{old} is {new}" for old, new in renamed.items()))
            )
            assert isinstance(shapes, dict)
            return {renamed.get(name, name): spec for name, spec in shapes.items()}
        if not error.suggested_fixes:
            raise error
        words = ", ".join(f"{name} = {dim!r}" for name, dim in error.suggested_fixes.items())
        declared.titles.append((error, f"declare {words}"))
        declared.dims |= error.suggested_fixes
        return refine_dynamic_shapes(shapes, error)

    def _renamed(self, shapes: object, error: ShapeError) -> dict[str, str]:
        """The argument that was meant by a name that there is not."""
        signature = self.root.signature
        if error.code != "MG-S102" or not isinstance(shapes, dict) or signature is None:
            return {}
        unknown = [name for name in shapes if name not in signature.parameters]
        left = [name for name in signature.parameters if name not in shapes]
        if len(unknown) != 1:
            return {}
        close = difflib.get_close_matches(unknown[0], left, 1) or (left if len(left) == 1 else [])
        return {unknown[0]: close[0]} if close else {}

    def _results(self, f: Callable[..., object]) -> object:
        """What a call gives, and leaves in its arguments."""
        args, kwargs = copy.deepcopy((self.args, self.kwargs))
        with eagerly(root_of(f)), torch.no_grad():
            torch.manual_seed(0)
            return contextvars.copy_context().run(f, *args, **kwargs), args, kwargs

    def _try(self, f: Callable[..., object], expected: object, shapes: object) -> None:
        """Export a copy, call it, and compare; nothing of the user's is written.

        Raises:
            ExportError: it does not export.
            _DifferenceError: other results.
        """
        if expected is None:
            self._export(self.root, shapes)
            return
        program = self._export(root_of(copy.deepcopy(f)), shapes)
        try:
            assert_equal(self._results(program.module()), expected, tolerance=_TOLERANCE)
        except Exception as error:
            raise _DifferenceError from error

    def _assign(self, report: Report, error: ExportError, title: str) -> None:
        """Note the repair with the problem that it removes."""
        for problem in report.problems:
            is_same = problem.code == error.code and (
                _title(problem.error) == _title(error)
                if isinstance(error, ShapeError)
                else _text(problem.where) == _text(error.where)
            )
            if is_same and problem.fix is None:
                problem.fix = title
                return
        report.problems.append(Problem(error, fix=title))


def _show_lines_of_files(assumptions: list[Assumption], texts: dict[str, str]) -> None:
    """Lines of changed texts become those of the files as they are."""
    for i, assumption in enumerate(assumptions):
        if assumption.where is not None:
            where = origin_of(assumption.where, texts.get(assumption.where.file))
            assumptions[i] = replace(assumption, where=where)


def _title(error: MonographError) -> str:
    """The first line of what happened: lines of the program may have moved since."""
    return error.what.split("\n")[0]


def _text(where: SourceLine | None) -> str | None:
    return None if where is None else where.text
