"""Running one case: what it declares must be what happens."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch

from monograph.capture.structure import flatten
from monograph.diagnostics import ExportError, InputError
from monograph.export import export
from monograph.exportdb.case import SECTIONS, Call, Case, Expect, Support
from monograph.passes import open_composites
from monograph.program import ExportedProgram
from monograph.testing import assert_equal

__all__ = ["CaseFailedError", "operators_of", "run_case"]


class CaseFailedError(AssertionError):
    """A case does not do what it declares."""


@dataclass(frozen=True)
class _Loaded:
    name: str
    case: Case
    expect: Expect
    model: Callable[[], Any]
    inputs: Callable[[], Call]
    more: list[Call]
    bad: list[Call]
    rewrites: dict[str, Callable[[], Any]]
    dynamic_shapes: Any = None
    more_sizes: list[Call] = field(default_factory=list)
    bad_sizes: list[Call] = field(default_factory=list)


def run_case(module: ModuleType) -> None:
    """Check a case from its docstring to its rewrites.

    Raises:
        CaseFailedError: naming the step that failed.
    """
    loaded = _load(module)
    _check_docstring(module)
    if loaded.case.support is Support.UNSUPPORTED:
        _check_refusal(module, loaded)
        if loaded.case.strict is Support.SUPPORTED:
            _check_program(loaded, loaded.model, Expect(), strict=True)
    else:
        _check_program(loaded, loaded.model, loaded.expect)
    if loaded.dynamic_shapes is not None:
        _check_sizes(loaded)
    for rewrite in loaded.rewrites.values():
        _check_program(loaded, rewrite, Expect())


def operators_of(program: ExportedProgram) -> tuple[str, ...]:
    """The names of a program's operators in order, composites opened."""
    args, kwargs = program.example_inputs
    leaves = flatten(args)[0] + flatten(kwargs)[0]
    tensors = {**program.constants, **program.state_dict}
    state = [tensors[s.target] for s in program.graph_signature.input_specs if s.target is not None]
    graph = open_composites(program.graph_module, [*state, *leaves])
    targets: Iterator[Any] = (n.target for n in graph.nodes if n.op == "call_function")
    return tuple(t._opname for t in targets if isinstance(t, torch._ops.OpOverload))


def _load(module: ModuleType) -> _Loaded:
    names = vars(module)
    missing = {"CASE", "model", "inputs"} - names.keys()
    if missing:
        raise CaseFailedError(f"{module.__name__} lacks {sorted(missing)}")
    return _Loaded(
        name=module.__name__.rpartition(".")[2],
        case=names["CASE"],
        expect=names.get("EXPECT", Expect()),
        model=names["model"],
        inputs=names["inputs"],
        more=list(names["more_inputs"]()) if "more_inputs" in names else [],
        bad=list(names["bad_inputs"]()) if "bad_inputs" in names else [],
        rewrites={n: f for n, f in names.items() if n.startswith("rewrite_")},
        dynamic_shapes=names["dynamic_shapes"]() if "dynamic_shapes" in names else None,
        more_sizes=list(names["more_sizes"]()) if "more_sizes" in names else [],
        bad_sizes=list(names["bad_sizes"]()) if "bad_sizes" in names else [],
    )


def _check_docstring(module: ModuleType) -> None:
    lines = (module.__doc__ or "").strip().splitlines()
    if not lines or not lines[0].endswith("."):
        raise CaseFailedError(f"{module.__name__}: the docstring begins with a title line")
    found = [line for line in lines if line in SECTIONS]
    if found != [section for section in SECTIONS if section in found]:
        raise CaseFailedError(f"{module.__name__}: sections out of order: {found}")
    if "What it shows" not in found or "What Monograph does" not in found:
        raise CaseFailedError(f"{module.__name__}: a section is missing: {found}")


def _check_program(
    loaded: _Loaded, make: Callable[[], Any], expect: Expect, *, strict: bool = False
) -> None:
    eager, example = make(), loaded.inputs()
    program = export(make_equal(eager), *_copied(example), strict=strict)
    module = program.module()
    for given in [example, *loaded.more]:
        ours, theirs = _copied(given), _copied(given)
        torch.manual_seed(0)
        actual = module(*ours[0], **ours[1])
        torch.manual_seed(0)
        assert_equal(actual, eager(*theirs[0], **theirs[1]), tolerance=1e-6)
        assert_equal(ours, theirs)  # what the program writes to its arguments
    for given in loaded.bad:
        try:
            module(*given.args, **given.kwargs)
        except InputError:
            continue
        raise CaseFailedError(f"{loaded.name}: {given} was not refused")
    signature = program.graph_signature
    found = {
        "operators": operators_of(program),
        "inputs": tuple(spec.kind.name for spec in signature.input_specs),
        "outputs": tuple(spec.kind.name for spec in signature.output_specs),
        "assumptions": tuple(assumption.kind for assumption in program.assumptions),
    }
    for name, value in found.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            raise CaseFailedError(f"{loaded.name}: {name} are {value}, not {wanted}")


def _check_sizes(loaded: _Loaded) -> None:
    """The form with sizes that vary: equal to eager at other sizes, refused where it must be."""
    eager, example = loaded.model(), loaded.inputs()
    program = export(make_equal(eager), *_copied(example), dynamic_shapes=loaded.dynamic_shapes)
    module = program.module()
    for given in [example, *loaded.more_sizes]:
        ours, theirs = _copied(given), _copied(given)
        actual = module(*ours[0], **ours[1])
        assert_equal(actual, eager(*theirs[0], **theirs[1]), tolerance=1e-6)
    for given in loaded.bad_sizes:
        try:
            module(*given.args, **given.kwargs)
        except (InputError, RuntimeError):
            continue
        raise CaseFailedError(f"{loaded.name}: {given} was not refused")


def _check_refusal(module: ModuleType, loaded: _Loaded) -> None:
    code, example = loaded.expect.code, loaded.inputs()
    try:
        export(loaded.model(), *_copied(example))
    except ExportError as error:
        if error.code != code:
            raise CaseFailedError(
                f"{loaded.name}: refused with {error.code}, not {code}"
            ) from error
        lines = inspect.getsource(module).splitlines()
        marked = [i for i, line in enumerate(lines, 1) if f"# refused: {code}" in line]
        if error.where is None or error.where.line not in marked:
            raise CaseFailedError(
                f"{loaded.name}: the error names {error.where}, not {marked}"
            ) from error
        return
    raise CaseFailedError(f"{loaded.name}: declared unsupported, and exports")


def make_equal(model: Any) -> Any:
    """A second model with the same state, so that eager and exported calls do not meet."""
    return copy.deepcopy(model) if isinstance(model, torch.nn.Module) else model


def _copied(given: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return copy.deepcopy((given.args, given.kwargs))
