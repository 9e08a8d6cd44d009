"""Operators of torch's database with every size that eager mode can vary made dynamic.

A size can vary where eager mode takes another number in its place: alone, or together with the
sizes that are equal to it. The program must give what eager mode gives at each of these sizes.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import opinfo
import torch

import monograph
from monograph.ir.structure import flatten
from monograph.testing import assert_equal, assert_specs_hold

Place = tuple[int, int]  # which leaf of the arguments, which of its dimensions

# Kernels that do not check their arguments crash on random ones: only torch's samples are used.
UNSAFE = ("jiterator", "lu_unpack", "lu_solve", "ldl", "ormqr", "householder", "max_unpool",
          "embedding_bag", "ctc_loss", "segment_reduce", "batch_norm")  # fmt: skip


# Of one tensor of a call with other sizes.
MOST_ELEMENTS = 100_000


class Outcome(NamedTuple):
    """What became of one sample.

    ``status``: ``right``; ``narrowed``: the program refuses a call that eager mode takes;
    ``refused``: no program, an error with a code; ``wrong``: other results than eager mode's, an
    error that is none of ours, its own example refused, or no end.
    """

    status: str
    detail: str = ""


class Call(NamedTuple):
    """Arguments that eager mode takes, and what it gives for them."""

    leaves: list[Any]
    expected: object

    def shapes(self) -> str:
        return " ".join(str(tuple(t.shape)) for t in self.leaves if isinstance(t, torch.Tensor))


def outcome_of(info: Any, samples: list[Any], index: int, is_safe: bool) -> Outcome | None:
    """Export one sample with sizes that vary, and call the program; None where none can vary."""
    sample = samples[index]
    leaves, structure = flatten(((sample.input, *sample.args), sample.kwargs))
    operator = Eager(info, structure)
    example = operator(leaves)
    if example is None:  # eager mode does not take a copy: it is a view of a larger memory
        return None
    operator.form = _form(example.expected)
    together = _sizes_that_vary(operator, leaves) if is_safe else _sizes_of(leaves)
    others = _samples_alike(operator, leaves, samples, together)
    calls = [*others, *(_other_sizes(operator, leaves, together) if is_safe else ())]
    varying = {place for call in calls for place in _differing(leaves, call.leaves)}
    if not varying:
        return None
    try:
        program = _export(info, structure, leaves, varying)
    except monograph.InternalError as error:
        return Outcome("wrong", f"InternalError: {error}")
    except monograph.MonographError as error:
        return Outcome("refused", f"[{error.code}] {error}")
    except Exception as error:
        return Outcome("wrong", f"no error of ours: {type(error).__name__}: {error}")
    return _compared(info, program, structure, [example, *calls])


def _is_asserted(error: RuntimeError) -> bool:
    """Whether an assertion of the program does not hold: it refuses these sizes."""
    return "assertion failed" in str(error) or "Python needs this number" in str(error)


def _export(info: Any, structure: Any, leaves: list[Any], varying: set[Place]) -> Any:
    args, kwargs = structure.unflatten(_copies(leaves))
    shapes = monograph.ShapesCollection()
    fresh = flatten((args, kwargs))[0]
    for leaf in {place[0] for place in varying}:
        shapes[fresh[leaf]] = {d: monograph.Dim.DYNAMIC for n, d in sorted(varying) if n == leaf}
    return monograph.export(info.op, args, kwargs, dynamic_shapes=shapes)


def _compared(info: Any, program: Any, structure: Any, calls: list[Call]) -> Outcome:
    module = program.module()
    narrowed = ""
    for call in calls:
        args, kwargs = structure.unflatten(_copies(call.leaves))
        torch.default_generator.manual_seed(0)
        try:
            actual = module(*args, **kwargs)
        except RuntimeError as error:
            if not isinstance(error, monograph.InputError) and not _is_asserted(error):
                return Outcome("wrong", f"{call.shapes()}: raises {error}")
            if call is calls[0]:
                return Outcome("wrong", f"its own example: {error}")
            narrowed = narrowed or f"{call.shapes()}: {error}"
            continue
        except Exception as error:
            return Outcome("wrong", f"{call.shapes()}: raises {type(error).__name__}: {error}")
        expected = call.expected
        if "empty" in info.name or _grows(info, call):  # memory as it comes
            actual, expected = opinfo.blank(actual), opinfo.blank(expected)
        try:
            assert_equal(actual, expected, tolerance=1e-5)
        except AssertionError as error:
            return Outcome("wrong", f"{call.shapes()}: differs: {error}")
        try:
            assert_specs_hold(program, *structure.unflatten(_copies(call.leaves)))
        except AssertionError as error:
            return Outcome("wrong", f"{call.shapes()}: {error}")
    return Outcome("narrowed", narrowed) if narrowed else Outcome("right")


def _grows(info: Any, call: Call) -> bool:
    """Whether a tensor gets more elements than it had: what they are is left open."""
    if not info.name.startswith("resize") or not isinstance(call.expected, torch.Tensor):
        return False
    return call.expected.numel() > call.leaves[0].numel()


# Calls of other sizes ------------------------------------------------------------------------


class Eager:
    """An operator in eager mode, on flat arguments."""

    def __init__(self, info: Any, structure: Any) -> None:
        self.info = info
        self.structure = structure
        self.form: object = None  # of the results of the calls that are looked for

    def __call__(self, leaves: list[Any]) -> Call | None:
        """The call, if eager mode takes it."""
        args, kwargs = self.structure.unflatten(_copies(leaves))
        torch.default_generator.manual_seed(0)
        try:
            expected = self.info.op(*args, **kwargs)
        except Exception:
            return None
        # A graph has so many results, of so many dimensions.
        return Call(leaves, expected) if self.form in (None, _form(expected)) else None

    def resized(self, leaves: list[Any], sizes: dict[Place, int]) -> Call | None:
        """The call with other sizes at some places, if eager mode takes it."""
        shapes = {
            n: [sizes.get((n, d), size) for d, size in enumerate(leaf.shape)]
            for n, leaf in enumerate(leaves)
            if isinstance(leaf, torch.Tensor)
        }
        if any(math.prod(shape) > MOST_ELEMENTS for shape in shapes.values()):
            return None
        rng = torch.Generator().manual_seed(0)
        made = [
            _like(leaf, shapes[n], rng) if isinstance(leaf, torch.Tensor) else leaf
            for n, leaf in enumerate(leaves)
        ]
        return self(made)


def _form(results: object) -> object:
    return [
        leaf.dim() if isinstance(leaf, torch.Tensor) else type(leaf) for leaf in flatten(results)[0]
    ]


def _sizes_of(leaves: list[Any]) -> list[list[Place]]:
    """The places of equal sizes."""
    groups: dict[int, list[Place]] = {}
    for n, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor):
            for d, size in enumerate(leaf.shape):
                groups.setdefault(size, []).append((n, d))
    return list(groups.values())


def _sizes_that_vary(operator: Eager, leaves: list[Any]) -> list[list[Place]]:
    """Places whose sizes eager mode takes to be others: each alone, or those that are equal.

    Sizes of 1 are only tried together, and must take any other: alone, eager mode would take any
    of them for a size that is broadcast.
    """

    def can_vary(places: list[Place]) -> bool:
        n, d = places[0]
        size = leaves[n].shape[d]
        found = (
            operator.resized(leaves, dict.fromkeys(places, other)) is not None
            for other in (size + 1, size + 2, 2 * size + 3, 2 * size)
        )
        return all(found) if size == 1 else bool(size) and any(found)

    found: list[list[Place]] = []
    for places in _sizes_of(leaves):
        n, d = places[0]
        is_one = leaves[n].shape[d] == 1
        alone = [] if is_one or len(places) == 1 else [p for p in places if can_vary([p])]
        found += [[place] for place in alone]
        rest = [place for place in places if place not in alone]
        if rest and can_vary(rest):
            found.append(rest)
    return found


def _samples_alike(
    operator: Eager, leaves: list[Any], samples: list[Any], together: list[list[Place]]
) -> Iterator[Call]:
    """Samples that differ from this one in sizes that can vary alone."""
    for other in samples:
        found, structure = flatten(((other.input, *other.args), other.kwargs))
        if structure != operator.structure or not _look_alike(leaves, found):
            continue
        changed = set(_differing(leaves, found))
        if changed and all(
            len({found[n].shape[d] for n, d in places}) == 1
            for places in together if changed & set(places)
        ) and changed <= {place for places in together for place in places}:  # fmt: skip
            call = operator(found)
            if call is not None:
                yield call


def _other_sizes(operator: Eager, leaves: list[Any], together: list[list[Place]]) -> Iterator[Call]:
    """Calls with other sizes, of one group of places or of all of them."""
    changes: list[Callable[[int], int]] = [lambda n: 1, lambda n: n + 1, lambda n: 2 * n]
    everywhere = [places for group in together for places in group]
    for places, change in itertools.product([*together[:20], everywhere], changes):
        sizes = {(n, d): change(leaves[n].shape[d]) for n, d in places}
        call = operator.resized(leaves, sizes)
        if call is not None and _differing(leaves, call.leaves):
            yield call


def _like(example: torch.Tensor, shape: list[int], rng: torch.Generator) -> torch.Tensor:
    """Values of the example, as many as are needed, in another order, but in its layout."""
    if shape == list(example.shape):
        return example
    flat = example.detach().reshape(-1)
    order = _order(example)
    lying = [shape[d] for d in order]
    if flat.numel():
        index = torch.randint(flat.numel(), (math.prod(shape),), generator=rng)
        made = flat[index].reshape(lying)
    else:
        made = torch.ones(lying, dtype=example.dtype)
    return made.permute([order.index(d) for d in range(example.dim())])


def _copies(leaves: list[Any]) -> list[Any]:
    return [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]


def _look_alike(leaves: list[Any], others: list[Any]) -> bool:
    """Whether two lists of arguments differ in the sizes and values of tensors alone."""
    for one, other in zip(leaves, others, strict=True):
        if isinstance(one, torch.Tensor):
            if not isinstance(other, torch.Tensor) or one.dim() != other.dim():
                return False
            if one.dtype != other.dtype or _order(one) != _order(other):
                return False
        elif type(one) is not type(other) or one != other:
            return False
    return True


def _order(tensor: torch.Tensor) -> list[int]:
    return sorted(range(tensor.dim()), key=lambda d: -tensor.stride(d))


def _differing(leaves: list[Any], others: list[Any]) -> list[Place]:
    return [
        (n, d) for n, (one, other) in enumerate(zip(leaves, others, strict=True))
        if isinstance(one, torch.Tensor) for d in range(one.dim())
        if one.shape[d] != other.shape[d]
    ]  # fmt: skip


# The sweep -----------------------------------------------------------------------------------


Found = list[tuple[int, Outcome]]  # of one operator: by sample


def sweep(names: list[str], most: int, seconds: float) -> Iterator[tuple[str, Found]]:
    """What is found of each operator, each in a process of its own.

    ``most``: samples of one operator. ``seconds``: of the processor, for one sample.
    """
    entries = {name: (info, dtype) for name, info, dtype in opinfo.entries()}
    for name in ("add:float32", "cov:float32", "fft.fft:float32"):  # what is loaded when first used
        info, dtype = entries[name]
        outcome_of(info, opinfo.samples(info, dtype, 1), 0, True)
    for name in names:
        info, dtype = entries[name]
        found: Found = []
        start: int | None = 0
        while start is not None:
            more, start = _in_a_child(name, info, dtype, most, start, seconds)
            found += more
        yield name, found


def _in_a_child(
    name: str, info: Any, dtype: torch.dtype, most: int, start: int, seconds: float
) -> tuple[Found, int | None]:
    """The outcomes of samples from ``start`` on, and which sample is next where one ended it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        status = 1
        try:
            with os.fdopen(writer, "w", buffering=1) as out:
                samples = opinfo.samples(info, dtype, 25)
                is_safe = not any(word in name for word in UNSAFE)
                for index in range(start, min(most, len(samples))):
                    signal.setitimer(signal.ITIMER_PROF, seconds)  # ends it
                    found = outcome_of(info, samples, index, is_safe)
                    print(json.dumps(found), file=out)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    lines: Found = []
    with os.fdopen(reader) as source:
        index = start
        for line in source:
            found = json.loads(line)
            if found is not None:
                lines.append((index, Outcome(*found)))
            index += 1
    _, status = os.waitpid(child, 0)
    if not status:
        return lines, None
    is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
    why = f"no end within {seconds} s" if is_late else f"the process ended with {status}"
    lines.append((index, Outcome("wrong", why)))
    return lines, index + 1
