"""Fast inference rules, by chapter; importing one registers its rules."""

from monograph.inference.rules import (
    attention,
    convolution,
    factories,
    indexing,
    losses,
    matmul,
    normalization,
    ordering,
    pointwise,
    pooling,
    recurrent,
    reductions,
    transforms,
    views,
)
from monograph.inference.rules.table import RULES, VIEWS, Found, View, ViewRow, Written

__all__ = [
    "RULES",
    "VIEWS",
    "Found",
    "View",
    "ViewRow",
    "Written",
    "attention",
    "convolution",
    "factories",
    "indexing",
    "losses",
    "matmul",
    "normalization",
    "ordering",
    "pointwise",
    "pooling",
    "recurrent",
    "reductions",
    "transforms",
    "views",
]
