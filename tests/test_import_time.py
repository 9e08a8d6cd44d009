"""What an export that succeeds has no use for is not loaded by it."""

import subprocess
import sys

PROGRAM = """
import sys
import torch
import monograph
monograph.export(torch.nn.Linear(2, 2), (torch.ones(2, 2),))
print(*sorted(name for name in sys.modules if name.startswith("monograph.")))
"""
LATER = ("source.advice", "verification", "passes.decomposed", "passes.unflatten", "interop.files")


def test_what_is_not_needed_is_not_loaded():
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    loaded = found.stdout.split()
    assert "monograph.stages" in loaded
    assert not [name for name in LATER if f"monograph.{name}" in loaded]
