"""sentence-transformers: an encoder, and what makes one vector of its tokens."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import transformers  # isort: skip
from sentence_transformers import models as parts  # isort: skip

LIBRARY = "sentence-transformers"
NEEDS = ("transformers.models.bert.modeling_bert", "sentence_transformers")

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 64,
}  # fmt: skip
POOLING = ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


class Sentences(nn.Module):
    """As ``SentenceTransformer`` calls its parts one after another, without the tokenizer."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        config = transformers.BertConfig(**SMALL)
        self.encoder = transformers.BertModel(config)
        self.parts = nn.ModuleList(modules)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Pooled vectors."""
        found = self.encoder(input_ids, attention_mask=attention_mask)
        features = {
            "token_embeddings": found.last_hidden_state,
            "cls_token_embeddings": found.last_hidden_state[:, 0],
            "attention_mask": attention_mask,
        }
        for part in self.parts:
            features = part(features)
        return features["sentence_embedding"]


def model(mode: str, more: str) -> Any:
    modules: list[nn.Module] = [parts.Pooling(32, pooling_mode=mode)]
    if more == "dense":
        modules.append(parts.Dense(32, 16))
    if more == "normalize":
        modules.append(parts.Normalize())
    if more == "layer-norm":
        modules.append(parts.LayerNorm(32))
    made = Sentences(*modules)

    def inputs(batch: int, length: int) -> Any:
        mask = (torch.arange(length)[None] < length - torch.arange(batch)[:, None] % 3).long()
        return (torch.randint(3, 60, (batch, length)), mask), {}

    return made, inputs


def recurrent(kind: str) -> Any:
    made = parts.LSTM(8, 16) if kind == "lstm" else parts.CNN(8, 16, [1, 3])

    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = made

        def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            features = {
                "token_embeddings": words,
                "sentence_lengths": lengths,
                "cls_token_embeddings": words[:, 0],
            }
            return self.part(features)["token_embeddings"]

    def inputs(batch: int, length: int) -> Any:
        return (torch.randn(batch, length, 8), torch.full((batch,), length)), {}

    return Alone(), inputs


def entries() -> Iterator[Entry]:
    sizes = {"batch": (2, 1, 3), "length": (9, 13, 6)}
    for mode in POOLING:
        yield Entry(f"pooling-{mode}", partial(model, mode, ""), sizes)
    for more in ("dense", "normalize", "layer-norm"):
        yield Entry(f"mean-{more}", partial(model, "mean", more), sizes)
    for kind in ("lstm", "cnn"):
        yield Entry(kind, partial(recurrent, kind), sizes)
