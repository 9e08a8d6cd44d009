"""torchvision without its binary, which is built for another torch: its Python parts alone.

The operators are declared, without kernels: the package can be imported, and whatever calls one of
them (detectors, RoI pooling, deformable convolution) fails in eager mode.
"""

import importlib.util

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def declare() -> None:
    """Before torchvision is imported for the first time, where its binary does not load."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or hasattr(torch.ops.torchvision, "nms"):
        return
    try:
        import torchvision
    except RuntimeError:
        global _library
        _library = torch.library.Library("torchvision", "DEF")
        for schema in _OPERATORS:
            _library.define(schema)
        import torchvision  # noqa: F401


declare()
