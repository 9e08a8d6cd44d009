"""What becomes of a case in an exporter's hands."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

from monograph.control import associative_scan, cond, map, scan, while_loop  # noqa: A004
from monograph.diagnostics import MonographError
from monograph.exportdb.case import Call
from monograph.exportdb.exporters import Exported, Exporter
from monograph.exportdb.registry import Entry
from monograph.ir.structure import flatten
from monograph.testing import assert_equal
from monograph.torch_internals import (
    FakeTensor,
    torch_associative_scan,
    torch_map,
    torch_scan,
    torch_while_loop,
)

__all__ = ["KINDS", "Outcome", "in_eager_mode", "measure", "seeded"]

KINDS = {  # from good to bad
    "right": "right on all inputs",
    "limited": "exports, and refuses inputs that eager mode takes",
    "refused": "refused, with the line and what to write instead",
    "fails": "the export fails",
    "cannot run": "exports, and fails on its own inputs",
    "hangs": "does not end",
    "crashes": "the process dies",
    "wrong": "silently wrong",
}

_T = TypeVar("_T")
_TOLERANCE = 1e-5
_MOST_TEXT = 4000  # characters of a message


@dataclass(frozen=True)
class Outcome:
    """``kind``: a key of ``KINDS``. ``step``: where it went wrong.

    ``code``: of our errors. ``line``: the 1-based line of the case that the error names. ``file``:
    whether the program, saved and loaded, gives the same; None where it was not tried.
    """

    kind: str
    step: str = ""
    exception: str = ""
    code: str = ""
    message: str = ""
    line: int | None = None
    nodes: int | None = None
    ms: float | None = None
    file: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Without what is empty."""
        return {k: v for k, v in asdict(self).items() if v not in ("", None)}


class _StopError(Exception):
    def __init__(self, kind: str, step: str, error: BaseException | None = None) -> None:
        super().__init__(step)
        self.kind, self.step, self.error = kind, step, error


def in_eager_mode(entry: Entry, model: Callable[..., object], given: Call) -> object:
    """What a call of the model gives, with control-flow operators as Python's own.

    Torch's compile themselves, which takes a second and fails where there is something to capture.
    """
    plain = {
        torch_while_loop: while_loop,
        torch_scan: scan,
        torch_map: map,
        torch_associative_scan: associative_scan,
    }
    names = entry.namespace
    before = {k: v for k, v in names.items() if callable(v) and v in plain}
    own_cond = torch.cond
    torch.cond = cond
    names.update({k: plain[v] for k, v in before.items()})
    try:
        return model(*given.args, **given.kwargs)
    finally:
        torch.cond = own_cond
        names.update(before)


def seeded(make: Callable[[], _T]) -> _T:
    """What a function of a case returns, with the same random numbers each time."""
    torch.manual_seed(0)
    return make()


def measure(entry: Entry, exporter: Exporter) -> Outcome:
    """Export the case, call it in all the ways that it describes, and compare with eager mode."""
    trial = _Trial(entry, exporter)
    try:
        trial.static()
        if entry.dynamic_shapes is not None:
            trial.dynamic()
        if entry.use is not None:
            trial.use()
    except _StopError as stop:
        return trial.outcome(stop.kind, stop.step, stop.error)
    return trial.outcome("right")


class _Trial:
    def __init__(self, entry: Entry, exporter: Exporter) -> None:
        self.entry, self.exporter = entry, exporter
        self.exported: Exported | None = None
        self.seconds: float | None = None
        self.file: bool | None = None

    def static(self) -> None:
        """With the sizes of the example."""
        calls = [seeded(self.entry.inputs), *seeded(self.entry.more_inputs)]
        self._form(None, calls, seeded(self.entry.bad_inputs), "")

    def dynamic(self) -> None:
        """With the sizes that vary."""
        assert self.entry.dynamic_shapes is not None
        shapes = self.entry.dynamic_shapes()
        calls = [seeded(self.entry.inputs), *seeded(self.entry.more_sizes)]
        self._form(shapes, calls, seeded(self.entry.bad_sizes), ", with sizes that vary")

    def use(self) -> None:
        """What else is done with the program; it is refused, where the case has a code."""
        assert self.entry.use is not None
        if not self.exporter.is_ours or self.exported is None:
            return
        wanted = self.entry.expect.code
        with _step("use", "fails"):
            try:
                self.entry.use(self.exported.program)
            except MonographError as error:
                if error.code != wanted:
                    raise
                return
            if wanted is not None:
                raise AssertionError(f"it was not refused with {wanted}")

    def _form(self, shapes: object, calls: list[Call], bad: list[Call], suffix: str) -> None:
        eager = seeded(self.entry.model)
        example = _copied(calls[0])
        with _step(f"export{suffix}", "fails"):
            model, start = seeded(self.entry.model), time.perf_counter()
            exported = self.exporter.export(model, example.args, example.kwargs, shapes)
            self.seconds = time.perf_counter() - start
        self.exported = exported
        self.file = self._reloaded(exported, calls)
        for i, given in enumerate(calls):
            kind = "limited" if i else "cannot run"
            _compare(self.entry, exported.run, eager, given, f"call {i + 1}{suffix}", kind)
        for i, given in enumerate(bad):
            self._must_refuse(exported.run, given, f"bad input {i + 1}{suffix}")

    def _reloaded(self, exported: Exported, calls: list[Call]) -> bool:
        eager = seeded(self.entry.model)
        try:
            run = exported.reload()
            _compare(self.entry, run, eager, calls[0], "save and load", "fails")
        except Exception:
            return False
        return True

    def _must_refuse(self, run: Callable[..., object], given: Call, step: str) -> None:
        """Inputs that the program does not hold for; to give what eager mode gives is fine, too."""
        ours, theirs = _copied(given), _copied(given)
        try:
            actual = run(*ours.args, **ours.kwargs)
        except Exception:
            return
        try:
            expected = in_eager_mode(self.entry, seeded(self.entry.model), theirs)
            assert_equal(actual, expected, tolerance=_TOLERANCE)
        except Exception as error:
            raise _StopError("wrong", step, error) from error

    def outcome(self, kind: str, step: str = "", error: BaseException | None = None) -> Outcome:
        """What was found out."""
        line = None
        if isinstance(error, MonographError):
            kind = "refused" if kind == "fails" else kind
            if error.where is not None and error.where.file == str(self.entry.file):
                line = error.where.line
        shown = step and error is not None
        return Outcome(
            kind=kind,
            step=step,
            exception=type(error).__name__ if shown else "",
            code=error.code if isinstance(error, MonographError) else "",
            message=str(error)[:_MOST_TEXT] if shown else "",
            line=line,
            nodes=self.exported.nodes if self.exported is not None else None,
            ms=None if self.seconds is None else round(self.seconds * 1e3, 2),
            file=self.file,
        )


@contextmanager
def _step(name: str, kind: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _StopError(kind, name, error) from error


def _copied(given: Call) -> Call:
    return copy.deepcopy(given)


def _compare(
    entry: Entry,
    run: Callable[..., object],
    eager: Callable[..., object],
    given: Call,
    step: str,
    refused: str,
) -> None:
    """A call of program and model: the results, what is left in arguments and in ``.grad``."""
    ours, theirs = _copied(given), _copied(given)
    torch.manual_seed(0)
    try:
        expected = in_eager_mode(entry, eager, theirs)
    except Exception as error:  # then the program should fail as well
        try:
            run(*ours.args, **ours.kwargs)
        except Exception:
            return
        raise _StopError("wrong", step, error) from error
    torch.manual_seed(0)
    with _step(step, refused):
        actual = run(*ours.args, **ours.kwargs)
        if any(isinstance(leaf, FakeTensor) for leaf in flatten(actual)[0]):
            raise RuntimeError("the result is a tensor without data (FakeTensor)")
    with _step(step, "wrong"):
        assert_equal(actual, expected, tolerance=_TOLERANCE)
        assert_equal((ours.args, ours.kwargs), (theirs.args, theirs.kwargs), tolerance=_TOLERANCE)
        if gradients := _gradients(eager):  # that the call itself has left
            assert_equal(_gradients(run), gradients, tolerance=_TOLERANCE)


def _gradients(program: object) -> dict[str, torch.Tensor]:
    """What is in ``.grad`` of the parameters."""
    if not isinstance(program, torch.nn.Module):
        return {}
    return {n: p.grad for n, p in program.named_parameters() if p.grad is not None}
