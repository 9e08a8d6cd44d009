"""Fast inference rules for the common operators."""

from monograph.capture.rules import factories, pointwise, products, views
from monograph.capture.rules.table import RULES, View

__all__ = ["RULES", "View", "factories", "pointwise", "products", "views"]
