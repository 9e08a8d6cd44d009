"""Sizes that vary, as ``torch.export`` has them declared."""

from __future__ import annotations

import torch
import torch.export

from monograph.shapes.dims import DerivedDim, Dim, DimHint, ShapesCollection, parse_shape

__all__ = ["as_torch"]


def as_torch(shapes: object) -> object:
    """A specification of sizes with torch's dimensions."""
    roots: dict[str, torch.export.Dim] = {}

    def root(dim: Dim) -> torch.export.Dim:
        if dim.__name__ not in roots:
            lo = dim.min if dim.has_min else None
            roots[dim.__name__] = torch.export.Dim(dim.__name__, min=lo, max=dim.max)
        return roots[dim.__name__]

    def convert(item: object) -> object:
        if isinstance(item, DerivedDim):
            found = root(item.root)
            found = found if item.slope == 1 else item.slope * found
            return found + item.offset if item.offset else found
        if isinstance(item, Dim):
            return root(item)
        if isinstance(item, DimHint):
            return getattr(torch.export.Dim, item.kind)
        if isinstance(item, str):
            return [convert(each) for each in parse_shape(item)]
        if isinstance(item, dict):
            return {key: convert(value) for key, value in item.items()}
        if isinstance(item, ShapesCollection):
            made = torch.export.ShapesCollection()
            for tensor, sizes in item.items():
                if isinstance(tensor, torch.Tensor):  # of torch's, numbers are no keys
                    made[tensor] = convert(sizes)
            return made
        if isinstance(item, (list, tuple)):
            return type(item)(convert(each) for each in item)
        return item

    return convert(shapes)
