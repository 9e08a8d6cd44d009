"""x-transformers: one architecture with many switches."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from monograph.sweep import Entry

import x_transformers as library  # isort: skip

LIBRARY = "x-transformers"
NEEDS = ("x_transformers",)

SWITCHES: dict[str, dict[str, object]] = {
    "plain": {},
    "flash": {"attn_flash": True},
    "rotary": {"rotary_pos_emb": True},
    "rotary-xpos": {"rotary_pos_emb": True, "rotary_xpos": True},
    "alibi": {"alibi_pos_bias": True, "alibi_num_heads": 2},
    "relative": {"rel_pos_bias": True},
    "dynamic-bias": {"dynamic_pos_bias": True},
    "rmsnorm": {"use_rmsnorm": True},
    "simple-rmsnorm": {"use_simple_rmsnorm": True},
    "scalenorm": {"use_scalenorm": True},
    "glu": {"ff_glu": True},
    "swish-glu": {"ff_swish": True, "ff_glu": True},
    "relu-squared": {"ff_relu_squared": True},
    "one-key-value-head": {"attn_one_kv_head": True},
    "grouped-query": {"attn_kv_heads": 1},
    "talking-heads": {"attn_pre_talking_heads": True},
    "qk-norm": {"attn_qk_norm": True},
    "memory-key-values": {"attn_num_mem_kv": 4},
    "gated-values": {"attn_gate_values": True},
    "on-attention": {"attn_on_attn": True},
    "sandwich": {"sandwich_coef": 1},
    "macaron": {"macaron": True},
    "gate-residual": {"gate_residual": True},
    "residual-attention": {"residual_attn": True},
    "shift-tokens": {"shift_tokens": 1},
    "sparse-topk": {"attn_sparse_topk": 3},
    "value-residual": {"add_value_residual": True},
    "hyper-connections": {"num_residual_streams": 2},
    "softclamp": {"attn_softclamp_logits": True},
    "sigmoid": {"attn_sigmoid": True},
    "differential": {"attn_laser": True},
    "zero-init": {"zero_init_branch_output": True},
    "learned-scale": {"attn_learned_value_residual_mix": True, "add_value_residual": True},
    "cope": {"attn_use_cope": True},
    "forgetting": {"attn_data_dependent_alibi": True},
}  # fmt: skip


def _layers(kind: str, options: tuple[tuple[str, object], ...]) -> nn.Module:
    return getattr(library, kind)(dim=32, depth=2, heads=2, attn_dim_head=16, **dict(options))


def tokens(kind: str, options: tuple[tuple[str, object], ...]):
    made = library.TransformerWrapper(
        num_tokens=64, max_seq_len=64, attn_layers=_layers(kind, options)
    )

    def inputs(batch: int, length: int):
        return (torch.randint(0, 64, (batch, length)),), {}

    return made, inputs


def masked(kind: str, options: tuple[tuple[str, object], ...]):
    made, _ = tokens(kind, options)

    def inputs(batch: int, length: int):
        mask = torch.arange(length)[None] < torch.full((batch, 1), length - 2)
        return (torch.randint(0, 64, (batch, length)),), {"mask": mask}

    return made, inputs


def continuous():
    made = library.ContinuousTransformerWrapper(
        dim_in=8, dim_out=8, max_seq_len=64, attn_layers=_layers("Encoder", ())
    )

    def inputs(batch: int, length: int):
        return (torch.randn(batch, length, 8),), {}

    return made, inputs


def images():
    made = library.ViTransformerWrapper(
        image_size=32, patch_size=8, num_classes=10, attn_layers=_layers("Encoder", ())
    )

    def inputs(batch: int, height: int, width: int):
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def pairs():
    made = library.XTransformer(
        dim=32, enc_num_tokens=64, enc_depth=1, enc_heads=2, enc_max_seq_len=64,
        dec_num_tokens=64, dec_depth=1, dec_heads=2, dec_max_seq_len=64,
    )  # fmt: skip

    def inputs(batch: int, source: int, length: int):
        return (torch.randint(0, 64, (batch, source)), torch.randint(0, 64, (batch, length))), {}

    return made, inputs


def autoregressive():
    made = library.AutoregressiveWrapper(tokens("Decoder", ())[0])

    def inputs(batch: int, length: int):
        return (torch.randint(0, 64, (batch, length)),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    text = {"batch": (2, 1, 3), "length": (9, 13, 6)}
    for name, options in SWITCHES.items():
        for kind in ("Encoder", "Decoder"):
            given = (kind, tuple(options.items()))
            yield Entry(f"{kind.lower()}-{name}", partial(tokens, *given), text)
    yield Entry("encoder-masked", partial(masked, "Encoder", ()), text)
    yield Entry("decoder-masked", partial(masked, "Decoder", ()), text)
    yield Entry("continuous", continuous, text)
    yield Entry("autoregressive", autoregressive, text)
    yield Entry("vit", images, {"batch": (2, 1, 3), "height": (32, 16, 24), "width": (32, 24, 16)})
    yield Entry("encoder-decoder", pairs, {**text, "source": (11, 7, 15)})
