"""torchvision: classifiers, segmentation, optical flow, video; no detectors (see _torchvision)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

from torchvision import models as library  # isort: skip

LIBRARY = "torchvision"
NEEDS = ("torchvision.models",)

IMAGES = """
    alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet mnasnet0_5
    mobilenet_v2 mobilenet_v3_small mobilenet_v3_large regnet_y_400mf regnet_x_400mf resnet18
    resnet50 resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1
    swin_t vgg11 vgg11_bn
""".split()
FIXED = {"vit_b_32": 224, "inception_v3": 299}
SEGMENTATION = (
    "fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)  # fmt: skip
VIDEOS = ("r3d_18", "s3d")


def images(name: str, group: str) -> Any:
    family = getattr(library, group) if group else library
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if group == "segmentation":
        options = {"weights_backbone": None}
    made = getattr(family, name)(weights=None, **options)

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def videos(name: str) -> Any:
    made = getattr(library.video, name)(weights=None)

    def inputs(batch: int, frames: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, frames, height, width),), {}

    return made, inputs


def flow(small: bool) -> Any:
    made = (library.optical_flow.raft_small if small else library.optical_flow.raft_large)()

    def inputs(batch: int, height: int, width: int) -> Any:
        shape = (batch, 3, height, width)
        return (torch.randn(shape), torch.randn(shape)), {"num_flow_updates": 2}

    return made, inputs


def entries() -> Iterator[Entry]:
    batch = {"batch": (2, 1, 3)}
    sides = {"height": (64, 96, 128), "width": (64, 128, 96)}
    for name in IMAGES:
        yield Entry(name, partial(images, name, ""), batch | sides)
    for name, n in FIXED.items():
        yield Entry(
            name,
            partial(images, name, ""),
            batch | {"height": (n, n + 32, n + 64), "width": (n, n + 64, n + 32)},
        )
    for name in SEGMENTATION:
        yield Entry(name, partial(images, name, "segmentation"), batch | sides)
    for name in VIDEOS:
        yield Entry(name, partial(videos, name), batch | sides | {"frames": (16, 24, 20)})
    yield Entry(
        "raft_small",
        partial(flow, True),
        batch | {"height": (128, 136, 160), "width": (128, 160, 136)},
    )
