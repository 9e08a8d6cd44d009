"""Operators of torch's database whose results are asked what they are, and written to.

The values of a result are a kernel's own. What a program is told of its sizes, strides and dtype
comes from what was inferred, and so does where a write into a view of it goes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import opinfo
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten
from varying_sizes import UNSAFE

import monograph
from monograph.ir.operators import is_random
from monograph.ir.spec import spec_of
from monograph.testing import assert_equal

Program = Callable[..., Any]


def _in_steps(tensor: torch.Tensor) -> torch.Tensor | None:
    if not tensor.dim():
        return None
    memory = torch.zeros(*tensor.shape[:-1], 2 * tensor.shape[-1], dtype=tensor.dtype)
    memory[..., ::2] = tensor
    return memory[..., ::2]


def _channels_last(tensor: torch.Tensor) -> torch.Tensor | None:
    return tensor.movedim(1, -1).contiguous().movedim(-1, 1) if tensor.dim() > 2 else None


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor | None]] = {
    "in order": lambda x: x.clone(memory_format=torch.contiguous_format),
    "transposed": lambda x: x.mT.contiguous().mT if x.dim() > 1 else None,
    "channels last": _channels_last,
    "in steps": _in_steps,
    "expanded": lambda x: x[:1].clone().expand(x.shape) if x.dim() and len(x) else None,
}


class _Question:
    """A sample of an operator as a program of its tensors, which asks or writes."""

    def __init__(self, info: Any, sample: Any, layout: str) -> None:
        self.info = info
        self.layout = layout
        leaves, self.structure = tree_flatten(((sample.input, *sample.args), sample.kwargs))
        self.leaves = leaves
        self.places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
        self.tensors = self.laid([leaves[i].detach() for i in self.places])

    def laid(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """The tensors as the layout has them; none where it is for none of them."""
        if any(tensor.layout is not torch.strided for tensor in tensors):
            return []
        found = [LAYOUTS[self.layout](tensor) for tensor in tensors]
        if all(each is None for each in found):
            return []
        return [t.clone() if f is None else f for t, f in zip(tensors, found, strict=True)]

    def results(self, tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        leaves = list(self.leaves)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = tree_unflatten(leaves, self.structure)
        torch.default_generator.manual_seed(0)
        found = tree_flatten(self.info.op(*args, **kwargs))[0]
        return [each for each in found if isinstance(each, torch.Tensor)]

    def programs(self) -> Iterator[Program]:
        """What asks of the results, and what writes to them, if eager mode can."""
        try:
            results = self.results(copies(self.tensors))
        except Exception:  # eager mode does not take this layout
            return
        if any(each.layout is not torch.strided for each in results):
            return
        # How one element lies, or none, is nothing that a program can go by.
        is_laid = [each.numel() > 1 for each in results]
        is_one_piece = [each.numel() > 1 and each.is_contiguous() for each in results]

        def asks(*tensors: torch.Tensor) -> Any:
            found = self.results(tensors)
            laid = [each for each, is_asked in zip(found, is_laid, strict=True) if is_asked]
            return (
                found,
                [(list(each.shape), each.dtype, each.numel()) for each in found],
                [(list(each.stride()), each.is_contiguous()) for each in laid],
                [each.view(-1) for each, can in zip(found, is_one_piece, strict=True) if can],
            )

        def writes(*tensors: torch.Tensor) -> Any:
            found = self.results(tensors)
            for each, can in zip(found, is_one_piece, strict=True):
                if can:
                    each.view(-1)[::2].zero_()
            return found

        yield asks
        if any(is_one_piece):
            yield writes


def copies(tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Copies that lie as these do, those of a part of a larger memory, too."""
    found = []
    for tensor in tensors:
        reach = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
        made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
        if tensor.numel():
            made.as_strided((reach,), (1,)).copy_(tensor.as_strided((reach,), (1,)))
        found.append(made)
    return tuple(found)


def differences(info: Any, sample: Any, layout: str) -> tuple[int, list[str]]:
    """How many calls were compared with eager mode, and what was otherwise."""
    question = _Question(info, sample, layout)
    calls, wrong = 0, []
    for program in question.programs() if question.tensors else ():
        try:
            program(*copies(question.tensors))
        except Exception:  # elements that lie over each other are not written to
            continue
        sizes = tuple(dict.fromkeys(range(t.dim()), monograph.Dim.AUTO) for t in question.tensors)
        try:
            exported = monograph.export(program, copies(question.tensors), dynamic_shapes=sizes)
        except monograph.InternalError:
            raise
        except monograph.MonographError:
            continue
        for tensors in (question.tensors, *_other_calls(question, exported)):
            found = _difference(info, program, exported, tensors, tensors is question.tensors)
            calls += found is not None
            wrong += [f"{program.__name__} {layout}: {found}"] if found else []
    return calls, wrong


def _difference(
    info: Any, program: Program, exported: Any, tensors: list[torch.Tensor], is_example: bool
) -> str | None:
    """What is otherwise than in eager mode; None where one of them does not take the call."""
    eager, given = copies(tensors), copies(tensors)
    at = [(tuple(each.shape), each.stride()) for each in tensors]
    try:
        expected = program(*eager)
    except Exception:
        return None
    torch.default_generator.manual_seed(0)
    try:
        actual = exported.module()(*given)
    except monograph.InputError as error:
        # Strides of single rows, and of no rows, are not those of the sizes.
        is_plain = all(size > 1 for each in tensors for size in each.shape)
        return f"refuses its example {at}: {error}" if is_example and is_plain else None
    is_of_chance = any(is_random(node.target) for node in exported.graph.nodes)
    has_values = not is_of_chance and not any(word in info.name for word in ("empty", "resize"))
    one, other = (
        _told(found, args, has_values) for found, args in ((expected, eager), (actual, given))
    )
    try:
        assert_equal(other, one, tolerance=1e-4)
    except AssertionError as error:
        return f"{at}: {error}"
    return ""


def _told(found: Any, args: tuple[torch.Tensor, ...], has_values: bool) -> Any:
    """What is compared: strides along dimensions of several elements, and values that are told."""
    if isinstance(found, list):  # what was written to
        # How a result lies after a write is that of the tensor that was made in its place.
        return [each.contiguous() for each in (*found, *args)] if has_values else ()
    results, of_sizes, of_layouts, flat = found
    shapes = [sizes for sizes, _, count in of_sizes if count > 1]
    named = [(str(dtype), sizes, count) for sizes, dtype, count in of_sizes]
    laid = []
    for sizes, (strides, is_one_piece) in zip(shapes, of_layouts, strict=False):
        leading = [s for n, s in zip(sizes, strides, strict=False) if n != 1]
        laid.append((leading, is_one_piece))
    if len(shapes) != len(of_layouts):  # there are fewer elements than in the example
        laid = []
    return (named, laid, [*results, *flat] if has_values else ())


def _other_calls(question: _Question, exported: Any) -> Iterator[list[torch.Tensor]]:
    """Arguments of other sizes: all larger, or the first one 1."""
    if any(word in question.info.name for word in UNSAFE):
        return
    symbols, ranges = exported.parts.env.symbols, exported.range_constraints
    hints = {name: symbols[name].hint for name in ranges if symbols[name].hint is not None}
    state = len(exported.parts.plan.state)
    nodes = [node for node in exported.graph.nodes if node.op == "placeholder"][state:]
    specs = [spec_of(node.meta["val"]).normal() for node in nodes]
    rng = random.Random(0)
    for change in (
        {name: hint + 1 for name, hint in hints.items()},
        {name: hint + 3 for name, hint in hints.items()},
        dict.fromkeys(list(hints)[:1], 1),
    ):
        values = hints | {name: n for name, n in change.items() if n in ranges[name]}
        if values == hints:
            continue
        shapes = [
            [n if isinstance(n, int) else n.evaluate(values) for n in spec.shape] for spec in specs
        ]
        made = [
            opinfo._random_like(tensor, shape, rng)
            for tensor, shape in zip(question.tensors, shapes, strict=True)
        ]
        laid = question.laid(made)
        if laid:
            yield laid
