"""One export for the page, in a process of its own: what comes of it, as messages."""

from __future__ import annotations

import linecache
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monograph.capture.declare import read_specification
from monograph.capture.inputs import Arguments, flatten_arguments, positional, root_of
from monograph.capture.python.frames import lines_of_traceback
from monograph.checking import Report, check
from monograph.diagnostics import ExportError, MonographError
from monograph.diagnostics.watching import Watch, watching
from monograph.edges import load_methods
from monograph.ir.report import Problem
from monograph.ir.statistics import Times, times_of
from monograph.program import ExportedProgram
from monograph.shapes.dims import Dim
from monograph.source.rewrite import Patch
from monograph.stages import exported
from monograph.target import UsageError, example, load, offered
from monograph.workbench.contents import (
    Data,
    arguments_data,
    patch_data,
    problem_data,
    program_data,
)
from monograph.workbench.edited import EditedFile, import_edited
from monograph.workbench.requests import Operators, Request

__all__ = ["attempt", "imported_since"]

Tell = Callable[[Data], None]

_STANDARD = sysconfig.get_path("stdlib")


@dataclass
class _Call:
    """A program, and how it is called."""

    model: Callable[..., object]
    args: tuple[object, ...]
    kwargs: dict[str, object]
    shapes: object


def attempt(request: Request, tell: Tell) -> None:
    """Export as asked. Each message says what is known by then; the last one is complete."""
    start = time.perf_counter()
    told: Data = {"files": {}, "problems": [], "arguments": [], "program": None, "patches": []}

    def say(**news: object) -> None:
        told.update(news)
        told["seconds"] = time.perf_counter() - start
        tell(told)

    try:
        if request.path.endswith(".pt2"):
            _open(request, say)
        else:
            _export(request, say)
    except (UsageError, MonographError, OSError) as error:
        say(outcome="unusable", error=_error_data(error))
    except Exception as error:
        say(outcome="fails", error=_error_data(error))


# Files of programs -------------------------------------------------------------------------------


def _open(request: Request, say: Callable[..., None]) -> None:
    programs = load_methods(request.path, weights=False)
    name = request.name or next(iter(programs))
    if name not in programs:
        raise UsageError(f"the file has no program {name}; it has {', '.join(programs)}")
    shown = _program(programs[name], None, request)
    say(outcome="exports", offers=list(programs), name=name, **shown)


# Python files ------------------------------------------------------------------------------------


def _export(request: Request, say: Callable[..., None]) -> None:
    path = Path(request.path)
    import_edited(request.texts)
    text = request.texts.get(request.path)
    module = load(path, None if text is None else EditedFile(request.path, text))
    names = offered(module)
    say(outcome="loaded", offers=names, name=request.name)
    if not request.name and len(names) > 1:
        say(outcome="unnamed")
        return
    call = _Call(*example(module, request.name, path.name))
    args = positional(call.args)
    root = root_of(call.model)
    arguments = flatten_arguments(root, args, call.kwargs)
    declared = read_specification(root, arguments, call.shapes)
    shown = arguments_data(arguments, declared, request.sizes)
    shapes = _with_decisions(call.shapes, arguments, declared, request.sizes)
    say(outcome="built", arguments=shown)
    watch = Watch(is_close=True)
    try:
        with watching(watch):
            parts = exported(root, args, call.kwargs, shapes, strict=request.strict)
        program = ExportedProgram(parts)
    except ExportError as error:
        say(outcome="refused", problems=[problem_data(Problem(error))], is_complete=False)
        if request.with_fixes:
            _check(call, shapes, request, say)
        return
    say(outcome="exports", **_program(program, times_of(watch), request))


def _check(call: _Call, shapes: object, request: Request, say: Callable[..., None]) -> None:
    """All problems, and what to write instead."""
    report = check(call.model, call.args, call.kwargs, dynamic_shapes=shapes, strict=request.strict)
    problems = [problem_data(each) for each in report.problems]
    patches = report.patches_for(Path(request.path))
    say(
        outcome="refused",
        is_complete=True,
        problems=problems,
        patches=[patch_data(patch) for patch in patches],
        promise=report.promise if report.program is not None else "",
        suggested={name: repr(dim) for name, dim in report.suggested.items()},
        summary=report.summary,
        **_with_fixes(report, patches, request),
    )


def _with_fixes(report: Report, patches: Sequence[Patch], request: Request) -> Data:
    """The program as it is with the changes, beside the file as it is: by the lines of that."""
    if report.program is None:
        return {}
    found = _program(report.program, report.times, request)
    origins = {patch.file: patch.origins() for patch in patches}
    for node in found["program"]["nodes"]:  # type: ignore[index]
        lines = origins.get(node["file"])
        if lines is not None and node["line"] <= len(lines):
            node["line"] = lines[node["line"] - 1]
            node["code"] = linecache.getline(node["file"], node["line"]).strip()
    return found


def _program(program: ExportedProgram, times: Times | None, request: Request) -> Data:
    if request.operators is not Operators.captured:
        table: dict[object, object] | None = {} if request.operators is Operators.opened else None
        program = program.run_decompositions(table)
    data = program_data(program.parts, times, opened=request.opened, whole=request.whole)
    return {"program": data, "files": _texts(data)}


def _texts(program: Data) -> Data:
    """The files of the user's that the nodes of a program come from."""
    nodes = program["nodes"]
    assert isinstance(nodes, list)
    files = {node["file"] for node in nodes if node["file"]}
    return {file: _read(Path(file)) for file in sorted(files) if Path(file).is_file()}


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _with_decisions(
    shapes: object,
    arguments: Arguments,
    declared: list[dict[int | None, object] | None],
    decided: Mapping[str, Mapping[int, bool]],
) -> object:
    """The specification of the file, with what the page has decided of single sizes."""
    if not any(decided.values()):
        return shapes
    found: dict[str, object] = {}
    for leaf, entry in zip(arguments.leaves, declared, strict=True):
        sizes = dict(entry or {})
        for dim, varies in decided.get(leaf.dotted, {}).items():
            key = None if dim == -1 else dim
            if not varies:
                sizes.pop(key, None)
            elif sizes.get(key) is None:
                sizes[key] = Dim.AUTO
        sizes = {dim: item for dim, item in sizes.items() if item is not None}
        if sizes:
            found[leaf.dotted] = sizes.get(None, sizes)
    return found


# What stands beside the program -------------------------------------------------------------------


def _error_data(error: BaseException) -> Data:
    """An exception: what it says, and the user's lines that have led to it."""
    lines = lines_of_traceback(error)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places: list[Data] = [
            {"file": error.filename, "line": error.lineno, "function": "", "text": error.text or ""}
        ]
    else:
        places = [
            {"file": each.file, "line": each.line, "function": each.function, "text": each.text}
            for each in lines
        ]
    return {
        "type": type(error).__name__.lstrip("_"),
        "text": str(error),
        "lines": places,
    }


def imported_since(before: set[str]) -> Data:
    """What was imported: files of the user's own, which may change, and modules of libraries."""
    own: list[str] = []
    libraries: list[str] = []
    for name in [each for each in sys.modules if each not in before]:
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(file, str):
            is_own = not (name.startswith("monograph.") or _is_installed(file))
            (own if is_own else libraries).append(file if is_own else name)
    return {"own": own, "libraries": libraries}


def _is_installed(file: str) -> bool:
    return file.startswith(_STANDARD) or "site-packages" in file or "dist-packages" in file
