"""All handlers: with this module they are registered."""

from monograph.capture.operators import (
    composites,
    data_dependence,
    drawing,
    mapped,
    mutation,
    special,
    unbacked,
)

__all__ = ["composites", "data_dependence", "drawing", "mapped", "mutation", "special", "unbacked"]
