"""What an export gives does not depend on what the process has exported before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "shared" / "histories.py"


def outcomes(*words, seed):
    """All that exports give, by name; ``seed`` is that of Python's hashes."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def require_no_history(*words, orders):
    fresh = outcomes("fresh", *words, seed=0)
    assert all(texts[0] for texts in fresh.values())
    for order in orders:
        after = outcomes("after", str(order), *words, seed=order + 1)
        for name, (text,) in fresh.items():
            for again in after[name]:
                assert again == text, name


def test_exports_after_others():
    require_no_history(orders=[0])


@pytest.mark.slow
def test_exports_after_others_in_more_orders():
    """With the programs of the strict mode."""
    require_no_history("all", orders=[1, 2, 3])
