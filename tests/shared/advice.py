"""Messages as users read them, and whether what they advise works.

``faults_of(message)`` says what is wrong with one: a piece of code in it that is no Python, advice
that was followed and does not export, or does not give what eager mode gives, a line that stands
there already, words of torch's inside, an exception that eager mode does not raise.
"""

import ast
import contextlib
import copy
import importlib.util
import linecache
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import monograph
from monograph.testing import assert_equal

# What means something to us or to torch alone.
INSIDE = re.compile(
    r"<function \w+|<class '|VR\[-?int_oo|object at 0x|AbstractTensor|FakeTensor|fake tensor|"
    r"SymNode|_local_scalar_dense|torch\._dynamo|proxy_tensor|Proxy\(|FunctionalTensor|DispatchKey"
)
_OPENING = re.compile(r"(?:[A-Za-z_][\w.]*|\.\w+)?[({]")
_OPERATORS = ("failing_programs::", "exportdb::", "strict_programs::")


@dataclass
class Message:
    """An error, and what was exported: a program (its ``file`` makes it again), a call, sizes.

    ``again``: of a module made of the file's text, the program.
    """

    name: str
    error: Exception
    program: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    shapes: Any = None
    strict: bool = False
    further: list[Any] = field(default_factory=list)
    again: Callable[[Any], Any] | None = None

    @property
    def lines(self) -> int:
        """How long it is."""
        return len(str(self.error).splitlines())


def loaded(text, folder):
    """A file with this text as a module; its operators have other names, theirs are registered."""
    space = f"changed_{random.getrandbits(48):x}"
    for name in _OPERATORS:
        text = text.replace(name, f"{space}::")
    path = folder / f"{space}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[space] = module  # dataclasses look for it
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[space]
    return module


def pieces_of(text):
    """The pieces of code in a text: calls and dictionaries, wherever they stand."""
    found, at = [], 0
    while match := _OPENING.search(text, at):
        end = _closed(text, match.end() - 1)
        piece = text[match.start() : end]
        at = match.end()
        if end and (match[0] not in ("(", "{") or ":" in piece):
            found.append(piece if piece[0] != "." else f"x{piece}")
            at = end
    return found


def _closed(text, start):
    """Where the bracket at ``start`` is closed, by counting; None where it is not."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] in "({[") - (text[i] in ")}]")
        if depth == 0:
            return i + 1
    return None


def faults_of(message, folder):
    """What is wrong with a message, in words; nothing where all is well."""
    if not isinstance(message.error, monograph.MonographError):
        return list(_foreign(message))
    found = wording_of(message.error)
    for title, follow in _ADVICE.items():
        try:
            said = follow(message, folder)
        except Exception as problem:
            said = f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
        if said:
            found.append(f"{title}: {said}")
    return found


def wording_of(error):
    """What is wrong with the words of an error, without following them."""
    found = [f"shows {word!r}" for word in sorted(set(INSIDE.findall(str(error))))]
    if error.code == "MG-X101":
        found.append("is said to be a mistake of ours")
    return found + [f"no Python: {piece}" for piece in _not_python(error)]


def _foreign(message):
    """An exception that is not ours must be the program's own, or Python's about files."""
    if message.program is None or isinstance(message.error, OSError):
        return
    try:
        with torch.no_grad():
            message.program(*copy.deepcopy(message.args), **copy.deepcopy(message.kwargs))
    except type(message.error):
        return
    except Exception as other:
        yield f"{type(message.error).__name__}, and eager mode raises {type(other).__name__}"
    else:
        yield f"{type(message.error).__name__}, and eager mode raises nothing"


def _not_python(error):
    texts = [error.hint or "", *getattr(error, "checks", ())]
    for text in texts:
        block = [line for line in text.splitlines() if line.startswith("  ")]
        sources = ["\n".join(line[2:] for line in block)] if block else []
        for piece in [*sources, *pieces_of(text)]:
            try:
                ast.parse(piece)
            except SyntaxError:
                yield piece
    for patch in error.patch.patches if error.patch else ():
        ast.parse(patch.after)


# Following it -------------------------------------------------------------------------------------


def _results(program, args, kwargs):
    torch.manual_seed(0)
    args, kwargs = copy.deepcopy((args, kwargs))
    with torch.no_grad():
        return program(*args, **kwargs), args, kwargs


def _same(message, program, fixed, shapes, *, strict=False, further=True):
    """Export ``fixed`` and compare it with ``program`` in eager mode, at all calls."""
    args, kwargs = copy.deepcopy((message.args, message.kwargs))
    module = monograph.export(fixed, args, kwargs, dynamic_shapes=shapes, strict=strict).module()
    calls = [(message.args, message.kwargs), *(message.further if further else ())]
    eager = copy.deepcopy(program)
    for args, kwargs in calls:
        try:
            wanted = _results(eager, args, kwargs)
        except Exception:
            continue  # nothing to compare with
        assert_equal(_results(module, args, kwargs), wanted, tolerance=1e-4)


def _patch(message, folder):
    error = message.error
    if error.patch is None or message.program is None:
        return None
    for patch in error.patch.patches:
        if patch.before == patch.after:
            return "changes nothing"
    if message.again is None:
        return None  # tried where it was made; there is no file to make it again
    (patch,) = error.patch.patches
    fixed = message.again(loaded(patch.after, folder))
    return _same(message, message.program, fixed, message.shapes)


def _strict_mode(message, folder):
    if message.error.is_captured_in_strict_mode and message.program is not None:
        _same(message, message.program, message.program, message.shapes, strict=True)


def _checks(message, folder):
    """Each assertion alone, before the statement of the line: it is new, and it holds."""
    error = message.error
    shown = re.findall(r"^ +(torch\._check\(.*\))$", error.hint or "", re.MULTILINE)
    for text in shown if error.where is not None and message.program is not None else ():
        lines = linecache.getlines(error.where.file)
        statement = _statement(lines, error.where.line)
        if statement is None:
            return f"there is no statement to write {text} before"
        if any(text in line for line in lines[: error.where.line]):
            return f"{text} stands there already"
        if message.again is None:
            continue
        indent = re.match(r"\s*", lines[statement - 1])[0]
        after = [*lines[: statement - 1], f"{indent}{text}\n", *lines[statement - 1 :]]
        fixed = message.again(loaded("".join(after), folder))
        _same(message, message.program, fixed, message.shapes, further=False)
    return None


def _statement(lines, line):
    """The first line of the innermost statement of a line, unless a lambda lies between."""
    nodes = [n for n in ast.walk(ast.parse("".join(lines))) if hasattr(n, "lineno")]
    around = [n for n in nodes if n.lineno <= line <= n.end_lineno]
    statements = [n for n in around if isinstance(n, ast.stmt)]
    return max(statements, key=lambda n: n.lineno).lineno if statements else None


def _fixes(message, folder):
    """Suggested sizes: they are declared, and the program exports."""
    if getattr(message.error, "suggested_fixes", None) and message.program is not None:
        shapes = monograph.refine_dynamic_shapes(message.shapes, message.error)
        _same(message, message.program, message.program, shapes, further=False)


def _declared(message, folder):
    """``export(..., dynamic_shapes={...})``: the refused call is taken then."""
    match = re.search(r"dynamic_shapes=(\{.*\})\)", message.error.hint or "")
    if match and isinstance(message.error, monograph.InputError) and message.further:
        shapes = eval(match[1], {"Dim": monograph.Dim})
        _same(message, message.program, message.program, shapes)


def _eager(message, folder):
    """What is said to fail in eager mode too, does."""
    if "eager mode too" not in message.error.why or message.program is None:
        return None
    args, kwargs = copy.deepcopy((message.args, message.kwargs))
    try:
        copy.deepcopy(message.program)(*args, **kwargs)
    except Exception:
        return None
    return "eager mode runs"


_ADVICE = {
    "the patch": _patch,
    "strict mode": _strict_mode,
    "the assertion": _checks,
    "the sizes": _fixes,
    "the declaration": _declared,
    "what is said of eager mode": _eager,
}


# Collections --------------------------------------------------------------------------------------


def refused(name, make, args, kwargs=None, shapes=None, **more):
    """What the default mode says of a program; None where it exports."""
    program = make()
    kwargs = kwargs or {}
    given = copy.deepcopy((args, kwargs))
    try:
        monograph.export(copy.deepcopy(program), *given, dynamic_shapes=shapes)
    except Exception as error:
        return Message(name, error, make(), args, kwargs, shapes, **more)
    return None


def of_programs(names=None):
    """The refusals of the tests' programs that fail, and of those that ask for data."""
    import failing_programs
    import strict_programs

    for name, entry in failing_programs.PROGRAMS.items():
        if names is None or name in names:
            further = [(call, {}) for call in entry.calls[1:]]
            yield refused(
                name, entry.make, entry.calls[0], shapes=entry.shapes, further=further,
                again=lambda module, name=name: module.PROGRAMS[name].make(),
            )  # fmt: skip
    for name, (f, inputs) in strict_programs.PROGRAMS.items():
        if names is None or name in names:
            yield refused(
                name, lambda f=f: f, inputs[0], further=[(call, {}) for call in inputs[1:]],
                again=lambda module, name=name: module.PROGRAMS[name][0],
            )  # fmt: skip


def of_cases(names=None):
    """What the catalogue's cases are refused with."""
    from monograph import exportdb
    from monograph.exportdb.outcomes import seeded
    from monograph.exportdb.runner import refusal

    for entry in exportdb.cases():
        if names is not None and entry.name not in names:
            continue
        for code in sorted({entry.expect.code, entry.expect.strict_code} - {None}):
            error = refusal(entry, code)
            if error is None:
                continue
            given = seeded(entry.inputs)
            shapes = None if entry.dynamic_shapes is None else entry.dynamic_shapes()
            is_of_call = isinstance(error, (monograph.InputError, monograph.FileError))
            yield Message(
                entry.name, error, None if is_of_call else seeded(entry.model), given.args,
                given.kwargs, shapes, again=lambda module: seeded(module.model),
            )  # fmt: skip


def of_mistakes(names=None):
    """What mistakes of users are answered with; the program is the last that was exported."""
    import mistakes
    import mistakes_at_calls  # noqa: F401
    import mistakes_in_programs  # noqa: F401

    for name, mistake in mistakes.MISTAKES.items():
        if names is None or name in names:
            with _exports_of(sys.modules[mistake.make.__module__]) as exports:
                try:
                    mistake.make()
                except Exception as error:
                    is_of_call = isinstance(error, monograph.InputError)
                    last = exports[-1] if exports and not is_of_call else {}
                    yield Message(name, error, **last)


_OPTIONS = {"dynamic_shapes", "strict"}


@contextlib.contextmanager
def _exports_of(module):
    """The programs that are exported through the name ``export`` of a module."""
    found, export = [], module.export

    def noted(program, args=(), kwargs=None, **options):
        is_call = callable(program) and isinstance(args, tuple) and isinstance(kwargs or {}, dict)
        if is_call and not isinstance(program, type) and options.keys() <= _OPTIONS:
            call = {"args": args, "kwargs": kwargs or {}, "shapes": options.get("dynamic_shapes")}
            found.append({"program": program, **call})
        return export(program, args, kwargs, **options)

    module.export = noted
    try:
        yield found
    finally:
        module.export = export


def of_generated(seeds, folder):
    """The refusals of generated programs that branch and loop on data."""
    from generated_programs import Generator

    for seed in seeds:
        module = loaded(Generator(seed, in_place=bool(seed % 2)).source(), Path(folder))
        generator = torch.Generator().manual_seed(seed)
        calls = [
            (*(torch.randn(3, generator=generator) * scale for _ in range(2)), torch.tensor(count))
            for scale, count in ((1.0, 2), (2.0, 0), (0.5, 1), (3.0, 3))
        ]
        yield refused(
            f"generated {seed}", lambda module=module: module.program, calls[0],
            further=[(call, {}) for call in calls[1:]], again=lambda module: module.program,
        )  # fmt: skip
