"""Diffusion models: U-Nets, autoencoders, transformers and ControlNets in small configurations."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import diffusers as library  # isort: skip

LIBRARY = "diffusers"
NEEDS = ("diffusers.models.unets.unet_2d_condition", "diffusers.models.autoencoders.autoencoder_kl")

TWO = ("DownBlock2D", "AttnDownBlock2D")
CROSS = {
    "block_out_channels": (16, 32), "layers_per_block": 1, "in_channels": 4, "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "norm_num_groups": 8,
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "cross_attention_dim": 16,
    "attention_head_dim": 4,
}  # fmt: skip
PLAIN = {
    "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8,
    "down_block_types": TWO, "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 4,
}  # fmt: skip
KL = {
    "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8,
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
}  # fmt: skip

Size = dict[str, int]


def _image(channels: int, frames: int = 0) -> Callable[[Size], Any]:
    """``[batch, channels, (frames,) height, width]``."""

    def make(n: Size) -> Any:
        depth = (n.get("frames", frames),) if frames else ()
        return torch.randn(n["batch"], channels, *depth, n["height"], n["width"])

    return make


def _text(width: int, name: str = "length") -> Callable[[Size], Any]:
    return lambda n: torch.randn(n["batch"], n[name], width)


def _vector(width: int) -> Callable[[Size], Any]:
    return lambda n: torch.randn(n["batch"], width)


def _ones(name: str = "length") -> Callable[[Size], Any]:
    return lambda n: torch.ones(n["batch"], n[name], dtype=torch.long)


def _steps(n: Size) -> Any:
    return torch.full((n["batch"],), 7)


def _floats(n: Size) -> Any:
    return torch.full((n["batch"],), 0.5)


def _classes(n: Size) -> Any:
    return torch.ones(n["batch"], dtype=torch.long)


IMAGE = {"height": (16, 24, 32), "width": (16, 32, 24)}
TEXT = {"length": (7, 11, 5)}
FRAMES = {"frames": (5, 9, 13)}


def _z_image_lists(n: Size) -> Any:
    return [torch.randn(16, 1, n["height"], n["width"]) for _ in range(n["batch"])]


# name: (class, configuration, sizes beside the batch, arguments by name)
Row = tuple[str, dict[str, Any], dict[str, tuple[int, ...]], dict[str, Any]]
MODELS: dict[str, Row] = {
    "unet-2d": ("UNet2DModel", PLAIN, IMAGE, {"sample": _image(3), "timestep": _steps}),
    "unet-2d-one-step": ("UNet2DModel", PLAIN, IMAGE, {"sample": _image(3), "timestep": 7}),
    "unet-2d-classes": ("UNet2DModel", {**PLAIN, "num_class_embeds": 5}, IMAGE,
                        {"sample": _image(3), "timestep": _steps, "class_labels": _classes}),
    "unet-2d-resnet": ("UNet2DModel", {**PLAIN, "downsample_type": "resnet",
                       "upsample_type": "resnet", "resnet_time_scale_shift": "scale_shift"}, IMAGE,
                       {"sample": _image(3), "timestep": _steps}),
    "unet-2d-skip": ("UNet2DModel", {**PLAIN, "down_block_types": ("SkipDownBlock2D",
                     "AttnSkipDownBlock2D"), "up_block_types": ("AttnSkipUpBlock2D",
                     "SkipUpBlock2D")}, IMAGE, {"sample": _image(3), "timestep": _steps}),
    "unet-condition": ("UNet2DConditionModel", CROSS, IMAGE | TEXT,
                       {"sample": _image(4), "timestep": _steps,
                        "encoder_hidden_states": _text(16)}),
    "unet-condition-linear": ("UNet2DConditionModel", {**CROSS, "use_linear_projection": True},
                              IMAGE | TEXT, {"sample": _image(4), "timestep": _steps,
                              "encoder_hidden_states": _text(16)}),
    "unet-condition-mask": ("UNet2DConditionModel", CROSS, IMAGE | TEXT,
                            {"sample": _image(4), "timestep": _steps,
                             "encoder_hidden_states": _text(16),
                             "encoder_attention_mask": _ones()}),
    "unet-condition-xl": ("UNet2DConditionModel", {**CROSS, "addition_embed_type": "text_time",
                          "addition_time_embed_dim": 8,
                          "projection_class_embeddings_input_dim": 64,
                          "transformer_layers_per_block": (1, 1)}, IMAGE | TEXT,
                          {"sample": _image(4), "timestep": _steps,
                           "encoder_hidden_states": _text(16),
                           "added_cond_kwargs": lambda n: {
                               "text_embeds": torch.randn(n["batch"], 16),
                               "time_ids": torch.ones(n["batch"], 6)}}),
    "unet-condition-simple": ("UNet2DConditionModel", {**CROSS,
                              "down_block_types": ("SimpleCrossAttnDownBlock2D",
                              "ResnetDownsampleBlock2D"), "up_block_types":
                              ("ResnetUpsampleBlock2D", "SimpleCrossAttnUpBlock2D"),
                              "mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}, IMAGE | TEXT,
                              {"sample": _image(4), "timestep": _steps,
                               "encoder_hidden_states": _text(16)}),
    "unet-1d": ("UNet1DModel", {"sample_size": 64, "block_out_channels": (8, 8, 16),
                "extra_in_channels": 16}, {"length": (64, 128, 96)},
                {"sample": lambda n: torch.randn(n["batch"], 2, n["length"]), "timestep": _steps}),
    "unet-3d": ("UNet3DConditionModel", {"block_out_channels": (16, 32), "layers_per_block": 1,
                "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
                "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"), "norm_num_groups": 8,
                "cross_attention_dim": 16, "attention_head_dim": 4},
                IMAGE | TEXT | {"frames": (4, 6, 3)},
                {"sample": _image(4, 4), "timestep": _steps,
                 "encoder_hidden_states": _text(16)}),
    "unet-motion": ("UNetMotionModel", {"block_out_channels": (16, 32), "layers_per_block": 1,
                    "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
                    "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
                    "norm_num_groups": 8, "cross_attention_dim": 16, "num_attention_heads": 2,
                    "motion_num_attention_heads": 2, "motion_norm_num_groups": 8},
                    IMAGE | TEXT | {"frames": (4, 6, 3)},
                    {"sample": _image(4, 4), "timestep": 7, "encoder_hidden_states":
                     lambda n: torch.randn(n["batch"] * n.get("frames", 4), n["length"], 16)}),
    "uvit-2d": ("UVit2DModel", {"hidden_size": 16, "cond_embed_dim": 16,
                "micro_cond_encode_dim": 4, "micro_cond_embed_dim": 24, "encoder_hidden_size": 16,
                "vocab_size": 33, "codebook_size": 32, "in_channels": 16,
                "block_out_channels": 16, "num_res_blocks": 1, "block_num_heads": 2,
                "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24},
                IMAGE | TEXT,
                {"input_ids": lambda n: torch.randint(0, 32, (n["batch"], n["height"], n["width"])),
                 "encoder_hidden_states": _text(16), "pooled_text_emb": _vector(16),
                 "micro_conds": lambda n: torch.ones(n["batch"], 2)}),
    "kandinsky3": ("Kandinsky3UNet", {"time_embedding_dim": 16, "groups": 4,
                   "attention_head_dim": 4, "layers_per_block": 2,
                   "block_out_channels": (16, 16, 16, 16), "cross_attention_dim": 16,
                   "encoder_hid_dim": 16}, IMAGE | TEXT,
                   {"sample": _image(4), "timestep": _steps, "encoder_hidden_states": _text(16),
                    "encoder_attention_mask": _ones()}),
    "vae-kl": ("AutoencoderKL", KL, IMAGE, {"sample": _image(3)}),
    "vae-kl-tanh": ("AutoencoderKL", {**KL, "use_quant_conv": False,
                    "use_post_quant_conv": False}, IMAGE, {"sample": _image(3)}),
    "vae-tiny": ("AutoencoderTiny", {"encoder_block_out_channels": (8, 8),
                 "decoder_block_out_channels": (8, 8), "num_encoder_blocks": (1, 1),
                 "num_decoder_blocks": (1, 1)}, IMAGE, {"sample": _image(3)}),
    "vae-asymmetric": ("AsymmetricAutoencoderKL", {"down_block_types": ("DownEncoderBlock2D",) * 2,
                       "down_block_out_channels": (16, 32), "up_block_types":
                       ("UpDecoderBlock2D",) * 2, "up_block_out_channels": (16, 32),
                       "norm_num_groups": 8}, IMAGE, {"sample": _image(3), "mask": None}),
    "vae-vq": ("VQModel", {**KL, "num_vq_embeddings": 16, "latent_channels": 3}, IMAGE,
               {"sample": _image(3)}),
    "vae-dc": ("AutoencoderDC", {"latent_channels": 4, "attention_head_dim": 4,
               "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
               "decoder_block_types": ("ResBlock", "EfficientViTBlock"),
               "encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8),
               "encoder_layers_per_block": (1, 1), "decoder_layers_per_block": (1, 1),
               "encoder_qkv_multiscales": ((), (5,)), "decoder_qkv_multiscales": ((), (5,)),
               "decoder_norm_types": "rms_norm", "decoder_act_fns": "silu"},
               IMAGE, {"sample": _image(3)}),
    "vae-temporal": ("AutoencoderKLTemporalDecoder", {"block_out_channels": (32, 32),
                     "down_block_types": ("DownEncoderBlock2D",) * 2}, IMAGE,
                     {"sample": _image(3), "num_frames": 1}),
    "vae-cogvideox": ("AutoencoderKLCogVideoX", {"block_out_channels": (8, 8, 8, 8),
                      "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2,
                      "down_block_types": ("CogVideoXDownBlock3D",) * 4,
                      "up_block_types": ("CogVideoXUpBlock3D",) * 4},
                      IMAGE | {"frames": (8, 16, 4)}, {"sample": _image(3, 8)}),
    "vae-wan": ("AutoencoderKLWan", {"base_dim": 3, "z_dim": 16, "dim_mult": [1, 1, 1, 1],
                "num_res_blocks": 1, "temperal_downsample": [False, True, True]}, IMAGE | FRAMES,
                {"sample": _image(3, 5)}),
    "vae-qwen": ("AutoencoderKLQwenImage", {"base_dim": 24, "z_dim": 16, "dim_mult": [1, 2, 4],
                 "num_res_blocks": 1, "temperal_downsample": [False, True]}, IMAGE,
                 {"sample": lambda n: torch.randn(n["batch"], 3, 1, n["height"], n["width"])}),
    "vae-ltx": ("AutoencoderKLLTXVideo", {"latent_channels": 8, "block_out_channels": (8, 8, 8, 8),
                "decoder_block_out_channels": (8, 8, 8, 8), "layers_per_block": (1, 1, 1, 1, 1),
                "decoder_layers_per_block": (1, 1, 1, 1, 1), "patch_size": 1,
                "encoder_causal": True,
                "spatio_temporal_scaling": (True, True, False, False),
                "decoder_spatio_temporal_scaling": (True, True, False, False)},
                IMAGE | {"frames": (9, 17, 5)}, {"sample": _image(3, 9)}),
    "vae-hunyuan-video": ("AutoencoderKLHunyuanVideo", {"block_out_channels": (8, 8, 8, 8),
                          "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 4},
                          IMAGE | {"frames": (9, 5, 13)}, {"sample": _image(3, 9)}),
    "vae-mochi": ("AutoencoderKLMochi", {"encoder_block_out_channels": (32, 32, 32, 32),
                  "decoder_block_out_channels": (32, 32, 32, 32), "latent_channels": 4,
                  "layers_per_block": (1, 1, 1, 1, 1), "out_channels": 3},
                  IMAGE | {"frames": (7, 13, 1)}, {"sample": _image(3, 7)}),
    "vae-oobleck": ("AutoencoderOobleck", {"encoder_hidden_size": 12, "downsampling_ratios": [2, 4],
                    "channel_multiples": [1, 2], "decoder_channels": 12,
                    "decoder_input_channels": 4, "audio_channels": 2},
                    {"length": (64, 128, 96)},
                    {"sample": lambda n: torch.randn(n["batch"], 2, n["length"])}),
    "vae-decoder-consistency": ("ConsistencyDecoderVAE", {"encoder_block_out_channels": (8, 8),
                                "encoder_down_block_types": ("DownEncoderBlock2D",) * 2,
                                "encoder_layers_per_block": 1, "encoder_norm_num_groups": 4,
                                "decoder_block_out_channels": (8, 8), "decoder_in_channels": 7,
                                "decoder_layers_per_block": 1, "decoder_norm_num_groups": 4,
                                "decoder_down_block_types": ("ResnetDownsampleBlock2D",) * 2,
                                "decoder_up_block_types": ("ResnetUpsampleBlock2D",) * 2,
                                "decoder_num_train_timesteps": 8, "decoder_out_channels": 6},
                                IMAGE, {"sample": _image(3)}),
    "dit": ("DiTTransformer2DModel", {"num_attention_heads": 2, "attention_head_dim": 8,
            "in_channels": 4, "out_channels": 4, "num_layers": 1, "sample_size": 16,
            "num_embeds_ada_norm": 8, "norm_num_groups": 1}, IMAGE,
            {"hidden_states": _image(4), "timestep": _steps, "class_labels": _classes}),
    "transformer-2d": ("Transformer2DModel", {"num_attention_heads": 2, "attention_head_dim": 8,
                       "in_channels": 16, "norm_num_groups": 4, "cross_attention_dim": 12,
                       "num_layers": 1}, IMAGE | TEXT,
                       {"hidden_states": _image(16), "encoder_hidden_states": _text(12)}),
    "pixart": ("PixArtTransformer2DModel", {"num_attention_heads": 2, "attention_head_dim": 8,
               "in_channels": 4, "out_channels": 8, "num_layers": 1, "sample_size": 16,
               "cross_attention_dim": 16, "caption_channels": 12,
               "use_additional_conditions": False},
               IMAGE | TEXT, {"hidden_states": _image(4), "timestep": _steps,
               "encoder_hidden_states": _text(12), "encoder_attention_mask": _ones(),
               "added_cond_kwargs": lambda n: {"aspect_ratio": None, "resolution": None}}),
    "sana": ("SanaTransformer2DModel", {"in_channels": 4, "out_channels": 4, "patch_size": 1,
             "num_layers": 1, "attention_head_dim": 4, "num_attention_heads": 2,
             "num_cross_attention_heads": 2, "cross_attention_head_dim": 4,
             "cross_attention_dim": 8, "caption_channels": 8, "sample_size": 16}, IMAGE | TEXT,
             {"hidden_states": _image(4), "timestep": _steps, "encoder_hidden_states": _text(8)}),
    "sd3": ("SD3Transformer2DModel", {"sample_size": 16, "patch_size": 1, "in_channels": 4,
            "num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 4,
            "caption_projection_dim": 32, "joint_attention_dim": 32, "pooled_projection_dim": 64,
            "out_channels": 4, "pos_embed_max_size": 48}, IMAGE | TEXT,
            {"hidden_states": _image(4), "encoder_hidden_states": _text(32),
             "pooled_projections": _vector(64), "timestep": _steps}),
    "flux": ("FluxTransformer2DModel", {"patch_size": 1, "in_channels": 4, "num_layers": 1,
             "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
             "joint_attention_dim": 32, "pooled_projection_dim": 32, "axes_dims_rope": [4, 4, 8]},
             {"pixels": (16, 24, 9)} | TEXT,
             {"hidden_states": lambda n: torch.randn(n["batch"], n["pixels"], 4),
              "encoder_hidden_states": _text(32), "pooled_projections": _vector(32),
              "timestep": _floats, "img_ids": lambda n: torch.zeros(n["pixels"], 3),
              "txt_ids": lambda n: torch.zeros(n["length"], 3)}),
    "flux-guidance": ("FluxTransformer2DModel", {"patch_size": 1, "in_channels": 4, "num_layers": 1,
                      "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
                      "joint_attention_dim": 32, "pooled_projection_dim": 32,
                      "axes_dims_rope": [4, 4, 8], "guidance_embeds": True},
                      {"pixels": (16, 24, 9)} | TEXT,
                      {"hidden_states": lambda n: torch.randn(n["batch"], n["pixels"], 4),
                       "encoder_hidden_states": _text(32), "pooled_projections": _vector(32),
                       "timestep": _floats, "img_ids": lambda n: torch.zeros(n["pixels"], 3),
                       "txt_ids": lambda n: torch.zeros(n["length"], 3), "guidance": _floats}),
    "flux-2": ("Flux2Transformer2DModel", {"patch_size": 1, "in_channels": 4, "num_layers": 1,
               "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
               "joint_attention_dim": 32, "timestep_guidance_channels": 16,
               "axes_dims_rope": [4, 4, 4, 4]}, {"pixels": (16, 24, 9)} | TEXT,
               {"hidden_states": lambda n: torch.randn(n["batch"], n["pixels"], 4),
                "encoder_hidden_states": _text(32), "timestep": _floats, "guidance": _floats,
                "img_ids": lambda n: torch.zeros(n["batch"], n["pixels"], 4),
                "txt_ids": lambda n: torch.zeros(n["batch"], n["length"], 4)}),
    "chroma": ("ChromaTransformer2DModel", {"patch_size": 1, "in_channels": 4, "num_layers": 1,
               "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
               "joint_attention_dim": 32, "axes_dims_rope": [4, 4, 8],
               "approximator_num_channels": 8, "approximator_hidden_dim": 16,
               "approximator_layers": 1}, {"pixels": (16, 24, 9)} | TEXT,
               {"hidden_states": lambda n: torch.randn(n["batch"], n["pixels"], 4),
                "encoder_hidden_states": _text(32), "timestep": _floats,
                "img_ids": lambda n: torch.zeros(n["pixels"], 3),
                "txt_ids": lambda n: torch.zeros(n["length"], 3)}),
    "aura-flow": ("AuraFlowTransformer2DModel", {"sample_size": 16, "patch_size": 2,
                  "in_channels": 4, "num_mmdit_layers": 1, "num_single_dit_layers": 1,
                  "attention_head_dim": 8, "num_attention_heads": 4, "caption_projection_dim": 32,
                  "joint_attention_dim": 32, "out_channels": 4, "pos_embed_max_size": 256},
                  IMAGE | TEXT, {"hidden_states": _image(4), "encoder_hidden_states": _text(32),
                  "timestep": _steps}),
    "hunyuan-dit": ("HunyuanDiT2DModel", {"sample_size": 16, "patch_size": 2, "in_channels": 4,
                    "num_layers": 1, "attention_head_dim": 8, "num_attention_heads": 2,
                    "cross_attention_dim": 8, "cross_attention_dim_t5": 8,
                    "pooled_projection_dim": 4, "hidden_size": 16, "text_len": 4,
                    "text_len_t5": 4, "activation_fn": "gelu-approximate"}, {},
                    {"hidden_states": lambda n: torch.randn(n["batch"], 4, 16, 16),
                     "encoder_hidden_states": lambda n: torch.randn(n["batch"], 4, 8),
                     "text_embedding_mask": lambda n: torch.ones(n["batch"], 4),
                     "encoder_hidden_states_t5": lambda n: torch.randn(n["batch"], 4, 8),
                     "text_embedding_mask_t5": lambda n: torch.ones(n["batch"], 4),
                     "timestep": lambda n: torch.full((n["batch"],), 7.0),
                     "image_meta_size": lambda n: torch.ones(n["batch"], 6),
                     "style": lambda n: torch.zeros(n["batch"], dtype=torch.long),
                     "image_rotary_emb": lambda n: [torch.ones(64, 8), torch.ones(64, 8)]}),
    "latte": ("LatteTransformer3DModel", {"sample_size": 16, "num_layers": 1, "patch_size": 2,
              "attention_head_dim": 4, "num_attention_heads": 2, "caption_channels": 8,
              "in_channels": 4, "cross_attention_dim": 8, "out_channels": 8},
              IMAGE | TEXT | {"frames": (4, 6, 3)},
              {"hidden_states": _image(4, 4), "encoder_hidden_states": _text(8),
               "timestep": _steps, "enable_temporal_attentions": True}),
    "cogvideox": ("CogVideoXTransformer3DModel", {"num_attention_heads": 2, "attention_head_dim": 8,
                  "in_channels": 4, "out_channels": 4, "time_embed_dim": 2, "text_embed_dim": 8,
                  "num_layers": 2, "sample_width": 16, "sample_height": 16, "sample_frames": 9,
                  "patch_size": 2, "temporal_compression_ratio": 4, "max_text_seq_length": 8,
                  "use_rotary_positional_embeddings": True},
                  IMAGE | TEXT | {"frames": (3, 5, 2)},
                  {"hidden_states": lambda n: torch.randn(n["batch"], n["frames"], 4, n["height"],
                   n["width"]), "encoder_hidden_states": _text(8), "timestep": _steps}),
    "ltx": ("LTXVideoTransformer3DModel", {"in_channels": 8, "out_channels": 8,
            "num_attention_heads": 2, "attention_head_dim": 8, "cross_attention_dim": 16,
            "num_layers": 1, "caption_channels": 16},
            {"height": (4, 6, 8), "width": (4, 8, 6)} | TEXT | {"frames": (2, 3, 4)},
            {"hidden_states": lambda n: torch.randn(n["batch"], n["frames"] * n["height"]
             * n["width"], 8), "encoder_hidden_states": _text(16), "timestep": _steps,
             "encoder_attention_mask": _ones(), "num_frames": lambda n: n["frames"],
             "height": lambda n: n["height"], "width": lambda n: n["width"]}),
    "wan": ("WanTransformer3DModel", {"num_attention_heads": 2, "attention_head_dim": 12,
            "in_channels": 4, "out_channels": 4, "text_dim": 16, "freq_dim": 16, "ffn_dim": 32,
            "num_layers": 2, "rope_max_seq_len": 32}, IMAGE | TEXT | {"frames": (2, 3, 4)},
            {"hidden_states": _image(4, 2), "encoder_hidden_states": _text(16),
             "timestep": _steps}),
    "mochi": ("MochiTransformer3DModel", {"patch_size": 2, "num_attention_heads": 2,
              "attention_head_dim": 8, "num_layers": 2, "pooled_projection_dim": 16,
              "in_channels": 4, "qk_norm": "rms_norm", "text_embed_dim": 16, "time_embed_dim": 4,
              "max_sequence_length": 16}, IMAGE | TEXT | {"frames": (2, 3, 4)},
              {"hidden_states": _image(4, 2), "encoder_hidden_states": _text(16),
               "timestep": _steps, "encoder_attention_mask":
               lambda n: torch.ones(n["batch"], n["length"], dtype=torch.bool)}),
    "hunyuan-video": ("HunyuanVideoTransformer3DModel", {"in_channels": 4, "out_channels": 4,
                      "num_attention_heads": 2, "attention_head_dim": 10, "num_layers": 1,
                      "num_single_layers": 1, "num_refiner_layers": 1, "patch_size": 1,
                      "patch_size_t": 1, "guidance_embeds": True, "text_embed_dim": 16,
                      "pooled_projection_dim": 8, "rope_axes_dim": (2, 4, 4)},
                      {"height": (6, 8, 10), "width": (6, 10, 8)} | TEXT | {"frames": (1, 3, 2)},
                      {"hidden_states": _image(4, 1), "timestep": _steps,
                       "encoder_hidden_states": _text(16), "encoder_attention_mask": _ones(),
                       "pooled_projections": _vector(8),
                       "guidance": lambda n: torch.full((n["batch"],), 4.0)}),
    "qwen-image": ("QwenImageTransformer2DModel", {"patch_size": 2, "in_channels": 16,
                   "out_channels": 4, "num_layers": 2, "attention_head_dim": 16,
                   "num_attention_heads": 3, "joint_attention_dim": 16,
                   "axes_dims_rope": (8, 4, 4)}, TEXT,
                   {"hidden_states": lambda n: torch.randn(n["batch"], 16, 16),
                    "encoder_hidden_states": _text(16), "encoder_hidden_states_mask": _ones(),
                    "timestep": _floats, "img_shapes": lambda n: [[(1, 4, 4)]]}),
    "cogview4": ("CogView4Transformer2DModel", {"patch_size": 2, "in_channels": 4, "num_layers": 2,
                 "attention_head_dim": 4, "num_attention_heads": 4, "out_channels": 4,
                 "text_embed_dim": 16, "time_embed_dim": 8, "condition_dim": 4}, IMAGE | TEXT,
                 {"hidden_states": _image(4), "encoder_hidden_states": _text(16),
                  "timestep": _steps, "original_size": lambda n: torch.ones(n["batch"], 2) * 16,
                  "target_size": lambda n: torch.ones(n["batch"], 2) * 16,
                  "crop_coords": lambda n: torch.zeros(n["batch"], 2)}),
    "lumina2": ("Lumina2Transformer2DModel", {"sample_size": 16, "patch_size": 2, "in_channels": 4,
                "hidden_size": 24, "num_layers": 2, "num_refiner_layers": 1,
                "num_attention_heads": 3, "num_kv_heads": 1, "multiple_of": 2,
                "scaling_factor": 1.0, "axes_dim_rope": (4, 2, 2), "axes_lens": (128, 128, 128),
                "cap_feat_dim": 8}, IMAGE | TEXT,
                {"hidden_states": _image(4), "timestep": _floats, "encoder_hidden_states": _text(8),
                 "encoder_attention_mask":
                 lambda n: torch.ones(n["batch"], n["length"], dtype=torch.bool)}),
    "stable-audio": ("StableAudioDiTModel", {"sample_size": 4, "in_channels": 4, "num_layers": 1,
                     "attention_head_dim": 4, "num_attention_heads": 4,
                     "num_key_value_attention_heads": 2, "out_channels": 4,
                     "cross_attention_dim": 4, "time_proj_dim": 8, "global_states_input_dim": 8,
                     "cross_attention_input_dim": 4}, {"frames": (8, 12, 5)} | TEXT,
                     {"hidden_states": lambda n: torch.randn(n["batch"], 4, n["frames"]),
                      "timestep": lambda n: torch.full((1,), 7.0),
                      "encoder_hidden_states": _text(4),
                      "global_hidden_states": lambda n: torch.randn(n["batch"], 1, 8)}),
    "prior": ("PriorTransformer", {"num_attention_heads": 2, "attention_head_dim": 4,
              "num_layers": 2, "embedding_dim": 8, "num_embeddings": 7, "additional_embeddings": 4},
              {}, {"hidden_states": _vector(8), "timestep": _steps, "proj_embedding": _vector(8),
              "encoder_hidden_states": lambda n: torch.randn(n["batch"], 7, 8)}),
    "t5-film": ("T5FilmDecoder", {"input_dims": 8, "targets_length": 16, "d_model": 16,
                "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 24}, TEXT,
                {"encodings_and_masks": lambda n: [(torch.randn(n["batch"], n["length"], 16),
                 torch.ones(n["batch"], n["length"]))],
                 "decoder_input_tokens": lambda n: torch.randn(n["batch"], 16, 8),
                 "decoder_noise_time": _floats}),
    "controlnet": ("ControlNetModel", {"block_out_channels": (16, 32), "layers_per_block": 1,
                   "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
                   "norm_num_groups": 8, "cross_attention_dim": 16, "attention_head_dim": 4,
                   "conditioning_embedding_out_channels": (8, 16)}, IMAGE | TEXT,
                   {"sample": _image(4), "timestep": _steps, "encoder_hidden_states": _text(16),
                    "controlnet_cond":
                    lambda n: torch.randn(n["batch"], 3, 2 * n["height"], 2 * n["width"])}),
    "t2i-adapter": ("T2IAdapter", {"in_channels": 3, "channels": [8, 16], "num_res_blocks": 1,
                    "downscale_factor": 8}, {"height": (32, 64, 48), "width": (32, 48, 64)},
                    {"x": _image(3)}),
}  # fmt: skip


def model(name: str):
    cls, configuration, _, arguments = MODELS[name]
    made = getattr(library, cls)(**configuration)

    def inputs(**sizes: int) -> Any:
        return (), {k: v(sizes) if callable(v) else v for k, v in arguments.items()}

    return made, inputs


def entries() -> Iterator[Entry]:
    for name, (_, _, sizes, _) in MODELS.items():
        yield Entry(name, partial(model, name), {"batch": (2, 1, 3), **sizes})
