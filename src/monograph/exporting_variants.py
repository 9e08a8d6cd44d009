"""From one program and several calls of it to ``ExportedVariants``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from monograph.capture.declare import is_meant
from monograph.capture.inputs import Argument, Arguments, flatten_arguments, root_of
from monograph.diagnostics import MonographError, PythonFeatureError
from monograph.exporting import export
from monograph.program import ExportedProgram
from monograph.variants import ExportedVariants

__all__ = ["export_variants"]

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
        strict: as for ``export``.

    Returns:
        The variants, a mapping from names to ``ExportedProgram``.

    Raises:
        ExportError: what stands in the way of one of them; a note of the exception names it.
    """
    root = root_of(mod)
    examples = _examples(variants, dynamic_shapes)
    calls = {name: flatten_arguments(root, e.args, e.kwargs) for name, e in examples.items()}
    found: dict[str, ExportedProgram] = {}
    for name, example in examples.items():
        shapes = example.shapes
        if shapes is dynamic_shapes:
            shapes = _shapes_of(shapes, calls[name], list(calls.values()))
        try:
            found[name] = export(
                mod, example.args, example.kwargs, dynamic_shapes=shapes, strict=strict
            )
        except MonographError as error:
            error.add_note(f"in the variant {name}")
            raise
    return ExportedVariants(found)


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
    if not isinstance(args, tuple) or not isinstance(kwargs, (Mapping, type(None))):
        raise PythonFeatureError(
            f"the call of the variant {name} is not {_FORMS}",
            hint="for one argument write ((x,), {}).",
        )
    if not isinstance(name, str) or not name or "/" in name:
        raise PythonFeatureError(f"{name!r} is no name for a variant", hint="write a word.")
    return _Example(args, dict(kwargs or {}), own[0] if own else shapes)


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
