"""segmentation-models-pytorch: decoders over encoders."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import segmentation_models_pytorch as library  # isort: skip

LIBRARY = "segmentation-models-pytorch"
NEEDS = ("segmentation_models_pytorch",)

DECODERS = (
    "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus",
    "PAN", "UPerNet", "Segformer", "DPT",
)  # fmt: skip
ENCODERS = ("resnet18", "mobilenet_v2", "efficientnet-b0", "timm-mobilenetv3_small_075", "mit_b0")
FAR = ("DeepLabV3", "DeepLabV3Plus", "PAN")  # whose encoders keep a large stride


def model(decoder: str, encoder: str) -> Any:
    made = getattr(library, decoder)(encoder_name=encoder, encoder_weights=None, classes=3)

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    sizes = {"batch": (2, 1, 3), "height": (64, 96, 128), "width": (64, 128, 96)}
    for decoder in DECODERS:
        if decoder == "DPT":
            yield Entry(
                "DPT-vit",
                partial(model, decoder, "tu-vit_tiny_patch16_224"),
                {"batch": (2, 1, 3), "height": (224, 256, 288), "width": (224, 288, 256)},
            )
            continue
        for encoder in ENCODERS:
            yield Entry(f"{decoder}-{encoder}", partial(model, decoder, encoder), sizes)
