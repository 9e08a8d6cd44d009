"""Cases of this area, one a file."""
