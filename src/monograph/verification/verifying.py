"""A program against its model: the same calls in both, all that can be told of them compared."""

from __future__ import annotations

import copy
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from monograph.capture.python.snapshot import Snapshot
from monograph.diagnostics import InputError, InternalError
from monograph.ir.assumptions import CLASSES
from monograph.ir.meta import SUBGRAPHS
from monograph.ir.program import TRAINING, Parts
from monograph.ir.structure import flatten
from monograph.shapes.env import AS_CAUGHT, AS_LONG, TAKEN_AS_EQUAL
from monograph.torch_internals import DispatchMode, Operator, share_memory, writes_to
from monograph.verification.comparison import assert_equal
from monograph.verification.contract import Arguments, Contract, DrawnCall

__all__ = ["DiffersError", "Verification", "verify"]

Model = Callable[..., object]

_CALLS_IN_A_ROW = 3
OTHER_DRAWS = "the program has drawn other random numbers"
_DEMANDS = ("Expected inputs to satisfy", TAKEN_AS_EQUAL, AS_CAUGHT, AS_LONG)
_MOST_TRIALS = 300  # to make a call that fails simpler


class DiffersError(AssertionError):
    """A program does not do what its model does in eager mode.

    Attributes:
        difference: what is different, in one line.
        test: Python that shows it, for a file of tests.
    """

    def __init__(self, difference: str, test: str = "") -> None:
        super().__init__(f"{difference}\n\n{test}" if test else difference)
        self.difference, self.test = difference, test


@dataclass
class Verification:
    """What a verification has tried.

    Attributes:
        compared: calls whose results, effects and gradients were those of eager mode.
        refused: calls that the program refuses, by the code of the error; nothing was written.
        raised: calls that fail in eager mode, and in the program.
    """

    compared: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    raised: int = 0

    @property
    def total(self) -> int:
        """All calls."""
        return self.compared + self.refused.total() + self.raised

    def __str__(self) -> str:
        codes = ", ".join(f"{count} by {code}" for code, count in sorted(self.refused.items()))
        return (
            f"{self.compared} calls as in eager mode, {self.refused.total()} refused"
            f"{f' ({codes})' if codes else ''}, {self.raised} that eager mode refuses as well"
        )


def verify(
    parts: Parts,
    module: nn.Module,
    model: Model,
    *,
    samples: int = 50,
    seed: int = 0,
    calls: Sequence[Arguments] | None = None,
    tolerance: float = 1e-5,
) -> Verification:
    """Compare a program with its model: on calls that are drawn, or on those that are given.

    ``module`` is what is called of the program; it and ``model`` are copied for each row of calls.

    Raises:
        DiffersError: what is different, with a test that shows it.
    """
    trial = _Trial(parts, module, model, tolerance)
    if calls is not None:
        difference = trial.run([_copies(call) for call in calls])
        if difference:
            raise DiffersError(difference)
        return trial.counts
    contract, choose = Contract.of(parts), random.Random(seed)
    most = 1 if _forgets(parts) else _CALLS_IN_A_ROW
    while (left := samples - trial.counts.total) > 0:
        row = contract.calls(choose, min(choose.randint(1, most), left))
        difference = trial.run(_builders(contract, row))
        if difference:
            row, difference = _simplest(trial, contract, row, difference)
            raise DiffersError(difference, _test_of(contract, row, seed))
    return trial.counts


def _forgets(parts: Parts) -> bool:
    """Whether something that the model keeps from call to call is no part of the program."""
    forgotten = CLASSES["dropped"] | CLASSES["unstable"] | {"settled"}
    return any(assumption.kind in forgotten for assumption in parts.assumptions)


Builder = Callable[[], Arguments]


def _builders(contract: Contract, row: Sequence[DrawnCall]) -> list[Builder]:
    return [lambda call=call: contract.drawn(call) for call in row]  # type: ignore[misc]


def _copies(call: Arguments) -> Builder:
    return lambda: copy.deepcopy(call)


# Simpler calls, and a test of them --------------------------------------------------------------


def _simplest(
    trial: _Trial, contract: Contract, row: list[DrawnCall], difference: str
) -> tuple[list[DrawnCall], str]:
    """A row of calls that fails as well, and of which nothing simpler was found."""
    left = _MOST_TRIALS
    is_simpler = True
    while is_simpler and left:
        is_simpler = False
        for other in itertools.islice(_simpler_rows(row), left):
            left -= 1
            found = trial.run(_builders(contract, other))
            if found:
                row, difference, is_simpler = other, found, True
                break
    return row, difference


def _simpler_rows(row: list[DrawnCall]) -> Iterator[list[DrawnCall]]:
    if len(row) > 1:
        for i in range(len(row)):
            yield [*row[:i], *row[i + 1 :]]
    for i, call in enumerate(row):
        for other in call.simpler():
            yield [*row[:i], other, *row[i + 1 :]]


def _test_of(contract: Contract, row: list[DrawnCall], seed: int) -> str:
    calls = "".join(f"        {contract.text(call)},\n" for call in row)
    return (
        "import torch\n"
        "from monograph.testing import drawn_tensor\n\n\n"
        f"def test_as_in_eager_mode(program, model):  # found by verify(model, seed={seed})\n"
        f"    calls = [\n{calls}    ]\n"
        "    program.verify(model, calls=calls)\n"
    )


# One row of calls -------------------------------------------------------------------------------


@dataclass
class _Ended:
    """What came of a call: a result, or an exception."""

    result: object = None
    error: Exception | None = None


class _FailedError(Exception):
    """A call has failed in eager mode and in the program."""


class _Trial:
    """Makes rows of calls with a program and its model, and says what is different."""

    def __init__(self, parts: Parts, module: nn.Module, model: Model, tolerance: float) -> None:
        self.parts, self.module, self.model = parts, module, model
        self.tolerance = tolerance
        self.counts = Verification()
        self.is_module = isinstance(model, nn.Module)
        modules = [*model.named_modules()] if isinstance(model, nn.Module) else []
        self.before = Snapshot(modules, model)
        own = {id(t) for _, m in modules for t in (*m._parameters.values(), *m._buffers.values())}
        self.tensors = [
            (t, writes_to(t), t.detach().clone()) for t in self.before.tensors if id(t) not in own
        ]

    def run(self, row: Sequence[Builder]) -> str | None:
        """The first difference in a row of calls, each with what the one before has left."""
        eager = copy.deepcopy(self.model) if self.is_module else self.model
        module = copy.deepcopy(self.module)
        try:
            for i, builder in enumerate(row):
                difference = self._call(module, eager, builder, 1000 + i)
                if difference:
                    return f"call {i + 1}: {difference}" if len(row) > 1 else difference
                if _has_history(eager):
                    return None
        except _FailedError:
            return None
        finally:
            self._restore()
        return None

    def _restore(self) -> None:
        """Put back what the model has changed and is no part of the copy: globals, closures."""
        with torch.no_grad():
            for tensor, writes, value in self.tensors:
                if writes_to(tensor) != writes:
                    if tensor.grad_fn is not None and not tensor._is_view():
                        tensor.detach_()
                    tensor.copy_(value)
        self.before.restore()

    def _call(self, module: nn.Module, eager: Model, builder: Builder, seed: int) -> str | None:
        """What is different in one call.

        Raises:
            _FailedError: it fails in both; what they have written by then is not the same.
        """
        mine, theirs = builder(), builder()
        actual = _made(module, mine, seed)
        if isinstance(actual.error, InputError):
            self.counts.refused[actual.error.code] += 1
            return _written_while_refused(mine, theirs)
        if actual.error is not None and str(actual.error).startswith(_DEMANDS):
            self.counts.refused["assertion"] += 1  # of a program from a file, or of a result
            raise _FailedError
        if isinstance(actual.error, InternalError):
            return f"the program fails: {_told(actual.error)}"
        drawn = torch.get_rng_state()
        expected = _made(eager, theirs, seed)
        if expected.error is not None:
            self.counts.raised += 1
            said = _told(expected.error)
            if actual.error is not None:
                raise _FailedError
            return f"eager mode raises {said}; the program returns a result"
        if actual.error is not None:
            return f"the program raises {_told(actual.error)}; eager mode returns a result"
        seeds = any(assumption.kind == "seed" for assumption in self.parts.assumptions)
        if not seeds and not torch.equal(drawn, torch.get_rng_state()):
            return OTHER_DRAWS
        self.counts.compared += 1
        for find in (self._results, self._aliases, self._left, self._gradients):
            difference = find((module, mine, actual.result), (eager, theirs, expected.result))
            if difference:
                return difference
        return None

    def _results(self, ours: _Called, eager: _Called) -> str | None:
        # A result that is a view of what is written lies as the argument does in eager mode only,
        # so does what a loop leaves as it is, and a decomposition promises strides for arguments
        # that lie as the example.
        is_plain = not (self.parts.plan.writes or self._has_regions())
        strided = is_plain and self.parts.dialect == TRAINING
        mine, theirs = self._promised(ours[2]), self._promised(eager[2])
        found = _unequal(mine, theirs, self.tolerance, "result", strided=strided)
        if found and strided and _writes(eager):
            found = _unequal(ours[2], eager[2], self.tolerance, "result", strided=False)
        if found:
            return found
        for i, (one, other) in enumerate(zip(_tensors(ours[2]), _tensors(eager[2]), strict=True)):
            is_other = self.parts.dialect == TRAINING and one.requires_grad != other.requires_grad
            if is_other and not (other.requires_grad and _is_overwritten(other, eager)):
                return f"result {i}: requires_grad is {one.requires_grad}"
        return None

    def _promised(self, value: object) -> object:
        """What is promised of values: of some complex numbers, finite ones alone.

        Which parts of a product are infinite, and which NaN, is a matter of how it is computed:
        after a decomposition, or in place, in memory that has gaps.
        """
        if self.parts.dialect == TRAINING and not self.parts.plan.writes:
            return value
        leaves, structure = flatten(value)
        return structure.unflatten([
            torch.where(leaf.isfinite(), leaf, complex("nan"))
            if isinstance(leaf, torch.Tensor) and leaf.is_complex() else leaf
            for leaf in leaves
        ])  # fmt: skip

    def _aliases(self, ours: _Called, eager: _Called) -> str | None:
        """Results that lie in the memory of arguments, where the program promises it.

        It does not where it writes, in branches and loops, of conjugated arguments, and after a
        decomposition: what computes a result anew gives a new tensor.
        """
        is_conjugated = any(tensor.is_conj() for tensor in _tensors(eager[1]))
        is_decomposed = self.parts.dialect != TRAINING
        if self.parts.plan.writes or self._has_regions() or is_conjugated or is_decomposed:
            return None
        mine, theirs = (_shared(result, given) for _, given, result in (ours, eager))
        if mine == theirs:
            return None
        name, is_lost = min((name, name in theirs) for name in mine ^ theirs)
        return f"{name}: in eager mode they {'share' if is_lost else 'do not share'} memory"

    def _has_regions(self) -> bool:
        return any(SUBGRAPHS in node.meta for node in self.parts.graph.nodes)

    def _left(self, ours: _Called, eager: _Called) -> str | None:
        """What a call has left in the arguments and in the state."""
        mine, theirs = self._promised(ours[1]), self._promised(eager[1])
        found = _unequal(mine, theirs, self.tolerance, "argument")
        if found or not isinstance(eager[0], nn.Module):
            return found
        kept = dict(ours[0].named_buffers()) | dict(ours[0].named_parameters())
        for name, tensor in [*eager[0].named_buffers(), *eager[0].named_parameters()]:
            if name in kept:
                found = _unequal(kept[name], tensor, self.tolerance, f"{name}, after the call,")
                if found:
                    return found
        return None

    def _gradients(self, ours: _Called, eager: _Called) -> str | None:
        """Gradients of a program as it was captured: Core ATen has operators without any."""
        if self.parts.dialect != TRAINING:
            return None
        if any(assumption.kind == "backward" for assumption in self.parts.assumptions):
            return None  # eager mode goes back through what was written since
        try:
            wanted = _backward(eager)
        except RuntimeError:  # what backward would need was written
            return None
        if wanted is None:
            return None
        try:
            found = _backward(ours) or {}
        except RuntimeError as error:
            return f"backward through the program raises {_told(error)}"
        for name, gradient in wanted.items():
            if found.get(name) is None and gradient is not None and _is_nothing(gradient):
                continue  # what was computed from it was overwritten: a program computes it no more
            if (gradient is None) != (found.get(name) is None):
                return f"the gradient of {name} is {found.get(name)}, not {gradient}"
            if gradient is None:
                continue
            difference = _unequal(
                found[name], gradient, self.tolerance, f"the gradient of {name}", strided=False
            )
            if difference:
                return difference
        return None


_Called = tuple[Any, Arguments, object]


class _WritesNoted(DispatchMode):
    """Whether an operator writes to one of its arguments."""

    found = False

    def __torch_dispatch__(
        self,
        func: Operator,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.found |= func._schema.is_mutable
        return func(*args, **(kwargs or {}))


def _writes(call: _Called) -> bool:
    """Whether eager mode writes to a tensor that may lie as no contiguous argument does.

    Some operators that take the place of the write in a program return contiguous tensors: their
    strides are promised for contiguous arguments alone.
    """
    if all(tensor.is_contiguous() for tensor in _tensors(call[1])):
        return False
    with _WritesNoted() as noted:  # type: ignore[no-untyped-call]
        _made(call[0], call[1], 0)
    return noted.found


def _is_overwritten(result: torch.Tensor, call: _Called) -> bool:
    """Whether nothing is left in ``result`` of what it was computed from: all gradients are zero.

    A program's result is then what was copied into it.
    """
    inputs = [t for t in _tensors(call[1]) if t.requires_grad]
    if isinstance(call[0], nn.Module):
        inputs += [p for p in call[0].parameters() if p.requires_grad]
    ones = torch.ones_like(result)
    try:
        found = torch.autograd.grad(result, inputs, ones, retain_graph=True, allow_unused=True)
    except RuntimeError:  # what it was computed from was written since
        return True
    return not any(each is not None and each.nan_to_num().count_nonzero() for each in found)


def _is_nothing(gradient: torch.Tensor) -> bool:
    """Whether a gradient is zero, or zero times what is not finite."""
    return not gradient.nan_to_num(0.0, 1.0, 1.0).any()


def _has_history(model: Model) -> bool:
    """Whether state remembers what it was computed from: in a program it is its values alone."""
    if not isinstance(model, nn.Module):
        return False
    plain = (value for module in model.modules() for value in vars(module).values())
    kept = (*model.buffers(), *(value for value in plain if isinstance(value, torch.Tensor)))
    return any(tensor.grad_fn is not None for tensor in kept)


def _made(called: Model, given: Arguments, seed: int) -> _Ended:
    torch.manual_seed(seed)
    try:
        return _Ended(called(*given[0], **given[1]))
    except Exception as error:
        return _Ended(error=error)


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _written_while_refused(mine: Arguments, fresh: Arguments) -> str | None:
    found = _unequal(mine, fresh, 0.0, "argument")
    return found and f"the call was refused, and has written: {found}"


def _unequal(
    one: object, other: object, tolerance: float, what: str, *, strided: bool = True
) -> str | None:
    """How two nested values differ, in one line."""
    try:
        assert_equal(one, other, tolerance=tolerance, strided=strided)
    except AssertionError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return f"{what} is not that of eager mode: {' '.join(lines)[:400]}"
    return None


def _tensors(value: object) -> list[torch.Tensor]:
    return [leaf for leaf in flatten(value)[0] if isinstance(leaf, torch.Tensor)]


def _shared(result: object, given: Arguments) -> set[str]:
    """Which results lie in the memory of which arguments."""
    return {
        f"result {i} and argument {j}"
        for i, one in enumerate(_tensors(result))
        for j, other in enumerate(_tensors(given))
        if share_memory(one, other)
    }


def _backward(call: _Called) -> Mapping[str, torch.Tensor | None] | None:
    """The gradients of arguments and parameters; None where there are none in eager mode."""
    called, given, result = call
    results = [t for t in _tensors(result) if t.requires_grad]
    # An argument that is written with what has a gradient is none to differentiate by.
    inputs = {
        f"argument {i}": t for i, t in enumerate(_tensors(given)) if t.requires_grad and t.is_leaf
    }
    if isinstance(called, nn.Module):
        inputs |= {name: p for name, p in called.named_parameters() if p.requires_grad}
    if not results or not inputs:
        return None
    weights = [torch.ones_like(t) for t in results]
    found = torch.autograd.grad(results, [*inputs.values()], weights, allow_unused=True)
    return dict(zip(inputs, found, strict=True))
