"""Changed files: each is refused, or is a valid program, with assertions and without."""

import subprocess
import sys
from pathlib import Path

import file_mutants
import pytest
from corpus import UNCONVERTED, exported, sample

import monograph
from monograph.testing.trust import trying

# What can never be another valid program.
REFUSED = {
    "node_twice", "result_left_out", "input_left_out", "operand_for_a_branch_left_out",
    "signature_left_out", "signature_exchanged",
}  # fmt: skip


def require_all_well(name, seeds):
    """Each mutant gives a program that holds all rules, or a ``FileError``, and nothing else.

    Returns the changes that were tried, one for each mutant.
    """
    try:
        found = list(file_mutants.outcomes(exported(name), seeds))
    except monograph.InteropError:
        return []  # no file has a form for this program
    for change, seed, outcome in found:
        assert not outcome.startswith("INVALID"), (change, seed, outcome)
        if change in REFUSED:
            assert outcome.startswith("refused"), (change, seed, outcome)
    return [change for change, _, _ in found]


COMMAND = "python -m pytest -m slow tests/interop/test_file_mutants.py"
NAMES = [name for name in sample(20) if name not in UNCONVERTED]


def test_changed_files_are_refused_or_valid_programs():
    tried = set()
    for name in NAMES:
        tried.update(require_all_well(name, range(2)))
    assert tried == {change.__name__ for change in file_mutants.CHANGES}, "each was tried"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in sample(3) if name not in UNCONVERTED])
def test_changed_files_of_many_programs(name):
    with trying("mutants", COMMAND, name) as counts:
        counts["tried"] = 0
        counts["tried"] = len(require_all_well(name, range(10)))


def test_the_same_below_dash_o():
    script = str(Path(file_mutants.__file__))
    texts = [
        subprocess.run(
            [sys.executable, *flags, script, "0", "30"], capture_output=True, text=True, check=True
        ).stdout
        for flags in ((), ("-O",))
    ]
    assert "refused MG-F101" in texts[0]
    assert "INVALID" not in texts[0]
    assert texts[0] == texts[1]
