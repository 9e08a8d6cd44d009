"""Fast inference rules for the common operators."""

from monograph.capture.rules import attention, factories, pointwise, products, reductions, views
from monograph.capture.rules.table import RULES, View

__all__ = [
    "RULES",
    "View",
    "attention",
    "factories",
    "pointwise",
    "products",
    "reductions",
    "views",
]
