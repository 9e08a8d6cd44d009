"""kornia: operations on images, and its models."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import kornia as library  # isort: skip

LIBRARY = "kornia"
NEEDS = ("kornia",)

k = library
OPERATIONS: dict[str, Callable[[Tensor], Any]] = {
    "gaussian-blur": lambda x: k.filters.gaussian_blur2d(x, (5, 5), (1.5, 1.5)),
    "box-blur": lambda x: k.filters.box_blur(x, (3, 3)),
    "median-blur": lambda x: k.filters.median_blur(x, (3, 3)),
    "bilateral-blur": lambda x: k.filters.bilateral_blur(x, (3, 3), 0.1, (1.5, 1.5)),
    "motion-blur": lambda x: k.filters.motion_blur(x, 5, 35.0, 0.5),
    "unsharp-mask": lambda x: k.filters.unsharp_mask(x, (3, 3), (1.5, 1.5)),
    "guided-blur": lambda x: k.filters.guided_blur(x, x, 3, 0.1),
    "sobel": k.filters.sobel,
    "laplacian": lambda x: k.filters.laplacian(x, 3),
    "canny": lambda x: k.filters.canny(x)[0],
    "spatial-gradient": k.filters.spatial_gradient,
    "blur-pool": lambda x: k.filters.blur_pool2d(x, 3),
    "rgb-to-gray": k.color.rgb_to_grayscale,
    "rgb-to-hsv": k.color.rgb_to_hsv,
    "hsv-to-rgb": k.color.hsv_to_rgb,
    "rgb-to-lab": k.color.rgb_to_lab,
    "lab-to-rgb": k.color.lab_to_rgb,
    "rgb-to-luv": k.color.rgb_to_luv,
    "rgb-to-yuv": k.color.rgb_to_yuv,
    "rgb-to-yuv420": k.color.rgb_to_yuv420,
    "rgb-to-hls": k.color.rgb_to_hls,
    "rgb-to-xyz": k.color.rgb_to_xyz,
    "sepia": k.color.sepia,
    "brightness": lambda x: k.enhance.adjust_brightness(x, 0.2),
    "contrast": lambda x: k.enhance.adjust_contrast(x, 0.7),
    "gamma": lambda x: k.enhance.adjust_gamma(x, 0.7),
    "hue": lambda x: k.enhance.adjust_hue(x, 0.3),
    "saturation": lambda x: k.enhance.adjust_saturation(x, 0.7),
    "equalize": k.enhance.equalize,
    "clahe": lambda x: k.enhance.equalize_clahe(x, grid_size=(2, 2)),
    "histogram": lambda x: k.enhance.histogram(
        x.flatten(1), torch.linspace(0, 1, 8), torch.tensor(0.9)),
    "normalize": lambda x: k.enhance.normalize(x, torch.tensor([0.5] * 3), torch.tensor([0.2] * 3)),
    "normalize-min-max": k.enhance.normalize_min_max,
    "posterize": lambda x: k.enhance.posterize(x, 3),
    "sharpness": lambda x: k.enhance.sharpness(x, 0.5),
    "solarize": lambda x: k.enhance.solarize(x, 0.5),
    "zca": lambda x: k.enhance.zca_mean(x.flatten(2)[:, 0], return_inverse=False)[0],
    "jpeg": lambda x: k.enhance.jpeg_codec_differentiable(x, torch.tensor([50.0])),
    "rotate": lambda x: k.geometry.rotate(x, torch.tensor([30.0])),
    "scale": lambda x: k.geometry.scale(x, torch.tensor([[1.2, 0.8]])),
    "translate": lambda x: k.geometry.translate(x, torch.tensor([[2.0, 1.0]])),
    "shear": lambda x: k.geometry.shear(x, torch.tensor([[0.1, 0.2]])),
    "horizontal-flip": k.geometry.hflip,
    "vertical-flip": k.geometry.vflip,
    "resize": lambda x: k.geometry.resize(x, (20, 24), align_corners=False),
    "resize-aspect": lambda x: k.geometry.resize(x, 20, side="short", align_corners=False),
    "rescale": lambda x: k.geometry.rescale(x, (0.5, 0.5)),
    "center-crop": lambda x: k.geometry.center_crop(x, (16, 16)),
    "pyramid-down": k.geometry.pyrdown,
    "pyramid-up": k.geometry.pyrup,
    "pyramid": lambda x: k.geometry.build_pyramid(x, 2),
    "elastic": lambda x: k.geometry.elastic_transform2d(x, 0 * x[:, :2]),
    "warp-perspective": lambda x: k.geometry.warp_perspective(
        x, torch.eye(3)[None].expand(x.shape[0], 3, 3), (20, 24)),
    "warp-affine": lambda x: k.geometry.warp_affine(
        x, torch.eye(2, 3)[None].expand(x.shape[0], 2, 3), (20, 24)),
    "harris": lambda x: k.feature.harris_response(x[:, :1]),
    "gftt": lambda x: k.feature.gftt_response(x[:, :1]),
    "hessian": lambda x: k.feature.hessian_response(x[:, :1]),
    "dog": lambda x: k.feature.dog_response_single(x[:, :1]),
    "nms": lambda x: k.geometry.nms2d(x, (3, 3)),
    "soft-argmax": k.geometry.spatial_soft_argmax2d,
    "erosion": lambda x: k.morphology.erosion(x, torch.ones(3, 3)),
    "dilation": lambda x: k.morphology.dilation(x, torch.ones(3, 3)),
    "opening": lambda x: k.morphology.opening(x, torch.ones(3, 3)),
    "top-hat": lambda x: k.morphology.top_hat(x, torch.ones(3, 3)),
    "connected-components": lambda x: k.contrib.connected_components(x[:, :1], 4),
    "distance-transform": lambda x: k.contrib.distance_transform(x[:, :1]),
    "extract-patches": lambda x: k.contrib.extract_tensor_patches(x, 8, 8),
    "psnr": lambda x: k.metrics.psnr(x, x * 0.9, 1.0),
    "ssim": lambda x: k.metrics.ssim(x, x * 0.9, 5),
    "total-variation": k.losses.total_variation,
    "ms-ssim": lambda x: k.losses.MS_SSIMLoss(sigmas=[0.5, 1.0])(x, x * 0.9),
}  # fmt: skip
MODULES: dict[str, Callable[[], nn.Module]] = {
    "hardnet": lambda: k.feature.HardNet(pretrained=False),
    "tiny-vit": lambda: k.contrib.TinyViT(img_size=64, num_classes=5, embed_dims=[16, 32, 32, 64],
        depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4], window_sizes=[7, 7, 14, 7]),
    "defmo": lambda: k.feature.DeFMO(pretrained=False),
    "sosnet": lambda: k.feature.SOSNet(pretrained=False),
    "mkd": lambda: k.feature.MKDDescriptor(patch_size=32, whitening=None),
    "sift": lambda: k.feature.SIFTDescriptor(32),
    "orientation": lambda: k.feature.PatchDominantGradientOrientation(32),
    "affine-shape": lambda: k.feature.PatchAffineShapeEstimator(19),
}  # fmt: skip
PATCHES = {
    "hardnet": 32,
    "sosnet": 32,
    "mkd": 32,
    "sift": 32,
    "orientation": 32,
    "affine-shape": 19,
}


class Operation(nn.Module):
    """A function as a module."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Any:
        """What the function gives."""
        return OPERATIONS[self.name](x)


def operation(name: str) -> Any:
    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.rand(batch, 3, height, width),), {}

    return Operation(name), inputs


def module(name: str) -> Any:
    made = MODULES[name]()
    channels = 1 if name in PATCHES else 6 if "defmo" in type(made).__name__.lower() else 3

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.rand(batch, channels, height, width),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    for name in OPERATIONS:
        yield Entry(
            name,
            partial(operation, name),
            {"batch": (2, 1, 3), "height": (32, 24, 40), "width": (32, 40, 28)},
        )
    for name in MODULES:
        n = PATCHES.get(name, 64)
        yield Entry(
            f"model-{name}",
            partial(module, name),
            {"batch": (2, 1, 3), "height": (n, n + 32, n * 2), "width": (n, n * 2, n + 32)},
        )
