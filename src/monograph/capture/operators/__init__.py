"""Operators that are more than a node."""
