"""The names of ``torch.export.dynamic_shapes``, and specifications as that package writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import torch

from monograph.capture.inputs import positional, root_of
from monograph.counterparts import refine_dynamic_shapes_from_suggested_fixes
from monograph.ir.structure import flatten
from monograph.shapes import dims as without_arguments
from monograph.shapes.dims import Dim, dims

__all__ = [
    "AdditionalInputs",
    "Dim",
    "ShapesCollection",
    "dims",
    "refine_dynamic_shapes_from_suggested_fixes",
]


class ShapesCollection(without_arguments.ShapesCollection):
    """Specifications by tensor: ``shapes[x] = {0: batch}``, for inputs that are deeply nested."""

    def dynamic_shapes(
        self,
        m: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """The specification that it stands for, in the form of the arguments of ``m``.

        Raises:
            ValueError: one of the tensors is none of the arguments.
        """
        leaves, structure = flatten(_by_name(m, args, kwargs))
        if not self.shapes.keys() <= {id(leaf) for leaf in leaves}:
            raise ValueError(
                "a tensor that was given sizes is none of the arguments: pass the same object"
            )
        return structure.unflatten(self.shapes.get(id(leaf)) for leaf in leaves)


class AdditionalInputs(without_arguments.AdditionalInputs):
    """More examples: what differs between them, and from the first, varies."""

    def dynamic_shapes(
        self,
        m: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """The specification that they stand for beside the call ``m(*args, **kwargs)``.

        Raises:
            ValueError: one of them differs in more than sizes and numbers.
        """
        first, structure = flatten(_by_name(m, args, kwargs))
        others = []
        for more, named in self.examples:
            leaves, other = flatten(_by_name(m, more, named))
            if other != structure:
                raise ValueError("an additional input has another structure than the example")
            others.append(leaves)
        rows = zip(first, *others, strict=True)
        return structure.unflatten(_varying(leaf, more) for leaf, *more in rows)


def _by_name(
    m: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object] | None
) -> dict[str, object]:
    """The arguments of a call by the names of the parameters that they are for."""
    signature = root_of(m).signature
    if signature is None:
        raise ValueError(f"the parameters of {m!r} are not known")
    try:
        return dict(signature.bind(*positional(args), **(kwargs or {})).arguments)
    except TypeError as error:
        raise ValueError(f"{_name_of(m)}: {error}") from None


def _name_of(m: Callable[..., object]) -> str:
    return m.__qualname__ if inspect.isroutine(m) else type(m).__qualname__


def _varying(leaf: object, others: list[object]) -> object:
    """What is declared of a leaf that was these in other calls."""
    if isinstance(leaf, torch.Tensor):
        shapes = [o.shape for o in others if isinstance(o, torch.Tensor) and o.dim() == leaf.dim()]
        if len(shapes) == len(others):
            columns = zip(leaf.shape, *shapes, strict=True)
            return tuple(Dim.DYNAMIC if len(set(column)) > 1 else None for column in columns)
    elif all(type(other) is type(leaf) and other == leaf for other in others):
        return None
    elif type(leaf) in (int, float) and all(type(other) is type(leaf) for other in others):
        return Dim.DYNAMIC
    raise ValueError(f"{leaf!r} cannot vary: only sizes and numbers can, but there is {others!r}")
