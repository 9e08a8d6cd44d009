"""Symbolic integers: exact expressions, what is known of them, and questions about them."""
