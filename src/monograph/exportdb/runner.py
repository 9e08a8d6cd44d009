"""Running one case with Monograph: what it declares must be what happens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from monograph.checking import check
from monograph.diagnostics import MonographError
from monograph.exportdb.case import Call, Support
from monograph.exportdb.exporters import EXPORTERS, Exporter
from monograph.exportdb.outcomes import Outcome, in_eager_mode, measure, seeded
from monograph.exportdb.registry import Entry
from monograph.exporting import export
from monograph.ir.structure import flatten
from monograph.passes import open_composites
from monograph.program import ExportedProgram
from monograph.testing import assert_equal
from monograph.torch_internals import Operator, plain_name

__all__ = ["CaseFailedError", "operators_of", "refusal", "run_case", "shown_program"]


# What fails in eager mode too, and what the caller must pass otherwise.
_WITHOUT_A_WAY = ("MG-O101", "MG-P101")


class CaseFailedError(AssertionError):
    """A case does not do what it declares."""


def run_case(entry: Entry) -> None:
    """Check a case in both modes, and its rewrites.

    Raises:
        CaseFailedError: naming the mode and the step that failed.
    """
    for exporter in EXPORTERS.values():
        if exporter.is_ours:
            _check_outcome(entry, exporter, measure(entry, exporter))
    if entry.case.support is not Support.UNSUPPORTED:
        _check_program(entry)
    is_covered = Support.SUPPORTED in (entry.case.support, entry.case.strict)
    has_way = entry.rewrites or entry.shapes_instead or entry.expect.code in _WITHOUT_A_WAY
    if not is_covered and not has_way:
        raise CaseFailedError(f"{entry.name}: it is not supported, and no rewrite of it runs")
    for name, make in entry.rewrites.items():
        _check_rewrite(entry, name, make, entry.dynamic_shapes)
    if entry.shapes_instead is not None:
        _check_rewrite(entry, "other sizes", entry.model, entry.shapes_instead)


def refusal(entry: Entry, code: str) -> MonographError | None:
    """The error with ``code`` that the case shows: of an export, a check, a call, or a use."""
    for attempt in _attempts(entry):
        try:
            attempt()
        except MonographError as error:
            if error.code == code:
                return error
        except Exception:  # the program's own
            continue
    return None


def shown_program(entry: Entry) -> str:
    """What the case exports to, as text: with the sizes that vary, if there are any."""
    given = seeded(entry.inputs)
    shapes = None if entry.dynamic_shapes is None else entry.dynamic_shapes()
    strict = entry.case.support is Support.UNSUPPORTED
    program = export(
        seeded(entry.model), given.args, given.kwargs, dynamic_shapes=shapes, strict=strict
    )
    return str(program)


def _attempts(entry: Entry) -> Iterator[Callable[[], object]]:
    shapes = None if entry.dynamic_shapes is None else entry.dynamic_shapes()

    def exported(strict: bool = False, sizes: object = shapes) -> ExportedProgram:
        given = seeded(entry.inputs)
        model = seeded(entry.model)
        return export(model, given.args, given.kwargs, dynamic_shapes=sizes, strict=strict)

    def called(given: Call) -> object:
        sizes = None if entry.bad_inputs() else shapes
        return exported(sizes=sizes).module()(*given.args, **given.kwargs)

    def checked() -> None:
        given = seeded(entry.inputs)
        for problem in check(seeded(entry.model), given.args, given.kwargs).problems:
            raise problem.error

    yield exported
    yield lambda: exported(strict=True)
    for given in [*entry.bad_inputs(), *entry.bad_sizes()]:
        yield lambda given=given: called(given)  # type: ignore[misc]
    if entry.use is not None:
        yield lambda: entry.use(exported(sizes=None))  # type: ignore[misc]
    yield checked


def operators_of(program: ExportedProgram) -> tuple[str, ...]:
    """The names of a program's operators in order, composites opened."""
    assert program.example_inputs is not None
    args, kwargs = program.example_inputs
    leaves = flatten(args)[0] + flatten(kwargs)[0]
    tensors = {**program.constants, **program.state_dict}
    state = [tensors[s.target] for s in program.graph_signature.input_specs if s.target is not None]
    graph = open_composites(program.graph_module, [*state, *leaves])
    targets = (n.target for n in graph.nodes if n.op == "call_function")
    return tuple(plain_name(t) for t in targets if isinstance(t, Operator))


def _check_outcome(entry: Entry, exporter: Exporter, outcome: Outcome) -> None:
    support = entry.case.support_in(strict=exporter.is_strict)
    where = f"{entry.name}, {exporter.name}"
    if support is not Support.UNSUPPORTED:
        if outcome.kind != "right":
            raise CaseFailedError(f"{where}: {outcome.kind}, {outcome.step}: {outcome.message}")
        return
    if outcome.kind == "fails" and entry.expect.code == "MG-P110":
        outcome = _checked(entry, outcome)
    if outcome.kind != "refused" or not outcome.step.startswith("export"):
        raise CaseFailedError(f"{where}: declared unsupported, and is {outcome.kind}")
    code = entry.expect.code
    if exporter.is_strict and entry.expect.strict_code is not None:
        code = entry.expect.strict_code
    if outcome.code != code:
        raise CaseFailedError(
            f"{where}: refused with {outcome.code}, not {code}: {outcome.message}"
        )
    marked = [n for n in entry.marked_lines() if code in entry.text.splitlines()[n - 1]]
    if marked and outcome.line not in marked:
        raise CaseFailedError(f"{where}: the error names line {outcome.line}, not {marked}")


def _checked(entry: Entry, outcome: Outcome) -> Outcome:
    """An exception of the program's own: ``check`` says whether eager mode raises it."""
    example = seeded(entry.inputs)
    (problem,) = check(seeded(entry.model), example.args, example.kwargs).problems
    line = problem.where.line if problem.where is not None else None
    return replace(outcome, kind="refused", code=problem.code, line=line)


def _check_program(entry: Entry) -> None:
    """The parts of the program that are declared, and the code of refused inputs."""
    expect, example = entry.expect, seeded(entry.inputs)
    program = export(seeded(entry.model), example.args, example.kwargs)
    signature = program.graph_signature
    found = {
        "operators": () if expect.operators is None else operators_of(program),
        "inputs": tuple(spec.kind.name for spec in signature.input_specs),
        "outputs": tuple(spec.kind.name for spec in signature.output_specs),
        "assumptions": tuple(assumption.kind for assumption in program.assumptions),
    }
    for name, value in found.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            raise CaseFailedError(f"{entry.name}: {name} are {value}, not {wanted}")
    _check_bad(entry, program.module(), entry.bad_inputs())
    if entry.dynamic_shapes is not None and entry.bad_sizes():
        example, shapes = seeded(entry.inputs), entry.dynamic_shapes()
        program = export(seeded(entry.model), example.args, example.kwargs, dynamic_shapes=shapes)
        _check_bad(entry, program.module(), entry.bad_sizes())


def _check_bad(entry: Entry, module: Callable[..., object], bad: list[Call]) -> None:
    """What must be refused is: with the declared code, or by an assertion of the program."""
    for given in bad:
        try:
            module(*given.args, **given.kwargs)
        except MonographError as error:
            if entry.expect.code in (None, error.code):
                continue
            raise CaseFailedError(f"{entry.name}: refused with {error.code}: {error}") from error
        except RuntimeError:
            continue
        raise CaseFailedError(f"{entry.name}: {given} was not refused")


def _check_rewrite(
    entry: Entry, name: str, make: Callable[[], Any], specify: Callable[[], Any] | None
) -> None:
    """A rewrite exports, and gives what the model gives in eager mode."""
    shapes = None if specify is None else specify()
    calls = [entry.inputs(), *(entry.more_inputs() if shapes is None else entry.more_sizes())]
    example = copy.deepcopy(calls[0])
    try:
        program = export(seeded(make), example.args, example.kwargs, dynamic_shapes=shapes)
    except MonographError as error:
        raise CaseFailedError(f"{entry.name}: the rewrite {name!r} is refused: {error}") from error
    eager, module = seeded(entry.model), program.module()
    if not _runs(entry, eager, calls[0]):  # what is no program in eager mode either
        eager = seeded(make)
    for given in calls:
        ours, theirs = copy.deepcopy(given), copy.deepcopy(given)
        torch.manual_seed(0)
        expected = in_eager_mode(entry, eager, theirs)
        torch.manual_seed(0)
        actual = module(*ours.args, **ours.kwargs)
        try:
            assert_equal(actual, expected, tolerance=1e-5)
        except AssertionError as error:
            raise CaseFailedError(f"{entry.name}: the rewrite {name!r} differs: {error}") from error


def _runs(entry: Entry, eager: Callable[..., object], given: Call) -> bool:
    try:
        in_eager_mode(entry, copy.deepcopy(eager), copy.deepcopy(given))
    except Exception:
        return False
    return True
