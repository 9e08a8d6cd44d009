"""einops with sizes that vary: its functions and layers hold for any size."""

import einops
import pytest
import torch
from einops.layers import torch as layers

import monograph
from monograph import Dim
from monograph.testing import assert_equal

FUNCTIONS = {
    "transposed": lambda x: einops.rearrange(x, "b c h w -> b h w c"),
    "flattened": lambda x: einops.rearrange(x, "b c h w -> b (c h w)"),
    "split": lambda x: einops.rearrange(x, "b (g c) h w -> b g c h w", g=2),
    "windows": lambda x: einops.rearrange(x, "b c (h i) (w j) -> (b h w) c i j", i=2, j=2),
    "heads": lambda x: einops.rearrange(x, "b (h d) ... -> b h d ...", h=2),
    "list": lambda x: einops.rearrange([x, x + 1], "n b c h w -> b (n c) h w"),
    "back": lambda x: einops.rearrange(
        einops.rearrange(x, "b c h w -> (b h) c w"), "(b h) c w -> b c h w", b=x.shape[0]
    ),
    "mean": lambda x: einops.reduce(x, "b c h w -> b c", "mean"),
    "max pool": lambda x: einops.reduce(x, "b c (h i) (w j) -> b c h w", "max", i=2, j=2),
    "kept": lambda x: einops.reduce(x, "b c h w -> b c 1 1", "sum"),
    "repeated": lambda x: einops.repeat(x, "b c h w -> b (c n) h w", n=3),
    "stretched": lambda x: einops.repeat(x[0, 0], "h w -> b h w", b=x.shape[0]),
    "einsum": lambda x: einops.einsum(x, x, "b c h w, b d h w -> b c d"),
    "packed": lambda x: einops.unpack(*_packed(x, x[:, :1]), "b * w")[0] * 2,
    "parsed": lambda x: x * einops.parse_shape(x, "b _ h w")["h"],
    "turned": lambda x: einops.rearrange(x, "... w -> w ..."),
}


def _packed(*tensors):
    return einops.pack([t.flatten(1, 2) for t in tensors], "b * w")


LAYERS = {
    "rearrange": lambda: layers.Rearrange("b c (h i) (w j) -> b (h w) (c i j)", i=2, j=2),
    "reduce": lambda: layers.Reduce("b c (h i) w -> b c h w", "mean", i=2),
    "mix": lambda: layers.EinMix(
        "b c h w -> b d h w", weight_shape="c d", bias_shape="d", c=4, d=5
    ),
    "sequence": lambda: torch.nn.Sequential(
        layers.Rearrange("b c h w -> b (h w) c"), torch.nn.Linear(4, 3)
    ),
}


def _check(program):
    """Exported from one example with any batch, height and width; called with others."""
    varies = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    exported = monograph.export(program, (torch.randn(2, 4, 6, 8),), dynamic_shapes=(varies,))
    module = exported.module()
    for shape in ((2, 4, 6, 8), (1, 4, 2, 2), (3, 4, 8, 6)):
        x = torch.randn(shape)
        assert_equal(module(x), program(x), tolerance=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    _check(FUNCTIONS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    _check(LAYERS[name]())
