"""Models in the sizes that the benchmarks and the tests need, with example arguments.

The convolutional and vision models are our own plain definitions; the language models are
transformers' real architectures with small random configurations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Example = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * 4
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.shortcut is None else self.shortcut(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += identity
        return self.relu(x)


class ResNet(nn.Module):
    """ResNet-50 by default."""

    def __init__(self, depths: tuple[int, ...] = (3, 4, 6, 3), width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        channels = width
        for stage, depth in enumerate(depths):
            for i in range(depth):
                stride = 2 if i == 0 and stage > 0 else 1
                blocks.append(Bottleneck(channels, width << stage, stride))
                channels = (width << stage) * 4
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(channels, 1000 if width == 64 else 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        x = self.blocks(x)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, width * 3)
        self.proj = nn.Linear(width, width)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(query, key, value)
        return self.drop(self.proj(x.transpose(1, 2).reshape(batch, tokens, width)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, width * 4), nn.GELU(), nn.Dropout(0.0), nn.Linear(width * 4, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """ViT-B/16 by default."""

    def __init__(
        self, size: int = 224, patch: int = 16, width: int = 768, depth: int = 12, heads: int = 12
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class ConvNeXtBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, width * 4)
        self.reduce = nn.Linear(width * 4, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.scale * self.reduce(F.gelu(self.expand(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, depths: tuple[int, ...] = (2, 2), width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 4), nn.GroupNorm(1, width)]
        for i, depth in enumerate(depths):
            if i:
                layers += [nn.GroupNorm(1, width), nn.Conv2d(width, width * 2, 2, 2)]
                width *= 2
            layers += [ConvNeXtBlock(width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean([-2, -1]))


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        sizes = [width << i for i in range(depth + 1)]
        self.first = _double_conv(3, width)
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), _double_conv(a, b)) for a, b in itertools.pairwise(sizes)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, 2) for a, b in itertools.pairwise(sizes)
        )
        self.merge = nn.ModuleList(_double_conv(2 * a, a) for a in sizes[:-1])
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.first(x)]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up, merge, skip in zip(
            reversed(self.up), reversed(self.merge), reversed(skips), strict=True
        ):
            x = merge(torch.cat([skip, up(x)], dim=1))
        return self.last(x)


# transformers --------------------------------------------------------------------------------


def _ids(batch: int = 2, length: int = 16, vocabulary: int = 99) -> Tensor:
    return torch.randint(2, vocabulary, (batch, length))


_TEXT = {
    "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "max_position_embeddings": 64,
}  # fmt: skip


def bert(layers: int = 2, **options: Any) -> Example:
    from transformers import BertConfig, BertModel

    config = BertConfig(**{**_TEXT, "num_hidden_layers": layers, **options})
    ids = _ids()
    return BertModel(config).eval(), (ids, torch.ones_like(ids)), {}


def llama(layers: int = 2, **options: Any) -> Example:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **{**_TEXT, "num_hidden_layers": layers, "num_key_value_heads": 2, **options}
    )
    return LlamaForCausalLM(config).eval(), (_ids(),), {"use_cache": False}


def _causal(name: str, **options: Any) -> Callable[[], Example]:
    def make() -> Example:
        import transformers

        config = getattr(transformers, name + "Config")(**{**_TEXT, **options})
        model = getattr(transformers, name + "ForCausalLM")(config)
        return model.eval(), (_ids(),), {"use_cache": False}

    return make


def gpt2() -> Example:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=99, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    return GPT2LMHeadModel(config).eval(), (_ids(),), {"use_cache": False}


def t5(layers: int = 2) -> Example:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=99, d_model=32, d_kv=8, d_ff=64, num_layers=layers, num_heads=4,
        decoder_start_token_id=0,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    return model, (), {"input_ids": _ids(), "decoder_input_ids": _ids(), "use_cache": False}


def vit_transformers() -> Example:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        image_size=32, patch_size=8,
    )  # fmt: skip
    return ViTModel(config).eval(), (torch.randn(2, 3, 32, 32),), {}


def clip() -> Example:
    from transformers import CLIPConfig, CLIPModel

    small = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64,
    }  # fmt: skip
    config = CLIPConfig(
        text_config={**small, "vocab_size": 99, "max_position_embeddings": 64},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    ids = _ids()
    ids[:, -1] = 98
    images = torch.randn(2, 3, 32, 32)
    return CLIPModel(config).eval(), (), {
        "input_ids": ids, "pixel_values": images, "attention_mask": torch.ones_like(ids),
    }  # fmt: skip


def whisper() -> Example:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=16,
        max_source_positions=32, max_target_positions=32, pad_token_id=0, bos_token_id=1,
        eos_token_id=1, decoder_start_token_id=1,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    features = torch.randn(2, 16, 64)
    return model, (), {
        "input_features": features, "decoder_input_ids": _ids(2, 8), "use_cache": False,
    }  # fmt: skip


def mamba() -> Example:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=4)
    return MambaForCausalLM(config).eval(), (_ids(2, 6),), {"use_cache": False}


def _image(model: nn.Module, size: int = 32) -> Example:
    return model.eval(), (torch.randn(2, 3, size, size),), {}


SMALL: dict[str, Callable[[], Example]] = {
    "resnet": lambda: _image(ResNet((1, 1, 1, 1), 8), 64),
    "vit": lambda: _image(ViT(32, 8, 32, 2, 4)),
    "convnext": lambda: _image(ConvNeXt()),
    "unet": lambda: _image(UNet(8, 3)),
    "bert": bert,
    "gpt2": gpt2,
    "llama": llama,
    "mistral": _causal("Mistral", num_key_value_heads=2, sliding_window=8),
    "qwen2": _causal("Qwen2", num_key_value_heads=2),
    "gemma2": _causal("Gemma2", num_key_value_heads=2, head_dim=8, sliding_window=8),
    "t5": t5,
    "vit_transformers": vit_transformers,
    "clip": clip,
    "whisper": whisper,
    "mixtral": _causal("Mixtral", num_key_value_heads=2, num_local_experts=3),
    "mamba": mamba,
}

FULL: dict[str, Callable[[], Example]] = {
    "ResNet-50": lambda: (ResNet().eval(), (torch.randn(1, 3, 224, 224),), {}),
    "ViT-B/16": lambda: (ViT().eval(), (torch.randn(1, 3, 224, 224),), {}),
    "BERT-12": lambda: bert(12),
    "Llama-8": lambda: llama(8),
    "Llama-32": lambda: llama(32),
    "U-Net": lambda: _image(UNet(), 64),
}
