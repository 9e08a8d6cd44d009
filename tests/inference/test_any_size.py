"""Every operator of torch's database with each size that eager mode can vary ``Dim.DYNAMIC``."""

import logging
import re
import warnings
from pathlib import Path

import opinfo
import pytest
import varying_sizes


def _listed(file):
    lines = (Path(__file__).parent / file).read_text().splitlines()
    return {name: why.strip() for name, _, why in (line.partition("#") for line in lines) if name}


STATIC = {name.strip() for name in _listed("opinfo_exceptions.txt")}
LISTED = {name.strip(): why for name, why in _listed("varying_sizes_exceptions.txt").items()}
ENTRIES = {name: (info, dtype) for name, info, dtype in opinfo.entries() if name not in STATIC}
MOST_EXCEPTIONS = 18  # never more
RIGHT = sorted(ENTRIES.keys() - LISTED)


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", RIGHT[::40])
def test_operator(name):
    info, dtype = ENTRIES[name]
    is_safe = not any(word in name for word in varying_sizes.UNSAFE)
    outcome = varying_sizes.outcome_of(info, opinfo.samples(info, dtype, 25), 0, is_safe)
    assert outcome is None or outcome.status == "right", outcome


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_operator_on_some_samples(name):
    [(_, found)] = varying_sizes.sweep([name], 4, 60)
    outcomes = [outcome for _, outcome in found]
    others = [outcome for outcome in outcomes if outcome.status != "right"]
    if name not in LISTED:
        assert others == []
        return
    assert others, "the exception has become unnecessary"
    wrong = [outcome for outcome in others if outcome.status == "wrong"]
    assert not wrong or LISTED[name] == "wrong", wrong


def test_exceptions_name_operators():
    assert sorted(LISTED.keys() - ENTRIES.keys()) == []


def test_exceptions_become_fewer():
    assert len(LISTED) <= MOST_EXCEPTIONS
    assert "wrong" not in LISTED.values()


def test_the_page_names_the_exceptions():
    text = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| \d+ of \d+ \| (\w+) \|", text, re.M)
    assert dict(rows) == LISTED
