import gc
import itertools
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

import monograph
from monograph.testing import untouched

# Every program that a test makes is held to its specification (ir/verify.py), in processes too.
os.environ.setdefault("MONOGRAPH_VERIFY", "1")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "shared"), str(HERE.parent)]  # programs, and the models of bench/


# Tests of these collect garbage, or look at all that is alive (as the search for a fix does): they
# come before what fills the process, and take a tenth to a third of the time. Then come files with
# many tests.
FIRST = (
    "ir/test_letting_go.py",
    "capture/test_live_functions.py",
    "tests/test_check.py",
    "capture/test_call_sites.py",
    "source/test_rewrite.py",
    "capture/test_libraries.py",
    "capture/test_caught_refusals.py",
    "diagnostics/test_messages.py",
    "diagnostics/test_codes.py",
)


def pytest_collection_modifyitems(items):
    from sampling import mark_sampled

    mark_sampled(items)
    counts = Counter(item.path for item in items)
    items.sort(key=lambda item: (not item.path.as_posix().endswith(FIRST), -counts[item.path]))


# A process that has run a thousand tests holds a million objects: each collection of all takes a
# second, and so does each look at all functions that follows one.
gc.set_threshold(40_000, 20, 1_000)


_number = itertools.count(1)


@pytest.fixture(autouse=True)
def _garbage_is_collected_at_times():
    yield
    if next(_number) % 300 == 0:
        gc.collect()


@pytest.fixture(autouse=True)
def _seed():
    # Not `torch.manual_seed`, which formats a traceback for each kind of device.
    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def _all_is_put_back(request):
    """What a test exports is afterwards as it was, and so are torch, Python and this thread."""
    found = []
    is_direct = request.node.get_closest_marker("called_directly") is not None
    watched = () if is_direct else (monograph.export, monograph.check)
    before = untouched.process_state(), untouched.lasting_state()
    with untouched.exports_leave_all_as_it_was(*watched, found=found):
        yield
    now = untouched.process_state(), untouched.lasting_state()
    for old, new in zip(before, now, strict=True):
        found += untouched.differences(old, new)
    assert not found, "left behind:\n" + "\n".join(found)
