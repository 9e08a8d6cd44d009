"""Pages: highlighted source, messages and pictures as HTML."""
