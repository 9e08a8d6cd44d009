"""``python -m monograph``."""

from monograph.cli import main

main()
