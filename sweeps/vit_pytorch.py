"""Vision transformers written with einops."""

import importlib
import inspect
from collections.abc import Iterator
from functools import partial

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

LIBRARY = "vit-pytorch"
NEEDS = ("vit_pytorch",)

SMALL = {
    "image_size": 32, "patch_size": 8, "num_classes": 10, "dim": 32, "depth": 2, "heads": 2,
    "mlp_dim": 48, "dim_head": 16, "seq_len": 32, "frames": 4, "frame_patch_size": 2,
    "image_patch_size": 8, "cls_depth": 1, "spatial_depth": 1, "temporal_depth": 1, "ndim": 2,
    "input_shape": (32, 32), "max_tokens_per_depth": (8, 4), "freq_patch_size": 8,
    "num_residual_streams": 2, "num_hierarchies": 2, "block_repeats": (1, 1), "h_s": 2, "w_s": 2,
    "use_flash": False, "use_flash_attn": False, "num_slots": 4,
}  # fmt: skip
# What a model wants to be told beside: names of the files in vit_pytorch.
OTHERS: dict[str, dict[str, object]] = {
    "cross_vit": {"image_size": 48, "sm_dim": 16, "lg_dim": 32, "sm_patch_size": 8, "depth": 1,
                  "sm_enc_heads": 2, "sm_enc_mlp_dim": 32, "lg_enc_depth": 1, "lg_enc_heads": 2,
                  "lg_enc_mlp_dim": 32, "cross_attn_depth": 1, "cross_attn_heads": 2},
    "crossformer": {"image_size": 56, "dim": (16, 32, 64, 128), "depth": (1, 1, 1, 1),
                    "global_window_size": (2, 2, 1, 1), "local_window_size": 7, "side": 224},
    "cct": {"img_size": 32, "embedding_dim": 32, "num_layers": 2, "num_heads": 2, "num_classes": 10,
            "mlp_ratio": 2.0, "positional_embedding": "learnable"},
    "cct_3d": {"img_size": 32, "num_frames": 4, "embedding_dim": 32, "num_layers": 2,
               "num_heads": 2, "num_classes": 10, "mlp_ratio": 2.0,
               "positional_embedding": "learnable"},
    "cvt": {"s1_emb_dim": 16, "s2_emb_dim": 32, "s3_emb_dim": 48, "s2_depth": 1, "s3_depth": 1,
            "s2_heads": 2, "s3_heads": 3},
    "levit": {"dim": (16, 24, 32), "heads": (1, 2, 2), "depth": 1, "mlp_mult": 2, "image_size": 64,
              "side": 64},
    "max_vit": {"dim": 16, "depth": (1, 1), "dim_head": 8, "dim_conv_stem": 16, "window_size": 4,
                "side": 64},
    "max_vit_with_registers": {"dim": 16, "depth": (1, 1), "dim_head": 8, "dim_conv_stem": 16,
                               "window_size": 4, "side": 64},
    "mobile_vit": {"image_size": (64, 64), "dims": [24, 32, 40], "side": 64,
                   "channels": [8, 16, 16, 24, 24, 32, 32, 40, 40, 48, 64]},
    "regionvit": {"dim": (16, 32, 64, 128), "depth": (1, 1, 1, 1), "window_size": 2, "side": 64},
    "scalable_vit": {"dim": 16, "heads": (1, 2, 2, 2), "depth": (1, 1, 1, 1), "side": 64,
                     "reduction_factor": (8, 4, 2, 1), "window_size": (4, 2, None, None)},
    "sep_vit": {"dim": 16, "dim_head": 8, "heads": (1, 2, 2, 2), "depth": (1, 1, 1, 1),
                "window_size": 2, "side": 64},
    "twins_svt": {"s1_emb_dim": 16, "s2_emb_dim": 32, "s3_emb_dim": 48, "s4_emb_dim": 64,
                  "s3_depth": 1, "s4_depth": 1, "s1_local_patch_size": 2, "s2_local_patch_size": 2,
                  "s3_local_patch_size": 2, "s4_local_patch_size": 2, "s1_global_k": 2,
                  "s2_global_k": 2, "s3_global_k": 2, "s4_global_k": 2, "side": 64},
    "pit": {"depth": (1, 1), "image_size": 64, "side": 64, "patch_size": 8},
    "look_vit": {"image_size": 48, "patch_size": 8, "highres_patch_size": 6, "heads": 2,
                 "cross_attn_heads": 2, "depth": 1, "side": 48},
    "nest": {"image_size": 32, "patch_size": 4, "heads": 2, "num_hierarchies": 2,
             "block_repeats": (1, 1)},
    "looped_vit": {"pre_loop_depth": 1, "num_looped_blocks": 1, "post_loop_depth": 1,
                   "loop_depth": 2},
    "t2t": {"image_size": 64, "side": 64},
    "local_vit": {}, "jet_vit": {},
    "vit_1d": {"patch_size": 4}, "simple_vit_1d": {"patch_size": 4},
}  # fmt: skip
WRAPPERS = (  # of other models, trainers, or models of lists of images
    "accept_video_wrapper", "dino", "distill", "es_vit", "extractor", "learnable_memory_vit",
    "lejepa", "levjepa", "levjepa_nd", "mae", "mp3", "mpp", "na_vit", "na_vit_nested_tensor",
    "na_vit_nested_tensor_3d", "recorder", "simmim", "vaat", "vat", "vat_siglip", "efficient",
    "simple_flash_attn_vit", "simple_flash_attn_vit_3d",
)  # fmt: skip


def model(file: str, cls: str, options: tuple[tuple[str, object], ...]):
    given = dict(options)
    given.pop("side", None)
    made = getattr(importlib.import_module(f"vit_pytorch.{file}"), cls)(**given)
    first = next(iter(inspect.signature(made.forward).parameters))

    def inputs(batch: int, height: int = 32, width: int = 32, frames: int = 4, length: int = 32):
        if first == "series":
            return (torch.randn(batch, 3, length),), {}
        if first == "video" or file == "cct_3d":
            return (torch.randn(batch, 3, frames, height, width),), {}
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    import ast
    from pathlib import Path

    folder = Path(importlib.util.find_spec("vit_pytorch").origin).parent
    for path in sorted(folder.glob("*.py")):
        if path.stem in WRAPPERS or path.stem == "__init__":
            continue
        classes = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef)]
        inits = [
            n
            for c in classes[-1:]
            for n in c.body
            if isinstance(n, ast.FunctionDef) and n.name == "__init__"
        ]
        if not inits:
            continue
        names = {a.arg for a in (*inits[0].args.args, *inits[0].args.kwonlyargs)}
        given = {k: v for k, v in SMALL.items() if k in names} | OTHERS.get(path.stem, {})
        n = given.get("side", 32)
        sizes = {"batch": (2, 1, 3)}
        if "seq_len" in names:
            sizes["length"] = (32, 16, 24)
        else:
            sizes |= {"height": (n, n // 2, 2 * n), "width": (n, n // 2, 2 * n)}
        if "frames" in names or "num_frames" in names:
            sizes["frames"] = (4, 2, 6)
        yield Entry(
            path.stem, partial(model, path.stem, classes[-1].name, tuple(given.items())), sizes
        )
