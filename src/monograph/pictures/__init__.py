"""Graphs as pictures, for reports and pages."""

from monograph.pictures.graphs import Picture, pictures_of

__all__ = ["Picture", "pictures_of"]
