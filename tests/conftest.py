import os
import sys
from pathlib import Path

import pytest
import torch

# Every program that a test makes is held to its specification (ir/verify.py), in processes too.
os.environ.setdefault("MONOGRAPH_VERIFY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))  # for the models in bench/


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
