"""From one program and several calls of it to ``ExportedVariants``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import torch

from monograph.capture.declare import is_meant
from monograph.capture.inputs import (
    Argument,
    Arguments,
    Root,
    by_name,
    flatten_arguments,
    positional,
    root_of,
)
from monograph.constraints.splitting import Call, Sides
from monograph.diagnostics import (
    ConstraintViolationError,
    ExportError,
    MonographError,
    PythonFeatureError,
)
from monograph.exporting import program_of
from monograph.program import ExportedProgram
from monograph.variants import ExportedVariants

__all__ = ["export_variants"]

_MOST_SIDES = 16  # variants that one call becomes
_FORMS = "(args, kwargs) or (args, kwargs, dynamic_shapes), where args is a tuple, kwargs a dict"


class _Example(NamedTuple):
    """One of the calls, and which of its sizes vary."""

    args: tuple[object, ...]
    kwargs: dict[str, object]
    shapes: object


def export_variants(
    mod: Callable[..., object],
    variants: Mapping[str, Sequence[object]] | Sequence[Sequence[object]],
    *,
    dynamic_shapes: object = None,
    split: Literal["auto"] | int | None = None,
    strict: bool = False,
) -> ExportedVariants:
    """Turn several kinds of calls of ``mod`` into one program with a variant for each.

    ::

        variants = monograph.export_variants(
            decoder,
            {"prefill": ((ids,), {}), "decode": ((one_id, cache), {"mask": mask})},
            dynamic_shapes={"ids": {0: batch}, "cache.*": {0: batch, 2: past}},
        )
        module = variants.module()
        logits, cache = module(ids)  # prefill
        logits, cache = module(one_id, cache, mask=mask)  # decode
        monograph.save(variants, "decoder.pt2")

    An argument may be given or absent, a flag, an enumeration, text or a number may have another
    value, a list another length, a tensor another rank or dtype, a size another range. All variants
    have the same parameters and buffers: what one writes, the others read.

    Args:
        mod: as for ``export``.
        variants: example calls by the names of the variants, or a list of them (the variants are
            then called ``variant_0``, ``variant_1`` ...): each ``(args, kwargs)``, or ``(args,
            kwargs, dynamic_shapes)`` where a variant has sizes of its own. A call runs the first
            variant that takes it: what is special comes before what is general.
        dynamic_shapes: which sizes vary, for all variants that do not say it themselves. What it
            says of an argument concerns the variants in which that is a tensor or a number.
        split: ``"auto"`` where the program goes other ways for other sizes: for each question about
            sizes whose sides are no one program, the other side becomes a variant, too
            (``prefill_2``, ``prefill_3`` ...), until all declared sizes are covered for which the
            program itself raises no error. A number is the most variants that one call may become
            (16).
        strict: as for ``export``.

    Returns:
        The variants, a mapping from names to ``ExportedProgram``.

    Raises:
        ExportError: what stands in the way of one of them; a note of the exception names it. With
            ``split``, a ``ConstraintViolationError`` where more variants were needed.
    """
    root = root_of(mod)
    examples = _examples(variants, dynamic_shapes)
    calls = {name: flatten_arguments(root, e.args, e.kwargs) for name, e in examples.items()}
    found: dict[str, ExportedProgram] = {}
    for name, example in examples.items():
        shapes = example.shapes
        if shapes is dynamic_shapes:
            shapes = _shapes_of(shapes, calls[name], list(calls.values()))
        given = example._replace(shapes=shapes)
        try:
            programs = (
                [program_of(root, *given, strict=strict)]
                if split is None
                else _sides(root, given, strict, _MOST_SIDES if split == "auto" else split)
            )
        except MonographError as error:
            error.add_note(f"in the variant {name}")
            raise
        for i, program in enumerate(programs):
            found[_free_name(name, i, {*examples, *found}) if i else name] = program
    return ExportedVariants(found)


def _free_name(name: str, side: int, taken: set[str]) -> str:
    names = (f"{name}_{i}" for i in itertools.count(side + 1))
    return next(free for free in names if free not in taken)


def _sides(root: Root, given: _Example, strict: bool, most: int) -> list[ExportedProgram]:
    """Programs for all declared sizes, where one program holds for some of them only."""
    sides = Sides(root, *given)
    found: list[ExportedProgram] = []
    call: Call | None = (given.args, given.kwargs)
    while call is not None:
        if len(found) == most:
            raise ConstraintViolationError(
                f"{len(found)} variants do not cover all the sizes that were declared: the other "
                f"side of {sides.question()} is left",
                hint="declare less, or allow for more variants: split=64.",
            )
        try:
            program = program_of(root, *call, given.shapes, strict=strict, is_one_side=True)
        except Exception as error:
            if not found or not _is_of_eager_mode(error):
                raise
            sides.note_failure()
        else:
            found.append(program)
            sides.found.append(program.parts)
        call = sides.example()
    return found


def _is_of_eager_mode(error: Exception) -> bool:
    """Whether the program itself raises the error for such sizes."""
    if isinstance(error, MonographError):
        return isinstance(error, ExportError) and error.is_of_eager_mode
    return True


def _examples(variants: object, shapes: object) -> dict[str, _Example]:
    if isinstance(variants, Mapping):
        named = dict(variants)
    elif isinstance(variants, Sequence):
        named = {f"variant_{i}": example for i, example in enumerate(variants)}
    else:
        raise PythonFeatureError(
            f"variants is a {type(variants).__name__}, not a dict or a list of calls",
            hint=f"write {{name: call, ...}}, where a call is {_FORMS}.",
        )
    return {name: _example(name, given, shapes) for name, given in named.items()}


def _example(name: object, given: object, shapes: object) -> _Example:
    is_call = isinstance(given, (tuple, list)) and len(given) in (2, 3)
    args, kwargs, *own = list(given) if isinstance(given, Sequence) and is_call else [None, None]
    if not isinstance(args, (tuple, list)) or not isinstance(kwargs, (Mapping, type(None))):
        raise PythonFeatureError(
            f"the call of the variant {name} is not {_FORMS}",
            hint="for one argument write ((x,), {}).",
        )
    if not isinstance(name, str) or not name or "/" in name:
        raise PythonFeatureError(f"{name!r} is no name for a variant", hint="write a word.")
    return _Example(positional(args), by_name(kwargs), own[0] if own else shapes)


# What a common specification says of one variant ---------------------------------------------


def _shapes_of(shapes: object, call: Arguments, calls: Sequence[Arguments]) -> object:
    """The part of ``shapes`` that is about the tensors and numbers of ``call``.

    What is about no call at all stays, to be refused.
    """
    if isinstance(shapes, dict):
        return {
            key: entry
            for key, entry in shapes.items()
            if _is_about(key, call) or not any(_is_about(key, each) for each in calls)
        }
    if isinstance(shapes, (tuple, list)):
        most = max(_count(each) for each in calls)
        own = zip(shapes, _varying_parts(call), strict=False)
        return (*(entry if varies else None for entry, varies in own), *shapes[most:])
    return shapes


def _is_about(key: object, call: Arguments) -> bool:
    """Whether a key of a specification means an argument that may vary."""
    if not isinstance(key, str):
        return False
    leaves = [leaf for leaf in call.leaves if _may_vary(leaf)]
    return any(leaf.parts[0] == key or is_meant(leaf, key) for leaf in leaves)


def _may_vary(leaf: Argument) -> bool:
    return isinstance(leaf.example, torch.Tensor) or type(leaf.example) in (int, float)


def _count(call: Arguments) -> int:
    return len(call.args.children) + len(call.kwargs.children)


def _varying_parts(call: Arguments) -> Iterator[bool]:
    """For each argument, whether it is, or holds, what may vary."""
    leaves = iter(call.leaves)
    for part in (*call.args.children, *call.kwargs.children):
        own = [next(leaves) for _ in range(part.num_leaves)]
        yield any(_may_vary(leaf) for leaf in own)
