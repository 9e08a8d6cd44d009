"""Fast inference rules, by chapter; importing one registers its rules."""

from monograph.inference.rules import (
    attention,
    convolution,
    factories,
    indexing,
    losses,
    matmul,
    normalization,
    pointwise,
    pooling,
    recurrent,
    reductions,
    views,
)
from monograph.inference.rules.table import RULES, Found, View

__all__ = [
    "RULES",
    "Found",
    "View",
    "attention",
    "convolution",
    "factories",
    "indexing",
    "losses",
    "matmul",
    "normalization",
    "pointwise",
    "pooling",
    "recurrent",
    "reductions",
    "views",
]
