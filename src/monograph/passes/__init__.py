"""Passes over captured graphs, one a file."""

from monograph.passes.open_composites import open_composites

__all__ = ["open_composites"]
