"""Branches and loops that depend on data."""
