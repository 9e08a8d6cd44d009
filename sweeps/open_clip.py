"""open_clip: towers for images and for text, together and alone."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import open_clip as library  # isort: skip

LIBRARY = "open_clip_torch"
NEEDS = ("open_clip",)

VISION: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "vit-average": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8,
                    "pool_type": "avg"},
    "vit-attention": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16,
                      "patch_size": 8, "attentional_pool": True, "attn_pooler_queries": 8,
                      "attn_pooler_heads": 2},
    "vit-scaled": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8,
                   "ls_init_value": 0.1, "no_ln_pre": True},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    "timm": {"image_size": 64, "timm_model_name": "resnet18", "timm_pool": "avg",
             "timm_proj": "linear"},
}  # fmt: skip
TEXT: dict[str, dict[str, Any]] = {
    "text": {"context_length": 12, "vocab_size": 64, "width": 32, "heads": 2, "layers": 2},
    "text-all": {"context_length": 12, "vocab_size": 64, "width": 32, "heads": 2, "layers": 2,
                 "no_causal_mask": True, "pool_type": "last"},
}  # fmt: skip


def _tokens(batch: int) -> torch.Tensor:
    return torch.randint(1, 64, (batch, 12))


def both(vision: str, text: str, kind: str) -> Any:
    options: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": VISION[vision],
        "text_cfg": TEXT[text],
    }
    if kind == "CoCa":
        options["multimodal_cfg"] = {
            "context_length": 12, "vocab_size": 64, "width": 32, "heads": 2, "layers": 2,
            "mlp_ratio": 2, "attn_pooler_heads": 2,
        }  # fmt: skip
        options["text_cfg"] = {**TEXT[text], "embed_cls": True, "output_tokens": True}
        options["vision_cfg"] = {**VISION[vision], "output_tokens": True}
    made = getattr(library, kind)(**options)
    side = VISION[vision]["image_size"]

    def inputs(batch: int) -> Any:
        return (torch.randn(batch, 3, side, side), _tokens(batch)), {}

    return made, inputs


def images(vision: str) -> Any:
    made = library.CLIP(embed_dim=16, vision_cfg=VISION[vision], text_cfg=TEXT["text"]).visual

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def words(text: str) -> Any:
    made = library.CustomTextCLIP(
        embed_dim=16, vision_cfg=VISION["vit"], text_cfg=TEXT[text]
    ).text  # fmt: skip

    def inputs(batch: int, length: int) -> Any:
        return (torch.randint(1, 64, (batch, length)),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    for vision in VISION:
        yield Entry(f"clip-{vision}", partial(both, vision, "text", "CLIP"), {"batch": (2, 1, 3)})
        n = VISION[vision]["image_size"]
        yield Entry(
            f"images-{vision}",
            partial(images, vision),
            {"batch": (2, 1, 3), "height": (n, n + 32, n + 64), "width": (n, n + 64, n + 32)},
        )
    for text in TEXT:
        yield Entry(
            f"custom-{text}", partial(both, "vit", text, "CustomTextCLIP"), {"batch": (2, 1, 3)}
        )
        yield Entry(
            f"words-{text}", partial(words, text), {"batch": (2, 1, 3), "length": (12, 9, 7)}
        )
    yield Entry("coca", partial(both, "vit-attention", "text", "CoCa"), {"batch": (2, 1, 3)})
