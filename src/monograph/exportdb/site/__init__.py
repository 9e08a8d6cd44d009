"""The catalogue as pages: HTML that needs no network, and RST for Sphinx."""

from monograph.exportdb.site.build import build

__all__ = ["build"]
