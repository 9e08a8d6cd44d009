"""The models with sizes that vary: what is declared, and inputs of any such size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bench.models import SMALL

__all__ = ["VARYING", "Varying"]

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Varying:
    """``shapes``: as given to ``export``; ``inputs(batch, size)``: a call; ``sizes``: valid ones.

    ``step``: sizes are multiples of it.
    """

    shapes: Any
    inputs: Callable[[int, int], Inputs]
    sizes: tuple[int, ...] = (1, 2, 3, 7, 64)
    example: tuple[int, int] = (1, 5)


def _ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(2, 98, (batch, length))


def _text(batch: int, length: int) -> Inputs:
    return (_ids(batch, length),), {"use_cache": False}


def _images(batch: int, size: int) -> Inputs:
    return (torch.randn(batch, 3, size, size + size // 2 // 32 * 32),), {}


def _square(batch: int, size: int) -> Inputs:
    return (torch.randn(batch, 3, 32, 32),), {}


def _masked(batch: int, length: int) -> Inputs:
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[:, length // 2 + 1 :] = 0
    return (_ids(batch, length), mask), {}


def _pair(batch: int, length: int) -> Inputs:
    return (), {
        "input_ids": _ids(batch, length), "decoder_input_ids": _ids(batch, length + 1),
        "use_cache": False,
    }  # fmt: skip


def _clip(batch: int, length: int) -> Inputs:
    ids = _ids(batch, length)
    ids[:, -1] = 98
    return (), {
        "input_ids": ids, "pixel_values": torch.randn(batch, 3, 32, 32),
        "attention_mask": torch.ones_like(ids),
    }  # fmt: skip


def _speech(batch: int, length: int) -> Inputs:
    return (), {
        "input_features": torch.randn(batch, 16, 64), "decoder_input_ids": _ids(batch, length),
        "use_cache": False,
    }  # fmt: skip


_LANGUAGE = {"input_ids": "batch, seq"}
_IMAGE = {"x": "batch, _, height, width"}

VARYING: dict[str, Varying] = {
    "resnet": Varying(_IMAGE, _images, (1, 7, 32, 64, 96), (1, 64)),
    "vit": Varying({"x": "batch, _, _, _"}, _square, (32,), (1, 32)),
    "convnext": Varying(_IMAGE, _images, (8, 9, 32, 64), (1, 32)),
    "unet": Varying({"x": "batch, _, 8*h, 8*w"}, _images, (8, 32, 64), (1, 32)),
    "bert": Varying(
        {"input_ids": "batch, seq", "attention_mask": "batch, seq"}, _masked, example=(1, 5)
    ),
    "vit_transformers": Varying({"pixel_values": "batch, _, _, _"}, _square, (32,), (1, 32)),
    "t5": Varying(
        {"input_ids": "batch, seq", "decoder_input_ids": "batch, target"}, _pair, (1, 2, 3, 7, 40)
    ),
    "clip": Varying(
        {
            "input_ids": "batch, seq",
            "pixel_values": "images, _, _, _",
            "attention_mask": "batch, seq",
        },
        _clip,
    ),
    "whisper": Varying(
        {"input_features": "batch, _, _", "decoder_input_ids": "batch, seq"},
        _speech,
        (1, 2, 3, 7, 32),
    ),
    # Mamba's scan is a Python loop over the tokens: their number is part of the program.
    "mamba": Varying({"input_ids": "batch, _"}, _text, (6,), (1, 6)),
    **{
        name: Varying(_LANGUAGE, _text)
        for name in ("gpt2", "llama", "mistral", "qwen2", "gemma2", "mixtral")
    },
}

assert set(VARYING) == set(SMALL)
