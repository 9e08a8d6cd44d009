"""What messages advise works: it is Python, exports, and gives what eager mode gives."""

import advice
import pytest

# One of each kind of advice: patches, assertions, sizes, declarations, strict mode.
PROGRAMS = ("float_first", "sizes_that_must_agree", "sparse_inside")
CASES = ("branch_on_number", "custom_operator_without_fake")


def _holds(messages, folder):
    found = {m.name: advice.faults_of(m, folder) for m in messages if m is not None}
    assert found, "nothing is refused"
    assert not {name: faults for name, faults in found.items() if faults}


def test_of_programs(tmp_path):
    _holds(advice.of_programs(PROGRAMS), tmp_path)


def test_of_cases(tmp_path):
    _holds(advice.of_cases(CASES), tmp_path)


@pytest.mark.slow
def test_of_mistakes(tmp_path):
    _holds(advice.of_mistakes(), tmp_path)


@pytest.mark.slow
def test_of_all_programs(tmp_path):
    _holds(advice.of_programs(), tmp_path)


@pytest.mark.slow
def test_of_all_cases(tmp_path):
    _holds(advice.of_cases(), tmp_path)


@pytest.mark.slow
def test_of_generated_programs(tmp_path):
    _holds(advice.of_generated(range(60), tmp_path), tmp_path)


TRIED = {
    "call it as module(x, s=s).": ["module(x, s=s)"],
    'write {"name": value}.': ['{"name": value}'],
    'where it varies: export(..., dynamic_shapes={"x": {0: Dim("n")}}).': [
        'export(..., dynamic_shapes={"x": {0: Dim("n")}})'
    ],
    "pass it .to(torch.float32), or a copy: .clone().": ["x.to(torch.float32)", "x.clone()"],
    "what is known (of it) is said": [],
    "torch._check(n > (k": [],
}


@pytest.mark.parametrize("text", TRIED)
def test_pieces_of_code_are_found(text):
    assert advice.pieces_of(text) == TRIED[text]
