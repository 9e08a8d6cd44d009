"""One task: a model in eager mode, or its export compared with eager mode."""

from __future__ import annotations

import contextlib
import re
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from monograph.capture.python.process_state import exporting_flags
from monograph.diagnostics import MonographError
from monograph.exportdb.exporters import EXPORTERS, STAGES
from monograph.ir.structure import flatten
from monograph.shapes.dims import Dim, ShapesCollection
from monograph.sweep.catalogue import Catalogue
from monograph.sweep.entries import Arguments, Entry, Inputs, Model
from monograph.sweep.results import RIGHT, Outcome
from monograph.sweep.tasks import EAGER, Task, exports_of

__all__ = ["attempt", "example", "warm"]

TOLERANCE = 1e-4  # relative to the largest value of a tensor
_MOST_TEXT = 1500
_MOST_LINE = 300
_MOST_SAID = 12
_BATCH = "batch"


class _StopError(Exception):
    def __init__(self, kind: str, step: str, error: BaseException) -> None:
        super().__init__(step)
        self.kind, self.step, self.error = kind, step, error


@contextlib.contextmanager
def _step(name: str, kind: str) -> Iterator[None]:
    try:
        yield
    except _StopError:
        raise
    except Exception as error:
        raise _StopError(kind, name, error) from error


def attempt(catalogue: Catalogue, task: Task) -> Outcome:
    """What comes of a task. Nothing is raised."""
    start = time.process_time()
    try:
        entry = catalogue.entries(task.library)[task.name]
        outcome = _eager(entry) if task.exporter == EAGER else _exported(entry, task)
    except _StopError as stop:
        outcome = _outcome(stop.kind, stop.step, stop.error)
    except Exception as error:
        outcome = _outcome("eager cannot", "the catalogue", error)
    outcome.where = _beside(outcome.where, catalogue)
    outcome.message = _beside(outcome.message, catalogue)
    outcome.seconds = round(time.process_time() - start, 2)
    return outcome


def example(entry: Entry) -> tuple[Model, Arguments, ShapesCollection | None]:
    """A model of a catalogue, its example arguments, and the sizes of them that eager mode varies.

    Raises:
        ValueError: eager mode does not run it.
    """
    found = attempt(Catalogue(Path(), {"": {entry.name: entry}}), Task("", "", entry.name))
    if found.kind != RIGHT:
        raise ValueError(f"{found.kind}, {found.step}: {found.message}")
    task, *_ = exports_of(Task("", "", entry.name), found.details, [EAGER], ["static"])
    model, inputs = _built(entry)
    given = _arguments(inputs, task.calls["example"])
    if not task.varying:
        return model, given, None
    return model, given, _varying_sizes(inputs, given, task.calls["example"], task)


def warm(exporter: str, stage: str) -> None:
    """Do once what every task would do for the first time: imports, mostly. No compiler is
    started: a process that has threads is not to be forked.
    """
    with contextlib.suppress(Exception):
        if exporter != EAGER:
            made = EXPORTERS[exporter].export(torch.nn.Linear(2, 2), (torch.ones(2, 2),), {}, None)
            if stage and not STAGES[stage].tools:
                STAGES[stage].made(made)
            _compare(made.run(torch.ones(2, 2)), torch.nn.Linear(2, 2)(torch.ones(2, 2)))


# In eager mode ---------------------------------------------------------------------------------


def _eager(entry: Entry) -> Outcome:
    """Build the model, call it twice, and with other sizes: which of them can vary?"""
    with _step("build", "eager cannot"):
        model, inputs = _built(entry)
    sizes = entry.all_sizes
    example = {name: values[0] for name, values in sizes.items()}
    with _step("example", "eager cannot"):
        first, second = (_called(model, _arguments(inputs, example)) for _ in range(2))
    with _step("example, again", "not repeatable"):
        _compare(second, first)
    accepted = {
        name: [n for n in values[1:] if _takes(model, inputs, {**example, name: n})]
        for name, values in sizes.items()
    }
    together = _varied_together(sizes, model, inputs, accepted)
    varying = [name for name in sizes if accepted[name] or name in together]
    calls = _calls(example, accepted, together)
    calls = {name: given for name, given in calls.items() if _takes(model, inputs, given)}
    for name in varying:  # where no call with several other sizes is possible
        if accepted[name] and all(given[name] == example[name] for given in calls.values()):
            calls[f"other {name}"] = {**example, name: accepted[name][-1]}
    details = {"varying": varying, "calls": calls, "parameters": _parameters(model)}
    if together:
        details["together"] = sorted(together)
    return Outcome(RIGHT, details=details)


def _varied_together(
    sizes: dict[str, tuple[int, ...]],
    model: Model,
    inputs: Inputs,
    accepted: dict[str, list[int]],
) -> dict[str, list[int]]:
    """Sizes that cannot vary alone, but all at once, such as those of square images."""
    names = [name for name in sizes if not accepted[name] and len(sizes[name]) > 1]
    if len(names) < 2:
        return {}
    found: dict[str, list[int]] = {}
    example = {name: values[0] for name, values in sizes.items()}
    for several in zip(*(sizes[name][1:] for name in names), strict=False):
        if _takes(model, inputs, {**example, **dict(zip(names, several, strict=True))}):
            for name, n in zip(names, several, strict=True):
                found.setdefault(name, []).append(n)
    return found


def _calls(
    example: dict[str, int], accepted: dict[str, list[int]], together: dict[str, list[int]]
) -> dict[str, dict[str, int]]:
    """The calls that a program is tried with: with a batch of 1, and with two other sizes."""
    calls = {"example": example}
    if 1 in accepted.get(_BATCH, []):
        calls["batch 1"] = {**example, _BATCH: 1}
    for i in range(2):
        sizes = dict(example)
        for name in example:
            others = [n for n in accepted[name] if n != 1] or together.get(name, [])
            if others:
                sizes[name] = others[i % len(others)]
        if sizes not in calls.values():
            calls[f"other {i + 1}"] = sizes
    return calls


def _takes(model: Model, inputs: Inputs, sizes: dict[str, int]) -> bool:
    """Whether eager mode can be called with these sizes."""
    try:
        _called(model, _arguments(inputs, sizes))
    except Exception:
        return False
    return True


def _parameters(model: Model) -> int:
    if not isinstance(model, torch.nn.Module):
        return 0
    return sum(p.numel() for p in model.parameters())


# Exported --------------------------------------------------------------------------------------


def _exported(entry: Entry, task: Task) -> Outcome:
    exporter = EXPORTERS[task.exporter]
    with _step("build", "eager cannot"):
        model, inputs = _built(entry)
        eager, _ = _built(entry)
        start = dict(task.calls["batch 1" if task.form == "dynamic-1" else "example"])
        args, kwargs = _arguments(inputs, start)
    with _step("sizes", "eager cannot"):
        shapes = None
        if task.form != "static":
            shapes = _varying_sizes(inputs, (args, kwargs), start, task)
    clock = time.process_time()
    with _step("export", "fails"):
        program = exporter.export(model, args, kwargs, shapes)
    run = program.run
    if task.stage:
        clock = time.process_time()
        with _step(task.stage, "fails"):
            run = STAGES[task.stage].made(program)
    spent = round(time.process_time() - clock, 3)
    details: dict[str, Any] = {task.stage or "export": spent, "nodes": program.nodes}
    narrowed: list[tuple[str, BaseException]] = []
    calls = {"example": start} if task.form == "static" else task.calls
    for name, sizes in calls.items():
        wanted, given = (_arguments(inputs, sizes) for _ in range(2))
        before = _leaves(given), _leaves(wanted)  # a program leaves the caller's containers alone
        expected = _called(eager, wanted)
        try:
            actual = _called(run, given)
        except Exception as error:
            if sizes == start:
                raise _StopError("cannot run", name, error) from error
            narrowed.append((name, error))
            continue
        with _step(name, "wrong"):
            try:
                _compare(actual, expected)
            except AssertionError as error:
                with exporting_flags():
                    expected = _called(eager, _arguments(inputs, sizes))
                _compare(actual, expected)
                raise _StopError("as exported", name, error) from error
            _compare(*before)
    if narrowed:
        outcome = _outcome("narrowed", ", ".join(name for name, _ in narrowed), narrowed[0][1])
        details["assumptions"] = _narrowing(program.program)
    else:
        outcome = Outcome(RIGHT)
    outcome.details |= details
    return outcome


def _narrowing(program: object) -> list[str]:
    """What a program says of the sizes that it does not hold for."""
    said = [a for a in getattr(program, "assumptions", ()) if a.kind == "narrowed"]
    return [f"{_short(str(a.where))}: {a.text}"[:_MOST_LINE] for a in said[:_MOST_SAID]]


def _varying_sizes(
    inputs: Inputs, given: Arguments, start: dict[str, int], task: Task
) -> ShapesCollection:
    """``Dim.DYNAMIC`` for each dimension, and each number, that follows a size that varies."""
    shapes, numbers = ShapesCollection(), set[int]()
    leaves = flatten(given)[0]
    found: dict[int, tuple[torch.Tensor, set[int]]] = {}
    for name in task.varying:
        for n in {sizes[name] for sizes in task.calls.values()} - {start[name]}:
            others = flatten(_arguments(inputs, {**start, name: n}))[0]
            for one, other in zip(leaves, others, strict=True):
                if type(one) is int and one != other:
                    numbers.add(one)
                if isinstance(one, torch.Tensor):
                    varied = found.setdefault(id(one), (one, set()))[1]
                    varied |= {d for d, size in enumerate(one.shape) if size != other.shape[d]}
    for tensor, dimensions in found.values():
        if dimensions:
            shapes[tensor] = dict.fromkeys(sorted(dimensions), Dim.DYNAMIC)
    for number in numbers:
        shapes[number] = Dim.DYNAMIC
    return shapes


# What both share -------------------------------------------------------------------------------


def _built(entry: Entry) -> tuple[Model, Inputs]:
    torch.manual_seed(0)
    model, inputs = entry.build()
    if isinstance(model, torch.nn.Module):
        model.eval()
    return model, inputs


def _arguments(inputs: Inputs, sizes: dict[str, int]) -> Arguments:
    torch.manual_seed(1)
    return inputs(**sizes)


def _called(run: Callable[..., Any], given: Arguments) -> Any:
    torch.manual_seed(2)
    return run(*given[0], **given[1])


def _compare(actual: object, expected: object) -> None:
    """Tensor by tensor; numbers and the rest as Python compares them."""
    ours, theirs = _leaves(actual), _leaves(expected)
    if len(ours) != len(theirs):
        raise AssertionError(f"{len(ours)} results where eager mode gives {len(theirs)}")
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        _compare_leaf(one, other, f"result {i + 1}")


def _compare_leaf(one: object, other: object, name: str) -> None:
    if not isinstance(other, torch.Tensor):
        if isinstance(other, (bool, int, float, str)) and one != other and other == other:
            raise AssertionError(f"{name} is {one!r} where eager mode gives {other!r}")
        return
    if not isinstance(one, torch.Tensor):
        raise AssertionError(f"{name} is a {type(one).__name__}")
    if one.shape != other.shape or one.dtype != other.dtype:
        raise AssertionError(
            f"{name} is {one.dtype}{list(one.shape)}, in eager mode {other.dtype}"
            f"{list(other.shape)}"
        )
    if other.numel() == 0:
        return
    one, other = one.detach(), other.detach()
    if not (other.is_floating_point() or other.is_complex()):
        if not torch.equal(one, other):
            raise AssertionError(f"{name} differs in {int((one != other).sum())} integers")
        return
    if not torch.equal(one.isfinite(), other.isfinite()):
        raise AssertionError(f"{name} is infinite or no number elsewhere")
    where = other.isfinite()
    one, other = one[where], other[where]
    if other.numel() == 0:
        return
    apart, largest = float((one - other).abs().max()), float(other.abs().max())
    if apart > TOLERANCE * max(largest, 1e-6):
        raise AssertionError(f"{name} is apart by {apart:.3g}, and the largest is {largest:.3g}")


def _leaves(value: object) -> list[object]:
    found = flatten(value)[0]
    return [leaf for leaf in found if not isinstance(leaf, (torch.device, type(None)))]


def _outcome(kind: str, step: str, error: BaseException) -> Outcome:
    code = where = text = ""
    if isinstance(error, MonographError):
        code = error.code
        kind = "refused" if kind == "fails" else kind
        if error.where is not None:
            where, text = _short(error.where.place), error.where.text
    elif frames := traceback.extract_tb(error.__traceback__):
        last = frames[-1]
        where, text = _short(f"{last.filename}:{last.lineno}"), last.line or ""
    message = re.sub(r"0x[0-9a-f]{6,}", "0x...", str(error))[:_MOST_TEXT]
    return Outcome(
        kind, step=step, code=code or type(error).__name__, message=message, where=where, text=text
    )


def _beside(text: str, catalogue: Catalogue) -> str:
    """Places in files of the catalogue, wherever it lies."""
    return text.replace(f"{catalogue.folder.resolve()}/", "")


def _short(place: str) -> str:
    """A place in an installed package, from the package on."""
    return re.sub(r"^.*/site-packages/", "", place)
