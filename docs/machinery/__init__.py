"""What the documentation's site adds to Sphinx: the catalogue, and a search over everything."""
