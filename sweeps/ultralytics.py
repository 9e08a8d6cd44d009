"""YOLO and its relatives, from the configuration files of the package."""

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

from ultralytics.nn import tasks  # isort: skip

LIBRARY = "ultralytics"
NEEDS = ("ultralytics.nn.tasks",)

MODELS = {
    "DetectionModel": ("yolov3-tiny", "yolov5n", "yolov6n", "yolov8n", "yolov8n-p2",
                       "yolov8n-ghost", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n"),
    "SegmentationModel": ("yolov8n-seg", "yolo11n-seg", "yolov9c-seg", "yolo26n-seg"),
    "PoseModel": ("yolov8n-pose", "yolo11n-pose", "yolo26n-pose"),
    "OBBModel": ("yolov8n-obb", "yolo11n-obb", "yolo26n-obb"),
    "ClassificationModel": ("yolov8n-cls", "yolo11n-cls", "yolo26n-cls"),
    "RTDETRDetectionModel": ("rtdetr-resnet50",),
    "WorldModel": ("yolov8s-worldv2",),
}  # fmt: skip


def model(cls: str, name: str) -> Any:
    made = getattr(tasks, cls)(f"{name}.yaml", verbose=False)

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def train(cls: str, name: str) -> Any:
    """The maps before they are decoded."""
    made, inputs = model(cls, name)
    head = made.model[-1]
    head.export, head.format = False, None
    raw = copy.deepcopy(made)
    raw.eval = raw.train  # type: ignore[method-assign]
    return raw, inputs


def entries() -> Iterator[Entry]:
    sizes = {"batch": (2, 1, 3), "height": (64, 96, 128), "width": (64, 128, 96)}
    for cls, names in MODELS.items():
        for name in names:
            yield Entry(name, partial(model, cls, name), sizes)
