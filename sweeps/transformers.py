"""Transformers: every architecture that the auto classes know, made small by one rule.

A configuration is made of its class with the small values below wherever it has a field of the
name, parts of it likewise. ``OTHERS`` has what single architectures want beside. Those that do not
come out consistent are in the results as models that eager mode cannot run.
"""

import dataclasses
import inspect
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import transformers as library  # isort: skip
from transformers.models.auto import configuration_auto, modeling_auto  # isort: skip

LIBRARY = "transformers"
NEEDS = ("transformers.modeling_utils", "transformers.cache_utils", "transformers.masking_utils")

VOCABULARY = 64
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48, "max_position_embeddings": 64,
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "d_ff": 48,
    "d_kv": 8, "num_heads": 4, "num_layers": 2, "num_decoder_layers": 1, "num_encoder_layers": 1,
    "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_ctx": 64, "n_inner": 48,
    "dim": 32, "n_heads": 4, "n_layers": 2, "hidden_dim": 48, "emb_dim": 32, "embedding_size": 16,
    "ffn_dim": 48, "word_embed_proj_dim": 32, "projection_dim": 16, "attention_head_size": 8,
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "num_local_experts": 4,
    "num_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 16,
    "q_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "sliding_window": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "decoder_start_token_id": 1, "image_token_id": 60, "video_token_id": 61, "audio_token_id": 62,
    "image_token_index": 60, "video_token_index": 61, "audio_token_index": 62,
    "image_size": 32, "patch_size": 8, "depth": 2, "num_queries": 6, "num_mel_bins": 16,
    "decoder_hidden_size": 32, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 4,
    "decoder_intermediate_size": 48, "mamba_d_state": 8, "mamba_d_head": 8, "mamba_n_heads": 8,
    "state_size": 8, "num_frames": 4, "conv_dim": [16, 16, 16], "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2], "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2, "max_source_positions": 64, "max_target_positions": 64,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "index_n_heads": 2, "index_head_dim": 16, "index_topk": 4,
    "codebook_size": 32, "codebook_dim": 8, "mlp_dim": 48, "classifier_proj_size": 16,
    "encoder_hidden_size": 32, "attention_window": 8, "block_size": 4, "num_random_blocks": 1,
    "prediction_length": 4, "context_length": 12, "fusion_hidden_size": 16, "out_hidden_size": 32,
    "vision_feature_layer": -1, "hidden_channels": 16, "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 0, "laurel_rank": 4,
    "encoder_hidden_dim": 32, "num_attention_head": 4, "gqa_group_size": 2,
    "max_2d_position_embeddings": 64,
    "n_codes": 8, "decoder_n_points": 2, "encoder_n_points": 2, "intermediate_dim": 48,
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    "reformer": {"axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16],
                 "attn_layers": ["local", "lsh"], "num_buckets": 4, "hash_seed": 0},
    "mobilebert": {"true_hidden_size": 16, "intra_bottleneck_size": 16,
                   "num_feedforward_networks": 1},
    "funnel": {"block_sizes": [1, 1, 1], "num_decoder_layers": 1, "d_head": 8, "d_inner": 48,
               "n_head": 4},
    "xlnet": {"d_inner": 48},
    "canine": {"num_hash_buckets": 64, "num_hash_functions": 4, "downsampling_rate": 2,
               "upsampling_kernel_size": 3, "local_transformer_stride": 8},
    "falcon": {"multi_query": False},
    "phi": {"partial_rotary_factor": 0.5},
    "gptj": {"rotary_dim": 4}, "codegen": {"rotary_dim": 4},
    "deberta-v2": {"position_buckets": 16},
    "clip": {}, "vit_mae": {"mask_ratio": 0.5},
    "xlm": {"n_langs": 1},
    "perceiver": {"num_latents": 8, "d_latents": 16, "num_self_attends_per_block": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 4},
    "lxmert": {"l_layers": 1, "x_layers": 1, "r_layers": 1, "visual_feat_dim": 16},
    "led": {"attention_window": [8, 8]},
}  # fmt: skip
SLICED = ("depths",)  # lists of how many layers a stage has


@cache
def fields(cls: type) -> dict[str, Any]:
    """The names of what a configuration takes, with defaults."""
    found = {}
    for parameter in inspect.signature(cls.__init__).parameters.values():
        if parameter.name != "self":
            default = parameter.default
            found[parameter.name] = None if default is parameter.empty else default
    if dataclasses.is_dataclass(cls):
        for each in dataclasses.fields(cls):
            if each.default is not dataclasses.MISSING:
                found[each.name] = each.default
            elif each.default_factory is not dataclasses.MISSING:
                found[each.name] = each.default_factory()
    return found


def small(cls: type) -> dict[str, Any]:
    """The values of a small configuration of a class."""
    given: dict[str, Any] = {}
    for name, default in fields(cls).items():
        if name in SLICED and isinstance(default, (list, tuple)):
            given[name] = [1] * len(default)
        elif isinstance(default, (list, tuple)) and not isinstance(SMALL.get(name), list):
            continue
        elif name in SMALL:
            given[name] = SMALL[name]
    parts = getattr(cls, "sub_configs", {})
    if parts:
        default = cls()
        for name, part in parts.items():
            made = getattr(default, name, None)
            kind = type(made) if isinstance(made, library.PreTrainedConfig) else part
            if kind is not library.AutoConfig and kind is not None:
                given[name] = small(kind)
                if getattr(kind, "model_type", ""):
                    given[name]["model_type"] = kind.model_type
    return given | OTHERS.get(getattr(cls, "model_type", ""), {})


def configuration(kind: str) -> Any:
    cls = library.models.auto.configuration_auto.CONFIG_MAPPING[kind]
    return cls(**small(cls))


def _vision(config: Any) -> Any:
    return getattr(config, "vision_config", None) or config


def _text(config: Any) -> Any:
    return getattr(config, "text_config", None) or config


def _side(config: Any) -> int:
    size = getattr(_vision(config), "image_size", None) or 32
    return size if isinstance(size, int) else size[0]


class Arguments:
    """What the ``forward`` of a model is given, by the names of its parameters."""

    def __init__(self, model: Any, kind: str) -> None:
        self.config, self.kind = model.config, kind
        self.names = list(inspect.signature(model.forward).parameters)
        self.main = model.main_input_name

    def __call__(
        self,
        batch: int,
        length: int = 9,
        target: int = 7,
        height: int = 32,
        width: int = 32,
        frames: int = 40,
    ) -> Any:
        given: dict[str, Any] = {}
        has_image_token = any("image_token" in name for name in vars(self.config))
        channels = getattr(_vision(self.config), "num_channels", 3)
        for name in self.names:
            if name == "input_ids":
                given[name] = torch.randint(3, 50, (batch, length))
            elif name == "attention_mask" and "input_ids" in given:
                given[name] = torch.ones(batch, length, dtype=torch.long)
            elif name == "decoder_input_ids":
                given[name] = torch.randint(3, 50, (batch, target))
            elif name == "bbox":
                given[name] = torch.randint(0, 32, (batch, length, 4)).sort(-1).values
            elif name == "pixel_values" and not (has_image_token and "input_ids" in given):
                given[name] = self.pixels(batch, channels, height, width)
            elif name == "input_values" and self.main == name:
                given[name] = torch.randn(batch, 20 * frames)
            elif name == "input_features" and self.main == name:
                given[name] = torch.randn(batch, *self.features(frames))
        return (), given

    def pixels(self, batch: int, channels: int, height: int, width: int) -> Any:
        frames = getattr(_vision(self.config), "num_frames", None)
        if isinstance(frames, int) and "vivit" in self.kind + "videomae" + "timesformer":
            return torch.randn(batch, frames, channels, height, width)
        return torch.randn(batch, channels, height, width)

    def features(self, frames: int) -> tuple[int, int]:
        bins = getattr(self.config, "num_mel_bins", None) or getattr(
            self.config, "feature_projection_input_dim", 16
        )
        return (bins, frames) if self.kind == "whisper" else (frames, bins)


def model(kind: str, mapping: str):
    made = _class(kind, mapping)(configuration(kind))
    return made, Arguments(made, kind)


def cached(kind: str):
    """A decoder with a cache that is full to a length that varies, and one new token each."""
    config = configuration(kind)
    if getattr(config, "sliding_window", None):
        config.sliding_window = 64  # wider than the cache: a full window has one size
    made = _class(kind, "MODEL_FOR_CAUSAL_LM")(config)

    def inputs(batch: int, past: int):
        cache = library.DynamicCache(config=made.config)
        with torch.no_grad():
            made(
                torch.randint(3, 50, (batch, past)),
                attention_mask=torch.ones(batch, past, dtype=torch.long),
                past_key_values=cache, use_cache=True,
            )  # fmt: skip
        return (torch.randint(3, 50, (batch, 1)),), {
            "attention_mask": torch.ones(batch, past + 1, dtype=torch.long),
            "past_key_values": cache,
        }

    return made, inputs


def _class(kind: str, mapping: str) -> Any:
    name = getattr(modeling_auto, f"{mapping}_MAPPING_NAMES")[kind]
    return getattr(library, name if isinstance(name, str) else name[0])


def _module(kind: str) -> str:
    folder = configuration_auto.model_type_to_module_name(kind)
    return f"transformers.models.{folder}.modeling_{folder}"


def sizes_of(kind: str, mapping: str) -> dict[str, tuple[int, ...]]:
    """Sizes that some argument may follow; those that none follows do no harm."""
    sizes = {"batch": (2, 1, 3)}
    cls = _class(kind, mapping)
    names = set(inspect.signature(cls.forward).parameters)
    config = configuration(kind)
    main = cls.main_input_name
    if "input_ids" in names:
        sizes["length"] = (16, 24, 10)
    if "decoder_input_ids" in names:
        sizes["target"] = (7, 11, 5)
    has_image_token = any("image_token" in name for name in vars(config))
    if "pixel_values" in names and not ("input_ids" in names and has_image_token):
        side = _side(config)
        sizes |= {"height": (side, side + 32, side + 64), "width": (side, side + 64, side + 32)}
    if main in ("input_values", "input_features"):
        sizes["frames"] = (40, 60, 52)
    return sizes


def entry(kind: str, mapping: str) -> Entry:
    prefix = "" if mapping == "MODEL" else mapping.removeprefix("MODEL_FOR_").lower() + "-"
    given = (kind, mapping)
    name = f"{prefix.replace('_', '-')}{kind}"
    return Entry(name, partial(model, *given), partial(sizes_of, *given), (_module(kind),))


# Decoders whose cache grows with what is given to them, and no layer of which has another state.
CACHED = """
    apertus arcee biogpt bitnet bloom codegen cohere cohere2 ctrl cwm dbrx deepseek_v2 deepseek_v3
    diffllama doge dots1 ernie4_5 ernie4_5_moe exaone4 falcon flex_olmo gemma gemma2 gemma3_text glm
    glm4 glm4_moe gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite granitemoe helium
    hunyuan_v1_dense hunyuan_v1_moe jais2 jetmoe llama llama4_text minicpm3 ministral ministral3
    mistral mixtral modernbert-decoder mpt nanochat nemotron olmo olmo2 olmo3 olmoe opt persimmon
    phi phi3 phimoe qwen2 qwen2_moe qwen3 qwen3_moe smollm3 stablelm starcoder2 vaultgemma xglm
""".split()
HEADS = (
    "MODEL_FOR_MASKED_LM", "MODEL_FOR_IMAGE_CLASSIFICATION", "MODEL_FOR_OBJECT_DETECTION",
    "MODEL_FOR_SEMANTIC_SEGMENTATION", "MODEL_FOR_DEPTH_ESTIMATION", "MODEL_FOR_CTC",
    "MODEL_FOR_AUDIO_CLASSIFICATION", "MODEL_FOR_SPEECH_SEQ_2_SEQ",
)  # fmt: skip


def entries() -> Iterator[Entry]:
    for kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        yield entry(kind, "MODEL_FOR_CAUSAL_LM")
        if kind in CACHED:
            yield Entry(
                f"cached-{kind}", partial(cached, kind), {"batch": (2, 1, 3), "past": (9, 14, 6)},
                needs=(_module(kind),),
            )  # fmt: skip
    for kind in modeling_auto.MODEL_MAPPING_NAMES:
        yield entry(kind, "MODEL")
    for head in HEADS:
        for kind in getattr(modeling_auto, f"{head}_MAPPING_NAMES"):
            yield entry(kind, head)
